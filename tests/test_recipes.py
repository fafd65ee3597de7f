"""The launchers of docs/clusters.md for Kubernetes and Ray, as they stand there, on programs that stand for theirs."""

import http.server
import os
import re
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from dispatch_hooks.launchers import command
from tests.harness.waiting import wait_until
from tests.test_launchers import spec, state, waits

PAGE = (Path(__file__).parents[1] / "docs/clusters.md").read_text()

STAND_IN = Path(__file__).parent / "harness/kubectl_and_ray.py"


def block(kind: str, beginning: str) -> str:
    return next(text for text in re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S) if text.startswith(beginning))


class Recipe:
    def __init__(self, top: Path, name: str, program: str):
        self.top, self.log = top / "jobs", top / "job.log"
        self.table = {"launcher": name, **tomllib.loads(block("toml", f"[launchers.{name}]"))["launchers"][name]}
        self.top.mkdir()
        for file, text in {
            program: f'#!/bin/sh\nexec {sys.executable} {STAND_IN} {self.top} "$@"\n',
            "dispatch-k8s": block("sh", "#!/bin/sh"),
            "dispatch-ray": block("python", "#!/usr/bin/env python3"),
        }.items():
            (top / file).write_text(text)
            (top / file).chmod(0o755)

    def jobs(self) -> list[str]:
        return sorted(path.stem for path in self.top.glob("*.json"))


@pytest.fixture(params=["k8s", "ray"])
def recipe(request, tmp_path, monkeypatch):
    found = Recipe(tmp_path, request.param, {"k8s": "kubectl", "ray": "ray"}[request.param])
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    if request.param == "k8s":
        yield found
        leave_none(found)
        return

    class Head(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            told = subprocess.run([tmp_path / "ray", "jobs"], capture_output=True, check=False)
            self.send_response(500 if told.returncode or self.path != "/api/jobs/" else 200)
            self.end_headers()
            self.wfile.write(told.stdout)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Head) as head:
        threading.Thread(target=head.serve_forever, daemon=True).start()
        monkeypatch.setenv("RAY_ADDRESS", f"http://127.0.0.1:{head.server_port}")
        yield found
        leave_none(found)
        head.shutdown()


def leave_none(recipe: Recipe) -> None:
    (recipe.top / "down").unlink(missing_ok=True)
    for job in recipe.jobs():
        command.end(recipe.table, job)


def begin(recipe, tmp_path: Path, name: str = "dispatch-x-1") -> str:
    return command.start(recipe.table, spec(tmp_path, name, waits(tmp_path / f"{name}.go")))


def test_a_job_waits_runs_and_ends_and_no_other_is_told_of(recipe, tmp_path):
    (recipe.top / "full").touch()
    assert command.look(recipe.table, ["dispatch-x-1"]) == {}
    waiting = begin(recipe, tmp_path)
    assert waiting == "dispatch-x-1" == command.find(recipe.table, waiting)
    assert state(command, recipe.table, waiting) == "pending"
    (recipe.top / "full").unlink()
    running = begin(recipe, tmp_path, "dispatch-x-2")
    wait_until((tmp_path / "dispatch-x-2.go.begun").exists, 30, recipe.log.read_text)
    assert command.look(recipe.table, [running])[running]["state"] == "running"
    (tmp_path / "dispatch-x-2.go").touch()
    wait_until(lambda: state(command, recipe.table, running) == "ended", 30)
    found = command.look(recipe.table, [waiting, running, "dispatch-x-3"])
    assert {job: said["state"] for job, said in found.items()} == {waiting: "pending", running: "ended"}
    assert found[running]["why"]


def test_a_job_is_ended_and_once_more_is_no_error(recipe, tmp_path):
    job = begin(recipe, tmp_path)
    wait_until((tmp_path / f"{job}.go.begun").exists, 30)
    command.end(recipe.table, job)
    wait_until(lambda: state(command, recipe.table, job) in ("ended", "unknown"), 30)
    command.end(recipe.table, job)


def test_who_does_not_answer_says_nothing_of_any_job(recipe, tmp_path):
    job = begin(recipe, tmp_path)
    (recipe.top / "down").touch()
    with pytest.raises(BlockingIOError):
        command.look(recipe.table, [job])
    with pytest.raises(OSError, match="refused"):
        begin(recipe, tmp_path, "dispatch-x-2")
    (recipe.top / "down").unlink()
    assert state(command, recipe.table, job) in ("running", "ended")


@pytest.mark.parametrize("recipe", ["ray"], indirect=True)
def test_a_word_of_ray_that_nobody_knows_is_no_end(recipe, tmp_path):
    job = begin(recipe, tmp_path)
    (recipe.top / "newer").touch()
    with pytest.raises(OSError, match="PAUSED"):
        command.look(recipe.table, [job])
