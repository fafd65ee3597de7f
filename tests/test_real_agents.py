"""The real worker CLIs behind one interface: what a person can do with each of them, and what their pitfalls become.

A scenario covers several facts, so that a CLI is started as seldom as is honest.
"""

import json
import os
import signal

import pytest

from dispatch_hooks import failures
from dispatch_hooks.backends import quirks
from tests import levels
from tests.conftest import needed
from tests.harness import workers
from tests.harness.modelserver import as_told, tool
from tests.harness.waiting import wait_until
from tests.product import Product

AGENTS = ["opencode", "gemini", "qwen", "copilot"]


class Agent:
    """A real CLI as a backend of dispatch-hooks in a sandbox."""

    def __init__(self, sandbox, server, name: str):
        self.cli = workers.install(sandbox, name)
        self.name, self.sandbox, self.server, self.product = name, sandbox, server, Product(sandbox)
        self.say = self.product.say
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

        return wait_until(found, 150, lambda: self.story(task))

    def used(self, task: str) -> int:
        """Tokens of input, as recorded; of opencode, which tells none, what they cost."""
        status = self.product.status(task)
        told = status.get("tokens_in") or 0
        return round(1_000_000 * (status.get("cost_usd") or 0)) if self.name == "opencode" else told

    def story(self, task: str) -> str:
        """What a failing test wants to know."""
        log = self.product.folder(task) / "worker.log"
        return f"{self.product.status(task)}\n{log.read_text() if log.exists() else 'no log'}\n{self.product.logs()}"

    def wait_for_command(self, name: str, task: str = "dig-it") -> None:
        """Until the worker's shell waits for a file of that name."""
        wait_until(
            lambda: any(until(name) in line for _, line in self.sandbox.processes()),
            90,
            lambda: f"{self.story(task)}\n{self.sandbox.processes()}",
        )

    def alone(self) -> None:
        self.sandbox.wait_alone()


def until(name: str) -> str:
    """A command that waits for a file."""
    return f"until [ -e {name} ]; do sleep 0.2; done"


@pytest.fixture
def agent(request, sandbox, server):
    with needed():
        return Agent(sandbox, server, request.param)


def said(request) -> str:
    return request.all_text


def served(requests) -> int:
    """Tokens of input, as the model server told them."""
    return sum(request.tokens for request in requests)


