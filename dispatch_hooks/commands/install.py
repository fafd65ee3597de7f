"""install: hooks, skill and rules into Claude Code's settings."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, edits, paths
from dispatch_hooks import doctor as examination
from dispatch_hooks import install as installing
from dispatch_hooks.commands.doctor import show
from dispatch_hooks.doctor.ground import here

NEXT = """\
Next: start claude and type, for example
  dispatch opus to review the auth module
A chat that runs already hears that from now on; the command /dispatch is there in chats that start from now on."""
"""Measured: Claude Code takes up new hooks while it runs, a new skill when it starts."""


def install(
    scope: str = typer.Option("user", help="user: all your chats; project: all who share it; local: you, here."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only print what would change."),
    force: bool = typer.Option(False, "--force", help="Set another skill named dispatch aside, till uninstall."),
    statusline: bool = typer.Option(
        None, "--statusline/--no-statusline", help="Show tasks in Claude Code's status line, below your own."
    ),
) -> None:
    """Put our hooks into Claude Code's settings. All else in them stays as it is.

    Example: dispatch-hooks install --scope local
    """
    authority.refuse_worker(dict(os.environ), "install hooks")
    changes = installing.install(scope, **whose(chosen()), dry_run=dry_run, force=force, statusline=statusline)
    report(changes, dry_run)
    if dry_run:
        return
    findings = examination.examine(here())
    wrong = [finding for finding in findings if finding.state != "ok"]
    typer.echo(f"doctor: {len(findings) - len(wrong)} of {len(findings)} checks are well")
    if wrong:
        show(wrong, [])
    typer.echo(NEXT)
    raise typer.Exit(0 if examination.well(findings) else 1)


def chosen() -> paths.Dirs:
    """What the environment says now: a second install follows XDG variables that have changed."""
    return paths.split(os.environ.get(paths.ENV, "")) or paths.default()


def whose(dirs: paths.Dirs) -> dict:
    """What install and uninstall want to know of the person. Measured: Claude Code looks where it is started."""
    return {"project": os.getcwd(), "home": os.path.expanduser("~"), "dirs": dirs}


def report(changes: list[edits.Change], diffs: bool) -> None:
    for change in changes:
        typer.echo(f"{change.what}: {change.path}")
        if diffs and change.diff:
            typer.echo(change.diff, nl=not change.diff.endswith("\n"))
    if not changes:
        typer.echo("nothing to change")
