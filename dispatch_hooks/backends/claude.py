"""Claude Code as a worker: `claude -p` over stream-json both ways, one JSON message a line.

Measured (docs/claude-code.md): permission asks and AskUserQuestion arrive as control requests and may be
answered whenever; a user message sent while it works reaches the model with the next tool result; subtype says
"success" even for API errors, so is_error is what counts; a result is the last one only while no background command
runs; the cost is cumulative over a session.
"""

from __future__ import annotations

import json

from dispatch_hooks import backends
from dispatch_hooks.backends import events, tokens

MODES = {"ask": "acceptEdits", "auto": "acceptEdits", "bypass": "bypassPermissions"}

HOUR = "3600000"
"""Milliseconds that a shell command may take: an unanswered `dispatch-hooks ask` must not be moved away."""

TRIES = 10
"""How often Claude Code tries its model again: for three minutes, then it gives up."""

TELLING = ("command", "file_path", "pattern", "url", "query", "description")
"""The fields of a tool's input that say what a call is about, the best first."""

COUNTED = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
"""What of a model's figures are its tokens."""

EDITS = ("Edit", "Write", "MultiEdit", "NotebookEdit")


def program(task: dict, config: dict) -> str:
    return config["backends"].get("claude", {}).get("program", "claude")


def resumes(task: dict, config: dict) -> bool:
    return True


class Talk(backends.Talk):
    def __init__(self, task: dict, run: dict, config: dict) -> None:
        run = {**run, "session": run["session"] or backends.new_id()}
        spec = start(task, run, config)
        super().__init__(spec["argv"], spec["env"])
        self.stdin, self.session = spec["stdin"], run["session"]
        self._before = run["spent"].get("cost_usd") or 0
        self._used = {"tokens": 0, "input": 0, "output": 0}
        self._calls: dict[str, dict] = {}
        self._turns = 0
        self._model, self._models = "", tokens.Models()

    def read(self, line: bytes) -> list[dict]:
        events = [self._total(event) if event["kind"] == "usage" else event for event in read(line)]
        self._model = next((str(event["model"]) for event in events if event["kind"] == "session"), self._model)
        return self._call(line) + events if b'"assistant"' in line[:100] else events

    def _call(self, line: bytes) -> list[dict]:
        """What one call of the model used, in the middle of a turn: the result tells the same once more."""
        message = backends.message(line)
        try:
            said, used = message["message"], _used(message["message"]["usage"])
            new = said["id"] not in self._calls and not message.get("parent_tool_use_id")
            self._calls[said["id"]] = used
        except (KeyError, TypeError, AttributeError):
            return []
        self._turns += new
        so_far = {key: self._used[key] + sum(call[key] for call in self._calls.values()) for key in self._used}
        return [{"kind": "turn", "n": self._turns}, {"kind": "usage", **so_far, "cost_usd": None}]

    def _total(self, event: dict) -> dict:
        """Tokens are told since the last result, the cost since the session's beginning."""
        for key in self._used:  # a result that tells of a cap does not tell what was used
            self._used[key] += max(event[key], sum(call[key] for call in self._calls.values()))
        self._calls = {}
        for name, used in event["models"].items():
            self._models.add(name, **used)
        cost = event["cost_usd"]
        told = {"kind": "usage", **self._used, **self._models.told(self._model)}
        return {**told, "cost_usd": None if cost is None else max(0.0, cost - self._before)}

    def reply(self, ask: dict, answers: list[str]) -> str | None:
        return reply(ask, answers)

    def refuse(self, ask: dict, why: str) -> str | None:
        return refuse(ask, why)

    def note(self, text: str) -> str | None:
        return note(text)

    def interrupt(self) -> str | None:
        return interrupt()


talk = Talk


