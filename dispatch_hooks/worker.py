"""A worker's process: started with pipes, heard line by line, ended with all that it started."""

from __future__ import annotations

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

BATCH = 64
"""Reads of 64 KiB in a row before the other sides are looked at."""


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
        self._rest = b""

    def descriptors(self) -> list[int]:
        """What becomes readable when there is something to hear of it."""
        return [fd for fd in (self.stdout, self.end) if fd is not None]

    def ended(self) -> bool:
        if self.code is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if done else None
        return self.code is not None

    def lines(self) -> list[bytes]:
        """The whole lines that it has written since; a last one without a line end comes with its end."""
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
        *lines, self._rest = b"".join(chunks).split(b"\n")
        return [line for line in lines if line.strip()]

    def send(self, text: str | None) -> None:
        """Writes to its stdin; nothing where it has hung up or has ended: its end will say why."""
        if not text or self.stdin is None:
            return
        view = memoryview(text.encode())
        try:
            while view:
                view = view[os.write(self.stdin, view) :]
        except OSError:
            self.hang_up()

    def hang_up(self) -> None:
        if self.stdin is not None:
            os.close(self.stdin)
            self.stdin = None

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
    err = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    pid = os.fork()
    if not pid:
        _become(argv, env, cwd, (theirs_in, theirs_out, err), failed_out)
    for fd in (theirs_in, theirs_out, err, failed_out):
        os.close(fd)
    failure = os.read(failed_in, 8)
    os.close(failed_in)
    if failure:
        os.waitpid(pid, 0)
        raise OSError(int(failure), os.strerror(int(failure)), argv[0])
    os.set_blocking(ours_out, False)
    return pid, ours_in, ours_out


def _become(argv: list[str], env: dict, cwd: str, standard: tuple, failed: int) -> None:
    try:
        os.setsid()
        processes.die_with_parent(KILL)
        for target, fd in enumerate(standard):
            os.dup2(fd, target)
        os.chdir(cwd)
        os.execve(argv[0], argv, env)
    except OSError as error:
        os.write(failed, str(error.errno).encode())
    finally:
        os._exit(127)


def leave_none(mark: str) -> None:
    """Ends every process that bears a run's mark, however it got away from its parents."""
    for number in (TERM, KILL):
        left = processes.marked("DISPATCH_HOOKS_RUN", mark)
        processes.signal_all(left, number)
        deadline = time.monotonic() + 2.0
        while left and time.monotonic() < deadline:
            _reap()
            time.sleep(0.02)
            left = processes.marked("DISPATCH_HOOKS_RUN", mark)
        if not left:
            return


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


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


