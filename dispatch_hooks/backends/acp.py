"""Agents that speak the Agent Client Protocol (agentclientprotocol.com, version 1): JSON-RPC, a message a line.

The order: initialize, authenticate where it is wanted, session/new or session/load, the model where only the session
takes it, session/prompt. What differs from agent to agent is in `quirks`; what may be done unasked is decided in
`rights`, so that every agent is asked to ask us before everything. A session that turns out to be gone is begun anew,
with all that is known of it.
"""

from __future__ import annotations

import json
import os

from dispatch_hooks import backends
from dispatch_hooks.backends import acp_errors, calls, events, quirks, rights, tokens

CLIENT = {"name": "dispatch-hooks", "version": "1"}
CAPABILITIES = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}

ENDED_BADLY = {
    "refusal": "the model refused",
    "max_tokens": "the model's answer was cut off: too long",
    "max_turn_requests": "too many model calls in one turn",
}
"""What a turn's stopReason says that is no ordinary end."""

TRIES = "its model did not answer: it tries again"

NOT_ALLOWED = "The person does not allow: {what}\n{why}\nGo on without it."


def program(task: dict, config: dict) -> str:
    return quirks.of(task["backend"], config)["argv"][0]


def resumes(task: dict, config: dict) -> bool:
    return True


class Talk(backends.Talk):
    def __init__(self, task: dict, run: dict, config: dict) -> None:
        self.task, self.run, self.quirk = task, run, quirks.of(task["backend"], config)
        super().__init__(*quirks.start(self.quirk, task, run["folder"]))
        self.session = run["session"] if run["resume"] else None
        self.not_before = quirks.not_before(self.quirk, run)
        self.used = tokens.Used(self.quirk["usage"], run["spent"], task["model"])
        self._prompt = run["prompt"]
        self._calls: dict[int, object] = {}  # what to do with the answer to a request of ours
        self._known: dict[str, dict] = {}  # what the agent told of a tool call, by its id
        self._granted: set[str] = set()  # tool calls that the person allowed, whatever else they ask for
        self._asks: dict[str, dict] = {}  # the open ones
        self._count = self._turns = 0  # requests of ours; prompts without their answer
        self._said, self._last = "", ""  # the message that is coming, the last whole one
        self._later: list[str] = []  # words for the next turn: what a no cannot carry
        self._loads, self._loading, self._replayed = False, False, 0
        self._figure: dict | None = None  # the last usage_update
        self._interrupted = False
        hello = {"protocolVersion": 1, "clientCapabilities": CAPABILITIES, "clientInfo": CLIENT}
        self.stdin = self._call("initialize", hello, self._open)

    @property
    def hears(self) -> bool:
        return self._ready and (self.quirk["steers"] or not self._turns)

    _ready = False

    # what it says

    def read(self, line: bytes) -> list[dict]:
        message = backends.message(line)
        try:
            return self._message(message)
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError):  # not the shape that we know
            return [_send(self._foreign(message))] if "id" in message and message.get("method") else []

    def _message(self, message: dict) -> list[dict]:
        params = message.get("params") or {}
        if message.get("method") == "session/update":
            return self._update(params["update"])
        if message.get("method") == "session/request_permission" and "id" in message:
            return self._asked(message["id"], params)
        if message.get("method") == "cursor/ask_question" and "id" in message:
            return self._asks_itself(message["id"], params)
        if message.get("method") and "id" in message:
            return [_send(self._foreign(message))]
        then = self._calls.pop(message.get("id"), None) if "method" not in message else None
        return then(_table(message.get("result")), _failure(message)) if then else []

    def _foreign(self, message: dict) -> str:
        """A request that we said we do not take, or that needs nobody's word."""
        if message["method"] == "cursor/create_plan":  # what is in it is asked when it is done
            return _line(id=message["id"], result={"outcome": {"outcome": "accepted"}})
        if self.quirk["writes_itself"] and message["method"] == "fs/write_text_file":
            return _line(id=message["id"], result={})
        return _line(id=message["id"], error={"code": -32601, "message": f"no {message['method']} here"})

    # the beginning

    def _open(self, result: dict, error: dict | None) -> list[dict]:
        self._loads = bool((result.get("agentCapabilities") or {}).get("loadSession"))
        if error or not self.quirk["login"]:
            return self._enter({}, error)
        return [_send(self._call("authenticate", {"methodId": self.quirk["login"]}, self._enter))]

    def _enter(self, result: dict, error: dict | None) -> list[dict]:
        if error:
            return self._failed(error)
        if self.run["resume"] and self._loads:
            self._loading = True
            where = {"sessionId": self.run["session"], **self._where()}
            return [_send(self._call("session/load", where, self._loaded))]
        if self.run["resume"]:
            return self._anew("its CLI loads no sessions")
        return [_send(self._call("session/new", self._where(), self._made))]

    def _where(self) -> dict:
        return {"cwd": os.path.realpath(self.run["cwd"]), "mcpServers": []}

    def _loaded(self, result: dict, error: dict | None) -> list[dict]:
        self._loading = False
        if error:
            return self._anew(acp_errors.words(error))
        if self.quirk["replays"] and not self._replayed:  # some load what they do not have, without a word
            return self._anew("nothing of it is left")
        return self._begin(self.run["session"], result)

    def _anew(self, why: str) -> list[dict]:
        """The session is gone: another one, which is told all that the first knew."""
        self._prompt, self.session = self.run["anew"], None
        self.used.forget()
        text = f"its earlier session cannot be resumed ({why}): begun anew"
        return [_activity(text), _send(self._call("session/new", self._where(), self._made))]

    def _made(self, result: dict, error: dict | None) -> list[dict]:
        return self._failed(error) if error else self._begin(result["sessionId"], result)

    def _begin(self, session: str, result: dict) -> list[dict]:
        self.session = session
        told = {"kind": "session", "id": session, "model": self.task["model"] or ""}
        try:
            choice = calls.choice_of_model(self.task["model"], self.quirk, result)
        except ValueError as why:
            return [told, *self._failed({"message": f"{self.task['backend']}: {why}"})]
        if choice is None:
            return [told, _send(self._first_prompt())]
        method, params = choice
        return [told, _send(self._call(method, {"sessionId": session, **params}, self._chosen))]

    def _chosen(self, result: dict, error: dict | None) -> list[dict]:
        return self._failed(error) if error else [_send(self._first_prompt())]

    def _first_prompt(self) -> str:
        self._ready = True
        return self._say(self._prompt)

    def _failed(self, error: dict) -> list[dict]:
        return [{"kind": "turn_end", "error": acp_errors.words(error), "text": "", "about": acp_errors.about(error)}]

    # a turn

    def _say(self, text: str) -> str:
        self._turns += 1
        self._interrupted = False
        prompt = {"sessionId": self.session, "prompt": [{"type": "text", "text": text}]}
        return self._call("session/prompt", prompt, self._turn_over)

    def _update(self, update: dict) -> list[dict]:
        kind = update["sessionUpdate"]
        if self._loading:
            self._replayed += kind == "user_message_chunk"
            return []
        figures = self._again(update) + self.used.update(update)
        if kind == "agent_message_chunk" and update["content"].get("type") == "text":
            return figures + self._chunk(update["content"]["text"])
        if kind in ("tool_call", "tool_call_update"):
            return figures + self._whole() + self._tool(update)
        return figures

    def _again(self, update: dict) -> list[dict]:
        """Figures come with each call of the model: the same ones once more are another try of it."""
        if not self.quirk["usage_retries"] or update["sessionUpdate"] != "usage_update":
            return []
        last, self._figure = self._figure, update
        return [{"kind": "retrying", "text": TRIES, "attempt": None}] if update == last else []

    def _chunk(self, text: str) -> list[dict]:
        """A piece of the model's message, or a line of the CLI's own among them."""
        if any(text.startswith(mark) for mark in self.quirk["retrying"]):
            self._figure = None  # that try has been told
            return [{"kind": "retrying", "text": text.strip(), "attempt": None}]
        if any(text.startswith(mark) for mark in self.quirk["aside"]):
            return []
        self._said += text
        return []

    def _whole(self) -> list[dict]:
        """The message that came in pieces: it is whole when something else comes."""
        text, self._said = self._said.strip(), ""
        self._last = text or self._last
        return [_activity(text)] if text else []

    def _tool(self, update: dict) -> list[dict]:
        call = calls.merged(self._known, update)
        status, text = update.get("status"), calls.line(call)
        if call["kind"] in rights.EDITING:
            return [_activity(text, call["paths"])] if status == "completed" else []
        if call.get("told") or not calls.about(call):
            return []
        call["told"] = True
        return [_activity(text)]

    def _turn_over(self, result: dict, error: dict | None) -> list[dict]:
        self._turns -= 1
        events = self._figures(result) + self._whole()
        if self._turns:  # another prompt joined this turn
            return events
        events += [{"kind": "withdrawn", "request": name} for name in self._asks]
        self._asks, later = {}, self._later
        self._later, last = [], self._last
        self._last = ""
        if later and not error and not self._interrupted:
            return [*events, _send(self._say("\n\n".join(later)))]
        end = {"kind": "turn_end", "error": self._error(result, error, last), "text": last}
        return [*events, {**end, "about": acp_errors.about(error)} if error else end]

    def _figures(self, result: dict) -> list[dict]:
        """A turn is over, whatever is odd about its figures."""
        try:
            return self.used.result(result)
        except (LookupError, TypeError, AttributeError, ValueError):
            return []

    def _error(self, result: dict, error: dict | None, last: str) -> str | None:
        if error:
            return acp_errors.words(error)
        if any(last.startswith(mark) for mark in self.quirk["error_text"]):
            return last
        return ENDED_BADLY.get(str(result.get("stopReason")))

    # asks

    def _asked(self, number: object, params: dict) -> list[dict]:
        call = calls.merged(self._known, params["toolCall"])
        ask = {"kind": "ask", "request": json.dumps(number), **calls.asked(call, params["toolCall"])}
        ask |= {"options": [_option(one) for one in params["options"]], "call": call["id"]}
        events = self._whole()
        questions = calls.questions(call)
        if questions:
            self._asks[ask["request"]] = ask = {**ask, "questions": questions}
            return [*events, ask]
        if call["id"] in self._granted:
            return [*events, _send(self._choose(ask, "allow"))]
        if rights.decide(call, self.task, self.run["folder"], self.run["cwd"]) == rights.ALLOW:
            return [*events, *self._allowed(call), _send(self._choose(ask, "allow"))]
        self._asks[ask["request"]] = ask
        return [*events, ask]

    def _asks_itself(self, number: object, params: dict) -> list[dict]:
        ask = {"kind": "ask", "request": json.dumps(number), **calls.cursors_ask(params)}
        if not events.sound(ask):
            raise ValueError("nothing is asked")
        self._asks[ask["request"]] = ask
        return [*self._whole(), ask]

    def _allowed(self, call: dict) -> list[dict]:
        """What is done unasked, where only its ask tells of it (gemini's commands); edits are told when done."""
        if call["told"] or call["kind"] in rights.EDITING or call["kind"] not in calls.NAMES:
            return []
        call["told"] = True
        return [_activity(calls.line(call))]

    def reply(self, ask: dict, answers: list[str]) -> str | None:
        if "asked" in ask:
            return self._outcome(ask, calls.cursors_answer(ask["asked"], answers))
        if ask["questions"][0]["kind"] == "question":
            given = {str(n): text for n, text in enumerate(answers)}
            return self._choose(ask, "allow", answers=given)
        if answers[0]:
            return self.refuse(ask, answers[0])
        self._granted.add(ask["call"])
        return self._choose(ask, "allow")

    def refuse(self, ask: dict, why: str) -> str | None:
        """No answer to a permission's ask has room for a reason: it is said with the next turn."""
        if "asked" in ask:
            return self._outcome(ask, {"outcome": "skipped", "reason": why})
        if self.quirk["no_ends_turn"] or why != backends.SAID_NO:
            self._later.append(NOT_ALLOWED.format(what=ask["questions"][0]["text"], why=why))
        return self._choose(ask, "reject")

    def _choose(self, ask: dict, kind: str, **more) -> str:
        """The option for this one time; the options' names differ from agent to agent, their kinds do not."""
        kinds = {option.get("kind"): option["optionId"] for option in ask["options"]}
        option = kinds.get(f"{kind}_once", kinds.get(f"{kind}_always"))
        outcome = {"outcome": "selected", "optionId": option} if option else {"outcome": "cancelled"}
        return self._outcome(ask, outcome, **more)

    def _outcome(self, ask: dict, outcome: dict, **more) -> str:
        self._asks.pop(ask["request"], None)
        return _line(id=json.loads(ask["request"]), result={"outcome": outcome, **more})

    # what it is told

    def note(self, text: str) -> str | None:
        return self._say(text) if self._ready else None

    def interrupt(self) -> str | None:
        """Ends the turn; what it asks meanwhile is answered, as the protocol wants it."""
        if not self._turns:
            return None
        self._interrupted = True
        answers = [_line(id=json.loads(name), result={"outcome": {"outcome": "cancelled"}}) for name in self._asks]
        return _line(method="session/cancel", params={"sessionId": self.session}) + "".join(answers)

    def _call(self, method: str, params: dict, then) -> str:
        self._count += 1
        self._calls[self._count] = then
        return _line(id=self._count, method=method, params=params)


talk = Talk


def _line(**message) -> str:
    return json.dumps({"jsonrpc": "2.0", **message}) + "\n"


def _send(text: str) -> dict:
    return {"kind": "send", "text": text}


def _activity(text: str, files: list[str] | None = None) -> dict:
    return {"kind": "activity", "text": text, "files": files or []}


def _table(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _failure(message: dict) -> dict | None:
    error = message.get("error")
    return error if isinstance(error, dict) or not error else {"message": str(error)}


def _option(given: dict) -> dict:
    return {"optionId": str(given["optionId"]), "kind": str(given.get("kind"))}
