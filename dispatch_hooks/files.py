"""Files as records: one writer each, changed by a temporary file and a rename, claimed by a rename.

In a project nothing is trusted: folders there are walked by descriptor and no link is followed.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import stat
import time

_count = 0


def _temporary(name: str) -> str:
    """A name that no other process and no other call of this one uses; readers skip names with a dot first."""
    global _count  # noqa: PLW0603
    _count += 1
    return f".{name}.{os.getpid()}.{_count}"


def write(path: str, data: bytes | str, mode: int = 0o600) -> None:
    """Replaces path by data, whole or not at all; makes the folder (0700) where it is missing."""
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, _temporary(name))
    try:
        _write_new(temporary, data, mode)
    except FileNotFoundError:
        make_folder(folder)
        _write_new(temporary, data, mode)
    _settle(temporary, lambda: os.rename(temporary, path))


def make_folder(path: str) -> None:
    """Makes a folder and what is missing above it, all of it ours alone: makedirs would leave those above to umask."""
    try:
        os.mkdir(path, 0o700)
    except FileNotFoundError:
        make_folder(os.path.dirname(path))
        make_folder(path)
    except FileExistsError:
        if not os.path.isdir(path):
            raise


def create_folder(path: str, name: str, value: object) -> bool:
    """Makes a folder that holds a record from its first moment on. False where it is there already."""
    folder, own = os.path.split(path)
    staged = os.path.join(folder, _temporary(own))
    write_json(os.path.join(staged, name), value)
    try:
        os.rename(staged, path)
    except OSError:
        clear(staged)
        return False
    return True


def create(path: str, data: bytes | str, mode: int = 0o600) -> bool:
    """Writes path if nobody has yet. True for exactly one caller, whoever else tries at the same time."""
    folder, name = os.path.split(path)
    make_folder(folder)
    temporary = os.path.join(folder, _temporary(name))
    try:
        _write_new(temporary, data, mode)
    except FileNotFoundError:  # an empty folder that was cleared away this moment
        make_folder(folder)
        _write_new(temporary, data, mode)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def _write_new(path: str, data: bytes | str, mode: int, dir_fd: int | None = None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(path, flags, mode, dir_fd=dir_fd)
    try:
        # half a surrogate pair, as a CLI that cuts a text leaves it, has no bytes of its own
        view = memoryview(data.encode("utf-8", "replace") if isinstance(data, str) else data)
        while view:
            view = view[os.write(fd, view) :]
    except BaseException:
        os.unlink(path, dir_fd=dir_fd)
        raise
    finally:
        os.close(fd)


def _settle(temporary: str, act) -> None:
    try:
        act()
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def write_json(path: str, value: object, mode: int = 0o600) -> None:
    write(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n", mode)


def create_json(path: str, value: object) -> bool:
    return create(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def read_json(path: str) -> dict | None:
    """The record, or None where there is none that can be read: missing, torn by a full disk, nested without end, not
    an object.
    """
    try:
        with open(path, "rb") as f:
            value = json.loads(f.read())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def say(text: str) -> None:
    """A line for this process's log, which may be on the disk that is full."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode("utf-8", "replace"))


def differs(path: str, text: str) -> bool:
    """Whether a file does not hold exactly this text."""
    try:
        with open(path, encoding="utf-8") as f:
            return f.read() != text
    except (OSError, UnicodeDecodeError):
        return True


def first_line(path: str) -> str:
    """The first line of a small file of ours; "" where there is none that can be read."""
    try:
        with open(path, encoding="utf-8") as f:
            return f.readline().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def changed(path: str) -> int:
    """When a file or folder changed, in nanoseconds; 0 where there is none. Opened, not only looked at: a shared file
    system then asks its server.
    """
    try:
        with opened(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)) as fd:
            return os.fstat(fd).st_mtime_ns
    except OSError:
        return 0


def age(*paths: str) -> float:
    """Seconds since the newest of some files changed, by their file server's clock alone; 0 where there is none."""
    probe = os.path.join(os.path.dirname(paths[0]), _temporary("now"))
    touch(probe)
    now = os.stat(probe).st_mtime
    remove(probe)
    return now - max((os.stat(path).st_mtime for path in paths if os.path.exists(path)), default=now)


def names(folder: str) -> list[str]:
    """The records in a folder, sorted; temporary files are none."""
    try:
        return sorted(name for name in os.listdir(folder) if name[0] != ".")
    except (FileNotFoundError, NotADirectoryError):
        return []


def move(source: str, target: str) -> bool:
    """Claims by rename. False when somebody else was faster."""
    try:
        os.rename(source, target)
    except FileNotFoundError:
        if not os.path.isdir(os.path.dirname(target)) and os.path.lexists(source):
            make_folder(os.path.dirname(target))
            return move(source, target)
        return False
    return True


