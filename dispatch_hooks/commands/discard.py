"""discard: throw away what a task did in its worktree."""

from __future__ import annotations

import os
import sys

import typer

from dispatch_hooks import authority
from dispatch_hooks.commands import find, task_ids
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import finishing


def discard(
    task: str = typer.Argument(help="The task.", autocompletion=task_ids),
    force: bool = typer.Option(False, "--force", "-f", help="Do not ask, whatever is lost."),
) -> None:
    """Remove a task's worktree and branch. What nobody has merged is asked about first.

    Example: dispatch-hooks discard add-auth
    """
    authority.refuse_worker(dict(os.environ), "discard anything")
    folder, env = find(task), dict(os.environ)
    relayed = authority.host_above(authority.chain()) is not None
    try:
        typer.echo(finishing.discard(folder, force and not relayed, env))
    except finishing.Unmerged as unmerged:
        if relayed:
            way = f"only the person throws it away; they type: discard {task} anyway"
            raise FatalError(f"{unmerged.what}; {way}") from None
        if not sys.stdin.isatty():
            raise
        typer.confirm(f"{unmerged.what}. Throw it away?", abort=True)
        typer.echo(finishing.discard(folder, True, env))
