"""What is wrong with a value that should fit a model, in words for a person: the key, the fault, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from pydantic import TypeAdapter, ValidationError


def faults(model: Any, value: object) -> list[tuple[str, str]]:
    """(dotted key, what is wrong there and what is allowed) of each fault; an empty list for a sound value."""
    try:
        TypeAdapter(model).validate_python(value)
    except ValidationError as error:
        return [(_key(e["loc"]), _words(e, model)) for e in error.errors()]
    return []


def _key(loc: tuple) -> str:
    return ".".join(str(step) if str(step).replace("_", "a").replace("-", "a").isalnum() else f'"{step}"' for step in loc)


def _words(error: dict, model: Any) -> str:
    words = _WORDS.get(error["type"])
    return words(error, model) if words else error["msg"].removeprefix("Value error, ")


def _unknown_key(error: dict, model: Any) -> str:
    *up, name = error["loc"]
    return _hint("there is no such key", str(name), keys(model, tuple(up)))


def _not_one_of(error: dict, model: Any) -> str:
    allowed = [word.strip("'") for word in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    return _hint(f"it cannot be {error['input']!r}", str(error["input"]), allowed)


def _hint(what: str, name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 2, 0.6)
    return f"{what}; do you mean {' or '.join(near)}?" if near else f"{what}; there are {', '.join(known)}"


def _kind(words: str):
    return lambda error, model: f"should be {words}, it is {error['input']!r}"


def _bound(error: dict, model: Any) -> str:
    limit = error["ctx"].get("ge", error["ctx"].get("le"))
    return f"should be {limit} or {'more' if 'ge' in error['ctx'] else 'less'}, it is {error['input']!r}"


_WORDS = {
    "extra_forbidden": _unknown_key,
    "literal_error": _not_one_of,
    "string_type": _kind("a string"),
    "int_type": _kind("a whole number"),
    "list_type": _kind("a list"),
    "dict_type": _kind("a table"),
    "model_type": _kind("a table"),
    "model_attributes_type": _kind("a table"),
    "string_too_short": _kind("some words"),
    "too_short": _kind("a list that is not empty"),
    "string_pattern_mismatch": _kind("the name of a variable"),
    "greater_than_equal": _bound,
    "less_than_equal": _bound,
}


def keys(model: Any, up: tuple = ()) -> list[str]:
    """The keys that a model knows at a place; none where any name may stand."""
    for step in up:
        field = model.model_fields.get(step) if hasattr(model, "model_fields") else None
        model = field.annotation if field else getattr(model, "__args__", (None, model))[-1]
    return list(model.model_fields) if hasattr(model, "model_fields") else []