def touch(path: str) -> None:
    make_folder(os.path.dirname(path))
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))


def stamp(path: str) -> None:
    """Makes a file's time of change now, and the file where there is none."""
    try:
        os.utime(path)
    except FileNotFoundError:
        touch(path)


def remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def clear(folder: str) -> None:
    """Removes a folder of ours with all that is in it; what others remove at the same time is no error."""
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                clear(entry.path)
            else:
                remove(entry.path)
        os.rmdir(folder)


def append(path: str, text: str, limit: int) -> None:
    """Adds to a log of ours in one write; beyond a limit it keeps its last words only. Makes the folder."""
    make_folder(os.path.dirname(path))
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
    bound(path, limit)


def bound(path: str, limit: int, kept: int = 1 << 16) -> None:
    """Leaves the last words of a file that others append to, where it has grown beyond a limit."""
    with contextlib.suppress(OSError), open(path, "r+b") as f:
        if f.seek(0, os.SEEK_END) > limit:
            f.seek(-kept, os.SEEK_END)
            last = f.read(kept)
            f.truncate(0)
            f.seek(0)
            f.write(last)


def sweep(top: str, before: float) -> None:
    """Removes the temporary files and folders that killed writers left below a folder of ours, if they are that old."""
    for folder, folders, found in os.walk(top):
        for name in [*found, *folders]:
            path = os.path.join(folder, name)
            if re.fullmatch(r"\..+\.\d+\.\d+", name):
                with contextlib.suppress(FileNotFoundError):
                    if os.lstat(path).st_mtime < before:
                        (clear if name in folders else os.unlink)(path)


def own_folder(path: str) -> str:
    """Makes a folder that is ours alone (0700), or raises PermissionError when somebody else was there first."""
    make_folder(path)
    found = os.lstat(path)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise PermissionError(errno.EPERM, "belongs to somebody else", path)
    if found.st_mode & 0o077:
        os.chmod(path, 0o700)
    return path


# locks


def lock(path: str, wait: float = 0.0) -> int | None:
    """An flock that dies with its holder: its descriptor, or None when it is held (after `wait` seconds)."""
    make_folder(os.path.dirname(path))
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + wait
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(fd)
                return None
            time.sleep(0.005)


def held(path: str) -> bool:
    """Whether a living process holds the lock at path."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


# bells: a FIFO is the only way one process here wakes another


def bell(path: str, dir_fd: int | None = None) -> int:
    """Opens (and makes) a FIFO for waiting on. Read-write, so that it never reports an end of file."""
    with contextlib.suppress(FileExistsError):
        os.mkfifo(path, 0o600, dir_fd=dir_fd)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=dir_fd)
    if not stat.S_ISFIFO(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "is not a FIFO", path)
    return fd


def ring(path: str, dir_fd: int | None = None) -> bool:
    """Wakes who waits on the FIFO. False when nobody does; never blocks, never follows a link."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=dir_fd)
    except OSError:
        return False
    try:
        if stat.S_ISFIFO(os.fstat(fd).st_mode):
            os.write(fd, b".")
    except OSError:  # full: whoever waits there has been rung for already
        pass
    finally:
        os.close(fd)
    return True


def drain(fd: int) -> None:
    """Takes what was rung, and no more than a FIFO holds: who rings without end must hold nobody up."""
    with contextlib.suppress(BlockingIOError):
        os.read(fd, 1 << 16)


# folders in a project: not ours to trust


@contextlib.contextmanager
def opened(fd: int):
    """Closes a descriptor whatever happens."""
    try:
        yield fd
    finally:
        os.close(fd)


def folder(root: str, *parts: str, make: bool = False) -> int:
    """A descriptor of root/parts, no link followed on the way. OSError where a part is something else."""
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts:
            fd = _enter(fd, part, make)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _enter(fd: int, part: str, make: bool) -> int:
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=fd)
    inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    os.close(fd)
    return inner


def read_in(fd: int, name: str, limit: int = 1 << 20) -> bytes | None:
    """At most limit bytes of a regular file in the folder fd; None where there is none."""
    try:
        inner = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(inner).st_mode):
        os.close(inner)
        return None
    with open(inner, "rb") as f:
        return f.read(limit)


def write_in(fd: int, name: str, data: bytes | str, mode: int = 0o644) -> None:
    """Replaces a file in the folder fd, whole or not at all; a link there is replaced, not followed."""
    temporary = _temporary(name)
    _write_new(temporary, data, mode, dir_fd=fd)
    try:
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=fd)
        raise
