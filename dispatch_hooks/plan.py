"""A task's checklist, `.dispatch/tasks/<id>/plan.md`: what the worker ticks and a person reads.

Items are lines `- [ ] text`; the mark is a space (to do), x (done), ? (blocked on a question) or ! (failed).
"""

from __future__ import annotations

import re

ITEM = re.compile(r"^[ \t]*[-*+] \[([ xX?!])\] ?(.*)$", re.M)


def write(title: str, text: str, items: list[str], context: str = "") -> str:
    """The plan of a new task. Without items the task itself is the only one, until its worker writes better."""
    lines = [f"# {title}", "", *(f"- [ ] {item}" for item in items or [title])]
    lines += ["", "## Task", "", text.strip()]
    if context.strip():
        lines += ["", "## Context", "", context.strip()]
    return "\n".join(lines) + "\n"


def read(text: str) -> list[dict]:
    """The items in their order: {"mark": " "|"x"|"?"|"!", "text": the words, with what stands on deeper lines}."""
    checklist = text.split("\n## Task\n", maxsplit=1)[0]
    return [{"mark": m[1].lower(), "text": m[2].strip()} for m in ITEM.finditer(checklist)]


def count(items: list[dict]) -> tuple[int, int]:
    """(ticked, all)."""
    return sum(item["mark"] == "x" for item in items), len(items)


def marked(items: list[dict], mark: str) -> list[str]:
    return [item["text"] for item in items if item["mark"] == mark]


def note(words: str) -> str:
    """A note from the person, for the end of the plan, where a worker that rereads its plan will see it."""
    return "\n" + "\n".join(f"> {line}" for line in f"Note from the person: {words}".splitlines()) + "\n"
