"""status: all tasks at a glance, those that need the person first."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import overview, paths, recover
from dispatch_hooks.commands import here

COLOURS = {
    "asks": "bold yellow", "failed": "bold red", "lost": "bold red", "stopped": "yellow", "running": "cyan",
    "starting": "cyan", "parked": "yellow", "finished": "green", "checked": "bold green", "cancelled": "dim",
}  # fmt: skip


def status(
    everywhere: bool = typer.Option(False, "--all", "-a", help="The tasks of every project."),
    as_json: bool = typer.Option(False, "--json", help="Print it for a program (schemas/status.json)."),
    watch: bool = typer.Option(False, "--watch", "-w", help="Stay, and show every change."),
) -> None:
    """List the tasks of this project: what needs you comes first.

    Example: dispatch-hooks status --watch
    """
    recover.recover(dict(os.environ))
    if as_json:
        import orjson

        typer.echo(orjson.dumps({"tasks": _rows(everywhere)}, option=orjson.OPT_INDENT_2).decode())
    elif watch:
        _watch(everywhere)
    else:
        _print(everywhere)


def _rows(everywhere: bool) -> list[dict]:
    projects = overview.projects() if everywhere else [here()]
    return [row for project in projects for row in overview.rows(project)]


def _print(everywhere: bool) -> None:
    from rich.console import Console

    rows = _rows(everywhere)
    if not rows:
        typer.echo("no tasks in this project yet; in Claude Code, type for example: dispatch opus to review …")
        return
    Console(highlight=False).print(table(rows, everywhere))


def table(rows: list[dict], everywhere: bool):
    """The table that fits the terminal; words carry the state, colours only repeat it."""
    from rich.table import Table
    from rich.text import Text

    from dispatch_hooks import digest

    out = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("task", "state", "steps", "who", "took", "cost"):
        out.add_column(name, no_wrap=True)
    out.add_column("", no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        name = f"{os.path.basename(row['project'])}/{row['id']}" if everywhere else row["id"]
        said = row["questions"][0]["text"] if row["questions"] else row["last"] if row["state"] == "running" else ""
        out.add_row(
            Text(name),
            Text(row["state"], style=COLOURS.get(row["state"], "")),
            f"{row['ticked']}/{row['items']}",
            Text(row["who"] + (" bypass" if row["permissions"] == "bypass" else "")),
            digest.age(row["seconds"]) if row["seconds"] is not None else "",
            f"${row['cost_usd']:.2f}" if row["cost_usd"] else "",
            Text(digest.clean(said or row["why"] or row["summary"], 300)),
        )
    return out


def _watch(everywhere: bool) -> None:
    import watchfiles
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    folders = [os.path.join(paths.dirs().state, name) for name in ("projects", "active")]
    for folder in folders:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    with Live(table(_rows(everywhere), everywhere), console=console, auto_refresh=False) as live:
        for _ in watchfiles.watch(*folders, debounce=300, rust_timeout=1000, yield_on_timeout=True):
            live.update(table(_rows(everywhere), everywhere), refresh=True)
