"""Whole processes on the clock, alternated with the base, so that the machine's moods strike both alike."""

from __future__ import annotations

import contextlib
import math
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Done(NamedTuple):
    """A process that has ended: wall clock and CPU (its children's too) in seconds."""

    wall: float
    cpu: float
    code: int


class Row(NamedTuple):
    """One line of the table. value None: not available, `note` says why."""

    what: str
    value: float | None
    unit: str = "x"
    bound: float | None = None
    ms: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        return self.value is not None and (self.bound is None or self.value <= self.bound)


def start(argv: list[str], env: dict[str, str], out: int = -1, err: int = -1) -> tuple[int, int]:
    """Starts a process as cheaply as a host can: (its pid, the pipe to its stdin). Output goes nowhere or to files."""
    theirs, ours = os.pipe()
    null = os.open(os.devnull, os.O_WRONLY)
    standard = [(0, theirs), (1, null if out < 0 else out), (2, null if err < 0 else err)]
    actions = [(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in standard]
    pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
    os.close(theirs)
    os.close(null)
    return pid, ours


def feed(pipe: int, data: bytes) -> None:
    """Writes all of it, or as much as the reader wants, and hangs up."""
    view = memoryview(data)
    with contextlib.suppress(BrokenPipeError):
        while view:
            view = view[os.write(pipe, view) :]
    os.close(pipe)


def run(argv: list[str], env: dict[str, str], stdin: bytes = b"", out: int = -1) -> Done:
    """A process from its start to its end."""
    begun = time.perf_counter()
    pid, pipe = start(argv, env, out)
    feed(pipe, stdin)
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    return Done(wall, used.ru_utime + used.ru_stime, os.waitstatus_to_exitcode(status))


Measured = tuple[float, float]
"""(median of the thing, median of the base), in seconds."""


def alternate(times: int, base: Callable[[], float], thing: Callable[[], float]) -> Measured:
    """Both in turn, after one round that does not count."""
    rounds = [(base(), thing()) for _ in range(times + 1)][1:]
    return statistics.median(t for _, t in rounds), statistics.median(b for b, _ in rounds)


def ratio(what: str, measured: Measured, bound: float | None = None) -> Row:
    thing, base = measured
    return Row(what, thing / base, "x", bound, thing * 1000)


def percentile(values: list[float], share: float) -> float:
    """The smallest value that so large a share of all does not exceed."""
    return sorted(values)[math.ceil(len(values) * share) - 1]


def until(true: Callable[[], object], why: str | Callable[[], str], timeout: float = 30.0) -> None:
    end = time.monotonic() + timeout
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"{why() if callable(why) else why}: not within {timeout:.0f} s")
        time.sleep(0.01)
