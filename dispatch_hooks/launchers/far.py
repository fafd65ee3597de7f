"""What an ssh launcher has done on the other machine: processes started, looked at and ended, by name and pid."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from dispatch_hooks import processes

NAME = "DISPATCH_HOOKS_JOB"
"""The variable that every process of a job bears: its name."""

GRACE = 10.0
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
    print(_job(pid))
    return 0


def _given(data: bytes) -> dict[str, str]:
    pairs = (os.fsdecode(item).partition("=") for item in data.split(b"\0") if item)
    return {name: value for name, _, value in pairs}


def _job(pid: int) -> str:
    return f"{processes.boot()}.{pid}.{processes.started(pid)}"


def _pid(job: str) -> int:
    """The pid of a job that runs; 0 when it has ended."""
    pid = job.split(".")[1] if job.count(".") == 2 else ""
    return int(pid) if pid.isdigit() and _job(int(pid)) == job and processes.started(int(pid)) else 0


def _look(jobs: list[str]) -> int:
    for job in jobs:
        boot = job.split(".")[0]
        ended = "ended|its machine was restarted" if boot != processes.boot() else "ended|its process is gone"
        print(f"{job}|{'running|' if _pid(job) else ended}")
    return 0


def _find(words: list[str]) -> int:
    pids = processes.marked(NAME, words[0])
    heads = [pid for pid in pids if processes.parent(pid) not in pids]
    print(_job(heads[0]) if heads else "")
    return 0


def _end(words: list[str]) -> int:
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE
        processes.signal_all([pid for job in words if (pid := _pid(job))], number)
        while any(_pid(job) for job in words) and time.monotonic() < deadline:
            time.sleep(0.05)
    return 0
