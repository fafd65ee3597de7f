"""Launchers: how a task's supervisor is started. One module each, all with the functions of Launcher.

Nothing else may assume that a worker runs on the host's machine.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Launcher(Protocol):
        def start(self, folder: str, env: dict) -> None:
            """Starts the supervisor of a task's folder and returns at once. OSError when it cannot."""


def get(name: str = "local"):
    from dispatch_hooks.launchers import local

    return local
