"""retry: start a task again, with the same model or another."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, config, resolve, steer
from dispatch_hooks import dispatch as dispatching
from dispatch_hooks.commands import find, spoken_budget, task_ids
from dispatch_hooks.errors import FatalError


def retry(
    task: str = typer.Argument(help="The task.", autocompletion=task_ids),
    model: str = typer.Option("", "--with", help="Another model, alias or backend."),
    budget: list[str] = typer.Option([], "--budget", help='What it may use: "$2", "200k tokens", "40 turns", "30m".'),
) -> None:
    """Start a task again. It gets a new conversation, and begins with its first item without a tick.

    Example: dispatch-hooks retry perf-audit --with opus --budget '$5'
    """
    authority.refuse_worker(dict(os.environ), "start a task again")
    change, why = _meaning(model) if model else ({}, "")
    if why:
        raise FatalError(why)
    if budget:
        change = {**change, "budget": spoken_budget(budget)}
    steer.retry(find(task), {k: v for k, v in change.items() if v is not None}, "terminal", dict(os.environ))
    typer.echo(f"started {task} again{' with ' + model if model else ''}")


def _meaning(model: str) -> tuple[dict, str]:
    env = dict(os.environ)
    settings, _ = dispatching.learn([model], config.load(), env)
    return resolve.meaning(model, settings, env.get("PATH", ""))
