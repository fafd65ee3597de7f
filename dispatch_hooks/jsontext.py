"""Edits of a JSON text that leave every other byte alone: order, indentation, line ends, duplicate keys, BOM.

A place in the text is a path: a tuple of keys and indices. Where a key is there twice the last one counts, as
in JSON.parse. Insertions take on the style of what stands around them; removing what was inserted gives the
same bytes as before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dispatch_hooks.errors import FatalError

Path = tuple[str | int, ...]

BOM = "\ufeff"

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


@dataclass
class _Node:
    """A value in the text; `starts` says where its items begin (at their keys), `values` what they are."""

    kind: str  # "{", "[", or "" for what holds nothing
    start: int
    end: int = 0
    keys: list[str] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    values: list[_Node] = field(default_factory=list)


class _Style(NamedTuple):
    unit: str | None  # of indentation; None where everything stands in one line
    newline: str
    comma: str  # between items in one line
    colon: str


# reading


def decode(data: bytes, name: str) -> str:
    """The text of a file. FatalError, which names line and column, where it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        raise _fault(name, before, len(before), "this is not UTF-8") from None


def load(text: str, name: str) -> Any:
    """The value of the text, numbers as floats (as JSON.parse). FatalError with its place where it is no JSON."""
    body = text.removeprefix(BOM)
    try:
        value = json.loads(body, parse_int=float)  # no int: Python refuses those of 4,301 digits
    except json.JSONDecodeError as error:
        raise _fault(name, body, error.pos, error.msg) from None
    except RecursionError:
        raise FatalError(f"{name}: nested too deeply to be edited. Nothing was changed.") from None
    if bad := next((t for t in _tokens(text) if t[0] in ("NaN", "Infinity", "-Infinity")), None):
        raise _fault(name, text, bad.start(), f"{bad[0]} is not JSON")
    return value


def _fault(name: str, text: str, at: int, what: str) -> FatalError:
    if text[at : at + 2] in ("//", "/*"):
        what = "comments are not JSON"
    line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
    return FatalError(f"{name}, line {line}, column {column}: {what}. Nothing was changed: mend it first.")


def _tokens(text: str) -> Iterator[re.Match]:
    return _TOKEN.finditer(text, text.startswith(BOM))


def _tree(text: str) -> _Node:
    """Where everything is in a text that `load` accepts. Not recursive, so depth is no matter here."""
    stack = [_Node("[", 0, len(text))]
    for token in _tokens(text):
        top, (start, end) = stack[-1], token.span()
        if token[0] in "}]":
            stack.pop().end = end
        elif top.kind == "{" and token[0] not in ",:" and len(top.keys) == len(top.values):
            top.keys.append(json.loads(token[0]))
            top.starts.append(start)
        elif token[0] not in ",:":
            node = _Node(token[0] if token[0] in "{[" else "", start, end)
            top.values.append(node)
            top.starts += [start] if top.kind == "[" else []
            stack += [node] if node.kind else []
    return stack[0].values[0]


def _find(node: _Node, path: Path) -> _Node:
    """KeyError or IndexError where there is nothing at the path."""
    for step in path:
        node = node.values[_index(node, step)]
    return node


def _index(node: _Node, step: str | int) -> int:
    if isinstance(step, int) and node.kind == "[" and 0 <= step < len(node.values):
        return step
    if isinstance(step, str) and step in node.keys:
        return len(node.keys) - 1 - node.keys[::-1].index(step)
    raise KeyError(step)


# style


def _lead(text: str, node: _Node, index: int) -> str:
    """The white space before an item, after the bracket or comma."""
    if index == 0:
        return text[node.start + 1 : node.starts[0]]
    return text[node.values[index - 1].end : node.starts[index]].partition(",")[2]


def _margin(text: str, at: int) -> str:
    """The white space that the line of a position begins with."""
    line = text[text.rfind("\n", 0, at) + 1 : at].removeprefix(BOM)
    return line[: len(line) - len(line.lstrip(" \t"))]


def _style(text: str, root: _Node) -> _Style:
    nodes = [node for node in _walk(root) if node.values]
    colon = _in_line((_colon(text, n) for n in nodes if n.keys), ": ")
    comma = _in_line((_lead(text, n, 1) for n in nodes if len(n.values) > 1), colon.partition(":")[2])
    return _Style(_unit(text, nodes), "\r\n" if "\r\n" in text else "\n", "," + comma, colon)


