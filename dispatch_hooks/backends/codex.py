"""Codex as a worker: `codex app-server`, its own JSON-RPC, a message a line (docs/backends.md).

The order: initialize, account/read (without a login it would try for ever), config/read (whom does the person trust?),
thread/start or thread/resume, turn/start.
A turn/start while a turn runs steers it, so a note is one, too. What the worker may do is a permission profile that is
sent with the thread, and no file of a repository has a say in it (`codex_rights`); what codex tells and asks is put
into words in `codex_items`.
"""

from __future__ import annotations

import json
import os

from dispatch_hooks import backends
from dispatch_hooks.backends import codex_items, codex_rights, events

CLIENT = {"name": "dispatch-hooks", "version": "1"}

FEATURES = {
    # the model's questions come to us, and not only in plan mode
    "default_mode_request_user_input": "true",
    # an endpoint that is not there would be tried for ever
    "unbounded_connection_retries": "false",
}

LOGIN = "not logged in"

UNPROTECTED = "codex does not take the limits that it was given: update it, or ask who administers it"

NOT_ALLOWED = "The person does not allow: {what}\n{why}"


def program(task: dict, config: dict) -> str:
    """The CLI; behind npm's launcher the program itself, which starts twice as fast and hears signals."""
    named = config["backends"].get("codex", {}).get("program", "codex")
    found = backends.which(named, os.environ.get("PATH", os.defpath))
    return (found and _native(found)) or named


def _native(launcher: str) -> str | None:
    real = os.path.realpath(launcher)
    if os.path.basename(real) != "codex.js":
        return None
    import glob

    package = os.path.dirname(os.path.dirname(real))
    places = (os.path.join(package, "node_modules/@openai"), os.path.dirname(package))
    found = [path for place in places for path in glob.glob(f"{glob.escape(place)}/codex-*/vendor/*/bin/codex")]
    return found[0] if len(found) == 1 else None


def resumes(task: dict, config: dict) -> bool:
    return True


