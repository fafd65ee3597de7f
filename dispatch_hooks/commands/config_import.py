"""config import: take over the configuration of the /dispatch skill."""

from __future__ import annotations

import os
from typing import Any

import typer

from dispatch_hooks import config, configfile, faults, legacy


def import_(
    file: str = typer.Argument("", help="Its configuration; else ~/.dispatch/config.yaml.", show_default=False),
    force: bool = typer.Option(False, "--force", help="Also what your configuration says otherwise."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Tell what would be taken, and change nothing."),
) -> None:
    """Take over the configuration of the /dispatch skill. What you have already stays.

    Example: dispatch-hooks config import --dry-run
    """
    path = os.path.expanduser(file or "~/.dispatch/config.yaml")
    wanted, left = legacy.translate(legacy.read(path), config.load())
    said = configfile.said()
    other = [] if force else [place for place, value in wanted if configfile.at(said, place) not in (None, value)]
    fresh = [(place, value) for place, value in wanted if place not in other and configfile.at(said, place) != value]
    if fresh and not dry_run:
        configfile.change([lambda tables: [configfile.put(tables, place, value) for place, value in fresh]])
    _tell(path, "would take" if dry_run else "took", fresh, other, left)


def _tell(path: str, verb: str, fresh: list[tuple[tuple, Any]], other: list[tuple], left: list[str]) -> None:
    typer.echo(f"{verb} {len(fresh)} of {path}:" if fresh else f"nothing to take from {path}")
    for place, value in fresh:
        typer.echo(f"  {faults.dotted(place)} = {configfile.inline(value)}")
    if other:
        typer.echo("yours says otherwise, and stays (--force takes these, too):")
        typer.echo("\n".join(f"  {faults.dotted(place)}" for place in other))
    if left:
        typer.echo("not taken:")
        typer.echo("\n".join(f"  {line}" for line in left))
