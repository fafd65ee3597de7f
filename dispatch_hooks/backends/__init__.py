"""Backends: one module for each kind of worker CLI, all with the functions of Backend.

A backend is pure: it says what to start, what a line of output means and what to write; it opens nothing.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Backend(Protocol):
        """What the supervisor needs of a kind of worker CLI.

        An event is a dict with "kind":
        session {"id","model"} · activity {"text","files"} · usage {"cost_usd","tokens"} ·
        ask {"request","tool","input","questions":[{"kind","text","options"}]} · withdrawn {"request"} ·
        background {"running"} · turn_end {"error","text"}
        """

        ends_by_itself: bool
        """True for a CLI whose process ends with its work, False for one that waits for the next message."""

        def program(self, task: dict, config: dict) -> str:
            """The name of the CLI, to be looked for on PATH."""

        def start(self, task: dict, run: dict, config: dict) -> dict:
            """{"argv": [...], "env": {...}, "stdin": str or None (nothing to write, closed at once)}.

            run is {"n","prompt","session" (None: a new one),"resume": bool,"folder","shim"}.
            """

        def read(self, line: bytes) -> list[dict]:
            """The events of one line of output; none for one that says nothing or is no message."""

        def reply(self, ask: dict, answers: list[str]) -> str | None:
            """What to write to the CLI for an ask that has all its answers."""

        def refuse(self, ask: dict, why: str) -> str | None:
            """What to write so that an ask is turned down."""

        def note(self, text: str) -> str | None:
            """What to write to give a running worker a message; None where its CLI takes none."""

        def interrupt(self) -> str | None:
            """What to write to end the present turn; None where only a signal does."""


def get(name: str):
    """The module of a backend; any name that the person configured is a command."""
    if name == "claude":
        from dispatch_hooks.backends import claude

        return claude
    from dispatch_hooks.backends import command

    return command


def which(program: str, path: str) -> str | None:
    """The program's file on a PATH (shutil.which, without what shutil imports)."""
    if os.sep in program:
        return program if _runs(program) else None
    folders = [folder for folder in path.split(os.pathsep) if folder]
    return next((f for folder in folders if _runs(f := os.path.join(folder, program))), None)


def _runs(file: str) -> bool:
    return os.path.isfile(file) and os.access(file, os.X_OK)
