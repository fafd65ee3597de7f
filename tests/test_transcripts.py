"""What real CLIs said, recorded, and what each backend makes of it and writes back: the same for all.

Each file of transcripts/ holds what one CLI printed (long lists and lines that mean nothing to us left out): it begins,
asks to run a command, is told yes, ends its turn, is told to go on, and its API refuses the key. The last one is a
command of a person's own, which asks nothing over its output and tells by `fields`.
"""

import json
from pathlib import Path

import pytest

from dispatch_hooks import backends, failures
from dispatch_hooks.backends import codex_rights, events
from tests.test_backends import RUN, TASK

FOLDER = Path(__file__).parent / "transcripts"

FIELDS = {"session": "id", "text": "said", "tokens": "used.tokens", "cost": "used.usd", "error": "error"}
CONFIG = {"backends": {"jsoncli": {"command": ["mycli"], "fields": FIELDS}}}
MODEL = {"opencode": "scripted/fake-model"}
PROFILE = "dispatch-hooks-97d08b715f6c8444"  # codex tells the name that it was given


def chosen(option: str) -> dict:
    return {"jsonrpc": "2.0", "id": 0, "result": {"outcome": {"outcome": "selected", "optionId": option}}}


def decided(**response) -> dict:
    inner = {"subtype": "success", "request_id": "f32c2070-bbe1-4858-9aab-a249c3a911c7", "response": response}
    return {"type": "control_response", "response": inner}


PAINT = {"command": "touch ../painted.txt", "description": "paint"}

YES_AND_NO = {
    "claude": (decided(behavior="allow", updatedInput=PAINT), decided(behavior="deny", message="not there")),
    "codex": ({"id": 0, "result": {"decision": "accept"}}, {"id": 0, "result": {"decision": "decline"}}),
    "opencode": (chosen("once"), chosen("reject")),
    "gemini": (chosen("proceed_once"), chosen("cancel")),
    "qwen": (chosen("proceed_once"), chosen("cancel")),
    "copilot": (chosen("allow_once"), chosen("reject_once")),
}
"""What is written for an answer in each one's protocol."""

USED = {
    "claude": (12046, 0.0410861),
    "codex": (17447, None),
    "opencode": (None, None),
    "gemini": (1454, None),
    "qwen": (21030, None),
    "copilot": (12124, None),
    "jsoncli": (1200, 0.02),
}
"""The tokens and the dollars of the whole run, as far as each one tells them."""


EVERY, ASKING = (pytest.mark.parametrize("name", names) for names in (USED, YES_AND_NO))


class Heard:
    """A recorded run as its talk hears it, with the person's answer to what it asks."""

    def __init__(self, name: str, answer: str = ""):
        task = {**TASK, "backend": name, "model": MODEL.get(name, "")}
        self.talk = backends.get(name, CONFIG).talk(task, RUN, CONFIG)
        self.written, self.events = [self.talk.stdin], []
        for line in (FOLDER / f"{name}.jsonl").read_bytes().splitlines():
            for event in self.talk.read(line):
                assert events.sound(event), event
                self.events.append(event)
                self._act(event, answer)

    def _act(self, event: dict, answer: str) -> None:
        if event["kind"] == "send":
            self.written.append(event["text"])
        if event["kind"] == "ask":
            self.written.append(self.talk.reply(event, [answer]))
        if event["kind"] == "turn_end" and not event["error"]:
            self.written.append(self.talk.note("tick your plan"))

    def of(self, kind: str) -> list[dict]:
        return [event for event in self.events if event["kind"] == kind]

    def messages(self) -> list[dict]:
        return [json.loads(line) for text in self.written for line in text.splitlines()]


@pytest.fixture(autouse=True)
def profile(monkeypatch):
    monkeypatch.setattr(codex_rights, "profile", lambda task: PROFILE)


class TestEveryTranscript:
    """The contract, with what is told."""

    @EVERY
    def test_it_begins_and_is_told_its_task_once(self, name):
        heard = Heard(name)
        assert len({event["id"] for event in heard.of("session")}) == 1
        assert "".join(heard.written).count("do the secret thing") == 1

    @ASKING
    def test_what_it_asks_is_answered_in_its_protocol(self, name):
        for answer, wanted in zip(("", "not there"), YES_AND_NO[name], strict=True):
            heard = Heard(name, answer)
            (ask,) = heard.of("ask")
            (question,) = ask["questions"]
            assert question["kind"] == "permission" and "painted.txt" in question["text"]
            (written,) = [message for message in heard.messages() if message in YES_AND_NO[name]]
            assert written == wanted
            assert ("not there" in "".join(heard.written)) == bool(answer)  # why not is said, if not in the answer

    @ASKING
    def test_refusing_is_saying_no(self, name):
        heard = Heard(name)
        lines = heard.talk.refuse(heard.of("ask")[0], "not there").splitlines()
        assert json.loads(lines[-1]) == YES_AND_NO[name][1]

    @EVERY
    def test_its_turn_ends_and_the_next_one_with_its_error(self, name):
        ends = Heard(name).of("turn_end")
        assert [bool(end["error"]) for end in ends] == [False, True][-len(ends) :]
        failure = failures.read({"backend": name, "model": ""}, ends[-1]["error"], 1e9, ends[-1].get("about"))
        assert failure["kind"] == "login" and failure["say"].startswith(f"{name} is not logged in; ")

    @EVERY
    def test_what_it_did_and_used_is_told(self, name):
        heard = Heard(name)
        assert "painted" in heard.of("activity")[0]["text"] or name == "gemini"  # it tells of none that was asked for
        used = heard.of("usage")[-1] if heard.of("usage") else {"tokens": None, "cost_usd": None}
        assert (used["tokens"], used["cost_usd"]) == USED[name]


def test_what_a_helper_of_another_model_used_is_told_beside():
    (haiku,) = Heard("claude").of("usage")[-1]["beside"].items()
    assert haiku == ("claude-haiku-5-5", {"tokens": 2149, "cost_usd": pytest.approx(0.0002181)})
    assert all("beside" not in event for event in Heard("gemini").of("usage"))  # its own model only


def test_every_transcript_is_looked_at():
    assert {path.stem for path in FOLDER.iterdir()} == set(USED)
