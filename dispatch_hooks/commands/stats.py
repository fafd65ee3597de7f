"""stats: what the workers used, by model and by task."""

from __future__ import annotations

import datetime
import os
import re
import time

import typer

from dispatch_hooks import digest, overview, recover, tasks, usage
from dispatch_hooks.commands import here
from dispatch_hooks.errors import FatalError

UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def stats(
    since: str = typer.Option("", "--since", "-s", help="Only runs that began since: 24h, 7d, 2w or 2026-11-01."),
    everywhere: bool = typer.Option(False, "--all", "-a", help="The tasks of every project."),
    as_json: bool = typer.Option(False, "--json", help="Print it for a program, as docs/json.md says."),
) -> None:
    """Show what the workers used. That is tokens, and dollars where their CLI tells them.

    Example: dispatch-hooks stats --since 7d
    """
    recover.recover(dict(os.environ))
    now = time.time()
    start = _start(since, now)
    projects = overview.projects() if everywhere else [here()]
    found = [pair for project in projects for pair in _runs(project, start, now)]
    if as_json:
        import orjson

        typer.echo(orjson.dumps(_report(found, start), option=orjson.OPT_INDENT_2).decode())
    elif not found:
        typer.echo("nothing has run here" + (f" since {since}" if since else " yet"))
    else:
        _print(found)


def _start(since: str, now: float) -> float | None:
    if not since:
        return None
    span = re.fullmatch(r"(\d{1,6})\s*([mhdw])\w*", since.strip(), re.IGNORECASE)
    if span:
        return now - int(span[1]) * UNITS[span[2].lower()]
    try:
        return datetime.datetime.fromisoformat(since.strip()).timestamp()
    except (ValueError, OverflowError):
        raise FatalError(f'"{since}" is no time; write --since 24h, --since 7d or --since 2026-11-01') from None


def _runs(project: str, start: float | None, now: float) -> list[tuple[str, dict]]:
    found = []
    for name in tasks.ids(project):
        folder = tasks.folder(project, name)
        task = tasks.read(folder)
        runs = usage.runs(task, tasks.status(folder), now) if task else []
        found += [(tasks.key(folder), run) for run in runs if start is None or run["started"] >= start]
    return found


def _by_task(found: list[tuple[str, dict]]) -> list[dict]:
    rows = []
    for key in dict.fromkeys(key for key, _ in found):
        mine = [(other, run) for other, run in found if other == key]
        names = [name for _, run in mine for name in (run["model"] or run["backend"], *run["beside"])]
        models = list(dict.fromkeys(names))
        rows.append({**usage.total(mine), "task": key.partition("~")[2], "models": models})
    return [{key: row[key] for key in row if key != "tasks"} for row in rows]


def _report(found: list[tuple[str, dict]], start: float | None) -> dict:
    models, by_task = usage.by_model(found), _by_task(found)
    return {"since": start, "models": models, "tasks": by_task, "total": usage.total(found)}


def _print(found: list[tuple[str, dict]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = Console(highlight=False)
    total = {**usage.total(found), "model": "all"}
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("model", "tasks", "runs", "took", "tokens", "cost"):
        table.add_column(name, no_wrap=True, overflow="ellipsis", justify="left" if name == "model" else "right")
    for row in [*usage.by_model(found), total]:
        table.add_row(*(Text(word) for word in (row["model"], str(row["tasks"]), str(row["runs"]), *_used(row))))
    out.print(table)
    out.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("task", "models", "runs", "took", "tokens", "cost"):
        left = name in ("task", "models")
        table.add_column(name, no_wrap=True, overflow="ellipsis", justify="left" if left else "right")
    for row in _by_task(found):
        words = (row["task"], ", ".join(row["models"]), str(row["runs"]), *_used(row))
        table.add_row(*(Text(word) for word in words))
    out.print(table)


def _used(row: dict) -> tuple[str, str, str]:
    cost = f"${row['cost_usd']:.2f}" if row["cost_usd"] is not None else ""
    return digest.age(row["seconds"]), digest.count(row["tokens"]) if row["tokens"] else "", cost
