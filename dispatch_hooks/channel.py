"""A worker's question channel: the folder ipc/ of its task, which any worker can write and nobody else need trust.

    ipc/NNN.question   by the worker; whole, or looked at again when it is
    ipc/NNN.answer     by the supervisor
    ipc/NNN.flag       by the worker: a word that needs no answer
    ipc/bell           a FIFO that the worker may ring
"""

from __future__ import annotations

import contextlib
import json
import os

from dispatch_hooks import files

OPEN = 20
"""Questions that a worker may have open in files: more wait their turn, so that a loop of it floods nobody."""

LARGEST = 1 << 20
"""Bytes of a question file that are read."""


class Channel:
    """A question is a file that was not there before, or not so: its name may be used again."""

    def __init__(self, task: dict, heard: set[str]) -> None:
        """heard: the names of the files that earlier runs have been asked by."""
        self.task = task
        self._open()
        self.seen = {name: self._stamp(name) for name in heard}

    def _open(self) -> None:
        self.folder = files.folder(self.task["project"], ".dispatch", "tasks", self.task["id"], "ipc", make=True)
        self.bell = None
        with contextlib.suppress(OSError):  # something else has its name: then it is looked at unrung
            self.bell = files.bell("bell", dir_fd=self.folder)

    def descriptors(self) -> list[int]:
        return [self.bell] if self.bell is not None else []

    def drain(self) -> None:
        for bell in self.descriptors():
            files.drain(bell)

    def fresh(self, room: int, kind: str = "question") -> list[tuple[str, dict]]:
        """(name, question or flag) of what was asked or flagged since, at most so many."""
        self._mend()
        stamps = {name: self._stamp(name) for name in self._names(kind)}
        new = [name for name, stamp in stamps.items() if stamp and self.seen.get(name) != stamp]
        found = []
        for name in new:
            if len(found) >= room:
                break
            data = files.read_in(self.folder, name, LARGEST)
            if data and data.strip():  # an empty one is still being written
                self.seen[name] = stamps[name]
                found.append((name, asked(data)))
        return found

    def _mend(self) -> None:
        """A worker that cleans up (`git clean -fdx`) may take the folder away, too."""
        if not os.fstat(self.folder).st_nlink:
            with contextlib.suppress(OSError):
                old = [self.folder, *self.descriptors()]
                self._open()
                for fd in old:
                    os.close(fd)

    def _names(self, kind: str) -> list[str]:
        try:
            return sorted(n for n in os.listdir(self.folder) if n.endswith(f".{kind}") and n[0] != ".")
        except OSError:
            return []

    def _stamp(self, name: str) -> tuple | None:
        try:
            found = os.stat(name, dir_fd=self.folder, follow_symlinks=False)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    def reply(self, name: str, text: str) -> bool:
        """Whether the answer lies beside its question: something of the worker's may be in its place."""
        try:
            files.write_in(self.folder, f"{name.removesuffix('.question')}.answer", text + "\n")
        except OSError:
            return False
        return True


def asked(data: bytes) -> dict:
    """A question or flag: JSON {"text","options"} as `dispatch-hooks ask` writes it, or plain words."""
    try:
        given = json.loads(data)
        text, options = str(given["text"]), [str(option)[:500] for option in given.get("options") or []]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        text, options = data.decode(errors="replace"), []
    return {"kind": "question", "text": text.strip()[:8000] or "(an empty question)", "options": options[:20]}
