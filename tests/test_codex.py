"""The real codex behind its backend: asks, questions, notes, errors, kills, and its real sandbox.

The sandboxes lie outside the temporary folder, which codex leaves writable. A scenario covers several facts, so that
codex is started as seldom as is honest.
"""

import fcntl
import os
import pty
import termios

import pytest

from tests.conftest import needed
from tests.harness import workers
from tests.harness.claude import Sandbox
from tests.harness.modelserver import tool
from tests.harness.waiting import wait_until
from tests.product import Product

PATIENCE = 90


class Codex:
    """codex as a backend of dispatch-hooks in a sandbox, and the person at a terminal."""

    def __init__(self, sandbox: Sandbox):
        self.cli = workers.install(sandbox, "codex")
        self.sandbox, self.product = sandbox, Product(sandbox)
        self.configure()

    def configure(self, head: str = "", model: str = "") -> None:
        self.product.configure(f'{head}\n[models.it]\nbackend = "codex"\nname = "{model or self.cli.model}"\n')

    def settings(self, more: str) -> None:
        """Adds to codex's own config.toml."""
        file = self.sandbox.home / ".codex/config.toml"
        file.write_text(file.read_text() + more)

    def dispatch(self, words: str, name: str, *args: str) -> None:
        done = self.product("dispatch", "-m", "it", "--id", name, *args, words)
        assert done.returncode == 0, done.stderr

    def wait(self, name: str, *states: str) -> dict:
        return self.product.wait(name, *states, timeout=PATIENCE)

    def say(self, *words: str) -> None:
        """dispatch-hooks at a terminal: the person's own words are taken from there."""
        ours, theirs = pty.openpty()
        try:
            done = self.product(*words, stdin=theirs, start_new_session=True, preexec_fn=_take_terminal)
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == 0, done.stderr + done.stdout

    def question(self, name: str, words: str) -> dict:
        """Waits until the task asks this."""

        def found() -> dict | None:
            return next((q for q in self.product.tasks()[name]["questions"] if words in q["text"]), None)

        return wait_until(found, PATIENCE, lambda: f"{self.product.status(name)}\n{self.product.logs()}")

    def ticks(self, name: str, said: str):
        """The model ticks its plan and writes its output, with codex's own tool for files."""
        folder = f".dispatch/tasks/{name}"
        return self.cli.shell(f"sed -i 's/\\[ \\]/[x]/' {folder}/plan.md && echo '{said}' > {folder}/output.md")

    def alone(self) -> None:
        """No process is left."""
        self.sandbox.wait_alone()


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@pytest.fixture
def codex(server):
    sandbox = Sandbox(server.url, workers.homes())
    try:
        with needed():
            codex = Codex(sandbox)
        yield codex
    finally:
        sandbox.end()


def git(codex, *words, cwd=None):
    done = codex.sandbox.run("git", *words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout


def escalated(codex, command: str, why: str = "It needs the network"):
    return tool("exec_command", cmd=command, sandbox_permissions="require_escalated", justification=why)


def asks(question: str, *options: str):
    told = [{"label": option, "description": option} for option in options]
    return tool("request_user_input", questions=[{"id": "it", "header": "It", "question": question, "options": told}])


def patch(path: str, words: str):
    return tool("apply_patch", input=f"*** Begin Patch\n*** Add File: {path}\n+{words}\n*** End Patch")


def test_it_asks_is_answered_and_steered_and_spoken_to_again(codex, server):
    git(codex, "init", "-q")
    outside = codex.sandbox.root / "outside.txt"
    server.rule(
        "paint the house",
        escalated(codex, f"echo painted > {outside}"),
        patch("../no.txt", "not wanted"),
        asks("Which colour?", "red", "blue"),
        codex.cli.shell("dispatch-hooks ask 'Which door?' --option left --option right"),
        patch("in.txt", "a file"),
        codex.ticks("paint-it", "the house is blue"),
        "all done",
        "and the garden",
    )
    codex.dispatch("paint the house", "paint-it")
    permission = codex.question("paint-it", f"Shell: echo painted > {outside}")
    assert (permission["kind"], outside.exists()) == ("permission", False)
    codex.say("answer", "paint-it", "yes")
    codex.question("paint-it", "no.txt")
    assert outside.read_text() == "painted\n"
    codex.say("answer", "paint-it", "no, keep to the project")
    assert codex.question("paint-it", "Which colour?")["options"] == ["red", "blue"]
    assert not (codex.sandbox.root / "no.txt").exists()
    assert "keep to the project" in server.requests[-1].all_text
    codex.say("answer", "paint-it", "2")
    codex.question("paint-it", "Which door?")
    assert '"blue"' in server.requests[-1].tool_results[-1]
    codex.say("tell", "paint-it", "mind the windows")
    codex.say("answer", "paint-it", "right")
    told = server.wait_for(lambda r: "The person answers: right" in r.all_text)
    assert "mind the windows" in told.last_user_text
    first = codex.wait("paint-it", "finished")
    assert first["summary"] == "the house is blue"
    assert str(codex.sandbox.project / "in.txt") in first["files"] or "in.txt" in first["files"]
    assert first["tokens"] == first["tokens_in"] + first["tokens_out"] > 0
    assert first.get("cost_usd") is None
    codex.alone()

    codex.say("tell", "paint-it", "and now the garden")
    again = server.wait_for(lambda r: "and now the garden" in r.all_text)
    assert "paint the house" in again.all_text and "The person answers: right" in again.all_text
    last = codex.wait("paint-it", "finished")
    assert (last["run"], last["session"]) == (2, first["session"])
    assert last["tokens"] > first["tokens"]
    codex.alone()
