"""config.toml as a file: read, and changed so that comments and order stay and nothing wrong gets in."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from typing import Any

import tomlkit
from tomlkit.items import AoT, Comment, SingleKey, Table, Whitespace

from dispatch_hooks import authority, faults, files, models, paths
from dispatch_hooks.errors import FatalError

SHOW = "dispatch-hooks config show"


def leaves(said: dict, up: tuple = ()) -> list[str]:
    """The dotted keys of all values in nested tables."""
    found: list[str] = []
    for key, value in said.items():
        found += leaves(value, (*up, key)) if isinstance(value, dict) else [faults.dotted((*up, key))]
    return found


def place_of(key: str) -> tuple[str, ...]:
    """The steps of a dotted key, as TOML reads them."""
    try:
        found: Any = tomllib.loads(f"{key} = 0") if "\n" not in key else {}
    except tomllib.TOMLDecodeError:
        found = {}
    steps = []
    while isinstance(found, dict) and len(found) == 1:
        [(step, found)] = found.items()
        steps.append(step)
    if not steps or found != 0:
        raise FatalError(f'"{key}" is no key; write it like wake, models.fast.name or models."gpt-5.2".name')
    return tuple(steps)


def readings(value: str) -> list[Any]:
    """What a value on the command line may mean, the likeliest first: TOML, or the words as they are."""
    try:
        found = tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return [value]
    return [found["value"], value] if list(found) == ["value"] else [value]


def inline(value: Any) -> str:
    """A value as TOML has it in one line."""
    table = tomlkit.inline_table()
    table["value"] = value
    return table.as_string().removeprefix("{value = ").removesuffix("}")


def at(tables: Any, place: tuple) -> Any:
    """What is at the place, or None."""
    for step in place:
        tables = tables.get(step) if isinstance(tables, dict) else None
    return tables


# the file


def change(ways: list[Callable[[Any], None]]) -> dict:
    """Changes the file in the first of some ways that makes nothing wrong; what it says then.

    A way changes tables in place: those of tomlkit, which keep comments and order, and plain ones, to check them by.
    """
    authority.refuse_worker(dict(os.environ), "change the configuration")
    source = os.path.realpath(paths.config_file())
    lock = files.lock(os.path.join(paths.dirs().state, "config.lock"), wait=5.0)
    if lock is None:
        raise FatalError(f"{source} is being changed by another command; try again")
    try:
        text, before = read(source)
        old = faults.faults(models.Config, before)
        made = [_changed(text, way, old, source) for way in ways]
        text, after, wrong = next((each for each in made if not each[2]), made[0])
        if wrong:
            raise FatalError(f"{wrong}\n  {source} was not changed; {SHOW} prints what is in force")
        _write(source, text)
        return after
    finally:
        os.close(lock)


def read(source: str) -> tuple[str, dict]:
    """The text of the file and what it says; nothing where it is not there."""
    try:
        with open(source, encoding="utf-8", newline="") as f:
            text = f.read()
        return text, tomllib.loads(text)
    except FileNotFoundError:
        return "", {}
    except (OSError, ValueError, RecursionError) as error:
        raise FatalError(f"{source}: {error}; mend it with an editor first") from None


def said() -> dict:
    """What the file says; nothing where it is not there."""
    return read(paths.config_file())[1]


def _changed(text: str, way: Callable[[Any], None], old: list[str], source: str) -> tuple[str, dict, str]:
    """The text changed in a way, what it then says, and what is wrong in it that was not before."""
    document, wanted = tomlkit.parse(text), tomllib.loads(text)
    way(document)
    way(wanted)
    text = tomlkit.dumps(document)
    after = tomllib.loads(text)
    if _full(after) != _full(wanted):
        raise FatalError(f"{source} is written in a way that only an editor can change; nothing was changed")
    return text, after, "\n  ".join(fault for fault in faults.faults(models.Config, after) if fault not in old)


def _full(tables: Any) -> Any:
    """Without the tables that hold nothing: whether such a one is written down makes no difference."""
    if not isinstance(tables, dict):
        return tables
    inner = {key: _full(value) for key, value in tables.items()}
    return {key: value for key, value in inner.items() if value != {}}


def _write(source: str, text: str) -> None:
    try:
        mode = os.stat(source).st_mode & 0o777
    except FileNotFoundError:
        mode = 0o644
    try:
        files.write(source, text, mode)
    except OSError as error:
        raise FatalError(f"{source} cannot be written: {error.strerror}") from None


def put(tables: Any, place: tuple, value: Any) -> None:
    for depth, step in enumerate(place[:-1], 1):
        if step not in tables:
            tables[step] = {} if type(tables) is dict else tomlkit.table(is_super_table=depth < len(place) - 1)
        tables = tables[step]
        if not isinstance(tables, dict):
            raise FatalError(f"{faults.dotted(place[:depth])} is no table, so there is no {faults.dotted(place)}")
    new = isinstance(tables, tomlkit.TOMLDocument) and place[0] not in tables
    if new and not isinstance(value, dict):
        _put_first(tables, place[0], value)
    else:
        tables[place[-1]] = value


def _put_first(document: tomlkit.TOMLDocument, key: str, value: Any) -> None:
    """A new top-level key, after those that are there; tomlkit would part the first table from its comment."""
    body = document.body
    end = _end_of_keys(body)
    if end and not isinstance(before := body[end - 1][1], Whitespace):
        before.trivia.trail = before.trivia.trail or "\n"
    body.insert(end, (SingleKey(key), tomlkit.item(value)))


def _end_of_keys(body: list[tuple]) -> int:
    """The index after the last key; without one, that of the first table and the comment that stands on it."""
    first = next((n for n, (_, item) in enumerate(body) if isinstance(item, Table | AoT)), len(body))
    keys = [n for n in range(first) if body[n][0] is not None]
    if keys:
        return keys[-1] + 1
    while first and first < len(body) and isinstance(body[first - 1][1], Comment):
        first -= 1
    return first


def take(tables: Any, place: tuple) -> None:
    table = at(tables, place[:-1])
    if not isinstance(table, dict) or place[-1] not in table:
        known = leaves(tables)
        hint = faults.near(faults.dotted(place), known) if known else "that says nothing"
        raise FatalError(f"{faults.dotted(place)} is not set in {paths.config_file()}; {hint}")
    del table[place[-1]]
