"""What a talk may say of its CLI's output, checked: whatever a CLI prints, its supervisor hears known kinds and types.

session {"id","model"} · activity {"text","files"} · retrying {"text","attempt", "status" of the
model's API where it is told} ·
usage {"tokens","input","output","cost_usd"} (totals of this run, cached input included; None where the CLI does not
tell; perhaps with "beside", what of these other models than its own used: {name: {"tokens","cost_usd"}}) ·
turn {"n"} (its model is called for the n-th time in this run) ·
ask {"request","tool","input","edits","questions":[{"kind","text","options"}]} · withdrawn {"request"} ·
background {"running"} · send {"text"} (to be written to the CLI now) ·
turn_end {"error","text", and for an error "about": {"status","code","resets"}, what of these the CLI tells} ·
limit {"resets"} (a limit has been reached that ends then; seconds since 1970)
"""

from __future__ import annotations

from collections.abc import Iterable

LARGEST = 1 << 40
"""More tokens, dollars or attempts than this nobody counted."""

LATEST = 1e11
"""Seconds since 1970: no limit ends after the year 5138."""


DEEPEST = 100
"""Levels of a tool's input; one that goes deeper can be neither shown nor kept."""

UNSOUND = "That cannot be shown to the person who would have to allow it: ask for something plainer."


def heard(talk, line: bytes) -> list[dict]:
    """The events of a line of output, without those that are not sound; who asks so is refused, for it would wait for
    ever. A fault of reading it is printed, no more.
    """
    try:
        told = [_refused(talk, event) if event["kind"] == "ask" else event for event in talk.read(line)]
        return [_plain(event) for event in told if sound(event)]
    except Exception:
        import traceback

        traceback.print_exc()
        return []


def _refused(talk, ask: dict) -> dict:
    return ask if sound(ask) else {"kind": "send", "text": talk.refuse(ask, UNSOUND)}


def sound(event: dict) -> bool:
    """Whether an event has all the fields of its kind, and in them what belongs there."""
    shape = SHAPES.get(event["kind"])
    return shape is not None and all(key in event and check(event[key]) for key, check in shape.items())


def _plain(event: dict) -> dict:
    """A turn is over whatever is said about its error; figures count whatever is said of models beside."""
    if "beside" in event and not _models(event["beside"]):
        return {key: value for key, value in event.items() if key != "beside"}
    about = event.get("about")
    told = about if isinstance(about, dict) else {}
    known = {key: told[key] for key, check in ABOUT.items() if key in told and check(told[key])}
    return event if about is None else {**event, "about": known}


def _text(value: object) -> bool:
    return isinstance(value, str)


def _words(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _id(value: object) -> bool:
    """A session's name: it may become an argument of the next start, and must not be an option there."""
    return _text(value) and 0 < len(value) <= 200 and value.isascii() and value.isprintable() and value[0] != "-"


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _count(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value < LARGEST)


def _number(value: object) -> bool:
    return value is not None and _count(value)


def _money(value: object) -> bool:
    return value is None or (type(value) in (int, float) and 0 <= value < LARGEST)


def _time(value: object) -> bool:
    return type(value) in (int, float) and 0 <= value < LATEST


def _input(value: object) -> bool:
    return isinstance(value, dict) and _shallow(value)


def _shallow(value: object) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for each in level for inner in _inside(each)]
    return not level


def _inside(value: object) -> Iterable:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


def _questions(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_question, value))


def _question(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.get("kind") in ("question", "permission")
        and _words(value.get("text"))
        and _texts(value.get("options"))
    )


def _models(value: object) -> bool:
    return isinstance(value, dict) and all(_text(name) and bool(name) and _spent(row) for name, row in value.items())


def _spent(row: object) -> bool:
    return isinstance(row, dict) and _number(row.get("tokens")) and _money(row.get("cost_usd"))


def _trouble(value: object) -> bool:
    return value is None or _words(value)


SHAPES = {
    "session": {"id": _id, "model": _text},
    "activity": {"text": _words, "files": _texts},
    "retrying": {"text": _words, "attempt": _count},
    "usage": {"tokens": _count, "input": _count, "output": _count, "cost_usd": _money},
    "turn": {"n": _number},
    "ask": {"request": _text, "tool": _text, "input": _input, "edits": _flag, "questions": _questions},
    "withdrawn": {"request": _text},
    "background": {"running": _number},
    "send": {"text": _text},
    "limit": {"resets": _time},
    "turn_end": {"error": _trouble, "text": _text},
}

ABOUT = {"status": _count, "code": _text, "resets": _time}
