"""A scripted Anthropic Messages API on loopback.

    with ModelServer() as server:
        server.rule("review the auth module", tool("Bash", command="ls"), text("reviewed"))
        server.rule(lambda r: "hello" in r.last_user_text, text("hi"))

A request is answered by the first rule that fits it and still has turns; a rule keeps count of its own turns, so a
session that is resumed goes on where it was. Where no rule fits the answer is "ok".

Claude Code sends requests of its own beside the conversation (see `side_kind`). They get a sensible answer, use up
no turn and are kept apart, in `server.side`.
"""

import argparse
import contextlib
import json
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

from .waiting import PATIENCE

# ---- replies


@dataclass(frozen=True)
class Reply:
    """What the model says: content blocks, or an error. `a + b` says both in one message."""

    blocks: tuple[dict, ...] = ()
    error: tuple[int, dict, dict] | None = None  # status, body, headers
    gate: str | None = None  # sent only after server.release(gate)
    pause: float = 0  # seconds between two pieces of the stream

    def __add__(self, other: "Reply") -> "Reply":
        return replace(self, blocks=self.blocks + other.blocks)


Turn = Reply | str | Callable[["Request"], "Reply | str"]


def text(words: str) -> Reply:
    return Reply(({"type": "text", "text": words},))


def tool(name: str, **arguments) -> Reply:
    return Reply(({"type": "tool_use", "name": name, "input": arguments},))


def tools(*calls: Reply) -> Reply:
    """Several calls in one message, which Claude Code may run at the same time."""
    return sum(calls, Reply())


def error(status: int, type: str = "api_error", message: str = "scripted", retry_after: float | None = None) -> Reply:
    """An API error. Claude Code tries 401, 429, 5xx ten times, for three minutes; a 400 six times in a third of a
    second, leaving newer features out. So give the rule `repeat=True`.
    """
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return Reply(error=(status, {"type": "error", "error": {"type": type, "message": message}}, headers))


def hold(gate: str, reply: Reply | str = "ok") -> Reply:
    """A reply of which nothing is sent before `server.release(gate)`."""
    return replace(_reply(reply), gate=gate)


def hang() -> Reply:
    """No answer until the client goes away or the server is closed."""
    return Reply(gate="never")


def slow(words: str, pause: float = 0.2) -> Reply:
    """Text that comes a word at a time."""
    return replace(text(words), pause=pause)


def _reply(turn: Reply | str) -> Reply:
    return text(turn) if isinstance(turn, str) else turn


# ---- requests


@dataclass
class Request:
    """One POST /v1/messages."""

    raw: dict
    headers: dict[str, str]  # names in lower case
    time: float = field(default_factory=time.time)
    gone: bool = False  # the client hung up before it had the whole answer

    @property
    def model(self) -> str:
        return self.raw.get("model", "")

    @property
    def messages(self) -> list[dict]:
        return self.raw.get("messages", [])

    @property
    def tools(self) -> list[str]:
        return [tool["name"] for tool in self.raw.get("tools", []) if "name" in tool]

    @property
    def session(self) -> str:
        """The session id, as Claude Code gives it in a header and in the metadata."""
        return self.headers.get("x-claude-code-session-id", "")

    @property
    def interactive(self) -> bool:
        """True for a chat in a terminal, False for `claude -p` (and so for a worker)."""
        return "(external, cli" in self.headers.get("user-agent", "")

    @property
    def texts(self) -> list[tuple[str, str]]:
        """(role, text) of every text block, the system prompt first, tool results left out."""
        prompt = [("system", words) for words in _texts(self.raw.get("system"))]
        return prompt + [(m["role"], words) for m in self.messages for words in _texts(m["content"])]

    @property
    def system_text(self) -> str:
        """The system prompt and what Claude Code (and hooks) say as system in mid-conversation."""
        return "\n".join(words for role, words in self.texts if role == "system")

    @property
    def user_texts(self) -> list[str]:
        """What stands in user messages, a text for each that has any; a wake too, but no other system reminder."""
        texts = ["\n".join(filter(_is_said, _texts(m["content"]))) for m in self.messages if m["role"] == "user"]
        return [words for words in texts if words]

    @property
    def first_user_text(self) -> str:
        return next(iter(self.user_texts), "")

    @property
    def last_user_text(self) -> str:
        return next(reversed(self.user_texts), "")

    @property
    def tool_results(self) -> list[str]:
        blocks = [b for m in self.messages if isinstance(m["content"], list) for b in m["content"]]
        return ["\n".join(_texts(b.get("content"))) for b in blocks if b["type"] == "tool_result"]

    @property
    def all_text(self) -> str:
        return "\n".join([words for _, words in self.texts] + self.tool_results)

    def __repr__(self) -> str:
        said = self.last_user_text[-80:]
        return f"<Request {self.model} {self.session[:8]} {len(self.messages)} messages: {said!r}>"


