"""resume: a paused task goes on, in its own conversation; so does one that ended before it was done."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, steer
from dispatch_hooks.commands import find, task_ids


def resume(task: str = typer.Argument("all", help="The task, or all.", autocompletion=task_ids)) -> None:
    """Have a task go on that was paused or ended too early. `resume all` undoes `pause all`.

    Example: dispatch-hooks resume perf-audit
    """
    env = dict(os.environ)
    authority.refuse_worker(env, "resume a task")
    by = "relayed" if authority.host_above(authority.chain()) else "terminal"
    typer.echo(steer.resume_all() if task == "all" else steer.resume(find(task), by, env))