class Talk(backends.Talk):
    def __init__(self, task: dict, run: dict, config: dict) -> None:
        words = [word for name, value in FEATURES.items() for word in ("-c", f"features.{name}={value}")]
        self._profile, self._projects = codex_rights.profile(task), {}
        super().__init__([program(task, config), "app-server", *words], codex_rights.room(run, self._profile))
        self.task, self.run = task, run
        self.session = run["session"] if run["resume"] else None
        self._prompt = run["prompt"]
        self._calls: dict[int, object] = {}  # what to do with the answer to a request of ours
        self._count = self._starting = 0  # requests of ours; turns that we began and have not heard of yet
        self._turn: str | None = None  # the one that runs
        self._over: dict | None = None  # the end of a turn, while another one is being begun
        self._later: list[str] = []  # words that the running turn did not take
        self._items: dict[str, dict] = {}  # file changes that are going on, by their id
        self._last, self._tries = "", 0
        self._used = codex_items.Used()
        hello = {"clientInfo": CLIENT, "capabilities": {"experimentalApi": True}}
        self.stdin = self._call("initialize", hello, self._greeted)

    @property
    def hears(self) -> bool:
        return self._ready

    _ready = False

    # what it says

    def read(self, line: bytes) -> list[dict]:
        message = backends.message(line)
        try:
            return self._message(message)
        except (LookupError, TypeError, AttributeError, ValueError, RecursionError):  # not the shape that we know
            return _turned_down(message)

    def _message(self, message: dict) -> list[dict]:
        method, params = message.get("method"), message.get("params") or {}
        if method is None:
            then = self._calls.pop(message.get("id"), None)
            return then(message.get("result") or {}, _failure(message)) if then else []
        if "id" in message:
            return self._asked(message["id"], method, params)
        hear = HEAR.get(method)
        return hear(self, params) if hear else []

    # the beginning

    def _greeted(self, result: dict, error: dict | None) -> list[dict]:
        if error:
            return self._failed(error)
        account = self._call("account/read", {}, self._known)
        return [_send(_line(method="initialized") + account)]

    def _known(self, result: dict, error: dict | None) -> list[dict]:
        if result.get("requiresOpenaiAuth") and not result.get("account"):
            return self._failed({"message": LOGIN})
        return [_send(self._call("config/read", {}, self._trusting))]

    def _trusting(self, result: dict, error: dict | None) -> list[dict]:
        self._projects = (result.get("config") or {}).get("projects") or {}
        return [_send(self._resume() if self.run["resume"] else self._start())]

    def _start(self) -> str:
        return self._call("thread/start", self._limits(), self._began)

    def _resume(self) -> str:
        thread = {"threadId": self.run["session"], "excludeTurns": True}
        return self._call("thread/resume", {**self._limits(), **thread}, self._resumed)

    def _limits(self) -> dict:
        return {**codex_rights.of(self.task, self.run, self._profile, self._projects), **_model(self.task)}

    def _resumed(self, result: dict, error: dict | None) -> list[dict]:
        if not error:
            return self._began(result, None)
        self._prompt, self.session = self.run["anew"], None
        text = f"its earlier session cannot be resumed ({_words(error)}): begun anew"
        return [_activity(text), _send(self._start())]

    def _began(self, result: dict, error: dict | None) -> list[dict]:
        if error:
            return self._failed(error)
        profile = result.get("activePermissionProfile") or {}
        if profile.get("id") != self._profile:
            return self._failed({"message": UNPROTECTED})
        self.session, self._ready = result["thread"]["id"], True
        told = {"kind": "session", "id": self.session, "model": str(result.get("model") or "")}
        return [told, _send(self._say(self._prompt))]

    def _failed(self, error: dict) -> list[dict]:
        return [_end(_words(error), "")]

    # turns

    def _say(self, text: str) -> str:
        self._starting += 1
        given = {"threadId": self.session, "input": [{"type": "text", "text": text}]}
        return self._call("turn/start", given, lambda result, error: self._said(text, result, error))

    def _said(self, text: str, result: dict, error: dict | None) -> list[dict]:
        """The answer to a turn/start: the turn that it began, or joined."""
        self._starting -= 1
        over, self._over = self._over, None
        if error and self._turn:  # not every turn can be steered
            self._later.append(text)
            return []
        if error:
            return [over] if over else self._failed(error)
        turn = result["turn"]["id"]
        if over and over["turn"] == turn:  # it came too late for the turn that it joined
            return [over]
        self._turn = turn
        return []

    def _turn_started(self, params: dict) -> list[dict]:
        self._turn = params["turn"]["id"] if self._own(params) else self._turn
        return []

    def _turn_completed(self, params: dict) -> list[dict]:
        if not self._own(params):
            return []
        told, last = params.get("turn"), self._last
        turn = told if isinstance(told, dict) else {}
        self._turn, self._last = None, ""
        end = {**_end(_why(turn), last), "turn": turn.get("id"), "about": codex_items.about(turn.get("error"))}
        if self._starting:  # words of ours are on their way: they begin another one, or that is heard then
            self._over = end
            return []
        later, self._later = "\n\n".join(self._later), []
        return [_send(self._say(later))] if later else [end]

    def _own(self, params: dict) -> bool:
        """Whether it is about the worker itself, and not about a helper that it sent out."""
        return params["threadId"] == self.session

    # what happens in a turn

    def _item_started(self, params: dict) -> list[dict]:
        item = params["item"]
        if item["type"] == "fileChange":
            self._items[item["id"]] = item
        text = codex_items.begun(item) if self._own(params) else ""
        return [_activity(text)] if text else []

    def _item_completed(self, params: dict) -> list[dict]:
        item = params["item"]
        if item["type"] == "fileChange":
            self._items.pop(item["id"], None)
            return [_activity(f"Edit: {path}", [path]) for path in codex_items.changed(item)]
        if item["type"] != "agentMessage" or not self._own(params) or not item["text"].strip():
            return []
        if item.get("questions"):
            return [codex_items.async_ask(item)]
        self._last = item["text"].strip()
        return [_activity(self._last)]

    def _error(self, params: dict) -> list[dict]:
        if not params.get("willRetry"):  # then the turn ends, and says why
            return []
        self._tries += 1
        text = f"retrying ({codex_items.trouble(params['error'])})"
        return [{"kind": "retrying", "text": text, "attempt": self._tries, **codex_items.about(params["error"])}]

    def _tokens(self, params: dict) -> list[dict]:
        self._tries = 0
        usage = self._used.hear(params["threadId"], params["tokenUsage"], self._turn is not None)
        return [usage, {"kind": "turn", "n": self._used.calls}]

    # asks

    def _asked(self, number: object, method: str, params: dict) -> list[dict]:
        asks = codex_items.ASKS.get(method)
        found = asks(params, self._items) if asks else None
        ask = {"kind": "ask", "request": json.dumps(number), **(found or {})}
        return [ask] if events.sound(ask) else _turned_down({"id": number, "method": method})

    def _resolved(self, params: dict) -> list[dict]:
        """An ask is over: we answered it, or it has been taken back."""
        return [{"kind": "withdrawn", "request": json.dumps(params["requestId"])}]

    def reply(self, ask: dict, answers: list[str]) -> str | None:
        if ask["questions"][0]["kind"] == "permission" and answers[0]:
            return self.refuse(ask, answers[0])
        if ask["request"].startswith(codex_items.ASYNC):
            said = zip(ask["questions"], answers, strict=True)
            return self._say("\n".join(f"You asked: {q['text']}\nThe person answers: {text}" for q, text in said))
        return _line(id=json.loads(ask["request"]), result=codex_items.yes(ask, answers))

    def refuse(self, ask: dict, why: str) -> str | None:
        """No answer to an ask has room for a reason: it is said before, and read with the refusal."""
        if ask["request"].startswith(codex_items.ASYNC):
            return self._say(why)
        words = NOT_ALLOWED.format(what=ask["questions"][0]["text"], why=why)
        said = "" if why == backends.SAID_NO else self._say(words)
        return said + _line(id=json.loads(ask["request"]), result=codex_items.no(ask))

    # what it is told

    def note(self, text: str) -> str | None:
        return self._say(text) if self._ready else None

    def interrupt(self) -> str | None:
        """Ends the turn, and its commands, which outlive it otherwise."""
        if self._turn is None:
            return None
        thread = {"threadId": self.session}
        interrupt = self._call("turn/interrupt", {**thread, "turnId": self._turn}, _nothing)
        return interrupt + self._call("thread/backgroundTerminals/clean", thread, _nothing)

    def _used_up(self, params: dict) -> list[dict]:
        """A window of the plan's limits that is used up: when the last of them is over."""
        windows = [params["rateLimits"].get(name) or {} for name in ("primary", "secondary")]
        ends = [window.get("resetsAt") for window in windows if window.get("usedPercent", 0) >= 100]
        return [{"kind": "limit", "resets": max(filter(None, ends))}] if any(ends) else []

    def _call(self, method: str, params: dict, then) -> str:
        self._count += 1
        self._calls[self._count] = then
        return _line(id=self._count, method=method, params=params)