def host(words: str = "") -> Callable[[Request], bool]:
    """What a chat in a terminal sends while the words are the newest from its user (or from a wake)."""
    return lambda request: request.interactive and words in request.last_user_text


def worker(words: str = "") -> Callable[[Request], bool]:
    """What `claude -p` sends when the words are in its first prompt."""
    return lambda request: not request.interactive and words in request.first_user_text


def _texts(content: str | list | None) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content or [] if block.get("type") == "text"]


def side_kind(request: Request) -> str | None:
    """Why Claude Code sent this beside the conversation, or None for a turn of the conversation.

    quota    max_tokens is 1: a look at the account when a session starts.
    compact  the last message asks for a <summary> and forbids tools: /compact and automatic compaction.
    helper   no tools at all: titles, the classifier of auto mode, suggestions, the summary of a command's output.
    """
    if request.raw.get("max_tokens") == 1:
        return "quota"
    last = request.messages[-1:]
    if any("<summary>" in words and "Do NOT call any tools" in words for m in last for words in _texts(m["content"])):
        return "compact"
    return None if request.raw.get("tools") else "helper"


SIDE_ANSWERS = {
    "quota": "ok",
    "compact": "<analysis>short</analysis><summary>The conversation so far, in one line.</summary>",
    # auto mode's classifier reads the tag, a title request the JSON
    "helper": '<block>no</block>{"title": "A chat", "isNewTopic": false}',
}


def _is_said(words: str) -> bool:
    return not words.startswith("<system-reminder>") or "<task-notification>" in words


# ---- the server


@dataclass
class Rule:
    when: Callable[[Request], bool]
    turns: list[Turn]
    repeat: bool = False
    used: int = 0


