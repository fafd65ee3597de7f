"""A worker's process: started with pipes, heard line by line, ended with all that it started."""

from __future__ import annotations

import contextlib
import errno
import os
import time

from dispatch_hooks import backends, paths, processes, tasks

TERM, KILL = 15, 9

INJECTED = (
    "AI_AGENT CLAUDECODE CLAUDE_CODE_CHILD_NOTES_DIR CLAUDE_CODE_CHILD_SESSION CLAUDE_CODE_ENTRYPOINT "
    "CLAUDE_CODE_EXECPATH CLAUDE_CODE_MESSAGING_SOCKET CLAUDE_CODE_MESSAGING_TOKEN CLAUDE_CODE_SESSION_ATTENDED "
    "CLAUDE_CODE_SESSION_ID CLAUDE_EFFORT CLAUDE_ENV_FILE CLAUDE_JOB_DIR CLAUDE_PID CLAUDE_PLUGIN_DATA "
    "CLAUDE_PLUGIN_ROOT CLAUDE_PROJECT_DIR"
).split()
"""What Claude Code adds to a hook's environment (docs/claude-code.md); the rest is the person's."""

BATCH = 16
"""Reads of 64 KiB in a row before the other sides are looked at."""

LINE = 8 << 20
"""Bytes of a line that are kept; the longest messages of a CLI (a file to be written) are a tenth of that."""


def environment(task: dict, mark: str, place: str, extra: dict, drop: list[str]) -> dict:
    """The host's environment without what Claude Code put there, and with what names the worker's task."""
    env = {k: v for k, v in os.environ.items() if k not in INJECTED and k not in drop}
    path = os.path.join(paths.dirs().data, "bin") + os.pathsep + env.get("PATH", os.defpath)
    ours = {"DISPATCH_HOOKS_TASK": task["id"], "DISPATCH_HOOKS_RUN": mark, "DISPATCH_HOOKS_FOLDER": place}
    return {**env, **extra, **ours, "PATH": path}


class Worker:
    """A running worker CLI. OSError, naming the program, where it cannot be started."""

    def __init__(self, argv: list[str], env: dict, cwd: str, errors: str) -> None:
        program = backends.which(argv[0], env["PATH"])
        if program is None:
            raise FileNotFoundError(2, "no such program on PATH", argv[0])
        self.pid, self.stdin, self.stdout = _spawn([program, *argv[1:]], env, cwd, errors)
        self.end = processes.end_handle(self.pid)
        self.code: int | None = None
        self.signalled = False
        self._rest, self._unsent, self._leaving = b"", bytearray(), False

    def descriptors(self) -> list[int]:
        """What becomes readable when there is something to hear of it."""
        return [fd for fd in (self.stdout, self.end) if fd is not None]

    def ended(self) -> bool:
        """Whether it has; reaps its orphans on the way, which a subreaper gets."""
        for pid, status in _reaped():
            if pid == self.pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def lines(self, last: bool = False) -> list[bytes]:
        """The whole lines that it has written since; the last ones with what has no line end."""
        chunks = [self._rest]
        for _ in range(BATCH if self.stdout is not None else 0):
            try:
                chunk = os.read(self.stdout, 1 << 16)
            except BlockingIOError:
                break
            if not chunk:
                os.close(self.stdout)
                self.stdout = None
                chunks.append(b"\n")
                break
            chunks.append(chunk)
        *lines, rest = b"".join(chunks).split(b"\n")
        self._rest = rest[:LINE]
        if last:
            lines, self._rest = [*lines, self._rest], b""
        return [line for line in lines if line.strip()]

    def listens(self) -> bool:
        return self.stdin is not None and not self._leaving

    def send(self, text: str | None) -> None:
        """Writes to its stdin, now or when it reads; nothing where it has hung up or has ended: its end says why."""
        if text and self.listens():
            self._unsent += text.encode("utf-8", "replace")
            self.flush()

    def unsent(self) -> list[int]:
        """Its stdin, while there is something that it has not read yet."""
        return [self.stdin] if self._unsent and self.stdin is not None else []

    def flush(self) -> None:
        try:
            while self.unsent():
                del self._unsent[: os.write(self.stdin, self._unsent[: 1 << 16])]
        except BlockingIOError:
            return
        except OSError:
            self._leaving = True
        if self._leaving and self.stdin is not None:
            os.close(self.stdin)
            self.stdin = None

    def hang_up(self) -> None:
        """Closes its stdin, as soon as it has read what was sent."""
        self._leaving = True
        self.flush()

    def press(self) -> None:
        """A signal to end: the first time one that it may act upon."""
        processes.signal_all([self.pid] if self.code is None else [], KILL if self.signalled else TERM)
        self.signalled = True


def _spawn(argv: list[str], env: dict, cwd: str, errors: str) -> tuple[int, int, int]:
    """Starts it in a session of its own; it ends with this process. (pid, its stdin, its stdout)"""
    import ctypes  # noqa: F401  the child must not import between fork and exec

    theirs_in, ours_in = os.pipe()
    ours_out, theirs_out = os.pipe()
    failed_in, failed_out = os.pipe()
    err = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
    parent, pid = os.getpid(), os.fork()
    if not pid:
        _become(argv, env, cwd, (theirs_in, theirs_out, err), failed_out, parent)
    for fd in (theirs_in, theirs_out, err, failed_out):
        os.close(fd)
    failure = os.read(failed_in, 8)
    os.close(failed_in)
    if failure:
        os.waitpid(pid, 0)
        raise OSError(int(failure), os.strerror(int(failure)), argv[0])
    os.set_blocking(ours_in, False)
    os.set_blocking(ours_out, False)
    return pid, ours_in, ours_out


def _become(argv: list[str], env: dict, cwd: str, standard: tuple, failed: int, parent: int) -> None:
    try:
        os.setsid()
        processes.die_with_parent(KILL)
        if os.getppid() != parent:  # it died before it could be heard of
            os._exit(127)
        for target, fd in enumerate(standard):
            os.dup2(fd, target)
        os.chdir(cwd)
        os.execve(argv[0], argv, env)
    except OSError as error:
        os.write(failed, str(error.errno).encode())
    except ValueError:  # a NUL or half a surrogate pair in its arguments
        os.write(failed, str(errno.EINVAL).encode())
    finally:
        os._exit(127)


def leave_none(mark: str, subreaper: int = 0) -> None:
    """Ends every process that bears a run's mark, however it got away from its parents; and one that took the mark
    off, by its coming to the subreaper.
    """
    for number in (TERM, KILL):
        told: set[int] = set()
        deadline = time.monotonic() + 2.0
        while left := set(_left(mark, subreaper)):
            if time.monotonic() > deadline:
                break
            processes.signal_all(left - told, number)
            told |= left
            time.sleep(0.01)
            if subreaper:
                _reaped()
        else:
            return


def _left(mark: str, subreaper: int) -> list[int]:
    found = processes.marked("DISPATCH_HOOKS_RUN", mark)
    return found + (processes.children(subreaper) if subreaper else [])


def _reaped() -> list[tuple[int, int]]:
    """(pid, status) of the children that have ended."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while (one := os.waitpid(-1, os.WNOHANG))[0]:
            found.append(one)
    return found


def mark(folder: str, run: int) -> str:
    """What every process of a run has in its environment, as DISPATCH_HOOKS_RUN."""
    return f"{tasks.key(folder)}.{run}"


def tail(path: str) -> str:
    """The last words of a file, for an error message."""
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.path.getsize(path) - 4000))
            return f.read().decode(errors="replace").strip()
    except OSError:
        return ""


