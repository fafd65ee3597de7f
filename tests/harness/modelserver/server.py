"""The server: rules, the record of requests, and HTTP."""

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

from ..waiting import PATIENCE
from . import anthropic, chat, gemini, responses
from .replies import Reply, Turn, as_reply
from .requests import Request, tokens

APIS = (anthropic, responses, chat, gemini)

SIDE_ANSWERS = {
    "quota": "ok",
    "compact": "<analysis>short</analysis><summary>The conversation so far, in one line.</summary>",
    # auto mode's classifier reads the tag, a title request the JSON
    "helper": '<block>no</block>{"title": "A chat", "isNewTopic": false}',
}


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
        with self._news:
            (self.side if request.side else self.requests).append(request)
            turn = SIDE_ANSWERS[request.side] if request.side else self._next_turn(request)
            self._news.notify_all()
        return as_reply(turn(request) if callable(turn) else turn)

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
            self._send_json(200, {"input_tokens": tokens(body)})
        elif path.endswith(":countTokens"):
            self._send_json(200, {"totalTokens": tokens(body)})
        elif api := next((api for api in APIS if api.takes(path)), None):
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._model(api, api.request(path, body, headers))
        else:
            self.do_GET()

    def _model(self, api, request: Request) -> None:
        owner = self.server.owner
        reply = owner.answer(request)
        if not self._wait_at_gate(reply.gate):
            request.gone = True
            self.close_connection = True
            return
        try:
            if reply.error:
                self._send_json(reply.error.status, api.error(reply.error), dict(reply.error.headers))
            elif request.stream:
                self._stream(api.stream(owner.next_id(), request, reply), reply.pause)
            else:
                self._send_json(200, api.answer(owner.next_id(), request, reply))
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

    def _stream(self, events: Iterable[str], pause: float) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        for event in events:
            self.wfile.write(event.encode())
            self.wfile.flush()
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
