"""Backends: one module for each way of speaking to a worker CLI, all with the functions of Backend.

A backend makes a Talk: one run's conversation with a CLI. A talk says what to start, what a line of output means and
what to write; it opens nothing, so that its supervisor alone touches processes, files and the clock.
"""

from __future__ import annotations

import importlib
import json
import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Backend(Protocol):
        """What others need of a way of speaking."""

        def program(self, task: dict, config: dict) -> str:
            """The name of the CLI, to be looked for on PATH. KeyError where the config holds none."""

        def resumes(self, task: dict, config: dict) -> bool:
            """Whether a later run goes on in the conversation of an earlier one."""

        def talk(self, task: dict, run: dict, config: dict) -> Talk:
            """The conversation of one run.

            run: {"n","prompt","session" (of the run before, or None),"resume": bool,"folder" (the task's in the
            project),"cwd","spent" (what this session is known to have used,
            see usage),"anew" (the prompt for a worker whose session turns out to be gone),"since" (when the last run
            ended, or None),"git" (folders outside of cwd that a commit writes in),"left" (of its budget, see limits)}
            """


class Talk:
    """One run's conversation with a worker CLI. What is here is a CLI that takes a prompt and says nothing.

    An event is a dict with "kind"; its kinds and fields are in `events`, which also keeps out what is none.
    """

    ends_by_itself = False
    """True for a CLI whose process ends with its work, False for one that waits for the next message."""

    hears = True
    """Whether a note that is written now reaches the worker, and ends nothing that it does."""

    not_before = 0.0
    """The time before which its process must not be started."""

    def __init__(self, argv: list[str], env: dict | None = None) -> None:
        self.argv, self.env = argv, env or {}
        self.stdin: str | None = None
        """What to write first; None: nothing, and its stdin is closed at once."""
        self.session: str | None = None
        """The session's id as far as it is known before the CLI tells."""

    def read(self, line: bytes) -> list[dict]:
        """The events of one line of output; none for one that says nothing or is no message. It never raises."""
        return []

    def reply(self, ask: dict, answers: list[str]) -> str | None:
        """What to write for an ask that has all its answers: one a question; a permission's is "" for yes, else the
        words that say no.
        """

    def refuse(self, ask: dict, why: str) -> str | None:
        """What to write so that an ask is turned down."""

    def note(self, text: str) -> str | None:
        """What to write to give the worker a message; None where its CLI takes none."""

    def interrupt(self) -> str | None:
        """What to write to end the present turn; None where only a signal does."""


def message(line: bytes) -> dict:
    """The JSON object that a line holds; an empty one where it holds none. Of one that is nested without end the
    outline remains, so that who asked can be told no.
    """
    try:
        found = json.loads(line)
    except RecursionError:
        found = _outline(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


LEVELS = 2
"""How deep an outline goes: an ask's fields, and no tool's input."""


def _outline(line: bytes) -> object:
    """What a line of JSON holds, with null for all that stands deeper."""
    depth, start, kept = 0, 0, []
    for token in re.finditer(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[{]|[\]}]', line):
        if token[0] in b"[{":
            depth += 1
            if depth == LEVELS + 1:
                kept += [line[start : token.start()], b"null"]
        elif token[0] in b"]}":
            start = token.end() if depth == LEVELS + 1 else start
            depth -= 1
    try:
        return json.loads(b"".join([*kept, line[start:]]))
    except (ValueError, RecursionError):
        return None


SAID_NO = "The person said no."
"""What a permission's answer says where the person gave no reason."""

ACP = ("opencode", "gemini", "qwen", "copilot", "cursor")

WAYS = {"claude": "claude", "codex": "codex", **dict.fromkeys(ACP, "acp")}
"""The module of each built-in backend."""


def get(name: str, config: dict):
    """The Backend of a name: what the person's config says of it, else what we know of it."""
    own = config["backends"].get(name, {})
    way = own.get("protocol") or ("command" if own.get("command") else WAYS.get(name, "command"))
    return importlib.import_module(f"dispatch_hooks.backends.{way}")


def which(program: str, path: str) -> str | None:
    """The program's file on a PATH (shutil.which, without what shutil imports)."""
    if os.sep in program:
        return program if _runs(program) else None
    folders = [folder for folder in path.split(os.pathsep) if folder]
    return next((f for folder in folders if _runs(f := os.path.join(folder, program))), None)


def _runs(file: str) -> bool:
    return os.path.isfile(file) and os.access(file, os.X_OK)


def new_id() -> str:
    """A random UUID (what uuid gives, without loading it)."""
    bits = bytearray(os.urandom(16))
    bits[6], bits[8] = bits[6] & 0x0F | 0x40, bits[8] & 0x3F | 0x80
    text = bits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