@pytest.mark.parametrize("agent", AGENTS, indirect=True)
class TestEveryAgent:
    def test_it_asks_is_answered_while_it_runs_and_after_it_has_ended_and_is_spoken_to_again(self, agent, server):
        folder = agent.product.folder("paint-it")
        plan = folder / "plan.md"
        late = agent.name in ("qwen", "copilot")  # their permission is parked, too
        untold = 1 if agent.name in ("gemini", "opencode") else 0  # calls that were cut short
        server.rule(
            "paint the house",
            agent.cli.shell("dispatch-hooks ask 'Which colour?' --option red --option blue"),  # parked: not reached
            *[agent.cli.shell("touch painted.txt")] * (1 + late),
            agent.cli.shell("touch trampled.txt"),
            agent.cli.shell("dispatch-hooks ask 'Which door?' --option left --option right"),
            agent.read(plan),
            agent.edit(plan, "[ ]", "[x]"),
            agent.write(folder / "output.md", "the house is blue\n"),
            "all done",
            "good to know",
            repeat=True,
        )
        agent.configure(ask_seconds=1)
        agent.dispatch("paint-it", "paint the house")
        parked = agent.product.wait("paint-it", "parked", timeout=60)
        assert agent.used("paint-it") == served(server.requests[untold:])
        agent.alone()
        first = parked["session"]

        agent.configure(ask_seconds=1 if late else 600)
        agent.say("answer", "paint-it", "blue")
        permission = agent.wait_for_question("paint-it", "touch painted.txt")
        assert permission["kind"] == "permission"
        resumed = server.requests[-1]
        assert "paint the house" in said(resumed) and "The person answers: blue" in said(resumed)
        if late:
            agent.product.wait("paint-it", "parked", timeout=60)
            agent.configure(ask_seconds=600)
        agent.say("answer", "paint-it", "yes")
        agent.wait_for_question("paint-it", "touch trampled.txt")
        assert (agent.sandbox.project / "painted.txt").exists()
        assert "The person answers: blue" in said(server.requests[-1])
        assert ("The person allows, once: Shell: touch painted.txt" in said(server.requests[-1])) == late
        agent.say("answer", "paint-it", "no: mind the flowers")
        agent.wait_for_question("paint-it", "Which door?")
        agent.say("answer", "paint-it", "2")
        status = agent.product.wait("paint-it", "finished", timeout=60)
        assert agent.used("paint-it") == served(server.requests[untold:]) > 0
        assert status["summary"] == "the house is blue"
        assert status["session"] == first
        assert "The person answers: right" in said(server.requests[-1])
        assert "mind the flowers" in said(server.requests[-1])  # no protocol has room for it, so it was said after
        assert not (agent.sandbox.project / "trampled.txt").exists()
        agent.alone()

        agent.say("tell", "paint-it", "and now the garden")
        wait_until(lambda: "and now the garden" in said(server.requests[-1]), 120)
        again = server.requests[-1]
        assert "paint the house" in said(again) and "The person answers: right" in said(again)
        status = agent.product.wait("paint-it", "finished", timeout=60)
        assert agent.used("paint-it") == served(server.requests[untold:])  # and nothing twice
        assert (status["run"], status["session"]) == (3 + late, first)
        asked = sorted((agent.product.records("paint-it") / "questions").iterdir())
        assert len(asked) == 4  # its plan and its output are its own: nobody was asked for them
        assert "Shell: dispatch-hooks ask" in (folder / "worker.log").read_text()
        agent.alone()

    def test_it_takes_a_note_survives_its_own_death_and_can_be_cancelled_in_a_command(self, agent, server):
        server.rule(
            "dig a hole",
            agent.cli.shell(until("go")),
            agent.cli.shell(until("never")) if agent.cli.name == "opencode" else "it is dug",
            agent.cli.shell(until("never")),
            agent.cli.shell(until("never")),
            repeat=True,
        )
        agent.configure(permissions="auto")
        agent.dispatch("dig-it", "dig a hole")
        agent.wait_for_command("go")
        agent.say("tell", "dig-it", "a square one, please")
        (agent.sandbox.project / "go").touch()
        noted = server.wait_for(lambda r: "a square one, please" in said(r), 60)
        assert "dig a hole" in said(noted)
        assert len(noted.tool_results) == 1  # it ended nothing that ran
        agent.wait_for_command("never")

        os.kill(agent.product.status("dig-it")["worker"]["pid"], signal.SIGKILL)
        status = agent.product.wait("dig-it", "failed", timeout=60)
        assert status["why"].startswith(f"{agent.name} was killed by signal 9")
        agent.alone()

        agent.say("tell", "dig-it", "dig on")
        resumed = server.wait_for(lambda r: "dig on" in said(r), 120)
        assert "dig a hole" in said(resumed) and "a square one, please" in said(resumed)
        agent.wait_for_command("never")
        agent.say("cancel", "dig-it")
        agent.product.wait("dig-it", "cancelled", timeout=60)
        events = (agent.product.records("dig-it") / "events.jsonl").read_text()
        assert '"stopReason":"cancelled"' in events
        agent.alone()

    def test_bypass_leaves_the_project_unasked_and_read_only_changes_nothing(self, agent, server):
        agent.configure(ask_seconds=levels.SECONDS)
        free, look = levels.both(agent.product, server, agent.cli.shell, agent.write)
        confined = quirks.KNOWN[agent.name].get("folder_argv")
        assert free == levels.Tried("stopped", {"shell"} if confined else {"shell", "tool"}, [])
        assert look == levels.Tried("parked", set(), ["Shell: echo hi > shell"])
        agent.alone()

    def test_what_its_api_says_is_told_and_a_killed_supervisor_leaves_no_process(self, agent, server):
        refused = as_told("google" if agent.name == "gemini" else "openai")
        for code, reply in refused.items():
            server.rule(f"fix number {code}", reply, repeat=True)
        server.rule("fix the cellar", agent.cli.shell(until("never")), repeat=True)
        agent.configure(permissions="auto")
        agent.dispatch("cellar", "fix the cellar")
        for code in (401, 404):
            agent.dispatch(f"n{code}", f"fix number {code}")
        agent.configure(silence_seconds=12, max_retries=3)
        for code in (429, 500):
            agent.dispatch(f"n{code}", f"fix number {code}")
        agent.wait_for_command("never", "cellar")
        os.kill(agent.product.status("cellar")["supervisor"]["pid"], signal.SIGKILL)
        wait_until(lambda: agent.product.tasks()["cellar"]["state"] == "lost", 60)
        found = {code: agent.product.wait(f"n{code}", "failed", timeout=120) for code in refused}
        name = agent.name
        lines = {
            401: ("login", f"{name} is not logged in; {failures.LOGIN[name]}"),
            404: ("model", f"{name} has no {agent.cli.model} for you; dispatch-hooks models lists what there is"),
            429: ("rate", f"{name} has reached its rate limit"),
            500: ("down", f"the model behind {name} cannot be reached"),
        }
        for code, status in found.items():  # most try again in silence: then nobody knows why
            silent = code in (429, 500) and status["why"].startswith(failures.SILENT)
            kind, line = ("down", failures.SILENT) if silent else lines[code]
            assert status["failure"] == kind and status["why"].startswith(line), status
        agent.alone()

    def test_an_endpoint_that_nobody_serves_fails_the_task_in_bounded_time(self, agent, server):
        agent.sandbox.url = "http://127.0.0.1:9"
        agent.sandbox.variables |= agent.cli.prepare(agent.sandbox)
        agent.configure(silence_seconds=12, max_retries=4)
        agent.dispatch("nobody", "knock at the door")
        status = agent.product.wait("nobody", "failed", timeout=150)
        assert status["why"]
        assert server.requests == []
        agent.alone()


