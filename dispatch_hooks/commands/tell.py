"""tell: a word to a worker, running or not."""

from __future__ import annotations

import os
import sys

import typer

from dispatch_hooks import authority, steer
from dispatch_hooks.commands import find, task_ids


def tell(
    task: str = typer.Argument(help="The task.", autocompletion=task_ids),
    words: list[str] = typer.Argument(None, help="What to tell its worker. - reads it from stdin."),
) -> None:
    """Tell a worker something. One that has finished goes on, in its own conversation.

    Example: dispatch-hooks tell security-audit "fix number 2"
    """
    authority.refuse_worker(dict(os.environ), "tell another one something")
    text = sys.stdin.read() if words == ["-"] or not words else " ".join(words)
    by = "relayed" if authority.host_above(authority.chain()) else "terminal"
    typer.echo(f"{task}: {steer.tell(find(task), text, by, dict(os.environ))}")
