"""show: one task, whole."""

from __future__ import annotations

import typer

from dispatch_hooks import overview, tasks
from dispatch_hooks.commands import find, task_ids


def show(
    task: str = typer.Argument(help="The task.", autocompletion=task_ids),
    output: bool = typer.Option(False, "--output", help="Print what the worker wrote into its output.md."),
    as_json: bool = typer.Option(False, "--json", help="Print it for a program, as docs/json.md says."),
) -> None:
    """Show a task: its state, checklist, question and summary.

    Example: dispatch-hooks show security-audit --output
    """
    folder = find(task)
    if as_json:
        import orjson

        typer.echo(orjson.dumps(overview.row(folder), option=orjson.OPT_INDENT_2).decode())
    elif output:
        typer.echo(tasks.read_text(tasks.read(folder), "output.md") or f"{task} has written no output.md yet")
    else:
        typer.echo(overview.task_text(folder, "terminal"))