class ModelServer:
    """`requests` are the turns of conversations in the order of arrival, `side` the rest."""

    def __init__(self, port: int = 0):
        self.requests: list[Request] = []
        self.side: list[Request] = []
        self._rules: list[Rule] = []
        self._gates: dict[str, threading.Event] = {}
        self._news = threading.Condition()
        self._ids = count(1)
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.owner = self
        self.closed = threading.Event()
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()

    def __enter__(self) -> "ModelServer":
        return self

    def __exit__(self, *_exc) -> None:
        self.close()

    def close(self) -> None:
        self.closed.set()
        self._http.shutdown()
        self._http.server_close()

    # what tests say

    def rule(self, when: str | Callable[[Request], bool], *turns: Turn, repeat: bool = False) -> Rule:
        """Answer with `turns`, one after the other, what fits `when`; with `repeat` the last one for ever.

        A text as `when` must occur in the first user message of the conversation.
        """
        fits = when if callable(when) else (lambda r: when in r.first_user_text)
        rule = Rule(fits, list(turns), repeat)
        with self._news:
            self._rules.append(rule)
        return rule

    def release(self, gate: str) -> None:
        """Let what is held at the gate go, and all that comes to it later."""
        self._gate(gate).set()

    def calls(self, when: Callable[[Request], bool] = lambda _: True) -> int:
        return len(self.matching(when))

    def matching(self, when: Callable[[Request], bool]) -> list[Request]:
        with self._news:
            return [request for request in self.requests if when(request)]

    def wait_for(self, when: Callable[[Request], bool], timeout: float = PATIENCE, nth: int = 1) -> Request:
        """The nth request that fits, at once or as soon as it comes."""
        with self._news:
            if not self._news.wait_for(lambda: sum(map(when, self.requests)) >= nth, timeout):
                seen = "\n".join(map(repr, self.requests)) or "none"
                raise AssertionError(f"no such request within {timeout} s; there were:\n{seen}")
            return [request for request in self.requests if when(request)][nth - 1]

    # what the handler asks

    def answer(self, request: Request) -> Reply:
        kind = side_kind(request)
        with self._news:
            (self.side if kind else self.requests).append(request)
            turn = SIDE_ANSWERS[kind] if kind else self._next_turn(request)
            self._news.notify_all()
        return _reply(turn(request) if callable(turn) else turn)

    def next_id(self) -> int:
        return next(self._ids)

    def gate_is_open(self, gate: str) -> bool:
        return self._gate(gate).is_set()

    def _next_turn(self, request: Request) -> Turn:
        for rule in self._rules:
            if (rule.used < len(rule.turns) or rule.repeat) and rule.when(request):
                rule.used += 1
                return rule.turns[min(rule.used, len(rule.turns)) - 1]
        return "ok"

    def _gate(self, name: str) -> threading.Event:
        with self._news:
            return self._gates.setdefault(name, threading.Event())


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    owner: ModelServer

    def handle_error(self, request, client_address) -> None:
        """A client that hangs up in the middle is ordinary here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Http

    def log_message(self, *_args) -> None:
        pass

    def do_HEAD(self) -> None:
        self._send(200, b"")

    def do_GET(self) -> None:
        self._send_json(404, {"type": "error", "error": {"type": "not_found_error", "message": self.path}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        path = self.path.split("?")[0]
        if path.endswith("/count_tokens"):
            self._send_json(200, {"input_tokens": _tokens(body)})
        elif path.endswith("/messages"):
            self._messages(Request(body, {name.lower(): value for name, value in self.headers.items()}))
        else:
            self.do_GET()

    def _messages(self, request: Request) -> None:
        owner = self.server.owner
        reply = owner.answer(request)
        if not self._wait_at_gate(reply.gate):
            request.gone = True
            self.close_connection = True
            return
        if reply.error:
            status, body, headers = reply.error
            self._send_json(status, body, headers)
            return
        message = _message(owner.next_id(), request, reply)
        try:
            if request.raw.get("stream"):
                self._stream(message, reply.pause)
            else:
                self._send_json(200, message)
        except OSError:
            request.gone = True
            self.close_connection = True

    def _wait_at_gate(self, gate: str | None) -> bool:
        """False when the client left or the server closed before the gate opened."""
        owner = self.server.owner
        while gate and not owner.gate_is_open(gate):
            if owner.closed.wait(0.02) or self._client_left():
                return False
        return True

    def _client_left(self) -> bool:
        readable, _, _ = select.select([self.connection], [], [], 0)
        with contextlib.suppress(OSError):
            return bool(readable) and self.connection.recv(1, socket.MSG_PEEK) == b""
        return True

    def _stream(self, message: dict, pause: float) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in _events(message):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
            self.wfile.flush()
            if pause and event["type"] == "content_block_delta":
                time.sleep(pause)

    def _send_json(self, status: int, body: dict, headers: dict | None = None) -> None:
        self._send(status, json.dumps(body).encode(), {"content-type": "application/json", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# ---- the shape of answers


def _tokens(body: object) -> int:
    return len(json.dumps(body)) // 4


def _message(number: int, request: Request, reply: Reply) -> dict:
    blocks = list(reply.blocks) or [{"type": "text", "text": "ok"}]
    content = [{**b, "id": f"toolu_{number}_{i}"} if b["type"] == "tool_use" else b for i, b in enumerate(blocks)]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": "tool_use" if any(b["type"] == "tool_use" for b in blocks) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": _tokens(request.messages), "output_tokens": _tokens(content)},
    }


def _events(message: dict) -> Iterable[dict]:
    """The message as the API streams it."""
    start = {**message, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": message["usage"]["output_tokens"]},
    }
    yield {"type": "message_stop"}


def _deltas(block: dict) -> Iterable[dict]:
    if block["type"] == "tool_use":
        yield {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        return
    for word in re.findall(r"\s*\S+|\s+", block["text"]):
        yield {"type": "text_delta", "text": word}


# ---- alone, for a person to try


def _turn_of(entry: str | dict | list) -> Reply:
    """A turn in a script file: "text", {"tool": NAME, "input": {…}}, {"hold": GATE, "then": TURN}; a list: all."""
    if isinstance(entry, list):
        return sum(map(_turn_of, entry), Reply())
    if isinstance(entry, str):
        return text(entry)
    if "hold" in entry:
        return hold(entry["hold"], _turn_of(entry.get("then", "ok")))
    return tool(entry["tool"], **entry["input"])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="modelserver", description="A scripted Messages API; prints its URL.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path, help='JSON: [{"when": "words", "turns": [...], "repeat": false}]')
    options = parser.parse_args(argv)
    with ModelServer(options.port) as server:
        for rule in json.loads(options.script.read_text()) if options.script else []:
            server.rule(rule["when"], *map(_turn_of, rule["turns"]), repeat=rule.get("repeat", False))
        print(server.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.closed.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
