"""The one place that polls."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

STEP = 0.05
PATIENCE = 90  # seconds: machines that test are loaded machines, and only what fails waits so long


def wait_until(predicate: Callable[[], T], timeout: float = PATIENCE, why: str | Callable[[], str] = "") -> T:
    """The first true value of the predicate; after `timeout` seconds an AssertionError that says why."""
    end = time.monotonic() + timeout
    while True:
        if value := predicate():
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {why() if callable(why) else why or predicate}")
        time.sleep(STEP)


def wait_fitting(look: Callable[[], str], fits: Callable[[str], object], timeout: float, why: str) -> str:
    """The first screen that fits, the very one; `why` and the last one are said where none does."""

    def found() -> str:
        screen = look()
        return screen if fits(screen) else ""

    return wait_until(found, timeout, lambda: f"{why}; the screen:\n{look()}")
