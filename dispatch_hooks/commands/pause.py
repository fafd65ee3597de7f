"""pause: one task does nothing until it is resumed; without a task, nothing new starts."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, steer
from dispatch_hooks.commands import find, task_ids


def pause(task: str = typer.Argument("all", help="The task, or all.", autocompletion=task_ids)) -> None:
    """Pause a task, or all. A worker is interrupted, its conversation kept.

    After `pause all` nothing new starts, and what runs goes on.

    Example: dispatch-hooks pause perf-audit
    """
    authority.refuse_worker(dict(os.environ), "pause a task")
    typer.echo(steer.pause_all() if task == "all" else steer.pause(find(task)))
