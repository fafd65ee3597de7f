"""What engines do to a job beside running it, told truthfully; and that a task's story is the same everywhere."""

import os
import re
import shutil
import stat
import sys
from pathlib import Path

import pytest

from dispatch_hooks import config, digest, dispatch, launchers, paths, questions, recover, remote, steer, tasks
from dispatch_hooks.launchers import slurm as launcher
from tests.harness.waiting import wait_until
from tests.product import TICK
from tests.test_remote import (
    ASK,
    RUN_TWICE,
    _away,
    _log,
    cluster,  # noqa: F401
    engineered,  # noqa: F401
    quick,  # noqa: F401
    running,
    send,
    set_key,
    settled,
    start_now,
)


@pytest.fixture(params=["local", *launchers.KINDS])
def place(request, lab, monkeypatch):
    """The lab with a launcher "engine" of each kind, or without: everything that is dispatched there runs there."""
    here = request.param == "local"
    found = _away(request, lab, monkeypatch, "command" if here else request.param)
    found.place = {"launcher": "local" if here else "engine"}
    return found


def test_a_story_of_question_answer_note_and_end_is_the_same_everywhere(place):
    place.script("painter", ASK + TICK)
    (folder,) = place.dispatch("painter", **place.place)
    wait_until(lambda: questions.waiting(folder), 90, lambda: _log(folder))
    steer.answer(folder, "blue", "typed", dict(os.environ))
    status = settled(place, folder, "finished")
    assert status["run"] == 1 and status["summary"].endswith("blue")
    wait_until(lambda: tasks.active() == [] == tasks.handed_over() and not tasks.supervised(folder))
    events = place.pending()
    assert [event["kind"] for event in events] == ["question", "finished"]
    told = re.sub(r"\d+ ?(s|min)\b", "#", digest.for_model(events))
    where = "" if place.place["launcher"] == "local" else " on engine"
    assert f"painter-1-1 finished (1/1, painter{where}, #)" in told, told


class TestSlurmsVerdicts:
    def test_a_job_that_a_more_urgent_one_took_the_place_of_goes_on_and_tells_nobody(self, cluster):  # noqa: F811
        cluster.script("twice", RUN_TWICE + TICK)
        set_key(cluster, "options", ["--nodelist=n1"])
        folder = send(cluster, "twice")
        running(folder)
        urgent = ["--partition=urgent", "--nodelist=n1", "--exclusive", "--output=/dev/null", "--wrap=exec sleep 600"]
        done = cluster.slurm("sbatch", "--parsable", *urgent)
        assert done.returncode == 0, done.stderr
        wait_until(lambda: cluster.slurm.jobs().get(done.stdout.strip()) == "RUNNING", 60, cluster.slurm.logs)
        wait_until(lambda: cluster.slurm.jobs()[remote.job(folder)["id"]] == "PENDING", 30, cluster.slurm.logs)
        recover.recover(dict(os.environ))
        assert cluster.pending() == [] and tasks.handed(folder)
        cluster.slurm("scancel", done.stdout.strip())
        start_now(cluster, folder)
        assert settled(cluster, folder, "finished", timeout=120)["run"] == 2
        assert [event["kind"] for event in cluster.pending()] == ["finished"]

    def test_a_job_over_its_memory_is_told_with_slurms_words(self, cluster, quick):  # noqa: F811
        """Without cgroups Slurm counts the supervisor alone, and its word is no OUT_OF_MEMORY (docs/clusters.md)."""
        cluster.script("slow", "exec sleep 600")
        set_key(cluster, "memory", "5M")
        folder = send(cluster, "slow")
        why = settled(cluster, folder, "failed")["why"]
        assert re.search(r"it ran out of memory|its job failed \(Slurm: FAILED, JobLaunchFailure\)", why), why
        assert [event["kind"] for event in cluster.pending()] == ["failed"]

    def test_what_the_controller_has_forgotten_the_accounting_tells(self, slurm, tmp_path, monkeypatch):
        """The controller is a real one; sacct, which wants a database, is a program that prints what it would."""
        monkeypatch.setenv("SLURM_CONF", str(slurm.conf))
        rows = "987654321|OUT_OF_MEMORY|n1|None\n987654322|CANCELLED by 1000|n2|None\n"
        program(tmp_path / "sacct", f"echo \"$@\" > {tmp_path}/asked; printf '{rows}'")
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        found = launcher.look({}, ["987654321", "987654322", "987654323"])
        assert "--jobs=987654321,987654322,987654323" in (tmp_path / "asked").read_text()
        assert {job: (said["state"], said["where"]) for job, said in found.items()} == {
            "987654321": ("ended", "n1"), "987654322": ("ended", "n2"),
        }  # fmt: skip
        assert "ran out of memory" in found["987654321"]["why"] and "by 1000" in found["987654322"]["why"]

    def test_no_secret_stands_in_the_script_that_slurm_keeps(self, cluster, monkeypatch):  # noqa: F811
        monkeypatch.setenv("A_SECRET", "sk-not-a-real-secret")
        cluster.script("told", f'echo "$A_SECRET" > "$folder/secret"; {TICK}')
        folder = send(cluster, "told")
        wait_until(lambda: remote.job(folder).get("id"), 60, lambda: _log(folder))
        kept = cluster.slurm("scontrol", "write", "batch_script", remote.job(folder)["id"], "-")
        assert "supervise.py" in kept.stdout, kept.stderr
        assert "sk-not" not in kept.stdout
        settled(cluster, folder, "finished")
        there = cluster.project / tasks.place(tasks.read(folder)) / "secret"
        assert there.read_text() == "sk-not-a-real-secret\n", "it went by sbatch's own means"


