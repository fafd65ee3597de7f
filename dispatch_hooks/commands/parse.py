"""parse: how a prompt would be understood. It starts nothing."""

from __future__ import annotations

import sys

import typer

from dispatch_hooks import config as settings
from dispatch_hooks import request, tasks
from dispatch_hooks.commands import here


def parse(
    prompt: list[str] = typer.Argument(None, help="The prompt; without it, stdin is read."),
    as_json: bool = typer.Option(False, "--json", help="Print it for a program."),
) -> None:
    """Explain how a prompt would be understood, and start nothing.

    Example: dispatch-hooks parse "dispatch opus to review the auth module"
    """
    text = " ".join(prompt) if prompt else sys.stdin.read()
    known = tasks.ids(here())
    found = request.parse(text, settings.vocabulary(settings.load(), known), taken=known)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    kind = "a request" if found["dispatch"] else "conversation" if found["command"] is None else "answered at once"
    typer.echo(f"{kind}: {found['reason']}")
    if change := found.get("change"):
        typer.echo("  " + " ".join(f"{key}={value}" for key, value in change.items() if value))
    for task in found["tasks"]:
        who = task["alias"] or task["model"] or task["backend"] or "default"
        typer.echo(f"  {task['id']} ({who}): {task['title']}")
        for step in task["plan"]:
            typer.echo(f"    [ ] {step}")
