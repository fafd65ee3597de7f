"""What an ssh launcher has done on the other machine: processes started, looked at and ended, by name and pid.

A job is "<boot>.<pid>.<when it began>.<name>": all its processes bear the name, those that left their parents, too.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from dispatch_hooks import launchers, processes

SAYS = "dispatch-hooks: "
"""Begins each line of an answer."""

GRACE = 5.0
"""Seconds between asking a supervisor to end and making it."""


def main(words: list[str]) -> int:
    verb, *rest = words
    return {"start": _start, "look": _look, "find": _find, "end": _end}[verb](rest)


def _start(words: list[str]) -> int:
    """Detached from the connection: sshd lets a session of its own live on."""
    log, *argv = words
    env = {**os.environ, **_given(sys.stdin.buffer.read())}
    with open(log, "ab") as out:
        pid = subprocess.Popen(
            argv, env=env, cwd="/", stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        ).pid
    _say(_job(pid, env.get(launchers.JOB, "")))
    return 0


def _say(words: str) -> None:
    print(f"{SAYS}{words}")


def _given(data: bytes) -> dict[str, str]:
    pairs = (os.fsdecode(item).partition("=") for item in data.split(b"\0") if item)
    return {name: value for name, _, value in pairs}


def _job(pid: int, name: str) -> str:
    return f"{processes.boot()}.{pid}.{processes.started(pid)}.{name}"


def _parts(job: str) -> tuple[str, str, str]:
    """(boot, pid, name) of a job; "" for what it does not say."""
    boot, pid, _, name = [*job.split(".", 3), "", "", ""][:4]
    return boot, pid, name


def _pid(job: str) -> int:
    """The pid of a job that runs; 0 when it has ended."""
    _, pid, name = _parts(job)
    return int(pid) if pid.isdigit() and processes.started(int(pid)) and _job(int(pid), name) == job else 0


def _look(_: list[str]) -> int:
    """Of the jobs on standard input: an argument list has no room for thousands."""
    here = processes.boot()
    for job in sys.stdin.read().splitlines():
        boot, _, name = _parts(job)
        if _pid(job):
            _say(f"{job}|running|")
        elif boot != here:
            _say(f"{job}|ended|its machine was restarted")
        else:
            _leave_none(name)
            _say(f"{job}|ended|its process is gone")
    return 0


def _leave_none(name: str) -> None:
    """Ends what is left of a job whose supervisor is gone."""
    deadline = time.monotonic() + GRACE
    while name and (left := processes.marked(launchers.JOB, name)) and time.monotonic() < deadline:
        processes.signal_all(left, signal.SIGKILL)
        time.sleep(0.01)


def _find(words: list[str]) -> int:
    pids = processes.marked(launchers.JOB, words[0])
    heads = [pid for pid in pids if processes.parent(pid) not in pids]
    _say(_job(heads[0], words[0]) if heads else "")
    return 0


def _end(words: list[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        processes.signal_all([pid for job in words if (pid := _pid(job))], number)
        while any(_pid(job) for job in words) and time.monotonic() < deadline:
            time.sleep(0.05)
    for job in words:
        _leave_none(_parts(job)[2])
    return 0
