"""Files that change together or not at all, while others may be writing them too.

A plan reads everything first and says what each file becomes. Carrying it out checks before each rename that
the file is still what was read, and makes the plan again where it is not. What fails halfway is undone.
"""

from __future__ import annotations

import contextlib
import difflib
import fcntl
import glob
import os
import shutil
import stat
from collections.abc import Callable
from typing import NamedTuple

from dispatch_hooks.errors import FatalError

TRIES = 5


class Change(NamedTuple):
    """What was done (or would be), to which path, and the unified diff ("" where there is none)."""

    what: str
    path: str
    diff: str


class Edit(NamedTuple):
    """The bytes of a file (itself, no link) before and after; None where there is no file."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int  # missing folders are made private if the file is

    def do(self, undo: contextlib.ExitStack) -> None:
        _make_folders(self.path, 0o777 if self.mode & 0o077 else 0o700, undo)
        if read(self.path) != self.before:
            raise _Overtaken(self.path)
        _put(self.path, self.after, self.mode)
        undo.callback(_put, self.path, self.before, self.mode)

    def change(self) -> Change:
        what = "created" if self.before is None else "removed" if self.after is None else "changed"
        return Change(what, self.path, _diff(self.path, self.before, self.after))


class Move(NamedTuple):
    """A file or folder that goes elsewhere; an empty folder there makes way."""

    what: str
    path: str
    target: str

    def do(self, undo: contextlib.ExitStack) -> None:
        _make_folders(self.target, 0o700, undo)
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(self.target)
            undo.callback(os.mkdir, self.target)
        shutil.move(self.path, self.target)
        undo.callback(shutil.move, self.target, self.path)

    def change(self) -> Change:
        return Change(self.what, self.path, f"rename from {self.path}\nrename to {self.target}\n")


class Plan(NamedTuple):
    """The steps in their order; what stays, and why; the folders to clear afterwards."""

    steps: list[Edit | Move]
    kept: list[Change]
    folders: list[str]

    def needed(self) -> list[Edit | Move]:
        return [step for step in self.steps if isinstance(step, Move) or step.before != step.after]


class _Overtaken(Exception):
    """Somebody wrote the file between our reading and our writing."""


def read(path: str) -> bytes | None:
    """None where there is no file; FatalError where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FatalError(f"{path} cannot be read: {error.strerror}. Nothing was changed.") from None


def edit(path: str, after: bytes | None, mode: int = 0o666) -> Edit:
    """What makes the file so; `mode` is a new file's, before the umask."""
    before = read(path)
    if before is not None:
        return Edit(path, before, after, stat.S_IMODE(os.stat(path).st_mode))
    os.umask(umask := os.umask(0o077))
    return Edit(path, None, after, mode & ~umask)


def missing_folders(path: str) -> list[str]:
    """The folders above a path that are not there, the uppermost first."""
    folders: list[str] = []
    while not os.path.isdir(path := os.path.dirname(path)):
        folders.insert(0, path)
    return folders


def clear(folders: list[str]) -> None:
    """Removes the folders that are empty, or become so by this."""
    for folder in sorted(folders, reverse=True):
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def carry_out(plan: Callable[[], Plan], lock: str) -> Plan:
    """Does what the plan says and returns it. FatalError, and nothing changed, where that cannot be done.

    `lock` is a folder that nobody else of us carries out a plan under at the same time.
    """
    try:
        with _alone(lock):
            for _ in range(TRIES):
                if not (overtaken := _do((made := plan()).needed())):
                    return made
    except OSError as error:
        why = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        raise FatalError(f"cannot write {why}. Nothing was changed: make room or rights first.") from error
    raise FatalError(f"{overtaken} is written by somebody else all the time. Nothing was changed: try again.")


def _do(steps: list[Edit | Move]) -> str:
    """Empty when all is done, else the path that somebody wrote between our reading and our writing."""
    try:
        with contextlib.ExitStack() as undo:
            for step in steps:
                step.do(undo)
            undo.pop_all()
    except _Overtaken as overtaken:
        return overtaken.args[0]
    return ""


@contextlib.contextmanager
def _alone(folder: str):
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):  # a network's file system may lock no folders
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _make_folders(path: str, mode: int, undo: contextlib.ExitStack) -> None:
    for folder in missing_folders(path):
        os.mkdir(folder, mode)
        undo.callback(clear, [folder])


def _put(path: str, data: bytes | None, mode: int) -> None:
    """The file's new content, by a rename that keeps owner and mode of the old one; None removes it."""
    folder, name = os.path.split(path)
    for torn in glob.glob(os.path.join(glob.escape(folder), glob.escape(f".{name}.dispatch-hooks-") + "*")):
        os.unlink(torn)  # of one of us that was killed
    if data is None:
        os.unlink(path)
        return
    temporary = os.path.join(folder, f".{name}.dispatch-hooks-{os.getpid()}")
    try:
        _write(temporary, data, mode, path)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _write(path: str, data: bytes, mode: int, model: str) -> None:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(data)
        with contextlib.suppress(FileNotFoundError, PermissionError):
            old = os.stat(model)
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), mode)
        file.flush()
        os.fsync(file.fileno())


def _diff(path: str, before: bytes | None, after: bytes | None) -> str:
    old, new = ((data or b"").decode(errors="replace").splitlines(True) for data in (before, after))
    names = (os.devnull if data is None else path for data in (before, after))
    lines = difflib.unified_diff(old, new, *names)
    ends = (line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
    return "".join(ends)
