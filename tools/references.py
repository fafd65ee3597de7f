"""The references among the documentation, from the program itself: `python -m tools.references` writes them.

tests/test_docs.py holds the files to this text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from typer.main import get_command
from typer.testing import CliRunner

from dispatch_hooks import cli, resources, schemas

DOCS = Path(__file__).resolve().parents[1] / "docs"

WIDTH = 96

COMMANDS = """\
# Commands

What `dispatch-hooks COMMAND --help` says, word for word (`python -m tools.references` writes this page). Every command
ends with 0 when it did what it says, 1 with one line that says what to type instead, 2 for wrong usage.

"""

CONFIGURATION = """\
# Configuration

`dispatch-hooks config path` names the file; the first dispatch writes it. Every key may be left out, and
`dispatch-hooks config` reads and changes it. This page is written from the models that check it
(`python -m tools.references`).
"""


def commands() -> str:
    root = get_command(cli.app)
    words = [["--help"], *(path for name, command in root.commands.items() for path in _paths([name], command))]
    return COMMANDS + "\n".join(map(_section, words))


def _paths(path: list[str], command) -> list[list[str]]:
    """A command and those below it."""
    below = getattr(command, "commands", {})
    return [path, *(each for name, inner in below.items() for each in _paths([*path, name], inner))]


def _section(path: list[str]) -> str:
    args = path if path == ["--help"] else [*path, "--help"]
    done = CliRunner().invoke(cli.app, args, prog_name="dispatch-hooks", terminal_width=WIDTH, color=False)
    assert done.exit_code == 0, done.output
    title = "dispatch-hooks" if path == ["--help"] else " ".join(path)
    said = done.output.strip().replace(resources.shared("docs"), "…/docs")
    text = "\n".join(line.rstrip() for line in said.splitlines())
    return f"## {title}\n\n```text\n{text}\n```\n"


def configuration() -> str:
    made = schemas.schema("config")
    tables, places = made["$defs"], {}
    found = list(_tables(made["properties"], tables))
    for place, name, _ in found:
        places.setdefault(name, place)
    parts = [CONFIGURATION, _table(made["properties"], places)]
    for place, name, said in found:
        if places[name] == place:
            parts.append(f"## `[{place}]`\n\n{_linked(said or tables[name]['description'])}\n")
            parts.append(_table(tables[name]["properties"], places))
    return "\n".join(parts)


def _tables(properties: dict, tables: dict, above: str = "") -> Iterator[tuple[str, str, str]]:
    """(where it stands, its name in the schema, what is said of it) of every table in a table."""
    for key, field in properties.items():
        name = _name(field)
        if name:
            place = f"{above}{key}.NAME" if "additionalProperties" in field else f"{above}{key}"
            yield place, name, field.get("description", "")
            yield from _tables(tables[name]["properties"], tables, f"{place}.")


def _name(field: dict) -> str:
    """The table that a key holds, or holds many of, as the schema calls it."""
    found = field.get("additionalProperties", field)
    return found.get("$ref", "").rpartition("/")[2] if isinstance(found, dict) else ""


def _table(properties: dict, places: dict) -> str:
    rows = []
    for key, field in properties.items():
        kind, said = _link(field, places) or _kind(field), _cell(field.get("description", ""))
        rows.append(f"| `{key}` | {kind} | {_default(field)} | {said} |")
    return "\n".join(["| key | value | if left out | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _link(field: dict, places: dict) -> str:
    """For a key that holds a table: where that is described."""
    place = places.get(_name(field))
    return f"[`[{place}]`](#{place.replace('.', '').lower()})" if place else ""


def _kind(field: dict) -> str:
    if "enum" in field:
        return _cell(" | ".join(f"`{value}`" for value in field["enum"]))
    if "anyOf" in field:
        return _cell(" or ".join(_kind(each) for each in field["anyOf"]))
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}))}s"
    if isinstance(field.get("additionalProperties"), dict):
        return f"table of {_kind(field['additionalProperties'])}s"
    names = {"integer": "number", "string": "text", "boolean": "`true` | `false`", "null": "nothing"}
    name = names.get(field.get("type", ""), field.get("type", "any"))
    low, high = field.get("minimum"), field.get("maximum")
    span = f", {low} to {high}" if high is not None else f", {low} or more" if low else ""
    return _cell(name + span)


def _default(field: dict) -> str:
    if field.get("default") in (None, "", [], {}):
        return ""
    value = field["default"]
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _cell(text: str) -> str:
    return _linked(" ".join(text.split()).replace("|", "\\|"))


def _linked(text: str) -> str:
    return re.sub(r"\bdocs/([a-z-]+)\.md", r"[\1](\1.md)", text)


PAGES = {"commands.md": commands, "configuration.md": configuration}


def main() -> None:
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
