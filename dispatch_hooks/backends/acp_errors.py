"""A JSON-RPC error of an agent, in words and in what it tells beside them."""

from __future__ import annotations

from dispatch_hooks import backends


def words(error: dict) -> str:
    """A JSON-RPC error in a line: its message, and what its data add (the message may say no more than "internal")."""
    text, data = _plain(str(error.get("message") or "")).strip() or "error", error.get("data")
    found = [data.get(key) for key in ("message", "details", "errorName")] if isinstance(data, dict) else [data]
    more = [word for word in found if isinstance(word, str) and word and word not in text]
    code = f" ({error['code']})" if isinstance(error.get("code"), int) and error["code"] > 0 else ""
    return ": ".join([text, *more]) + code


def about(error: dict) -> dict:
    """What an error tells beside its words: gemini gives the API's status for a code."""
    code, inner = error.get("code"), backends.message(str(error.get("message")).encode()).get("error")
    told = {"status": code} if isinstance(code, int) and 400 <= code < 600 else {}
    word = inner.get("status") if isinstance(inner, dict) else None
    return {**told, "code": word} if isinstance(word, str) else told


def _plain(text: str) -> str:
    """The words of an error that is JSON itself (gemini passes on what the API said)."""
    inner = backends.message(text.encode()).get("error")
    found = inner.get("message") if isinstance(inner, dict) else None
    return found if isinstance(found, str) and found else text