def lose_session(agent, session: str) -> None:
    """Qwen loads what it has not, in silence; Gemini deletes all of a session that has an empty recording, too."""
    home = agent.sandbox.home
    (recording,) = home.rglob(f"chats/*{session[:8]}*")
    if agent.name == "qwen":
        recording.unlink()
    else:
        empty = recording.read_text().splitlines(keepends=True)[0]  # as a load leaves one
        recording.with_name(f"session-2026-01-01T00-00-{session[:8]}.jsonl").write_text(empty)
        settings = json.loads((home / ".gemini/settings.json").read_text())
        del settings["general"]["sessionRetention"]  # as it is by default
        (home / ".gemini/settings.json").write_text(json.dumps(settings))


@pytest.mark.parametrize("agent", ["gemini", "qwen"], indirect=True)
def test_a_session_that_its_cli_has_lost_is_begun_anew_with_all_that_was_said_and_ticked(agent, server):
    plan = agent.product.folder("paint-it") / "plan.md"
    ticks = (agent.read(plan), agent.edit(plan, "[ ] the door", "[x] the door"), "the door is done")
    server.rule(lambda r: "paint it" in r.first_user_text and "windows" not in r.last_user_text, *ticks, repeat=True)
    server.rule("paint it", agent.read(plan), agent.edit(plan, "[ ] the gate", "[x] the gate"), "done")
    steps = "- [ ] the door\n- [ ] the gate\n"
    done = agent.product("dispatch", "-m", "it", "--id", "paint-it", "--plan", "-", "paint it", input=steps)
    assert done.returncode == 0, done.stderr
    first = agent.product.wait("paint-it", "stopped", timeout=60)
    agent.alone()
    lose_session(agent, first["session"])
    begun = len(server.requests)
    agent.say("tell", "paint-it", "and mind the windows")
    status = agent.product.wait("paint-it", "finished", timeout=150)
    anew = server.requests[begun]
    assert "paint it" in anew.first_user_text and "An earlier worker had this task" in anew.first_user_text
    assert "The person says: and mind the windows" in anew.first_user_text
    assert anew.tool_results == [] and "- [x] the door\n- [x] the gate\n" in plan.read_text()
    assert status["session"] != first["session"]
    assert "its earlier session cannot be resumed" in (agent.product.folder("paint-it") / "worker.log").read_text()
    agent.alone()


@pytest.mark.parametrize("agent", ["qwen"], indirect=True)
def test_a_question_of_its_own_is_asked_and_answered_in_its_protocol(agent, server):
    options = [{"label": "gravel", "description": "cheap"}, {"label": "stone", "description": "dear"}]
    asked = [{"question": "Which path?", "header": "Path", "options": options, "multiSelect": False}]
    server.rule("lay the path", tool("ask_user_question", questions=asked), "laid", repeat=True)
    agent.dispatch("path", "lay the path")
    question = agent.wait_for_question("path", "Which path?")
    assert (question["kind"], question["options"]) == ("question", ["gravel", "stone"])
    agent.say("answer", "path", "2")
    answered = server.wait_for(lambda r: bool(r.tool_results), 60)
    assert "stone" in answered.tool_results[-1]
    agent.product.wait("path", "stopped", timeout=60)
    agent.alone()
