"""release: start a task without the ones that it comes after."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, steer
from dispatch_hooks.commands import find, task_ids


def release(task: str = typer.Argument(help="The task.", autocompletion=task_ids)) -> None:
    """Start a task without those that it waits for. That may be because one of them failed, and holds it.

    Example: dispatch-hooks release add-tests
    """
    authority.refuse_worker(dict(os.environ), "start another task")
    typer.echo(steer.release(find(task)))
