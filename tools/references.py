"""The references among the documentation, from the program itself: `python -m tools.references` writes them.

tests/test_docs.py holds the files to this text.
"""

from __future__ import annotations

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
    tables = made["$defs"]
    parts = [CONFIGURATION, _table(made["properties"])]
    for key, field in made["properties"].items():
        inner = _inner(field, tables)
        if inner:
            name = f"[{key}.NAME]" if "additionalProperties" in field else f"[{key}]"
            parts.append(f"## `{name}`\n\n{field.get('description', inner.get('description', ''))}".rstrip() + "\n")
            parts.append(_table(inner["properties"]))
    return "\n".join(parts)


def _inner(field: dict, tables: dict) -> dict | None:
    """The table that a key holds, or holds many of."""
    found = field.get("additionalProperties", field)
    ref = found.get("$ref") if isinstance(found, dict) else None
    return tables[ref.rpartition("/")[2]] if ref else None


def _table(properties: dict) -> str:
    rows = [
        f"| `{key}` | {_kind(field)} | {_default(field)} | {_cell(field.get('description', ''))} |"
        for key, field in properties.items()
        if "$ref" not in field and not isinstance(field.get("additionalProperties"), dict)
    ]
    return "\n".join(["| key | value | if left out | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _kind(field: dict) -> str:
    if "enum" in field:
        return _cell(" | ".join(f"`{value}`" for value in field["enum"]))
    if "anyOf" in field:
        return _cell(" or ".join(_kind(each) for each in field["anyOf"]))
    if field.get("type") == "array":
        return f"list of {_kind(field.get('items', {}))}s"
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
    return " ".join(text.split()).replace("|", "\\|")


PAGES = {"commands.md": commands, "configuration.md": configuration}


def main() -> None:
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


if __name__ == "__main__":
    main()