def start(task: dict, run: dict, config: dict) -> dict:
    own = "Bash(dispatch-hooks ask:*),Bash(dispatch-hooks flag:*)"
    argv = [program(task, config), "-p", "--input-format", "stream-json", "--output-format", "stream-json"]
    argv += ["--verbose", "--permission-prompt-tool", "stdio", "--permission-mode", _mode(task)]
    argv += ["--model", full_name(task["model"])] if task["model"] else []
    argv += ["--resume" if run["resume"] else "--session-id", run["session"]]
    argv += ["--add-dir", run["folder"]]
    argv += ["--allowedTools", own if task["permissions"] != "auto" or task["read_only"] else f"{own},Bash"]
    argv += [f"Edit(/{run['folder']}/**)"] if task["read_only"] else []
    argv += _caps(run.get("left") or {})
    env = {"BASH_DEFAULT_TIMEOUT_MS": HOUR, "BASH_MAX_TIMEOUT_MS": HOUR, "DISABLE_AUTOUPDATER": "1", **_tries(config)}
    return {"argv": argv, "env": env, "stdin": note(run["prompt"])}


def _tries(config: dict) -> dict:
    """Fewer tries than its own ten, where the person wants fewer: then it says itself what was wrong with the last."""
    most = config.get("max_retries", TRIES + 1) - 1
    return {"CLAUDE_CODE_MAX_RETRIES": str(most)} if most < TRIES else {}


def _caps(left: dict) -> list[str]:
    """Its own caps, which count from the start of a process."""
    argv = ["--max-budget-usd", f"{max(left['usd'], 0.0001):.4f}"] if "usd" in left else []
    return argv + (["--max-turns", f"{max(int(left['turns']), 1)}"] if "turns" in left else [])


def full_name(model: str) -> str:
    """A spoken version as Claude Code knows it: opus-4.6 is claude-opus-4-6; other names are as they are."""
    family, _, version = model.partition("-")
    if family in ("opus", "sonnet", "haiku", "fable") and version[:1].isdigit():
        return f"claude-{family}-{version.replace('.', '-')}"
    return model


def _mode(task: dict) -> str:
    return "default" if task["read_only"] else MODES[task["permissions"]]


def read(line: bytes) -> list[dict]:
    message = backends.message(line)
    kind = message.get("type")
    handle = _READERS.get(kind) if isinstance(kind, str) else None
    try:
        return handle(message) if handle else []
    except (KeyError, TypeError, AttributeError):  # not the shape that we know: never a reason to lose a worker
        return _turned_down(message) if kind == "control_request" else []


def _system(message: dict) -> list[dict]:
    if message["subtype"] == "init":
        return [{"kind": "session", "id": message["session_id"], "model": message.get("model", "")}]
    if message["subtype"] == "background_tasks_changed":
        return [{"kind": "background", "running": len(message["tasks"])}]
    if message["subtype"] == "api_retry":
        status = message.get("error_status") or "no answer"
        attempt = message.get("attempt")
        told = {"attempt": attempt, "status": message.get("error_status")}
        return [{"kind": "retrying", "text": f"retrying ({status}, attempt {attempt})", **told}]
    return []


def _assistant(message: dict) -> list[dict]:
    if message.get("parent_tool_use_id"):
        return []
    return [event for block in message["message"]["content"] for event in _block(block)]


def _block(block: dict) -> list[dict]:
    if block["type"] == "tool_use":
        given = block["input"]
        changed = [given["file_path"]] if block["name"] in EDITS and given.get("file_path") else []
        return [{"kind": "activity", "text": tool_line(block["name"], given), "files": changed}]
    if block["type"] == "text" and block["text"].strip():
        return [{"kind": "activity", "text": block["text"].strip(), "files": []}]
    return []


def tool_line(name: str, given: dict) -> str:
    """A tool call in one line: its name and what it is about."""
    about = next((given[key] for key in TELLING if given.get(key)), "")
    return f"{name}: {about}" if about else name


def _control(message: dict) -> list[dict]:
    request = message["request"]
    if request.get("subtype") != "can_use_tool":
        return []
    ask = {"kind": "ask", "request": message["request_id"], "tool": request["tool_name"], "input": request["input"]}
    ask["edits"] = request["tool_name"] in EDITS
    if request["tool_name"] == "AskUserQuestion":
        return [{**ask, "questions": [_question(q) for q in request["input"]["questions"]]}]
    text = tool_line(request["tool_name"], request["input"])
    return [{**ask, "questions": [{"kind": "permission", "text": text, "options": []}]}]


