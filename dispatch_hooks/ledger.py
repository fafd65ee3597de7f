"""What a run writes down: its status, what its CLI said as it came, and the log that a person reads.

A disk without room is no reason to end a worker: what could not be written is written when there is room again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable

from dispatch_hooks import files, hiding, plan, tasks

EVERY = 1.0
"""Seconds between records of what changes all the time."""

JOURNAL = 32 << 20
"""Bytes of events.jsonl at which it is put aside as events.1.jsonl, in the place of the one before."""

KEPT = 10.0
"""Seconds for which a note in the plan is put back when the worker's own writing took it away."""

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
    told["beside"] = status.get("beside") or {}
    who = status.get("who") or task["backend"]
    model = status.get("model", task["model"])
    more = {"who": who, "model": model, "backend": status.get("backend") or task["backend"]}
    return [*known, {**told, **more, "ended": status.get("ended") or status["started"]}][-RUNS:]


class Ledger:
    """status.json, events.jsonl and worker.log of one run."""

    def __init__(self, folder: str, task: dict, status: dict, ours: Callable[[], bool] = lambda: True) -> None:
        """ours: whether the record is still this run's to write."""
        self.folder, self.task, self.status, self.ours = folder, task, status, ours
        self.changed: set[str] = set(status.get("files") or [])
        self._saved, self._at = "", 0.0
        self._journal: int | None = None
        self._said: list[str] = []
        self._notes: list[tuple[float, str]] = []
        self.hide = hiding.Hider(os.environ)

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
            self._mind_notes()
            self._mind_logs()
            self.save()

    def write(self) -> None:
        """In place, so that the event that is made of it shows no more than the record."""
        self.status.update(self.hide.value(self.status))
        if self.ours():
            tasks.set_status(self.folder, self.status)

    def end(self, *acts) -> None:
        """Does the last steps of a run in their order, again and again until the disk has taken all of them."""
        self._write_log()
        self._mind_logs()
        for _ in range(TRIES):
            try:
                for act in acts:
                    act()
            except OSError as error:
                files.say(f"cannot record the end, trying again: {error}")
                time.sleep(1.0)
            else:
                return

    def note(self, words: str) -> bool:
        """Adds a note to the plan, for a worker that takes no messages; False where there is no plan."""
        self._notes.append((time.monotonic() + KEPT, plan.note(words)))
        return self._add_note(self._notes[-1][1])

    def _add_note(self, text: str) -> bool:
        """By appending: what the worker ticks at this very moment stays ticked."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with (
            contextlib.suppress(OSError),
            files.opened(tasks.open_project_folder(self.task)) as inner,
            files.opened(os.open("plan.md", flags, dir_fd=inner)) as plan_file,
        ):
            return os.write(plan_file, text.encode()) > 0
        return False

    def _mind_notes(self) -> None:
        """A worker that wrote its plan anew from what it had read before has thrown the note away: once more."""
        self._notes = [note for note in self._notes if time.monotonic() < note[0]]
        there = tasks.read_text(self.task, "plan.md") if self._notes else ""
        for _, text in self._notes:
            if there and text.strip() not in there:
                self._add_note(text)

    def journal(self, lines: list[bytes]) -> None:
        if lines:
            with contextlib.suppress(OSError):
                if self._journal is None or os.fstat(self._journal).st_size > JOURNAL:
                    self._open_journal()
                os.write(self._journal, self.hide.data(b"\n".join([*lines, b""])))

    def _open_journal(self) -> None:
        path = os.path.join(self.folder, "events.jsonl")
        if self._journal is not None:
            os.close(self._journal)
            self._journal = None
            os.rename(path, os.path.join(self.folder, "events.1.jsonl"))
        self._journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _mind_logs(self) -> None:
        """What a CLI complains of, and what is printed of that here, may have no end."""
        for name in ("stderr.txt", "supervisor.log"):
            files.bound(os.path.join(self.folder, name), JOURNAL)

    def log(self, text: str) -> None:
        """A line of worker.log in the task's folder: what a person reads with tail -f."""
        line = "".join(c if c.isprintable() else " " for c in self.hide.text(text)[:2000].replace("\n", " ⏎ "))
        self._said.append(f"{time.strftime('%H:%M:%S')} {line}\n")

    def _write_log(self) -> None:
        said, self._said = self._said, []
        if said:
            with contextlib.suppress(OSError), files.opened(tasks.open_project_folder(self.task)) as inner:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
                with files.opened(os.open("worker.log", flags, 0o644, dir_fd=inner)) as log:
                    os.write(log, "".join(said).encode())
