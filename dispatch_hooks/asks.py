"""The questions of one run: from its CLI's protocol, from files, from marks in the plan; and how answers go back.

Each becomes a question on the trusted side and an event. An answer goes back the way its question came; one to an
earlier run goes as a message, where the CLI takes messages, else it waits for the next run.
"""

from __future__ import annotations

import os

from dispatch_hooks import backends, briefing, flags, outcome, plan, questions
from dispatch_hooks.channel import OPEN, Channel
from dispatch_hooks.ledger import Ledger

READ_ONLY = "This task is read-only: only your own task folder may change."


class Asks:
    def __init__(self, ledger: Ledger, talk, send, granted: list[tuple[dict, dict]]) -> None:
        """send: writes to the worker. granted: answers that came while none ran; a permission is used once."""
        self.ledger, self.talk, self.send, self.granted = ledger, talk, send, list(granted)
        self.folder, self.run = ledger.folder, ledger.status["run"]
        self.open: dict[str, dict] = {}
        refs = [heard.get("ref") or "" for heard in [*questions.every(self.folder), *flags.every(self.folder)]]
        self.channel = Channel(ledger.task, {os.path.basename(ref) for ref in refs if ref.startswith("ipc/")})
        self.marks = {ref for ref in refs if ref.startswith("plan/")}

    def waiting(self) -> list[dict]:
        """This run's open questions."""
        return [q for q in questions.waiting(self.folder) if q["run"] == self.run]

    def overdue(self, now: float, limit: float) -> bool:
        return any(now - question["asked"] > limit for question in self.waiting())

    # how they come

    def hear(self, event: dict, now: float) -> None:
        """An ask of the protocol."""
        refusal = self._not_allowed(event) or self._granted(event)
        if refusal is not None:
            self.send(refusal)
            return
        about = {"tool": event["tool"], "input": event["input"], "request": event["request"]}
        numbers = [self._add({**question, **about}, now) for question in event["questions"]]
        self.open[event["request"]] = {**event, "numbers": numbers}

    def _not_allowed(self, event: dict) -> str | None:
        if self.ledger.task["read_only"] and event["edits"]:
            return self.talk.refuse(event, READ_ONLY)
        return None

    def _granted(self, event: dict) -> str | None:
        """A permission that the person gave to exactly this call while it could not be passed on: used once."""
        for question, answer in self.granted:
            given = self.ledger.hide.value(event["input"])  # as its question has it
            same = question.get("tool") == event["tool"] and question.get("input") == given
            if same and question["kind"] == "permission" and questions.allowed(answer["text"])[0]:
                self.granted.remove((question, answer))
                return self.talk.reply(event, [""])
        return None

    def withdraw(self, request: str, now: float) -> None:
        """The worker's CLI took an ask back: nobody need answer it."""
        for n in self.open.pop(request, {"numbers": []})["numbers"]:
            questions.withdraw(self.folder, n, "withdrawn", now)

    def look(self, now: float) -> None:
        """What was asked and flagged by files."""
        for name, flag in self.channel.fresh(flags.room(self.folder, now), "flag"):
            self._raise(name, flag["text"], now)
        for name, question in self.channel.fresh(OPEN - len(self.waiting())):
            self._add({**question, "ref": f"ipc/{self.run}/{name}"}, now)

    def _raise(self, name: str, text: str, now: float) -> None:
        text = self.ledger.hide.text(text)
        flag = flags.add(self.folder, text, now, self.run, f"ipc/{self.run}/{name}")
        self.ledger.log(f"flags: {text}")
        outcome.tell(outcome.flag_event(self.folder, self.ledger.task, self.ledger.status, flag))

    def last(self, now: float) -> None:
        """What the run flagged and was not told of yet, for it flagged too much: the first of it, and how many more."""
        self.look(now)
        left = self.channel.fresh(1000, "flag")
        if left:
            more = f" (and {len(left) - 1} more flags)" if len(left) > 1 else ""
            self._raise(left[0][0], left[0][1]["text"][:4000] + more, now)

    def marked(self, now: float) -> None:
        """What was asked by [?] in the plan."""
        for text in plan.marked(self.ledger.items(), "?")[:OPEN]:
            ref = f"plan/{text[:200]}"
            if ref not in self.marks:
                self.marks.add(ref)
                asked = {"kind": "question", "text": text[:8000] or "(a step without words)", "options": []}
                self._add({**asked, "ref": ref}, now)

    def _add(self, asked: dict, now: float) -> int:
        asked = self.ledger.hide.value(asked)
        self._replace(asked, now)
        question = questions.add(self.folder, {**asked, "asked": now, "run": self.run})
        self.ledger.log(f"asks: {question['text']}")
        self.ledger.save()
        outcome.tell(outcome.asked_event(self.folder, self.ledger.task, self.ledger.status, question))
        return question["n"]

    def _replace(self, asked: dict, now: float) -> None:
        """A worker that was spoken to before it had its answer may ask the same again: it is one question."""
        about = [asked.get(key) for key in ("kind", "text", "tool", "input")]
        for old in questions.waiting(self.folder):
            if old["run"] != self.run and [old.get(key) for key in ("kind", "text", "tool", "input")] == about:
                questions.withdraw(self.folder, old["n"], "asked again", now)

    # how answers go back

    def pass_on(self, question: dict, answer: dict) -> bool:
        """Whether the worker has been given the answer."""
        ref = question.get("ref") or ""
        if ref.startswith(f"ipc/{self.run}/"):
            words = questions.choice(answer["text"], question["options"])
            return self.channel.reply(os.path.basename(ref), words)
        if question.get("request") in self.open and question["run"] == self.run:
            return self._reply(question["request"])
        return self._tell(question, answer)

    def _reply(self, request: str) -> bool:
        """Answers an ask, once all of its questions have their answers."""
        ask = self.open[request]
        given = [questions.answer_of(self.folder, n) for n in ask["numbers"]]
        if None in given:
            return False
        del self.open[request]
        words = [_words(q, a["text"]) for q, a in zip(ask["questions"], given, strict=True)]
        self.send(self.talk.reply(ask, words))
        return True

    def _tell(self, question: dict, answer: dict) -> bool:
        """An answer whose ask is gone: as a message, and a permission is kept for the call itself."""
        words = self.talk.note(briefing.answered(question, answer)) if self.talk.hears else None
        if words is None:
            return False
        self.granted.append((question, answer))
        self.send(words)
        return True


def _words(question: dict, text: str) -> str:
    if question["kind"] == "permission":
        granted, why = questions.allowed(text)
        return "" if granted else why or backends.SAID_NO
    return questions.choice(text, question["options"])
