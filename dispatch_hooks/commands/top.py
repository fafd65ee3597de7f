"""top: all tasks on one screen, live, with a box to answer in."""

from __future__ import annotations

import os
import sys

import typer

from dispatch_hooks import recover
from dispatch_hooks.commands import here
from dispatch_hooks.errors import FatalError


def top(
    everywhere: bool = typer.Option(False, "--all", "-a", help="The tasks of every project."),
) -> None:
    """Look at all tasks live, answer and steer them.

    On the left the tasks, what needs you first; on the right one of them: its question with a box to answer in, its
    plan, what it does, what it changed, and what its CLI said. Several of these, status and the chat show the same.

    \b
    Keys:
      up, down         choose a task         n       the next one that asks
      enter, a, t      answer it, or tell    1 … 9   an option of its question
      left, right      plan, activity, diff, log
      c, r             cancel, start again   w       a shell where it works
      f                follow what it does   p, /    another project, a filter
      q                quit

    \b
    Examples:
      dispatch-hooks top
      dispatch-hooks top --all
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise FatalError("top needs a terminal; for a program there is: dispatch-hooks status --json --watch")
    recover.recover(dict(os.environ))
    from dispatch_hooks.view.top import Top

    Top(None if everywhere else here(), dict(os.environ)).run()
