"""Supervisors on other machines' engines: what the records say, what the person hears, and that nothing is left."""

import json
import os
import signal
from pathlib import Path

import pytest

from dispatch_hooks import launchers, overview, questions, recover, remote, steer, tasks
from tests.harness.waiting import wait_until
from tests.product import TICK

ASK = """answer=$(dispatch-hooks ask "which color?" --option red --option blue)
said="it is $answer"; """


@pytest.fixture(params=launchers.KINDS)
def away(request, lab, monkeypatch):
    """The lab with a launcher "engine" of each kind."""
    return _away(request, lab, monkeypatch, request.param)


@pytest.fixture
def cluster(request, lab, monkeypatch):
    return _away(request, lab, monkeypatch, "slurm")


@pytest.fixture
def engineered(request, lab, monkeypatch):
    return _away(request, lab, monkeypatch, "command")


def _away(request, lab, monkeypatch, kind: str):
    bin_folder = lab.root / "data" / "bin"
    bin_folder.mkdir(parents=True)
    import sys

    stub = bin_folder / "dispatch-hooks"
    stub.write_text(f'#!/bin/sh\nexec {sys.executable} -m dispatch_hooks "$@"\n')
    stub.chmod(0o755)
    table: dict = {"kind": kind}
    if kind == "slurm":
        cluster = request.getfixturevalue("slurm")
        monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
        lab.slurm = cluster
    elif kind == "ssh":
        server = request.getfixturevalue("sshd")
        table.update(host="127.0.0.1", options=server.options, export=["PATH"])
    else:
        table.update(request.getfixturevalue("engine"))
    path = Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[0]) / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
    with open(path, "a", encoding="utf-8") as f:
        f.write(f"[launchers.engine]\n{rows}\n")
    return lab


def send(lab, name: str, **fields) -> str:
    (folder,) = lab.dispatch(name, launcher="engine", **fields)
    assert lab.result["started"], lab.result
    return folder


def settled(lab, folder: str, *states: str, timeout: float = 90) -> dict:
    """As lab.wait, with somebody who looks after the tasks meanwhile, as a watcher does."""

    def look():
        recover.recover(dict(os.environ))
        return tasks.status(folder)["state"] in states and not tasks.handed(folder)

    wait_until(look, timeout, lambda: f"{tasks.status(folder)} {overview.row(folder)} {_log(folder)}")
    return tasks.status(folder)


def _log(folder: str) -> str:
    path = Path(folder) / "supervisor.log"
    known = f"{tasks.status(folder)} {remote.job(folder)} {remote.last_word(folder)} {os.listdir(folder)}\n"
    return known + (path.read_text(errors="replace") if path.exists() else "(no log)")


class TestEveryEngine:
    def test_a_task_runs_there_asks_is_answered_and_finishes(self, away):
        away.script("painter", ASK + TICK)
        folder = send(away, "painter")
        wait_until(lambda: questions.waiting(folder), 30, lambda: _log(folder))
        assert tasks.handed(folder)
        assert overview.row(folder)["where"].startswith("engine")
        steer.answer(folder, "blue", "typed", dict(os.environ))
        status = settled(away, folder, "finished")
        assert status["summary"].endswith("blue")
        assert [event["kind"] for event in away.pending()] == ["question", "finished"]
        assert tasks.active() == [] and tasks.handed_over() == []
        assert not (Path(folder) / "lease").exists()

    def test_it_is_cancelled_while_it_runs(self, away):
        away.script("slow", "touch begun; exec sleep 600")
        folder = send(away, "slow")
        wait_until(lambda: tasks.status(folder)["state"] == "running", 30, lambda: _log(folder))
        assert steer.cancel(folder, dict(os.environ)) == "cancelling"
        settled(away, folder, "cancelled")
        assert tasks.active() == [] and away.pending() == []

    def test_a_job_that_is_killed_is_told_with_the_engines_words(self, away, monkeypatch):
        monkeypatch.setattr(remote, "SETTLE", 0.5)
        monkeypatch.setattr(remote, "FRESH", 0.2)
        away.script("slow", "exec sleep 600")
        folder = send(away, "slow")
        wait_until(lambda: tasks.status(folder)["state"] == "running", 30, lambda: _log(folder))
        os.kill(tasks.status(folder)["supervisor"]["pid"], signal.SIGKILL)
        status = settled(away, folder, "failed")
        assert status["why"]
        assert [event["kind"] for event in away.pending()] == ["failed"]

    def test_told_after_its_end_it_goes_on_in_a_new_job(self, away):
        away.script("good", TICK)
        folder = send(away, "good")
        settled(away, folder, "finished")
        first = remote.job(folder)["name"]
        steer.tell(folder, "and polish it", "typed", dict(os.environ))
        wait_until(lambda: tasks.status(folder)["run"] == 2 and remote.job(folder)["name"] != first, 90)
        assert settled(away, folder, "finished")["run"] == 2
