"""logs: what a worker did, line by line."""

from __future__ import annotations

import os
import stat

import typer

from dispatch_hooks import files, tasks
from dispatch_hooks.commands import find, task_ids


def logs(
    task: str = typer.Argument(help="The task.", autocompletion=task_ids),
    follow: bool = typer.Option(False, "--follow", "-f", help="Stay, and print what comes."),
    lines: int = typer.Option(50, "--lines", "-n", help="How many of the last lines."),
    raw: bool = typer.Option(False, "--raw", help="What its CLI said, as it came (JSON lines)."),
) -> None:
    """Print a worker's log.

    Example: dispatch-hooks logs -f security-audit
    """
    folder = find(task)
    at = _print(folder, raw, 0, lines)
    if follow:
        _follow(folder, raw, at)


LONGEST = 8 << 20
"""Bytes of a log's end that are read."""


def _print(folder: str, raw: bool, at: int, lines: int | None = None) -> int:
    """What came since byte `at`, its last lines; where it ends now."""
    data, end = _since(folder, raw, at)
    text = data.decode(errors="replace")
    if not at and not text:
        typer.echo("nothing yet")
    for line in text.splitlines()[-lines if lines else None :]:
        typer.echo(_plain(line))
    return end


def _since(folder: str, raw: bool, at: int) -> tuple[bytes, int]:
    """The log is the worker's to write: it may be a link, a FIFO, or huge."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY) if raw else tasks.open_project_folder(tasks.read(folder))
    except OSError:
        return b"", 0
    with files.opened(fd):
        try:
            name = "events.jsonl" if raw else "worker.log"
            log = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
        except OSError:
            return b"", 0
        found = os.fstat(log)
        if not stat.S_ISREG(found.st_mode):
            os.close(log)
            return b"", 0
        with open(log, "rb") as f:
            at = f.seek(max(at if found.st_size >= at else 0, found.st_size - LONGEST))  # a new one, the old put aside
            data = f.read(LONGEST)
    whole = len(data) if raw else data.rfind(b"\n") + 1
    return data[:whole], at + whole


def _plain(line: str) -> str:
    """Without what a terminal obeys: a worker wrote it."""
    return "".join(c if c.isprintable() or c == "\t" else " " for c in line)


def _follow(folder: str, raw: bool, at: int) -> None:
    """Until the task's worker has ended and its last line is printed."""
    import watchfiles

    record = tasks.read(folder)
    place = folder if raw else os.path.join(record["project"], tasks.place(record))
    for _ in watchfiles.watch(place, debounce=100, rust_timeout=1000, yield_on_timeout=True):
        running = tasks.supervised(folder)
        at = _print(folder, raw, at) or at
        if not running:
            return
