"""uninstall: the settings as they were."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, overview, paths, worktrees
from dispatch_hooks import install as installing
from dispatch_hooks import tasks as records
from dispatch_hooks.commands.install import report, whose
from dispatch_hooks.errors import FatalError


def uninstall(
    scope: str = typer.Option("user", help="user, project or local."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only print what would change."),
    purge: bool = typer.Option(False, "--purge", help="Remove tasks, configuration and log too."),
) -> None:
    """Take our hooks out of Claude Code's settings. Untouched ones come back byte for byte.

    Example: dispatch-hooks uninstall --dry-run
    """
    authority.refuse_worker(dict(os.environ), "uninstall hooks")
    running = [os.path.basename(folder) for folder in records.active()]
    if purge and running:
        names = ", ".join(running[:5])
        raise FatalError(f"{len(running)} tasks are active ({names}); first type: dispatch-hooks cancel {running[0]}")
    left = [line for project in overview.projects() for line in worktrees.waiting(project)]
    report(installing.uninstall(scope, **whose(paths.dirs()), dry_run=dry_run, purge=purge), dry_run)
    for line in left:
        typer.echo(f"stays, because nobody merged it: {line}")
