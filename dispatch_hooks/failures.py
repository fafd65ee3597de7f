"""Why a worker CLI could not work, recognised from what it said, and what the person can do about it.

The patterns are held by tests against what the real CLIs say (tests/test_failures.py, docs/models.md). What is not
recognised is told in the CLI's own words, and nothing is concluded from it.
"""

from __future__ import annotations

import re

from dispatch_hooks import resets

_STATUS = r"(?:status(?: code)?|http|(?<![a-z])error(?: code)?|api error|code)[\"']?[:= ]*[\"'(]*"


def _said(*phrases: str) -> re.Pattern:
    return re.compile("|".join(phrases), re.IGNORECASE)


KINDS = {
    "missing": _said(r"no such program on PATH"),
    "model": _said(
        r"model_?not_?found", r"(?:unknown|invalid|no such|unsupported) model", r"issue with the selected model",
        r"\bmodel:? .{0,80}?\b(?:not found|not exist|does not exist|not available|not supported|unavailable)",
        r"not_found_error.{0,40}model", r"model is not supported", r"may not have access to (?:it|this model)",
        r"\bmodels/\S+ is not found", r"(?:^|error: )model: \S+(?: APIError)?$", r"not a valid model",
        r"no endpoints found", r"entity was not found", rf"{_STATUS}404\b.{{0,60}}model",
    ),
    "quota": _said(
        r"usage_?limit", r"usage limit", r"hit your .{0,40}limit", r"insufficient_?(?:quota|credits|balance|funds)",
        r"exceeded your (?:current )?quota", r"quota (?:is )?(?:exceeded|exhausted|reached)",
        r"exhausted your .{0,40}quota", r"out of (?:usage |extra )?(?:credits|usage)",
        r"credit balance", r"insufficient (?:credits|balance|funds|quota)", r"payment required", rf"{_STATUS}402\b",
        r"spend(?:ing)? limit", r"(?:session|weekly|daily|monthly|plan|request) limit (?:reached|exceeded)",
        r"premium requests? .{0,40}(?:exceeded|exhausted|allowance)", r"billing (?:hard limit|details|error)",
        r"^402\b",
    ),
    "login": _said(
        r"not logged in", r"(?<!\S)/login\b", r"log ?in (?:again|required|first)", r"please (?:log|sign) ?in",
        r"sign in again", r"authentication[_ ](?:failed|fails|required|error)", r"auth(?:entication)? method",
        r"unauthori[sz]ed", r"unauthenticated", r"(?:invalid|incorrect|missing|no|bad) (?:x-)?api[-_ ]key",
        r"api[-_ ]key\b.{0,40}(?:missing|required|not (?:found|set|valid|configured)|invalid|expired)",
        r"(?:token|credentials?).{0,20}(?:expired|revoked|invalid|missing|not found)",
        r"no (?:auth|credentials|authentication)", r"access token could not be refreshed", r"invalid authentication",
        r"permission_?denied.{0,40}api", rf"{_STATUS}40[13]\b", r"^40[13]\b",
    ),
    "rate": _said(
        r"rate[-_ ]?limit", r"too many requests", r"resource[_ ](?:has been )?exhausted", rf"{_STATUS}429\b",
        r"^429\b|\(429\)",
    ),
    "down": _said(
        r"overloaded", rf"{_STATUS}5\d\d\b", r"^5\d\d\b", r"internal server error", r"server had an error",
        r"internal error (?:has )?occurred", r"bad gateway",
        r"service unavailable", r"econnrefused", r"enotfound", r"connection (?:refused|error|reset|failed)",
        r"unable to connect", r"fetch failed", r"network error", r"error sending request", r"high (?:load|demand)",
    ),
}  # fmt: skip
"""What says which kind of failure, in the order in which they are looked for."""

STATUS = {400: "", 401: "login", 402: "quota", 403: "login", 404: "model", 429: "rate", 529: "down"}
"""What a status of the model's API means, where the words say nothing."""

SILENT = ("its model did not answer", "it said nothing for")
"""How our own words begin (dispatch_hooks.limits) for a CLI that tries for ever, or has stopped talking."""

LOGIN = {
    "claude": "type: claude auth login",
    "codex": "type: codex login",
    "gemini": "start gemini once and choose how to log in, or set GEMINI_API_KEY",
    "opencode": "type: opencode auth login",
    "qwen": "type: qwen auth",
    "copilot": "start copilot once and type /login",
    "cursor": "type: agent login",
}

GET = {
    "claude": "npm install -g @anthropic-ai/claude-code",
    "codex": "npm install -g @openai/codex",
    "gemini": "npm install -g @google/gemini-cli",
    "opencode": "npm install -g opencode-ai",
    "qwen": "npm install -g @qwen-code/qwen-code",
    "copilot": "npm install -g @github/copilot",
    "cursor": "see https://cursor.com/cli",
}
"""How each CLI is installed."""


def read(task: dict, text: str, now: float, about: dict | None = None) -> dict | None:
    """{"kind","say" (one line: what it is, and what to do),"resets" (when a limit ends, or None)}, or None.

    task: {"backend","model"}; about: what the CLI told beside the words: {"status" of the model's API, "code" (a word),
    "resets" (seconds since 1970)}, each where it is known.
    """
    about = about or {}
    whole = f"{about.get('code') or ''} {text}".strip()
    kind = next((kind for kind, said in KINDS.items() if said.search(whole)), "") or _by_status(about.get("status"))
    kind = kind or ("down" if text.startswith(SILENT) else "")
    if not kind:
        return None
    at = (about.get("resets") or resets.read(text, now)) if kind in ("quota", "rate") else None
    return {"kind": kind, "say": _line(kind, task, text, at, now), "resets": at}


def _by_status(status: int | None) -> str:
    return STATUS.get(status or 0, "down" if status and status >= 500 else "")


def _line(kind: str, task: dict, text: str, at: float | None, now: float) -> str:
    if kind == "missing":
        return missing(task["backend"], text)
    if kind == "down" and text.startswith(SILENT):
        return text  # our own words: why it was silent, nobody knows
    line = _WORDS[kind](task, at, now)
    return text if text.startswith(line.partition(";")[0]) else f'{line} ("{_short(text)}")'


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 140 else flat[:139] + "…"


def missing(backend: str, program: str = "") -> str:
    """Told of a CLI that is not there."""
    name = program.removeprefix("cannot start ").partition(":")[0] or backend
    get = f"install it ({GET[backend]})" if backend in GET else "install it, or mend its command in config.toml"
    return f"{name} is not on PATH; {get}, or see dispatch-hooks doctor"


def _login(task: dict, at: float | None, now: float) -> str:
    do = LOGIN.get(task["backend"], f"log in to {task['backend']}")
    return f"{task['backend']} is not logged in; {do}, then retry the task"


def _limit(what: str):
    def line(task: dict, at: float | None, now: float) -> str:
        ends = f", until {resets.words(at, now)}" if at else ""
        return f"{task['backend']} has reached its {what}{ends}"

    return line


def _model(task: dict, at: float | None, now: float) -> str:
    name = task["model"] or "its default model"
    return f"{task['backend']} has no {name} for you; dispatch-hooks models lists what there is"


def _down(task: dict, at: float | None, now: float) -> str:
    return f"the model behind {task['backend']} cannot be reached; retry when it is back"


_WORDS = {"login": _login, "quota": _limit("usage limit"), "rate": _limit("rate limit"), "model": _model, "down": _down}
