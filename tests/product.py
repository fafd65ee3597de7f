"""Fixtures with dispatch-hooks itself in the sandbox, installed as a person would install it."""

import fcntl
import json
import os
import pty
import sys
import termios
from pathlib import Path

import pytest

from dispatch_hooks import config, dispatch, files, inbox, inputs, paths, processes, tasks, worker
from tests.harness.claude import Sandbox
from tests.harness.waiting import PATIENCE, wait_until


class Product:
    """dispatch-hooks in a sandbox: its command, its folders, its tasks."""

    def __init__(self, sandbox: Sandbox):
        self.sandbox = sandbox
        stub = sandbox.bin / "dispatch-hooks"
        stub.write_text(f'#!/bin/sh\nexec {sys.executable} -m dispatch_hooks "$@"\n')
        stub.chmod(0o755)
        self.state = sandbox.home / ".local/state/dispatch-hooks"
        self.data = sandbox.home / ".local/share/dispatch-hooks"
        self.runtime = sandbox.runtime / "dispatch-hooks"
        self.config_file = sandbox.home / ".config/dispatch-hooks/config.toml"

    def install(self, *args: str) -> "Product":
        done = self("install", *args)
        assert "Traceback" not in done.stderr, done.stderr
        assert self.sandbox.settings_file.exists() or args, done.stdout + done.stderr
        return self

    def __call__(self, *args: str, **options):
        """`dispatch-hooks ARGS…` in the project: CompletedProcess."""
        return self.sandbox.run("dispatch-hooks", *args, **options)

    def say(self, *words: str) -> None:
        """dispatch-hooks at a terminal: the person's own words are taken from there."""
        ours, theirs = pty.openpty()
        try:
            done = self(*words, stdin=theirs, start_new_session=True, preexec_fn=_take_terminal)
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == 0, done.stderr + done.stdout

    def configure(self, text: str) -> None:
        self.config_file.parent.mkdir(parents=True, exist_ok=True)
        self.config_file.write_text(text)

    def tasks(self) -> dict[str, dict]:
        """The project's tasks by id, as `status --json` tells them."""
        done = self("status", "--json")
        assert done.returncode == 0, done.stderr
        return {task["id"]: task for task in json.loads(done.stdout)["tasks"]}

    def folder(self, task: str, project: Path | None = None) -> Path:
        """The task's folder in the project."""
        return (project or self.sandbox.project) / ".dispatch/tasks" / task

    def records(self, task: str) -> Path:
        """The task's folder on the trusted side."""
        return next(self.state.glob(f"projects/*/tasks/{task}"))

    def status(self, task: str) -> dict:
        found = next(iter(self.state.glob(f"projects/*/tasks/{task}/status.json")), None)
        return json.loads(found.read_text()) if found else {"state": "none"}

    def wait(self, task: str, *states: str, timeout: float = PATIENCE) -> dict:
        """Until the task is in one of the states; its status."""
        wait_until(
            lambda: self.status(task)["state"] in states and _begun(self.status(task)),
            timeout,
            lambda: f"{task} is {self.status(task)}, wanted {states}\n{self.logs()}",
        )
        return self.status(task)

    def logs(self) -> str:
        """What our processes wrote down: for messages of failing tests."""
        found = [self.state / "log.txt", *self.state.glob("projects/*/tasks/*/*.log")]
        return "\n".join(f"--- {path}\n{path.read_text(errors='replace')[-3000:]}" for path in found if path.exists())

    def hosts(self) -> dict[str, list[str]]:
        """What is recorded of each host."""
        return {path.name: sorted(p.name for p in path.iterdir()) for path in self.runtime.glob("hosts/*")}

    def inboxes(self) -> dict[str, list[str]]:
        """The names of all events by where they are: new, claimed, delivered."""
        found: dict[str, list[str]] = {"new": [], "claimed": [], "delivered": []}
        for path in self.state.glob("inbox/*/**/*.json"):
            found[path.relative_to(self.state / "inbox").parts[1]].append(path.name)
        return found


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def product(claude):
    """dispatch-hooks beside the real Claude Code, installed for the user."""
    return Product(claude).install()


