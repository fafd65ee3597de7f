"""What is wrong with a value that should fit a model, in words for a person: the key, the fault, what is allowed."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError


def faults(model: Any, value: object) -> list[str]:
    """One line a fault, "wake: it cannot be 'al'; do you mean all?"; an empty list for a sound value."""
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        return [_line(each, model) for each in error.errors()]
    return []


def dotted(path: tuple) -> str:
    """A place as TOML writes it: names that are no bare keys in quotes."""
    steps = map(str, path)
    return ".".join(step if re.fullmatch(r"[A-Za-z0-9_-]+", step) else json.dumps(step) for step in steps)


def keys(model: Any, path: tuple = ()) -> list[str]:
    """The keys that a model knows at a place; none where any name may stand."""
    for step in path:
        field = getattr(model, "model_fields", {}).get(step)
        model = field.annotation if field else (getattr(model, "__args__", None) or [None])[-1]
    return list(getattr(model, "model_fields", {}))


def near(name: str, known: list[str]) -> str:
    """What a name was perhaps meant to be, else all that it could be."""
    found = difflib.get_close_matches(name, known, 2, 0.6)
    return f"do you mean {' or '.join(found)}?" if found else f"there are {', '.join(known) or 'none'}"


def _line(error: dict, model: Any) -> str:
    words = _WORDS.get(error["type"])
    what = words(error, model) if words else error["msg"].removeprefix("Value error, ")
    return f"{dotted(error['loc'])}: {what}" if error["loc"] else what


def _unknown_key(error: dict, model: Any) -> str:
    *path, name = error["loc"]
    return f"there is no such key; {near(str(name), keys(model, tuple(path)))}"


def _not_one_of(error: dict, model: Any) -> str:
    allowed = re.findall(r"'([^']*)'", error["ctx"]["expected"])
    return f"it cannot be {error['input']!r}; {near(str(error['input']), allowed)}"


def _kind(words: str) -> Callable[[dict, Any], str]:
    return lambda error, model: f"it should be {words}, it is {error['input']!r}"


def _bound(error: dict, model: Any) -> str:
    context = error["ctx"]
    limit = f"{context['ge']} or more" if "ge" in context else f"{context['le']} or less"
    return f"it should be {limit}, it is {error['input']!r}"


_WORDS = {
    "extra_forbidden": _unknown_key,
    "literal_error": _not_one_of,
    "string_type": _kind("a string"),
    "int_type": _kind("a whole number"),
    "list_type": _kind("a list"),
    "dict_type": _kind("a table"),
    "model_type": _kind("a table"),
    "string_too_short": _kind("some words"),
    "too_short": _kind("a list that is not empty"),
    "string_pattern_mismatch": _kind("the name of a variable"),
    "greater_than_equal": _bound,
    "less_than_equal": _bound,
}
