"""The scenes of the demo. Each promise is looked at: one that is not kept ends the demo with an error."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from dispatch_hooks import overview, questions, tasks
from dispatch_hooks.demo.box import Box
from dispatch_hooks.demo.chat import Chat
from dispatch_hooks.demo.stage import Stage
from dispatch_hooks.errors import FatalError

REQUEST = """\
We launch on Thursday, so dispatch demo workers to do a last sweep:
1. Security review
   - scan for secrets
   - check the session cookie
   - try the password reset
2. API docs
   - list the routes
   - write a page for each
   - try every example
3. Load test
4. Accessibility check
5. Release notes

Ask me if anything is unclear."""

IDS = ("security-review", "api-docs", "load-test", "accessibility-check", "release-notes")

INTRODUCTION = """\
Real here: the installed hooks, the supervisors, the watcher, all that hooks print. This program stands in for Claude
Code and feeds them the events that it was seen to send; a script stands in for the worker's CLI."""

WRAPPER = 711
"""Characters that Claude Code puts around a wake's text in its request (docs/claude-code.md)."""

PATIENCE = 60.0


class Play:
    """pause: how much of the time that a person takes to read is taken (0: none)."""

    def __init__(self, box: Box, stage: Stage, pause: float) -> None:
        self.box, self.stage, self.pause = box, stage, pause
        self.chat = Chat(box)
        self.paid: list[tuple[str, int]] = []

    def run(self) -> None:
        self.chat.begin()
        try:
            self.dispatch()
            self.question()
            self.answer()
            self.news_on_a_prompt()
            self.last_wake()
            self.sum_up()
        finally:
            self.chat.end()

    # scenes

    def dispatch(self) -> None:
        self.stage.note(INTRODUCTION)
        self.stage.head("You type into Claude Code")
        self.stage.typed(REQUEST)
        said = self.chat.say(REQUEST)
        self.expect(said.stop.startswith("Dispatched 5 tasks"), f"five tasks were to be dispatched: {said}")
        self.stage.answered(said)
        self.count("the dispatch", f"Operation stopped by hook: {said.stop}")
        took = f"{said.seconds * 1000:.0f} ms"
        self.stage.note(f"No model was called, the box is free again after {took}. Five workers run:")
        self.follow(lambda: bool(self.asking()), 3.5)

    def question(self) -> None:
        text = self.woken("Which OpenAPI version", "to ask")
        self.stage.head("One of them asks. Your chat is idle, so the watcher ends, which wakes it; Claude gets")
        self.stage.quote(text)
        self.stage.told(self.chat.wake(text))
        self.chat.stop(woken=True)
        self.follow(lambda: True, 4.0)

    def answer(self) -> None:
        words = "answer api-docs: 3.1"
        self.stage.head("You answer where you are; the same worker goes on")
        self.stage.typed(words)
        said = self.chat.say(words)
        self.expect("answered api-docs: 3.1" in said.stop, f"the answer was to be taken: {said}")
        self.stage.answered(said)
        self.count("the answer", f"Operation stopped by hook: {said.stop}")
        self.follow(lambda: self.ended() >= len(IDS) - 1, 1.0)

    def news_on_a_prompt(self) -> None:
        words = "what did the security review find?"
        self.stage.head("Four have finished meanwhile. That wakes nobody; it rides on what you type next")
        self.stage.typed(words)
        said = self.chat.say(words)
        self.expect(said.context.count(" finished (") == len(IDS) - 1, f"four results were to ride along: {said}")
        self.stage.told(said)
        self.stage.note("and Claude gets, beside your words:")
        self.stage.quote(said.context)
        self.count("news on a prompt", f"UserPromptSubmit hook additional context: {said.context}")
        self.chat.stop()
        self.expect(not self.undelivered(), "the end of the turn was to acknowledge the news")
        self.stage.note("The turn ends: the Stop hook acknowledges the news, so none of it comes twice.")
        self.read(5.0)

    def last_wake(self) -> None:
        os.close(os.open(self.box.gate, os.O_CREAT, 0o600))
        self.stage.head("api-docs goes on, now knowing what you want")
        self.follow(lambda: self.ended() == len(IDS), 0.0)
        text = self.woken("api-docs finished", "at the end")
        self.expect("OpenAPI 3.1" in text, f"the answer was to reach the worker: {text}")
        self.stage.head("The last one of a batch wakes the chat once; Claude gets")
        self.stage.quote(text)
        self.stage.told(self.chat.wake(text))
        self.chat.stop(woken=True)
        self.expect(not self.undelivered(), "all news were to be delivered")
        self.read(2.0)

    def sum_up(self) -> None:
        self.stage.head("What ran in parallel, from the tasks' own records")
        spans = {task: self.span(task) for task in IDS}
        lines = [[task, f"{took:.1f} s", f"{waited:.1f} s"] for task, (_, took, waited) in spans.items()]
        worked = sum(took - waited for _, took, waited in spans.values())
        wall = max(begun + took for begun, took, _ in spans.values()) - min(begun for begun, _, _ in spans.values())
        self.stage.table(["task", "took", "of it waiting for you"], lines)
        self.stage.say(f"{wall:.1f} s on the clock for {worked:.1f} s of work.")
        self.stage.head("What your chat paid for it: no model call for the dispatch, and in its context")
        total = sum(characters for _, characters in self.paid)
        self.stage.table(["", "characters"], [[what, f"{characters}"] for what, characters in self.paid])
        self.stage.say(f"{total} characters, about {total // 4} tokens for {len(IDS)} tasks, the question included.")

    def span(self, task: str) -> tuple[float, float, float]:
        """(when it began, the seconds it took, those of them that it waited for an answer)."""
        folder = tasks.folder(self.box.project, task)
        found = tasks.status(folder)
        asked = {question["n"]: question["asked"] for question in questions.every(folder)}
        waited = sum(answer["at"] - asked[answer["n"]] for answer in questions.answers(folder))
        return found["started"], found["ended"] - found["started"], waited

    # what happens meanwhile

    def rows(self) -> list[dict]:
        found = {row["id"]: row for row in overview.rows(self.box.project)}
        return [found[task] for task in IDS if task in found]

    def asking(self) -> list[dict]:
        return [row for row in self.rows() if row["state"] == "asks"]

    def ended(self) -> int:
        states = [row["state"] for row in self.rows()]
        bad = set(states) & {"failed", "lost", "stopped", "cancelled", "parked"}
        self.expect(not bad, f"no task was to end badly: {states}")
        return len(IDS) - len(tasks.active())  # a task leaves this list after its news are out

    def undelivered(self) -> list[str]:
        top = os.path.join(self.box.dirs.state, "inbox", self.chat.session)
        return [
            name
            for place, _, names in os.walk(top)
            for name in names
            if name.endswith(".json") and os.path.basename(place) != "delivered" and name[0] != "."
        ]

    def woken(self, words: str, what: str) -> str:
        """The text of the wake, which must hold the words."""
        text = ""
        end = time.monotonic() + PATIENCE
        while not text:
            self.expect(time.monotonic() < end, "the chat was to be woken")
            time.sleep(0.02)
            text = self.chat.woken()
        self.expect(words in text, f"the wake was to tell of {words!r}: {text}")
        self.count(f"the wake {what}, with Claude Code's words around it", text, WRAPPER)
        return text

    def follow(self, done: Callable[[], bool], at_least: float) -> None:
        """Shows the tasks until it is done, and for some seconds at least, for a person to read."""
        begun = time.monotonic()
        with self.stage.tasks(self.rows) as show:
            while not done() or time.monotonic() < begun + at_least * self.pause:
                self.expect(time.monotonic() < begun + PATIENCE, "the tasks were to go on")
                show()
                time.sleep(0.1)
            show()

    def read(self, seconds: float) -> None:
        time.sleep(seconds * self.pause)

    def count(self, what: str, text: str, around: int = 0) -> None:
        self.paid.append((what, len(text) + around))

    def expect(self, kept: object, promise: str) -> None:
        if not kept:
            raise FatalError(f"the demo went wrong: {promise}")
