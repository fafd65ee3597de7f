"""When workers ran: the runs of tasks as spans of time, in bouts, side by side and one after another."""

from __future__ import annotations

import math
from typing import NamedTuple

PAUSE = 900.0
"""Seconds without any run that part two bouts: a night between them would leave nothing of the bars."""

STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)
"""Seconds between two marks of an axis."""


class Span(NamedTuple):
    """One run of a task; end is now for one that goes on. asked: when in it somebody was waited for."""

    task: str
    start: float
    end: float
    state: str
    who: str
    asked: tuple[tuple[float, float], ...] = ()

    @property
    def seconds(self) -> float:
        return self.end - self.start


def of(task: dict, status: dict, waits: list[tuple[float, float]], now: float) -> list[Span]:
    """A task's runs; waits are the times from its questions to their answers."""
    runs = list(status.get("earlier") or [])
    if status.get("started"):
        runs.append({**status, "ended": status.get("ended") or now})
    found = []
    for run in runs:
        start, end = run["started"], max(run["ended"], run["started"])
        inside = ((max(a, start), min(b, end)) for a, b in waits)
        asked = tuple(each for each in inside if each[0] < each[1])
        found.append(Span(task["id"], start, end, run["state"], run.get("who") or task["backend"], asked))
    return found


class Bout(NamedTuple):
    """Spans without a long pause between them, the first to start first."""

    spans: list[Span]

    @property
    def start(self) -> float:
        return self.spans[0].start

    @property
    def wall(self) -> float:
        """Seconds in which any of them ran."""
        return together(self.spans)

    @property
    def work(self) -> float:
        """Seconds that they would take one after another."""
        return sum(span.seconds for span in self.spans)

    @property
    def length(self) -> float:
        """Seconds that both ways fit into: the common scale."""
        return max(self.work, max(span.end for span in self.spans) - self.start, 1.0)

    def lanes(self) -> dict[str, list[Span]]:
        """The spans by task, in the order in which the tasks began."""
        found: dict[str, list[Span]] = {}
        for span in self.spans:
            found.setdefault(span.task, []).append(span)
        return found

    def sequence(self) -> list[tuple[float, Span]]:
        """Where each span would begin, had one waited for the other; seconds from the start."""
        begun, found = 0.0, []
        for span in self.spans:
            found.append((begun, span))
            begun += span.seconds
        return found

    def marks(self) -> list[float]:
        """Seconds at which the axis has its marks: four to eight of them."""
        step = next((s for s in STEPS if self.length / s <= 6), 86400 * math.ceil(self.length / 86400 / 6))
        return [n * step for n in range(int(self.length // step) + 1)]


def together(spans: list[Span]) -> float:
    """Seconds in which at least one of them ran."""
    total, reached = 0.0, -math.inf
    for span in sorted(spans, key=lambda s: s.start):
        total += max(0.0, span.end - max(span.start, reached))
        reached = max(reached, span.end)
    return total


def bouts(spans: list[Span]) -> list[Bout]:
    """The last bout first."""
    found: list[list[Span]] = []
    reached = -math.inf
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        if span.start - reached > PAUSE:
            found.append([])
        found[-1].append(span)
        reached = max(reached, span.end)
    return [Bout(each) for each in reversed(found)]
