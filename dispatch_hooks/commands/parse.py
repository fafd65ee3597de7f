"""parse: how a prompt would be understood. It starts nothing."""

from __future__ import annotations

import sys

import typer

from dispatch_hooks import config as settings
from dispatch_hooks import limits, request, tasks
from dispatch_hooks.commands import here


def parse(
    prompt: list[str] = typer.Argument(None, help="The prompt; without it, stdin is read."),
    as_json: bool = typer.Option(False, "--json", help="Print it for a program, as docs/json.md says."),
) -> None:
    """Explain how a prompt would be understood. Nothing is started.

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
        if how := _how(task):
            typer.echo(f"    {how}")
        for step in task["plan"]:
            typer.echo(f"    [ ] {step}")


def _how(task: dict) -> str:
    """The directives of a task: "in a worktree from develop; after 1; at most $2, 30m"."""
    seconds = {"seconds": task["timeout"]} if task["timeout"] else {}
    worktree = {True: "in a worktree", False: "no worktree", None: ""}[task["worktree"]]
    values = {
        "": worktree + (f" from {task['base']}" if task["base"] else ""),
        "after ": ", ".join([*task["after"], *(f"{word} (there is no such task)" for word in task["missing"])]),
        "read-only": " " if task["read_only"] else "",
        "at most ": limits.words({**(task["budget"] or {}), **seconds}),
        "in directory ": task["directory"],
        "permissions ": task["permissions"],
        "on ": task["launcher"],
    }
    return "; ".join(f"{words}{value}".rstrip() for words, value in values.items() if value)
