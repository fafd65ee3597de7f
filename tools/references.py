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

JSON = """\
# For programs

What the commands with `--json` print, field by field, written from the models that make the schemas
(`python -m tools.references`). The schemas are JSON Schema, in the folder `schemas` beside the folder of this page, in
a checkout and in an installed package alike; `dispatch-hooks --help` says where that is. A path is one for `jq`, and
*nothing* is `null`. `show TASK --json` prints one of the `tasks[]` of `status --json` (`schemas/show.json`).

"""

REPORTS = {
    "status": "status --json",
    "stats": "stats --json",
    "doctor": "doctor --json",
    "models": "models --json",
    "parse": "parse PROMPT --json",
    "config-show": "config show --json",
}


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
    if "$ref" in field:
        return "object"
    if "enum" in field:
        return _cell(" | ".join(f"`{value}`" for value in field["enum"]))
    if "anyOf" in field:
        return " or ".join(_kind(each) for each in field["anyOf"])
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


def reports() -> str:
    return JSON + "\n".join(_report(name, words) for name, words in REPORTS.items())


def _report(name: str, words: str) -> str:
    made = schemas.schema(name)
    rows = [f"| `{path}` | {kind} | {_cell(said)} |" for path, kind, said in _fields(made, made.get("$defs", {}))]
    table = "\n".join(["| field | value | meaning |", "|---|---|---|", *rows])
    return f"## {words}\n\nSchema: `schemas/{name}.json`.\n\n{table}\n"


def _fields(table: dict, tables: dict, above: str = "") -> Iterator[tuple[str, str, str]]:
    """(path, what it is, what it means) of all that is in an object, and of what is in that."""
    for key, field in table["properties"].items():
        forms = field.get("anyOf", [field])
        inner, mark = next((found for found in map(_inner, forms) if found[0]), ("", ""))
        said = field.get("description") or forms[0].get("description") or tables.get(inner, {}).get("description", "")
        yield f"{above}{key}{mark}", _kind(field), said
        if inner and inner != "Config":
            yield from _fields(tables[inner], tables, f"{above}{key}{mark}.")


def _inner(field: dict) -> tuple[str, str]:
    """(the object in a field, as the schema calls it, the mark of how many there are)."""
    mark = "[]" if "items" in field else ".NAME" if isinstance(field.get("additionalProperties"), dict) else ""
    return _name(field.get("items", field)), mark


PAGES = {"commands.md": commands, "configuration.md": configuration, "json.md": reports}


def main() -> None:
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