def _turned_down(message: dict) -> list[dict]:
    """An answer to an ask of another shape than we know: its sender waits for one."""
    request, name = message.get("request"), message.get("request_id")
    asks = isinstance(request, dict) and request.get("subtype") == "can_use_tool" and isinstance(name, str)
    return [{"kind": "send", "text": refuse({"request": name}, events.UNSOUND)}] if asks else []


def _withdrawn(message: dict) -> list[dict]:
    return [{"kind": "withdrawn", "request": message["request_id"]}]


def _question(asked: dict) -> dict:
    options = [option["label"] for option in asked.get("options") or []]
    return {"kind": "question", "text": asked["question"], "options": options}


def _limit(message: dict) -> list[dict]:
    """What a subscription's limits are; of a session that runs into one when it ends."""
    said = message["rate_limit_info"]
    rejected = said.get("status") == "rejected" and isinstance(said.get("resetsAt"), int | float)
    return [{"kind": "limit", "resets": said["resetsAt"]}] if rejected else []


def _result(message: dict) -> list[dict]:
    """The end of a turn: it is one whatever is odd about its figures and words."""
    cost, text = message.get("total_cost_usd"), message.get("result")
    cost = cost if type(cost) in (int, float) else None
    text = text if isinstance(text, str) else ""
    error = _error(message, text) if message.get("is_error") else None
    return [
        {"kind": "usage", **_used(message.get("usage")), "cost_usd": cost, "models": _models(message)},
        {"kind": "turn_end", "error": error, "text": text, "about": {"status": message.get("api_error_status")}},
    ]


def _models(message: dict) -> dict:
    """What each model used since the last result, helpers' too."""
    told = message.get("model_usage_since_last_result")
    rows = told.items() if isinstance(told, dict) else ()
    return {name: _model_used(row) for name, row in rows if isinstance(row, dict)}


def _model_used(row: dict) -> dict:
    used = [v for k, v in row.items() if k in COUNTED and type(v) is int]
    cost = row.get("costUSD")
    return {"tokens": sum(used), "cost": cost if type(cost) in (int, float) else None}


def _used(usage: object) -> dict:
    told = usage if isinstance(usage, dict) else {}
    used = {k: v for k, v in told.items() if k.endswith("_tokens") and type(v) is int}
    tokens, written = sum(used.values()), used.get("output_tokens", 0)
    return {"tokens": tokens, "input": tokens - written, "output": written}


def _error(message: dict, text: str) -> str:
    errors = message.get("errors")
    found = "; ".join(map(str, errors)) if isinstance(errors, list) else ""
    return next((words for words in (text, found, str(message.get("subtype"))) if words.strip()), "error")


_READERS = {
    "system": _system,
    "assistant": _assistant,
    "control_request": _control,
    "control_cancel_request": _withdrawn,
    "result": _result,
    "rate_limit_event": _limit,
}


def reply(ask: dict, answers: list[str]) -> str | None:
    """answers: one a question, in order; a permission's is "" for yes, else the words that say no."""
    if ask["tool"] == "AskUserQuestion":
        asked = [q["question"] for q in ask["input"]["questions"]]
        return _allow(ask, {**ask["input"], "answers": dict(zip(asked, answers, strict=True))})
    return refuse(ask, answers[0]) if answers[0] else _allow(ask, ask["input"])


def _allow(ask: dict, given: dict) -> str:
    return _response(ask, {"behavior": "allow", "updatedInput": given})


def refuse(ask: dict, why: str) -> str | None:
    return _response(ask, {"behavior": "deny", "message": why})


def _response(ask: dict, response: dict) -> str:
    inner = {"subtype": "success", "request_id": ask["request"], "response": response}
    return json.dumps({"type": "control_response", "response": inner}) + "\n"


def note(text: str) -> str | None:
    return json.dumps({"type": "user", "message": {"role": "user", "content": text}}) + "\n"


def interrupt() -> str | None:
    request = {"type": "control_request", "request_id": "interrupt", "request": {"subtype": "interrupt"}}
    return json.dumps(request) + "\n"