talk = Talk

HEAR = {
    "turn/started": Talk._turn_started,
    "turn/completed": Talk._turn_completed,
    "item/started": Talk._item_started,
    "item/completed": Talk._item_completed,
    "error": Talk._error,
    "thread/tokenUsage/updated": Talk._tokens,
    "serverRequest/resolved": Talk._resolved,
    "account/rateLimits/updated": Talk._used_up,
}
"""The notifications that say something, of some seventy."""


def _model(task: dict) -> dict:
    return {"model": task["model"]} if task["model"] else {}


def _nothing(result: dict, error: dict | None) -> list[dict]:
    return []


def _turned_down(message: dict) -> list[dict]:
    """An answer to a request that we do not take, or not in this shape: its sender waits for one."""
    if "id" not in message or "method" not in message:
        return []
    return [_send(_line(id=message["id"], error={"code": -32601, "message": f"no {message['method']} here"}))]


def _failure(message: dict) -> dict | None:
    error = message.get("error")
    return error if isinstance(error, dict) or error is None else {"message": str(error)}


def _why(turn: dict) -> str | None:
    """What was wrong with a turn that is over."""
    if turn.get("status") == "failed" or turn.get("error"):
        return codex_items.trouble(turn.get("error"))
    return "interrupted" if turn.get("status") == "interrupted" else None


def _words(error: dict) -> str:
    return str(error.get("message") or "").strip() or "error"


def _line(**message) -> str:
    return json.dumps(message) + "\n"


def _send(text: str) -> dict:
    return {"kind": "send", "text": text}


def _activity(text: str, files: list[str] | None = None) -> dict:
    return {"kind": "activity", "text": text, "files": files or []}


def _end(error: str | None, text: str) -> dict:
    return {"kind": "turn_end", "error": error, "text": text}
