"""Our own command line, run by a hook for what it cannot do itself: it has the standard library alone."""

from __future__ import annotations

import os
import sys

from dispatch_hooks import paths, resources

PATIENCE = 15.0
"""Seconds; half a second is usual."""


def ran(words: list[str], env: dict, told: str = "") -> tuple[bool, str]:
    """Runs `dispatch-hooks WORDS…`: (whether it succeeded, what it said). told: its standard input."""
    import subprocess

    env = {**env, paths.ENV: paths.join(paths.dirs())}
    quiet = {"input": told.encode("utf-8", "replace"), "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    try:
        done = subprocess.run([*_command(), *words], env=env, cwd="/", timeout=PATIENCE, check=False, **quiet)
    except (OSError, subprocess.TimeoutExpired) as error:
        return False, f"dispatch-hooks {' '.join(words)}: {error}"
    return done.returncode == 0, done.stdout.decode(errors="replace").strip().removeprefix("dispatch-hooks: ")


def _command() -> list[str]:
    """The installed stub; where there is none, this interpreter."""
    stub = os.path.join(paths.dirs().data, "bin", "dispatch-hooks")
    if os.access(stub, os.X_OK):
        return [stub]
    return [sys.executable, "-P", "-c", START, os.path.dirname(resources.HERE)]


START = """\
import sys
sys.path.insert(0, sys.argv.pop(1))
from dispatch_hooks.__main__ import main
main()
"""
