"""What codex tells of its work and asks for, in our words; what it used."""

from __future__ import annotations

import contextlib
import json

ASYNC = "async:"
"""How the names begin of questions that the model does not wait with; they are answered by a message."""

SHELLS = ("-c", "-lc")


def begun(item: dict) -> str:
    """What a worker begins to do, in a line; "" for what is told when it is done, or not at all."""
    if item["type"] == "commandExecution":
        return f"Shell: {command(item['command'])}"
    if item["type"] == "mcpToolCall":
        return f"{item['server']}: {item['tool']}"
    if item["type"] == "webSearch":
        return f"Search: {item['query']}" if item.get("query") else "Search"
    return ""


def command(line: str) -> str:
    """A command as the model wrote it: codex shows it as an argument of a login shell."""
    import shlex

    try:
        words = shlex.split(line)
    except ValueError:
        return line
    return words[2] if len(words) == 3 and words[1] in SHELLS and words[0].endswith("sh") else line


def changed(item: dict) -> list[str]:
    """The files of a change that was made."""
    return [change["path"] for change in item["changes"]] if item.get("status") == "completed" else []


def trouble(error: object) -> str:
    """An error in a line. Codex passes a body of JSON on as it came."""
    told = error if isinstance(error, dict) else {"message": error}
    text = str(told.get("message") or "").strip() or "error"
    with contextlib.suppress(ValueError, TypeError, LookupError, RecursionError):
        text = str(json.loads(text)["error"]["message"]).strip() or text
    more = told.get("additionalDetails")
    return f"{text}: {more}" if isinstance(more, str) and more else text


def about(error: object) -> dict:
    """What codexErrorInfo says of an error: a word, or a word with the status of the model's API."""
    info = error.get("codexErrorInfo") if isinstance(error, dict) else None
    if isinstance(info, dict):
        inner = next(iter(info.values()), None)
        return {"status": inner.get("httpStatusCode") if isinstance(inner, dict) else None}
    return {"code": info} if isinstance(info, str) else {}


# ---- asks: {"tool","input","edits","questions"} and "then" (how it is answered)


def _command(params: dict, items: dict) -> dict:
    where = params.get("networkApprovalContext")
    if where:
        return _permission("Network", {"host": where["host"], "protocol": where.get("protocol")}, where["host"])
    line = command(params["command"])
    return _permission("Shell", {"command": line, "cwd": params.get("cwd")}, line, params.get("reason"))


def _change(params: dict, items: dict) -> dict:
    changes = items.get(params["itemId"], {}).get("changes") or []
    paths = ", ".join(change["path"] for change in changes) or params.get("grantRoot") or "files"
    return {**_permission("Edit", {"changes": changes}, paths, params.get("reason")), "edits": True}


def _permissions(params: dict, items: dict) -> dict:
    wanted = params["permissions"]
    paths = (wanted.get("fileSystem") or {}).get("write") or []
    network = ["the network"] if (wanted.get("network") or {}).get("enabled") else []
    ask = _permission("More rights", wanted, ", ".join([*paths, *network]) or json.dumps(wanted), params.get("reason"))
    return {**ask, "then": "permissions"}


def _form(params: dict, items: dict) -> dict | None:
    """An MCP server's ask: what can be answered by yes or no (a tool that asks before it is used, say)."""
    if (params.get("requestedSchema") or {}).get("required") or params.get("url"):
        return None
    return {**_permission(str(params.get("serverName") or "MCP"), {}, params["message"]), "then": "form"}


def _questions(params: dict, items: dict) -> dict:
    asked = [_question(q["question"], [o["label"] for o in q.get("options") or []]) for q in params["questions"]]
    ids = [str(q["id"]) for q in params["questions"]]
    return {"tool": "Question", "input": {"ids": ids}, "edits": False, "questions": asked, "then": "answers"}


ASKS = {
    "item/commandExecution/requestApproval": _command,
    "item/fileChange/requestApproval": _change,
    "item/permissions/requestApproval": _permissions,
    "mcpServer/elicitation/request": _form,
    "item/tool/requestUserInput": _questions,
}


def async_ask(item: dict) -> dict:
    asked = [_question(q["title"], q.get("options") or []) for q in item["questions"]]
    ask = {"tool": "Question", "input": {}, "edits": False, "questions": asked}
    return {"kind": "ask", "request": ASYNC + item["id"], **ask}


def _permission(tool: str, given: dict, about: str, reason: str | None = None) -> dict:
    text = f"{tool}: {about}" + (f"\n({reason})" if reason else "")
    question = {"kind": "permission", "text": text, "options": []}
    return {"tool": tool, "input": given, "edits": False, "questions": [question], "then": "decision"}


def _question(text: str, options: list[str]) -> dict:
    return {"kind": "question", "text": str(text), "options": [str(option) for option in options]}


def yes(ask: dict, answers: list[str]) -> dict:
    """The result that grants an ask, or brings the answers to its questions."""
    if ask["then"] == "answers":
        return {"answers": {q: {"answers": [text]} for q, text in zip(ask["input"]["ids"], answers, strict=True)}}
    if ask["then"] == "permissions":
        return {"permissions": ask["input"], "scope": "turn"}
    return {"action": "accept", "content": {}} if ask["then"] == "form" else {"decision": "accept"}


def no(ask: dict) -> dict:
    if ask["then"] == "answers":
        return {"answers": {}}
    if ask["then"] == "permissions":
        return {"permissions": {}}
    return {"action": "decline"} if ask["then"] == "form" else {"decision": "decline"}


# ---- tokens


class Used:
    """Codex tells totals of a thread, over all processes that had it; helpers have threads of their own."""

    def __init__(self) -> None:
        self.before: dict[str, dict] = {}
        self.totals: dict[str, dict] = {}
        self.calls = 0

    def hear(self, thread: str, usage: dict, begun: bool) -> dict:
        """begun: whether a turn of this run has; what a thread that is resumed tells before it was used before."""
        total, last = usage["total"], usage["last"]
        if not begun and thread not in self.before:
            self.before[thread] = self.totals[thread] = total
        self.before.setdefault(thread, {name: total[name] - last[name] for name in FIGURES.values()})
        self.calls += total != self.totals.get(thread)  # it may tell of the same call twice
        self.totals[thread] = total
        used = {key: sum(self._since(thread, name) for thread in self.totals) for key, name in FIGURES.items()}
        return {"kind": "usage", **used, "cost_usd": None}

    def _since(self, thread: str, name: str) -> int:
        return self.totals[thread][name] - self.before[thread][name]


FIGURES = {"tokens": "totalTokens", "input": "inputTokens", "output": "outputTokens"}
