"""answer: the person's answer to a worker's question."""

from __future__ import annotations

import os
import sys

import typer

from dispatch_hooks import authority, digest, questions, steer
from dispatch_hooks.commands import find, task_ids


def answer(
    task: str = typer.Argument(help="The task that asks.", autocompletion=task_ids),
    words: list[str] = typer.Argument(None, help="The answer; an option's number will do. - reads it from stdin."),
    question: int = typer.Option(None, "--question", "-q", help="The question's number, if the task asks several."),
) -> None:
    """Answer a worker's question. It goes on with its context, also days later.

    Example: dispatch-hooks answer api-docs "the 3.1 one"
    """
    by = authority.voice(dict(os.environ))
    text = sys.stdin.read() if words == ["-"] or not words else " ".join(words)
    asked = steer.answer(find(task), text, by, dict(os.environ), question)
    typer.echo(f"answered {task}: {digest.clean(questions.meant(asked, text), 200)}")