@pytest.mark.skipif(not shutil.which("faketime"), reason="faketime is not installed (apt-get install faketime)")
@pytest.mark.parametrize("shift", ["+1h", "-1h"])
def test_a_clock_that_is_an_hour_off_there_changes_nothing_of_the_story(engineered, shift):  # noqa: F811
    program(engineered.root / "python", f'exec faketime -f {shift} {sys.executable} "$@"')
    set_key(engineered, "python", str(engineered.root / "python"))
    engineered.script("painter", ASK + TICK)
    folder = send(engineered, "painter")
    wait_until(lambda: questions.waiting(folder), 60, lambda: _log(folder))
    recover.recover(dict(os.environ))
    assert tasks.status(folder)["state"] == "running"
    steer.answer(folder, "blue", "typed", dict(os.environ))
    status = settled(engineered, folder, "finished")
    assert status["run"] == 1 and status["summary"].endswith("blue")
    assert sorted(event["kind"] for event in engineered.pending()) == ["finished", "question"]


class TestWhoChoosesTheLauncher:
    """The person's word, else the model's or the alias's, else the configuration's."""

    TABLES = """
[launchers.{0}]
kind = "slurm"
"""

    @pytest.fixture
    def chosen(self, lab, monkeypatch):
        monkeypatch.setattr(dispatch.launchers, "start", lambda *_: None)
        lab.script("good", TICK)
        names = "".join(self.TABLES.format(name) for name in ("top", "of-model", "of-alias", "typed"))
        own = '[models.mine]\nbackend = "good"\nlauncher = "of-model"\n[aliases.my]\nmodel = "mine"\n'
        also = '[aliases.other]\nmodel = "mine"\nlauncher = "of-alias"\n'
        file = Path(paths.config_file())
        file.write_text('launcher = "top"\n' + file.read_text() + names + own + also)

        def launcher_of(**fields) -> str:
            (folder,) = lab.dispatch("good", **{"backend": None, **fields})
            task = tasks.read(folder)
            tasks.deactivate(folder)
            return task["launcher"]

        assert config.load()["launcher"] == "top"
        return launcher_of

    def test_each_in_its_turn(self, chosen):
        assert chosen(backend="good") == "top"
        assert chosen(model="mine") == "of-model"
        assert chosen(alias="my") == "of-model"
        assert chosen(alias="other") == "of-alias"
        assert chosen(alias="other", launcher="typed") == "typed"
        assert chosen(alias="other", launcher="local") == "local"


def program(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
