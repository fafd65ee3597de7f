"""status: all tasks at a glance, those that need the person first."""

from __future__ import annotations

import os
import sys

import typer

from dispatch_hooks import after, authority, overview, paths, recover, tasks
from dispatch_hooks.commands import here

NONE = "no tasks in this project yet; in Claude Code, type for example: dispatch opus to review …"


def status(
    everywhere: bool = typer.Option(False, "--all", "-a", help="The tasks of every project."),
    limit: int = typer.Option(30, "--limit", "-n", min=0, help="How many to list; 0: all. Programs get all."),
    as_json: bool = typer.Option(False, "--json", help="Print it for a program, as docs/json.md says."),
    watch: bool = typer.Option(False, "--watch", "-w", help="Stay, and show every change, until Ctrl-C."),
) -> None:
    """List the tasks of this project: what needs you comes first.

    A task that asks shows its question, one that runs what it did last, one that is over what came of it.
    Colours follow NO_COLOR; what is piped on has a task a line. With --json --watch a report is printed, on a line
    of its own, at every change.

    \b
    Examples:
      dispatch-hooks status
      dispatch-hooks status --watch
      dispatch-hooks status --all --json | jq '.tasks[] | select(.state == "asks")'
    """
    recover.recover(dict(os.environ))
    board = overview.Board(None if everywhere else here())
    if watch:
        _watch(board, limit, as_json)
    elif as_json:
        typer.echo(_json(board.rows()).decode())
    else:
        _print(board, limit)


def _json(rows: list[dict], one_line: bool = False) -> bytes:
    import orjson

    return orjson.dumps({"tasks": rows}, option=0 if one_line else orjson.OPT_INDENT_2)


# once


def _console():
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def _print(board: overview.Board, limit: int) -> None:
    rows = board.rows()
    if not rows:
        typer.echo(NONE)
        return
    console = _console()
    for line in _lines(rows, console, board, limit):
        console.print(line)
    if console.is_terminal and not authority.host_above(authority.chain()):
        _hint(rows, console)


def _lines(rows: list[dict], console, board: overview.Board, limit: int) -> list:
    """The table and its last line, for a terminal or for a program."""
    from rich.text import Text

    from dispatch_hooks.view import table

    plain = not (console.encoding or "").lower().startswith("utf")
    if not console.is_terminal:
        return table.lines(rows, None, board.project is None, plain)
    shown = rows[:limit] if limit else rows
    more = f"  (the first {limit}; all: dispatch-hooks status -n 0)" if len(shown) < len(rows) else ""
    body = table.lines(shown, console.width, board.project is None, plain)
    return [*body, Text(""), *Text(overview.totals(rows) + more, "dim").wrap(console, console.width)]


def _hint(rows: list[dict], console) -> None:
    asks = next((r for r in rows if r["questions"]), None)
    if asks:
        console.print(f'To answer, type: dispatch-hooks answer {asks["id"]} "…"', style="dim")
    held = next((r for r in rows if r["state"] == "held"), None)
    if held:
        folder = tasks.folder(held["project"], held["id"])
        ways = ", or ".join(after.ways(folder, tasks.read(folder), "terminal"))
        console.print(f"For {held['id']}, type: {ways}", style="dim")


# staying


def _watch(board: overview.Board, limit: int, as_json: bool) -> None:
    console = _console()
    if as_json or not console.is_terminal:
        _follow(board, as_json)
    else:
        _stay(board, limit, console)


def _changes():
    """Once at once, then whenever a record changes, and at least every second: what took 12 s takes 13 soon."""
    import watchfiles

    folders = [os.path.join(paths.dirs().state, name) for name in ("projects", "active")]
    for folder in folders:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    yield
    for _ in watchfiles.watch(*folders, debounce=300, rust_timeout=1000, yield_on_timeout=True):
        yield


def _stay(board: overview.Board, limit: int, console) -> None:
    from rich.console import Group
    from rich.live import Live

    def look() -> Group:
        lines = _lines(board.rows(), console, board, limit)
        room = max(console.height - 1, 3)
        return Group(*(lines if len(lines) <= room else [*lines[: room - 2], *lines[-2:]]))

    with Live(look(), console=console, auto_refresh=False, transient=False) as live:
        for _ in _changes():
            live.update(look(), refresh=True)


TELLING = ("state", "why", "ticked", "items", "questions", "last", "summary", "branch")
"""What makes a task worth a line once more; time and cost alone do not."""


def _follow(board: overview.Board, as_json: bool) -> None:
    """For a program: what has changed since, a line each."""
    known: dict[str, list] = {}
    for _ in _changes():
        rows = board.rows()
        now = {r["folder"]: [r[key] for key in TELLING] for r in rows}
        fresh = [r for r in rows if known.get(r["folder"]) != now[r["folder"]]]
        if (now.keys() != known.keys() or fresh) and as_json:
            sys.stdout.write(_json(rows, one_line=True).decode() + "\n")
        elif fresh:
            console = _console()
            for line in _lines(fresh, console, board, 0):
                console.print(line)
        sys.stdout.flush()
        known = now
