"""The person's check command, which makes "finished" into "checked"."""

from __future__ import annotations

import time

from dispatch_hooks import files

STEP = 0.05

LARGEST = 32 << 20
"""Bytes of its output that are kept."""


def run(command: str, env: dict, cwd: str, log: str, limit: float, stopped) -> str:
    """How it ended, "" for well. stopped() is asked all the while; what the check started is for the caller to end."""
    try:
        shell = _start(command, env, cwd, log)
    except OSError as error:
        return f"it could not be run: {error.filename}: {error.strerror}"
    deadline = time.monotonic() + limit
    while shell.poll() is None:
        if stopped():
            return "it was stopped"
        if time.monotonic() > deadline:
            return f"no end after {limit} s"
        files.bound(log, LARGEST)
        time.sleep(STEP)
    return f"exit status {shell.returncode}" if shell.returncode else ""


def _start(command: str, env: dict, cwd: str, log: str):
    import subprocess

    with open(log, "wb"), open(log, "ab") as out:  # emptied, and appended to: it may be cut while it grows
        return subprocess.Popen(
            ["/bin/sh", "-c", command], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True,
        )  # fmt: skip
