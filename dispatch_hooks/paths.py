"""Where things are kept: config, state, runtime and data folders.

platformdirs decides, once: install writes its answer beside the gate, hooks read that (importing platformdirs
costs more than a whole hook), and everything that a hook starts inherits it through the environment.
"""

from __future__ import annotations

import os
from collections import namedtuple

Dirs = namedtuple("Dirs", "config state runtime data")
"""Absolute paths. `state` outlives a reboot, `runtime` does not (it holds what is true of this boot only)."""

ENV = "DISPATCH_HOOKS_DIRS"
"""Four paths in the order of Dirs, one a line."""


def dirs() -> Dirs:
    """The folders in force: the environment's, else the installed ones, else platformdirs'."""
    return split(os.environ.get(ENV, "")) or installed() or default()


def split(text: str) -> Dirs | None:
    lines = text.split("\n")
    return Dirs(*lines[:4]) if len(lines) >= 4 and all(os.path.isabs(line) for line in lines[:4]) else None


def join(where: Dirs) -> str:
    return "\n".join(where)


def installed() -> Dirs | None:
    try:
        with open(os.path.join(default().data, "dirs"), encoding="utf-8") as f:
            return split(f.read())
    except OSError:
        return None


def default() -> Dirs:
    import tempfile
    import warnings

    import platformdirs

    found = platformdirs.PlatformDirs("dispatch-hooks", appauthor=False)
    with warnings.catch_warnings(action="ignore"):  # about a machine without XDG_RUNTIME_DIR
        runtime = found.user_runtime_dir
    if os.path.dirname(runtime).startswith(tempfile.gettempdir()) and "XDG_RUNTIME_DIR" not in os.environ:
        runtime = os.path.join(found.user_state_dir, "runtime")  # anybody could make a folder of that name first
    return Dirs(found.user_config_dir, found.user_state_dir, runtime, found.user_data_dir)


def config_file() -> str:
    return os.path.join(dirs().config, "config.toml")


def log_file() -> str:
    return os.path.join(dirs().state, "log.txt")
