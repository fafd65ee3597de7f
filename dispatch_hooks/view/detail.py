"""What the right side of `top` shows of one task: its plan, what it did, what it changed, what its CLI said.

A worker's words are data: they come as rich Text, never as markup, and without control characters.
"""

from __future__ import annotations

import os
import stat

from rich.text import Text

from dispatch_hooks import digest, files, plan, questions, tasks
from dispatch_hooks.view import words

LAST = 64 << 10
"""Bytes of a log that are shown of what was there before we looked."""

LINE = 1000
"""Characters of a line."""

MARKS = {"x": ("✔", "green"), "?": ("?", "yellow"), "!": ("✘", "red"), " ": ("·", "dim")}


def title(r: dict) -> Text:
    """Its figures, in two lines."""
    colour = words.COLOURS.get(r["state"], "")
    out = Text.assemble((r["id"], "bold"), "  ", (r["state"], colour))
    figures = [words.who(r), words.took(r), words.cost(r), words.now({**r, "last": ""})]
    out.append(f"\n{words.bar(r['ticked'], r['items'], 10)} {r['ticked']}/{r['items']}", colour)
    return out.append(f"  {' · '.join(figure for figure in figures if figure)}", "dim")


def asked(r: dict) -> Text:
    """The oldest question with its options, each under its number."""
    out = Text()
    for question in r["questions"][:1]:
        out.append(safe(question["text"][: digest.QUESTION * 2]), "bold yellow")
        for n, option in enumerate(question["options"], 1):
            out.append(f"\n {n}. ", "yellow").append(digest.clean(option, 200))
        if question["kind"] == "permission":
            out.append("\n yes, or no and why", "dim")
    more = len(r["questions"]) - 1
    return out.append(f"\n and {more} more after it", "dim") if more > 0 else out


def checklist(folder: str) -> Text:
    """Its plan: every item with its mark, the words of the task, and what was asked and answered."""
    task = tasks.read(folder)
    if task is None:
        return Text("it was removed")
    out = Text()
    for item in plan.read(tasks.read_text(task, "plan.md")):
        mark, style = MARKS.get(item["mark"], MARKS[" "])
        out.append(f" {mark} ", style).append(digest.clean(item["text"], 500) + "\n", "dim" if mark == "✔" else "")
    out.append("\n").append(safe(task["text"]), "italic").append("\n")
    for question in questions.every(folder):
        said = questions.answer_of(folder, question["n"])
        if said and not said.get("moot"):
            out.append(f"\n asked: {digest.clean(question['text'], 300)}\n", "yellow")
            who = "Claude, for you" if said["by"] == "relayed" else "you"
            out.append(f" {who}: {digest.clean(questions.meant(question, said['text']), 300)}\n", "green")
    return out.append(_output(task))


def _output(task: dict) -> Text:
    written = tasks.read_text(task, "output.md", LAST).strip()
    return Text.assemble(("\noutput.md\n", "bold"), safe(written)) if written else Text()


def safe(text: str) -> str:
    """Text of several lines without control characters."""
    lines = (line[:LINE].expandtabs(4) for line in text.splitlines())
    return "\n".join("".join(c if c.isprintable() else " " for c in line) for line in lines)


def _task(folder: str) -> dict:
    task = tasks.read(folder)
    if task is None:
        raise FileNotFoundError(folder)
    return task


class Tail:
    """The end of a growing file of a task, and then what is added to it."""

    def __init__(self, folder: str, name: str) -> None:
        """name: worker.log (in the project, walked to by descriptor) or events.jsonl (ours)."""
        self.folder, self.name, self.at, self.rest = folder, name, -1, b""
        self.torn = False

    def fresh(self) -> list[str]:
        """The whole lines that have come since the last look."""
        try:
            with files.opened(self._open()) as fd:
                data = self._read(fd)
        except OSError:
            return []
        *lines, self.rest = (self.rest + data).split(b"\n")
        lines, self.torn = (lines[1:], False) if self.torn and lines else (lines, self.torn)
        return [safe(line.decode(errors="replace")[:LINE]) for line in lines]

    def _open(self) -> int:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        if self.name == "events.jsonl":
            return os.open(os.path.join(self.folder, self.name), flags)
        with files.opened(tasks.open_project_folder(_task(self.folder))) as inner:
            return os.open(self.name, flags, dir_fd=inner)

    def _read(self, fd: int) -> bytes:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            return b""
        if self.at < 0 or found.st_size < self.at:
            self.at, self.rest = max(found.st_size - LAST, 0), b""
            self.torn = self.at > 0  # the first line is not whole
        data = os.pread(fd, 4 * LAST, self.at)
        self.at += len(data)
        return data
