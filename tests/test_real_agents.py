"""The real worker CLIs behind one interface: what a person can do with each of them, and what their pitfalls become.

A scenario covers several facts, so that a CLI is started as seldom as is honest.
"""

import fcntl
import os
import pty
import termios

import pytest

from tests.conftest import needed
from tests.harness import workers
from tests.harness.modelserver import tool
from tests.harness.waiting import wait_until
from tests.product import Product

AGENTS = ["opencode", "gemini", "qwen", "copilot"]


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Agent:
    """A real CLI as a backend of dispatch-hooks in a sandbox."""

    def __init__(self, sandbox, server, name: str):
        self.cli = workers.install(sandbox, name)
        self.name, self.sandbox, self.server, self.product = name, sandbox, server, Product(sandbox)
        sandbox.run("git", "init", "-q")  # no folder above is taken for the project
        self.configure()

    def configure(self, **keys) -> None:
        lines = [f"{key} = {value!r}" for key, value in keys.items()]
        model = f'[models.it]\nbackend = "{self.name}"\nname = "{self.cli.model}"\n'
        self.product.configure("\n".join([*lines, model]).replace("'", '"'))

    def dispatch(self, name: str, words: str) -> None:
        done = self.product("dispatch", "-m", "it", "--id", name, words)
        assert done.returncode == 0, done.stderr

    def write(self, path, text: str):
        """The model writes a file with the CLI's own tool."""
        return {
            "opencode": lambda: tool("write", filePath=str(path), content=text),
            "gemini": lambda: tool("write_file", file_path=str(path), content=text),
            "qwen": lambda: tool("write_file", file_path=str(path), content=text),
            "copilot": lambda: tool("create", path=str(path), file_text=text),
        }[self.name]()

    def edit(self, path, old: str, new: str):
        return {
            "opencode": lambda: tool("edit", filePath=str(path), oldString=old, newString=new),
            "gemini": lambda: tool("replace", file_path=str(path), old_string=old, new_string=new, instruction="tick"),
            "qwen": lambda: tool("edit", file_path=str(path), old_string=old, new_string=new),
            "copilot": lambda: tool("edit", path=str(path), old_str=old, new_str=new),
        }[self.name]()

    def read(self, path):
        return {
            "opencode": lambda: tool("read", filePath=str(path)),
            "gemini": lambda: tool("read_file", file_path=str(path)),
            "qwen": lambda: tool("read_file", file_path=str(path)),
            "copilot": lambda: tool("view", path=str(path)),
        }[self.name]()

    def questions(self, task: str) -> list[dict]:
        return self.product.tasks()[task]["questions"]

    def wait_for_question(self, task: str, words: str) -> dict:
        def found():
            return next((q for q in self.questions(task) if words in q["text"]), None)

        return wait_until(found, 150, lambda: f"{self.product.status(task)}\n{self.product.logs()}")

    def say(self, *words: str) -> None:
        """dispatch-hooks at a terminal: the person's own words are taken from there."""
        ours, theirs = pty.openpty()
        try:
            done = self.product(*words, stdin=theirs, start_new_session=True, preexec_fn=_take_terminal)
        finally:
            os.close(ours)
            os.close(theirs)
        assert done.returncode == 0, done.stderr + done.stdout

    def alone(self) -> None:
        self.sandbox.wait_alone()


@pytest.fixture
def agent(request, sandbox, server):
    with needed():
        return Agent(sandbox, server, request.param)


def said(request) -> str:
    return request.all_text


@pytest.mark.parametrize("agent", AGENTS, indirect=True)
class TestEveryAgent:
    def test_it_asks_is_answered_while_it_runs_and_after_it_has_ended_and_is_spoken_to_again(self, agent, server):
        folder = agent.product.folder("paint-it")
        plan = folder / "plan.md"
        server.rule(
            "paint the house",
            agent.cli.shell("dispatch-hooks ask 'Which colour?' --option red --option blue"),  # parked: not reached
            agent.cli.shell("touch painted.txt"),
            agent.cli.shell("dispatch-hooks ask 'Which door?' --option left --option right"),
            agent.read(plan),
            agent.edit(plan, "[ ]", "[x]"),
            agent.write(folder / "output.md", "the house is blue\n"),
            "all done",
            "and the garden, too",
        )
        agent.configure(ask_seconds=1)
        agent.dispatch("paint-it", "paint the house")
        agent.product.wait("paint-it", "parked", timeout=60)
        agent.alone()
        first = agent.product.status("paint-it")["session"]

        agent.configure(ask_seconds=600)
        agent.say("answer", "paint-it", "blue")
        permission = agent.wait_for_question("paint-it", "touch painted.txt")
        assert permission["kind"] == "permission"
        resumed = server.requests[-1]
        assert "paint the house" in said(resumed) and "The person answers: blue" in said(resumed)
        agent.say("answer", "paint-it", "yes")
        agent.wait_for_question("paint-it", "Which door?")
        agent.say("answer", "paint-it", "2")
        status = agent.product.wait("paint-it", "finished", timeout=60)
        assert (agent.sandbox.project / "painted.txt").exists()
        assert status["summary"] == "the house is blue"
        assert status["session"] == first
        assert "The person answers: right" in said(server.requests[-1])
        agent.alone()

        agent.say("tell", "paint-it", "and now the garden")
        wait_until(lambda: "and now the garden" in said(server.requests[-1]), 120)
        again = server.requests[-1]
        assert "paint the house" in said(again) and "The person answers: right" in said(again)
        status = agent.product.wait("paint-it", "finished", timeout=60)
        assert (status["run"], status["session"]) == (3, first)
        asked = sorted((agent.product.records("paint-it") / "questions").iterdir())
        assert len(asked) == 3  # its plan and its output are its own: nobody was asked for them
        agent.alone()
