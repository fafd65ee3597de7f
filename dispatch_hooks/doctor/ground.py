"""What a check looks at, and what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from dispatch_hooks import paths, tasks
from dispatch_hooks.paths import Dirs

MANAGED = "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"
"""Where Claude Code reads what the machine's administrator decides."""

AGAIN = "dispatch-hooks doctor --fix"


class Ground(NamedTuple):
    """What is looked at: a person's folders, and the project that they stand in."""

    dirs: Dirs
    cwd: str
    project: str
    home: str
    env: Mapping[str, str]
    managed: str
    now: float


class Finding(NamedTuple):
    """What a check found. state: ok, warn (works, with less) or fail; fix: what to type; mend: does it, safely."""

    check: str
    state: str
    text: str
    fix: str | None = None
    mend: Callable[[], Any] | None = None

    def report(self) -> dict:
        about = {"fix": self.fix, "about": self.about()}
        return {"check": self.check, "state": self.state, "text": self.text, **about}

    def about(self) -> str:
        """The anchor in docs/troubleshooting.md that explains the check."""
        return re.sub(r"[^a-z0-9]+", "-", self.check.partition(" (")[0].lower()).strip("-")


def here(env: Mapping[str, str] = os.environ, managed: str = MANAGED) -> Ground:
    cwd = os.getcwd()
    project = tasks.project_of(cwd, env.get("CLAUDE_PROJECT_DIR", ""))
    return Ground(paths.dirs(), cwd, project, os.path.expanduser("~"), env, managed, time.time())


def run(argv: list[str], env: Mapping[str, str], cwd: str = "/", stdin: str = "", timeout: float = 10.0):
    """A program to its end: (exit status or None, what it printed, its first line of complaint)."""
    try:
        done = subprocess.run(
            argv, input=stdin.encode(), env=dict(env), cwd=cwd, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        return None, "", f"no end after {timeout:.0f} s"
    except OSError as error:
        return None, "", error.strerror or str(error)
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return done.returncode, done.stdout.decode(errors="replace"), said[-1][:300] if said else ""


def short(path: str, home: str) -> str:
    """A path as people write it."""
    return "~" + path.removeprefix(home) if path.startswith(home + os.sep) else path
