"""logs: what a worker did, line by line."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import tasks
from dispatch_hooks.commands import find, task_ids


def logs(
    task: str = typer.Argument(help="The task.", autocompletion=task_ids),
    follow: bool = typer.Option(False, "--follow", "-f", help="Stay, and print what comes."),
    lines: int = typer.Option(50, "--lines", "-n", help="How many of the last lines."),
    raw: bool = typer.Option(False, "--raw", help="What its CLI said, as it came (JSON lines)."),
) -> None:
    """Print a worker's log.

    Example: dispatch-hooks logs -f security-audit
    """
    folder = find(task)
    record = tasks.read(folder)
    path = os.path.join(record["project"], tasks.place(record), "worker.log")
    path = os.path.join(folder, "events.jsonl") if raw else path
    end = _print_last(path, lines)
    if follow:
        _follow(folder, path, end)


def _print_last(path: str, lines: int) -> int:
    try:
        with open(path, "rb") as f:
            data = f.read()
    except FileNotFoundError:
        typer.echo("nothing yet")
        return 0
    for line in data.decode(errors="replace").splitlines()[-lines:]:
        typer.echo(line)
    return len(data)


def _follow(folder: str, path: str, at: int) -> None:
    """Until the task's worker has ended and its last line is printed."""
    import watchfiles

    for _ in watchfiles.watch(os.path.dirname(path), debounce=100, rust_timeout=1000, yield_on_timeout=True):
        running = tasks.supervised(folder)
        with open(path, "rb") as f:
            at = f.seek(at if os.fstat(f.fileno()).st_size >= at else 0)  # a new one: the old was put aside
            data = f.read()
        at += len(data)
        typer.echo(data.decode(errors="replace"), nl=False)
        if not running:
            return
