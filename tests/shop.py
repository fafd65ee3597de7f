"""A project with a task in every state, made of records alone: something to look at."""

import os
import sys
import time
from pathlib import Path

import pytest

from dispatch_hooks import files, questions, tasks
from tests.conftest import needed
from tests.harness.terminal import Terminal

QUESTION = "Which OpenAPI version do the clients understand, 3.0 or 3.1? The generator in tools/ takes both."


class Shop:
    """Tasks of a project called shop, and terminals to look at them."""

    def __init__(self, root: Path, env: dict[str, str]):
        self.root, self.project, self.home = root, root / "shop", root / "home"
        self.project.mkdir()
        self.home.mkdir()
        self.env = env
        self.now = time.time()
        self.terminals: list[Terminal] = []

    def task(self, name: str, state: str, plan=("one", "two"), ticked=0, asks=(), project=None, **more) -> str:
        """Records of a task as its dispatch, its worker and its supervisor would leave them; its folder."""
        where = str(project or self.project)
        recorded = ("model", "permissions", "made", "title", "chat", "after")
        fields = {key: more.pop(key) for key in recorded if key in more}
        task = {
            "id": name, "title": name.replace("-", " "), "text": name, "plan": list(plan), "context": "",
            "directory": None, "read_only": False, "project": where, "chat": "c1", "prompt": "p", "check": "",
            "made": self.now - 700, "model": "opus", "alias": "", "alias_prompt": "", "backend": "claude",
            "permissions": "ask", **fields,
        }  # fmt: skip
        folder = tasks.create(task)
        marks = ["x"] * ticked + [" "] * (len(plan) - ticked)
        items = "".join(f"- [{mark}] {item}\n" for mark, item in zip(marks, plan, strict=True))
        tasks.lay_out(task, f"# {task['title']}\n\n{items}\n## Task\n\n{name}\n")
        status = {"state": state, "run": 1, "started": self.now - 650, "ended": None, "ticked": ticked}
        tasks.set_status(folder, {**status, "items": len(plan), **more})
        for asked in asks:
            question = {"kind": "question", "asked": self.now - 120, "run": 1, "options": [], **asked}
            questions.add(folder, question)
        with files.opened(tasks.open_project_folder(task)) as fd:
            files.write_in(fd, "worker.log", "".join(f"12:00:0{n} Bash: step {n}\n" for n in range(5)))
        return folder

    def fill(self) -> None:
        """A task in each state."""
        now = self.now
        asks = [{"text": QUESTION, "options": ["3.0", "3.1"]}]
        five = ("list the endpoints", "write openapi.yaml", "validate it", "publish it", "tell the clients")
        self.task("write-api-docs", "running", five, 2, asks, model="sonnet", last="Read openapi.yaml", cost_usd=0.31)
        self.task("audit-of-the-whole-payment-flow", "running", "abc", 1, last="Bash: npm test", made=now - 600)
        why = "claude ended with exit status 1: API Error: 529 overloaded"
        self.task("perf-audit", "failed", "abc", 1, why=why, ended=now - 60, cost_usd=1.2, permissions="bypass")
        said = "All 41 tests pass again"
        self.task("fix-tests", "finished", "ab", 2, summary=said, ended=now - 600, cost_usd=0.12, tokens=120_000)
        self.task("deploy-docs", "waiting", "a", run=0, started=None, after=["write-api-docs"])
        self.task("count", "checked", "a", 1, summary="There are 42", ended=now - 600, tokens=1_500_000)
        self.task("old-one", "cancelled", "a", ended=now - 600)

    def terminal(self, *args: str, width: int = 80, height: int = 24, **env: str) -> Terminal:
        """`dispatch-hooks ARGS…` in a terminal, in the project."""
        argv = [sys.executable, "-m", "dispatch_hooks", *args]
        with needed():
            self.terminals.append(Terminal(argv, {**self.env, **env}, self.project, width, height))
        return self.terminals[-1]


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A Shop; its records are where this process and its terminals look."""
    where = "\n".join(str(tmp_path / name) for name in ("config", "state", "runtime", "data"))
    monkeypatch.setenv("DISPATCH_HOOKS_DIRS", where)
    env = {
        "HOME": str(tmp_path / "home"), "PATH": os.defpath, "LANG": "C.UTF-8", "TERM": "xterm-256color",
        "SHELL": "/bin/sh", "DISPATCH_HOOKS_DIRS": where,
    }  # fmt: skip
    shop = Shop(tmp_path, env)
    yield shop
    for terminal in shop.terminals:
        terminal.end()