@pytest.fixture
def bare(sandbox):
    """dispatch-hooks without Claude Code and not installed: for workers that are plain commands."""
    return Product(sandbox)


class Bench:
    """Our own modules in this process, on folders of their own; workers are real processes of a shell script."""

    def __init__(self, root: Path):
        self.root = root
        self.project = root / "project"
        self.project.mkdir()
        self.chat = "11111111-2222-4333-8444-555555555555"
        self.count = 0

    def script(self, name: str, body: str, **backend) -> None:
        """Adds a backend whose worker is a shell script; $folder is its task's folder in the project.

        backend: further keys of it, as TOML.
        """
        program = self.root / f"{name}.sh"
        program.write_text(f'#!/bin/sh\nfolder=$DISPATCH_HOOKS_FOLDER\nprompt=$(cat)\n{body}\n')
        program.chmod(0o755)
        config_file = Path(paths.config_file())
        config_file.parent.mkdir(parents=True, exist_ok=True)
        with open(config_file, "a", encoding="utf-8") as f:
            f.write(f'[backends.{name}]\ncommand = ["{program}"]\n')
            f.writelines(f"{key} = {value}\n" for key, value in backend.items())

    def dispatch(self, *backends: str, **fields) -> list[str]:
        """Dispatches one task for each backend; the tasks' folders."""
        self.count += 1
        items = [
            {
                "id": f"{name}-{self.count}-{n}", "title": f"task of {name}", "text": f"do {name}", "model": None,
                "alias": None, "backend": name, "plan": [], "context": "", **fields,
            }
            for n, name in enumerate(backends, 1)
        ]  # fmt: skip
        origin = {
            "chat": self.chat, "prompt": f"prompt-{self.count}", "project": str(self.project),
            "transcript": str(self.root / "transcript.jsonl"), "text": f"words {self.count}",
        }  # fmt: skip
        self.result = dispatch.start({"tasks": items}, origin, config.load(), dict(os.environ))
        return [tasks.folder(str(self.project), item["id"]) for item in items]

    def wait(self, folder: str, *states: str, timeout: float = PATIENCE) -> dict:
        """Until the task is in one of the states and nobody supervises it; its status."""
        over = set(states) & {*tasks.ENDED, "parked"}
        wait_until(
            lambda: tasks.status(folder)["state"] in states
            and _begun(tasks.status(folder))
            and not (over and tasks.supervised(folder)),
            timeout,
            lambda: f"{tasks.status(folder)}\n{(Path(folder) / 'supervisor.log').read_text()}",
        )
        return tasks.status(folder)

    def pending(self) -> list[dict]:
        return inbox.pending(self.chat)

    def end(self) -> None:
        """Cancels what runs; a supervisor that has only been started finds the mark."""
        left = tasks.active()
        for folder in left:
            inputs.cancel(folder)
            files.ring(tasks.bell_file(folder))
        for folder in left:
            wait_until(lambda f=folder: not tasks.supervised(f))
            worker.leave_none(worker.mark(folder, tasks.status(folder)["run"]))


def _begun(status: dict) -> bool:
    """Whether what runs has its worker: that is recorded a moment before it is started."""
    return status["state"] != "running" or bool(status.get("worker"))


def alive(folder: str) -> list[int]:
    """The processes of a task's runs."""
    marks = [worker.mark(folder, run) for run in range(5)]
    return [pid for mark in marks for pid in processes.marked("DISPATCH_HOOKS_RUN", mark)]


TELLS = '{ error = "error" }'
"""The fields of a backend that tells its errors: `echo '{"error": "…"}'`."""

TICK = """sed -i 's/\\[ \\]/[x]/' "$folder/plan.md"; echo "${said:-all of it is done}" > "$folder/output.md" """


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A Bench; everything it starts is over when the test is."""
    where = [tmp_path / name for name in ("config", "state", "runtime", "data")]
    monkeypatch.setenv("DISPATCH_HOOKS_DIRS", "\n".join(map(str, where)))
    bench = Bench(tmp_path)
    yield bench
    bench.end()
