"""statusline: what Claude Code's status line says of the tasks."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import statusline as lines


def statusline() -> None:
    """Print the line for Claude Code's status line. It is like "3 running · 1 asks · $1.20", or nothing.

    It counts the tasks of the project; the dollars are what those of this chat have cost. `install --statusline` puts
    it below the status line that you have, through a script that is quicker than this command; `install
    --no-statusline` takes it out again. For a status line or a shell prompt of your own, call it yourself.

    \b
    Examples:
      dispatch-hooks install --statusline
      dispatch-hooks statusline
    """
    said = lines.line(dict(os.environ))
    if said:
        typer.echo(said)
