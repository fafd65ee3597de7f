"""The keys of top, on a screen of their own over it."""

from __future__ import annotations

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("up, down, j, k", "choose a task"),
    ("n", "the next task that asks"),
    ("Enter, a, t", "the box: answer what is asked, else tell the worker"),
    ("1 … 9", "an option of the question, into the box; Enter sends it"),
    ("left, right", "plan, activity, diff, log"),
    ("c, r", "cancel, start again"),
    ("z", "pause, and resume what is paused"),
    ("u", "start what is held, or waits for a task, without it"),
    ("m, d", "merge, discard what it did in its worktree"),
    ("w", "a shell where it works (its worktree); exit leads back"),
    ("f", "follow what it does, or stand still"),
    ("p, /", "next project; filter by words of id, state or model"),
    ("?, F1", "these keys"),
    ("q", "quit"),
)
"""docs/watching.md has the same."""


class Keys(ModalScreen[None]):
    CSS = """
    Keys { align: center middle; }
    Keys VerticalScroll { width: 78; max-width: 100%; height: auto; max-height: 100%; padding: 1 2; }
    Keys VerticalScroll { background: $surface; border: thick $accent; }
    """
    BINDINGS = [("escape,q,question_mark,f1,enter", "dismiss", "back")]  # noqa: RUF012

    def compose(self) -> ComposeResult:
        width = max(len(keys) for keys, _ in KEYS)
        lines = [Text.assemble((keys.ljust(width), "bold"), "  ", said) for keys, said in KEYS]
        with VerticalScroll():
            yield Static(Text("\n").join([*lines, Text("\nc, r, z, u, m and d ask first.  Escape: back", "dim")]))
