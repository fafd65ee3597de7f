"""What comes from far supervisors, where no bell rings: inboxes are looked at, and engines are asked."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from dispatch_hooks import files, inbox, tasks

POLL = 1.0
"""Seconds between looks at the inboxes that far supervisors write to: no bell rings across machines."""

ROUND = 15.0
"""Seconds between questions to the engines while a chat waits for their tasks."""


SHARE = 20
"""A round takes at most one part in so many of the time, however many tasks there are."""

BLUR = 2.0
"""Seconds after which a folder that has changed is read once more: two changes may bear the same time."""

NEVER = float("inf")


class Post:
    """What a watcher sees of far supervisors; costs nothing while no engine has a task.

    Made before the watcher's first look: what comes after that has moved.
    """

    def __init__(self) -> None:
        self.chats: dict[str, str] = {}  # of each task that engines have: its marker never changes, so it is read once
        self.stamp, self.once_more = 0, NEVER
        self.seen: dict[str, int] = {}
        self.again = time.monotonic() + ROUND
        self.moved()

    def expected(self) -> bool:
        """Whether engines have tasks."""
        stamp, now = files.changed(os.path.dirname(tasks.handed_file("x/y"))), time.monotonic()
        if stamp != self.stamp or now >= self.once_more:
            self.once_more = now + BLUR if stamp != self.stamp else NEVER
            self.stamp = stamp
            known = self.chats
            self.chats = {folder: known.get(folder) or tasks.handed_to(folder)[0] for folder in tasks.handed_over()}
        return bool(self.chats)

    def minds(self, folder: str) -> bool:
        """Whether an engine had the task at the last look."""
        return folder in self.chats

    def moved(self) -> bool:
        """Whether an inbox that a far supervisor may write to has changed, or what engines have."""
        self.expected()
        chats = {*self.chats.values(), *self.seen} - {""}
        now = {"": self.stamp, **{chat: files.changed(os.path.join(inbox.folder(chat), "new")) for chat in chats}}
        before, self.seen = self.seen, now if self.chats else {"": self.stamp}
        return any(stamp != before.get(chat, stamp) for chat, stamp in now.items())

    def round(self, ask: Callable[[], object]) -> None:
        """Asks the engines, if it is time to."""
        begun = time.monotonic()
        if begun >= self.again:
            ask()
            self.again = begun + max(ROUND, SHARE * (time.monotonic() - begun))
