"""merge: bring a task's branch into what the project has checked out."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority
from dispatch_hooks.commands import find, task_ids
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import finishing


def merge(
    task: str = typer.Argument(help="The task.", autocompletion=task_ids),
    ff: bool = typer.Option(False, "--ff", help="Only as a fast-forward."),
    commit: bool = typer.Option(False, "--merge", help="As git merge does: a fast-forward, else a merge commit."),
    squash: bool = typer.Option(False, "--squash", help="As one commit."),
) -> None:
    """Merge what a task did in its worktree. It goes into the branch that is checked out; then worktree and branch go.

    A conflict, or work of yours that would be overwritten, is told with its files, and nothing is changed.

    Example: dispatch-hooks merge add-auth --squash
    """
    authority.refuse_worker(dict(os.environ), "merge")
    chosen = [how for how, said in (("ff", ff), ("merge", commit), ("squash", squash)) if said]
    if len(chosen) > 1:
        raise FatalError(f"choose one of --ff, --merge and --squash: dispatch-hooks merge {task} --{chosen[0]}")
    typer.echo(finishing.merge(find(task), "".join(chosen), dict(os.environ)))