def _walk(node: _Node) -> Iterator[_Node]:
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack += reversed(node.values)


def _in_line(found: Iterator[str], otherwise: str) -> str:
    """The first of some separators that is not broken into lines."""
    return next((each for each in found if "\n" not in each), otherwise)


def _unit(text: str, nodes: list[_Node]) -> str | None:
    """What one level is indented by, as the first container that is broken into lines shows it."""
    for node in nodes:
        _, broken, inner = _lead(text, node, 0).rpartition("\n")
        if broken:
            outer = _margin(text, node.start)
            return inner[len(outer) :] if inner.startswith(outer) else inner
    return None if nodes else "  "


def _colon(text: str, node: _Node) -> str:
    """What stands between the first key of an object and its value."""
    key = _TOKEN.match(text, node.starts[0])
    return text[key.end() : node.values[0].start]


# editing


def insert(text: str, path: Path, value: Any) -> str:
    """The text with a value at a path where there is none yet: a new last member, or a new last element.

    The last step of the path is the new key, or the length of the array. KeyError where no such container is.
    """
    root = _tree(text)
    box, style = _find(root, path[:-1]), _style(text, root)
    if (path[-1] in box.keys) if box.kind == "{" else (box.kind != "[" or path[-1] != len(box.values)):
        raise KeyError(path[-1])
    name = json.dumps(path[-1], ensure_ascii=False) + style.colon if box.kind == "{" else ""
    add = _after_last if box.values else _as_only
    at, before, margin, after = add(text, box, style)
    return text[:at] + before + name + _dump(value, style, margin) + after + text[at:]


def _after_last(text: str, box: _Node, style: _Style) -> tuple[int, str, str | None, str]:
    """Where the item goes, what comes before it, its margin (None: all in one line), what comes after it."""
    lead, at = _lead(text, box, len(box.values) - 1), box.values[-1].end
    above, broken, margin = lead.rpartition("\n")
    if broken:
        return at, "," + "\r" * above.endswith("\r") + "\n" + margin, margin, ""
    return at, "," + lead if len(box.values) > 1 else style.comma, None, ""


def _as_only(text: str, box: _Node, style: _Style) -> tuple[int, str, str | None, str]:
    blank, at = text[box.start + 1 : box.end - 1], box.start + 1
    if style.unit is None:
        return at, "" if "\n" in blank else blank, None, ""
    outer = _margin(text, box.start)
    margin = outer + style.unit
    return at, style.newline + margin, margin, "" if "\n" in blank else style.newline + outer


def _dump(value: Any, style: _Style, margin: str | None) -> str:
    if margin is None or style.unit is None:
        return json.dumps(value, ensure_ascii=False, separators=(style.comma, style.colon))
    lines = json.dumps(value, ensure_ascii=False, indent=style.unit, separators=(",", style.colon))
    return lines.replace("\n", style.newline + margin)


def replace(text: str, path: Path, value: Any, like: str = "") -> str:
    """The text with another value at a path, written as in the text `like` where that has the same one there."""
    node = _find(_tree(text), path)
    new = _written(like, path, value) or json.dumps(value, ensure_ascii=False)
    return text[: node.start] + new + text[node.end :]


def _written(text: str, path: Path, value: Any) -> str:
    try:
        node = _find(_tree(text), path)
    except (KeyError, IndexError):
        return ""
    raw = text[node.start : node.end]
    return raw if json.loads(raw) == value else ""


def remove(text: str, path: Path, like: str = "") -> str:
    """The text without the item at a path. KeyError where there is none.

    A container that becomes empty gets the white space between its brackets that it has in the text `like`:
    so an insertion into an empty container is undone to the byte.
    """
    box = _find(_tree(text), path[:-1])
    index = _index(box, path[-1])
    if index:
        return text[: box.values[index - 1].end] + text[box.values[index].end :]
    if len(box.values) > 1:
        return text[: box.starts[0]] + text[box.starts[1] :]
    return text[: box.start + 1] + _blank(like, path[:-1]) + text[box.end - 1 :]


def _blank(text: str, path: Path) -> str:
    try:
        box = _find(_tree(text), path)
    except (KeyError, IndexError):
        return ""
    return text[box.start + 1 : box.end - 1] if box.kind and not box.values else ""
