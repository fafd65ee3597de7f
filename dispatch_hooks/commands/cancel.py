"""cancel: end a task's worker."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, steer
from dispatch_hooks.commands import find, task_ids


def cancel(task: str = typer.Argument(help="The task.", autocompletion=task_ids)) -> None:
    """End a task. Its worker is interrupted, then ended with all that it started.

    Example: dispatch-hooks cancel perf-audit
    """
    authority.refuse_worker(dict(os.environ), "cancel a task")
    typer.echo(f"{steer.cancel(find(task), dict(os.environ))} {task}")
