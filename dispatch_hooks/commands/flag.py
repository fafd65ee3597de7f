"""flag: a worker's word to the person that does not wait for an answer."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import flagging


def flag(words: list[str] = typer.Argument(None, help="What the person must know at once.")) -> None:
    """Tell the person something critical at once. This is for use inside a worker, and waits for no answer.

    Example: dispatch-hooks flag "the dump holds real card numbers"
    """
    raise typer.Exit(flagging.flag(" ".join(words or []), dict(os.environ)))
