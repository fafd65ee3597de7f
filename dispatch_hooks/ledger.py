"""What a run writes down: its status, what its CLI said as it came, and the log that a person reads.

A disk without room is no reason to end a worker: what could not be written is written when there is room again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time

from dispatch_hooks import files, plan, tasks

EVERY = 1.0
"""Seconds between records of what changes all the time."""

TRIES = 86400
"""Seconds for which the end of a run waits for room on the disk."""

RUNS = 100
"""Runs that a status remembers."""


def earlier(task: dict, status: dict) -> list[dict]:
    """The runs that are over, the one that this status tells of with them; one that never started was none."""
    known = list(status.get("earlier") or [])
    if not status.get("started"):
        return known
    told = {key: status.get(key) for key in ("run", "state", "started", "cost_usd", "tokens")}
    who = status.get("who") or task["backend"]
    model = (status.get("changed") or {}).get("model", task["model"])
    more = {"who": who, "model": model, "backend": status.get("backend") or task["backend"]}
    return [*known, {**told, **more, "ended": status.get("ended") or status["started"]}][-RUNS:]


class Ledger:
    """status.json, events.jsonl and worker.log of one run."""

    def __init__(self, folder: str, task: dict, status: dict) -> None:
        self.folder, self.task, self.status = folder, task, status
        self.changed: set[str] = set(status.get("files") or [])
        self._saved, self._at = "", 0.0
        self._journal: int | None = None
        self._said: list[str] = []

    def items(self) -> list[dict]:
        return plan.read(tasks.read_text(self.task, "plan.md"))

    def update(self) -> None:
        """The figures of the status as they are now."""
        self.status["ticked"], self.status["items"] = plan.count(self.items())
        self.status["files"] = sorted(self.changed)[:200]

    def save(self) -> None:
        self._at = time.monotonic()
        self.update()
        now = json.dumps(self.status)
        if now != self._saved:
            with contextlib.suppress(OSError):
                self.write()
                self._saved = now

    def show(self) -> None:
        """What has come since, in the log; and the status, if it was not written this very moment."""
        self._write_log()
        if time.monotonic() - self._at >= EVERY:
            self.save()

    def write(self) -> None:
        tasks.set_status(self.folder, self.status)

    def end(self, *acts) -> None:
        """Does the last steps of a run in their order, again and again until the disk has taken all of them."""
        self._write_log()
        for _ in range(TRIES):
            try:
                for act in acts:
                    act()
            except OSError as error:
                print(f"cannot record the end, trying again: {error}", flush=True)
                time.sleep(1.0)
            else:
                return

    def note(self, words: str) -> bool:
        """Puts a note into the plan, for a worker that takes no messages; False where there is no plan."""
        text = tasks.read_text(self.task, "plan.md")
        with contextlib.suppress(OSError), files.opened(tasks.open_project_folder(self.task)) as inner:
            if text:
                files.write_in(inner, "plan.md", plan.note(text, words))
                return True
        return False

    def journal(self, lines: list[bytes]) -> None:
        if lines:
            with contextlib.suppress(OSError):
                if self._journal is None:
                    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                    self._journal = os.open(os.path.join(self.folder, "events.jsonl"), flags, 0o600)
                os.write(self._journal, b"\n".join([*lines, b""]))

    def log(self, text: str) -> None:
        """A line of worker.log in the task's folder: what a person reads with tail -f."""
        line = "".join(c if c.isprintable() else " " for c in text[:2000].replace("\n", " ⏎ "))
        self._said.append(f"{time.strftime('%H:%M:%S')} {line}\n")

    def _write_log(self) -> None:
        said, self._said = self._said, []
        if said:
            with contextlib.suppress(OSError), files.opened(tasks.open_project_folder(self.task)) as inner:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with files.opened(os.open("worker.log", flags, 0o644, dir_fd=inner)) as log:
                    os.write(log, "".join(said).encode())
