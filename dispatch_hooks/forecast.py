"""What a dispatch may promise: which of its tasks start at once, which wait and for what, which are too many."""

from __future__ import annotations

from dispatch_hooks import after, queue, tasks


class Forecast:
    """What of a dispatch will start at once and what waits, as far as can be said before anything has started."""

    def __init__(self, settings: dict) -> None:
        self.settings, self.waiting, self.new = settings, {}, set()
        found = [(folder, tasks.status(folder)) for folder in tasks.active()]
        self.waiters = sum(status["state"] == "waiting" for _, status in found)
        self.turns = len(queue.tickets())
        backends = [(tasks.read(folder) or {}).get("backend", "") for folder, s in found if s["state"] in tasks.RUNNING]
        self.busy = {queue.MACHINE: len(backends)}
        for backend in backends:
            self.busy[queue.safe(backend)] = self.busy.get(queue.safe(backend), 0) + 1

    def add(self, task: dict) -> str:
        """Counts a task in; why it is too many, else ""."""
        self.new.add(task["id"])
        parents = self._parents(task)
        if parents:
            return self._wait(task, parents)
        kinds = (queue.MACHINE, queue.safe(task["backend"]))
        caps = [(self.busy.get(kind, 0), queue.cap(kind, self.settings)) for kind in kinds]
        if not queue.paused() and not self.turns and all(cap is None or busy < cap for busy, cap in caps):
            for kind in kinds:
                self.busy[kind] = self.busy.get(kind, 0) + 1
            return ""
        self.turns += 1
        return self._wait(task, "paused" if queue.paused() else queue.place(self.turns - 1))

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
