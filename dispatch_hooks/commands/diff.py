"""diff: what a task did in its worktree."""

from __future__ import annotations

import sys

import typer

from dispatch_hooks.commands import find, task_ids
from dispatch_hooks.worktrees import showing

COLOURS = {"+": "32", "-": "31", "@": "36"}


def diff(
    task: str = typer.Argument(help="The task.", autocompletion=task_ids),
    stat: bool = typer.Option(False, "--stat", help="Only the files, and how much of each."),
) -> None:
    """Show what a task changed in its worktree. It can be seen while it works, and until it is merged or discarded.

    Example: dispatch-hooks diff add-auth | less
    """
    folder = find(task)
    text = showing.difference(folder, *(["--stat"] if stat else []))
    if sys.stdout.isatty():
        text = "\n".join(map(_painted, text.split("\n")))
    if text:
        sys.stdout.buffer.write((text + "\n").encode("utf-8", "surrogateescape"))
    new = showing.new_files(folder)
    if new:
        typer.echo(f"and {len(new)} new, not committed: {', '.join(map(repr, new[:10]))}", err=True)
    elif not text:
        typer.echo(f"{task} has changed nothing yet", err=True)


def _painted(line: str) -> str:
    """A line for a terminal: in its colour, and with nothing in it that the terminal would obey."""
    tame = "".join(c if c.isprintable() or c == "\t" else "?" for c in line)
    colour = COLOURS.get(line[:1])
    return f"\x1b[{colour}m{tame}\x1b[0m" if colour else tame
