"""The sandbox of the demo: folders that nobody else has, and every process that runs in them."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import NamedTuple

from dispatch_hooks import files, gate, install, paths, processes
from dispatch_hooks.errors import FatalError
from dispatch_hooks.paths import Dirs

WORKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "worker.py")

CONFIG = """\
default = "demo"

[backends.demo]
command = ["{python}", "-I", "-S", "{worker}", "{pace}", "{gate}"]
"""

FROM_OUTSIDE = ("LANG", "LC_ALL", "LC_CTYPE", "TERM", "COLORTERM", "COLUMNS", "NO_COLOR", "FORCE_COLOR", "TZ")
"""All that the demo takes over of the person's environment."""


class Box(NamedTuple):
    root: str
    home: str
    project: str
    dirs: Dirs
    env: dict[str, str]

    @property
    def gate(self) -> str:
        """While this file is missing, a worker that is told to wait for it waits."""
        return os.path.join(self.root, "gate")


@contextlib.contextmanager
def box(pace: float) -> Iterator[Box]:
    """A sandbox with dispatch-hooks installed; this process itself lives in it meanwhile. Nothing of it is left."""
    root = os.path.realpath(tempfile.mkdtemp(prefix="dispatch-hooks-demo-"))
    before = dict(os.environ)
    try:
        env = _environment(root)
        os.environ.clear()
        os.environ.update(env)
        made = Box(root, env["HOME"], os.path.join(root, "shop"), paths.default(), env)
        files.touch(os.path.join(made.project, ".git", "HEAD"))  # else a repository around it would be the project
        _configure(made, pace)
        _put_on_path(made)
        install.install("user", project=made.project, home=made.home, dirs=made.dirs, environ=env)
        yield made
    finally:
        end_all(os.path.join(root, "home"))
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(root, ignore_errors=True)


def _environment(root: str) -> dict[str, str]:
    home = os.path.join(root, "home")
    places = {
        "HOME": home,
        "TMPDIR": os.path.join(root, "tmp"),
        "XDG_CONFIG_HOME": os.path.join(home, ".config"),
        "XDG_STATE_HOME": os.path.join(home, ".local", "state"),
        "XDG_DATA_HOME": os.path.join(home, ".local", "share"),
        "XDG_CACHE_HOME": os.path.join(home, ".cache"),
        "XDG_RUNTIME_DIR": os.path.join(root, "run"),
    }
    for folder in places.values():
        os.makedirs(folder, mode=0o700)
    taken = {name: os.environ[name] for name in FROM_OUTSIDE if name in os.environ}
    return {**taken, **places, "PATH": f"{os.path.join(root, 'bin')}:/usr/bin:/bin"}


def _configure(made: Box, pace: float) -> None:
    for path in (sys.executable, WORKER, made.gate):
        if any(c in path for c in '"\\\n{}'):
            raise FatalError(f"the demo cannot run from {path!r}; set TMPDIR to a plainer path, or install elsewhere")
    os.makedirs(made.dirs.config, mode=0o700)
    with open(paths.config_file(), "w", encoding="utf-8") as f:
        f.write(CONFIG.format(python=sys.executable, worker=WORKER, pace=pace, gate=made.gate))


def _put_on_path(made: Box) -> None:
    """As if a person had it installed."""
    path = os.path.join(made.root, "bin", "dispatch-hooks")
    os.mkdir(os.path.dirname(path))
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'#!/bin/sh\nexec {shlex.quote(gate.stub_file(made.dirs))} "$@"\n')
    os.chmod(path, 0o755)


def end_all(home: str) -> None:
    """Ends whatever has this home, however it got away from us."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = processes.marked("HOME", home)
        processes.signal_all(left, number)
        deadline = time.monotonic() + 3.0
        while left and time.monotonic() < deadline:
            time.sleep(0.05)
            left = processes.marked("HOME", home)
        if not left:
            return
