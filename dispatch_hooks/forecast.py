"""What a dispatch may promise: which of its tasks start at once, which wait and for what, which are too many."""

from __future__ import annotations

import functools
from collections import Counter

from dispatch_hooks import after, queue, tasks


class Forecast:
    """What of a dispatch will start at once and what waits, as far as can be said before anything has started."""

    def __init__(self, settings: dict) -> None:
        self.settings, self.waiting, self.new = settings, {}, set()
        away = set(tasks.handed_over())  # no place here is theirs, and their engine has a queue of its own
        found = [(folder, tasks.status(folder)["state"]) for folder in tasks.active() if folder not in away]
        self.waiters = sum(state == "waiting" for _, state in found)
        self.turns = Counter(queue.lines())
        self.busy, self.away = Counter(), functools.cache(queue.away)
        for folder in (folder for folder, state in found if state in tasks.RUNNING):
            self.busy.update(_bounds(queue.kind(tasks.read(folder) or {"backend": ""})))

    def add(self, task: dict) -> str:
        """Counts a task in; why it is too many, else ""."""
        self.new.add(task["id"])
        parents = self._parents(task)
        if parents:
            return self._wait(task, parents)
        kind = queue.kind(task)
        line = queue.line(kind)
        if not queue.paused() and not self.turns[line] and not any(map(self._full, _bounds(kind))):
            self.busy.update(_bounds(kind))
            return ""
        self.turns[line] += 1
        return self._wait(task, "paused" if queue.paused() else queue.place(self.turns[line] - 1))

    def _full(self, kind: str) -> bool:
        cap = queue.cap(kind, self.settings)
        return cap is not None and self.busy[kind] + self.away(kind) >= cap

    def _parents(self, task: dict) -> str:
        """What it waits for; its folder is not there yet, and nobody can have released it."""
        folder = tasks.folder(task["project"], task["id"])
        old = {**task, "after": [parent for parent in task["after"] if parent not in self.new]}
        held = after.holding(folder, old)
        unmet = after.unmet(folder, old) + [parent for parent in task["after"] if parent in self.new]
        return after.words(folder, old) if held else f"after {', '.join(unmet)}" if unmet else ""

    def _wait(self, task: dict, why: str) -> str:
        if self.waiters >= self.settings["max_waiting"]:
            more = min(1000, self.settings["max_waiting"] * 2 or 10)
            return (
                f"{self.waiters} tasks wait already (max_waiting); type it again when some have started, or allow "
                f"more: dispatch-hooks config set max_waiting {more}"
            )
        self.waiting[task["id"]] = why
        self.waiters += 1
        return ""


def _bounds(kind: str) -> tuple[str, ...]:
    """What bounds how many run: of all on this machine and of a backend, or of a launcher."""
    return (kind,) if kind.startswith(queue.AWAY) else (queue.MACHINE, kind)
