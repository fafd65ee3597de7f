"""ask: a worker's question to the person."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import asking


def ask(
    question: str = typer.Argument("", help="The question, as the person should read it."),
    option: list[str] = typer.Option([], "--option", "-o", help="An answer to choose from; repeat it."),
    again: str = typer.Option("", help="Go on waiting for the question of this number, or the last."),
    wait: int = typer.Option(None, help="Seconds to wait before giving the shell back; else what its CLI bears."),
) -> None:
    """Ask the person a question. This is for use inside a worker: prints the answer, ends with 75 while there is none.

    Example: dispatch-hooks ask "Which OpenAPI version?" --option 3.0 --option 3.1
    """
    raise typer.Exit(asking.ask(question, option, again, wait, dict(os.environ)))
