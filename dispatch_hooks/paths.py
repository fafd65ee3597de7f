"""Where things are kept: config, state, runtime and data folders.

`default` decides, once: install writes its answer beside the gate, hooks read that, and everything that a hook starts
inherits it through the environment.
"""

from __future__ import annotations

import functools
import os
import stat
import sys
from collections import namedtuple

Dirs = namedtuple("Dirs", "config state runtime data")
"""Absolute paths. `state` outlives a reboot, `runtime` does not (it holds what is true of this boot only)."""

APP = "dispatch-hooks"

ENV = "DISPATCH_HOOKS_DIRS"
"""Four paths in the order of Dirs, one a line."""


def dirs() -> Dirs:
    """The folders in force: the environment's, else the installed ones, else the default."""
    return split(os.environ.get(ENV, "")) or installed() or default()


@functools.cache
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
    """Where the system keeps such things: the XDG variables, else what Linux or macOS are used to.

    The same as platformdirs says (a test holds that); by ourselves, because a plugin has no library at hand.
    """
    mac = sys.platform == "darwin"
    usual = {"config": "~/.config", "state": "~/.local/state", "data": "~/.local/share"}
    config, state, data = (
        _xdg(f"XDG_{name.upper()}_HOME") or os.path.expanduser("~/Library/Application Support" if mac else folder)
        for name, folder in usual.items()
    )
    runtime = _runtime() or os.path.join(state, APP, "runtime")
    return Dirs(*(os.path.join(folder, APP) for folder in (config, state)), runtime, os.path.join(data, APP))


def _xdg(variable: str) -> str:
    """An XDG variable's folder; a path that is not absolute does not count, the specification says."""
    value = os.environ.get(variable, "").strip()
    return value if os.path.isabs(value) else ""


def _runtime() -> str:
    """A folder of this boot that is ours alone: elsewhere anybody could make one of our name first."""
    given, usual = _xdg("XDG_RUNTIME_DIR"), f"/run/user/{os.getuid()}"
    if given and (not os.path.lexists(given) or _private(given)):
        return os.path.join(given, APP)
    return os.path.join(usual, APP) if sys.platform == "linux" and _private(usual) else ""


def _private(path: str) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077


MAP = "DISPATCH_HOOKS_MAP"
"""On another machine: the folders that are called differently there, a line "the host's TAB ours" each."""


def renamed(path: str, names: dict[str, str]) -> str:
    """The path with the folder that it begins with called by its other name."""
    for old, new in names.items():
        inner = path.removeprefix(old.rstrip("/"))
        if inner != path and inner[:1] in ("", "/"):
            return new.rstrip("/") + inner
    return path


def here(path: str) -> str:
    """A path of the host's as this machine sees it; the same on the host's own."""
    return renamed(path, _names()) if MAP in os.environ else path


def home(path: str) -> str:
    """A path of this machine's as the host sees it."""
    return renamed(path, {ours: theirs for theirs, ours in _names().items()}) if MAP in os.environ else path


def _names() -> dict[str, str]:
    pairs = (line.partition("\t") for line in os.environ[MAP].splitlines())
    return {theirs: ours for theirs, _, ours in pairs}


def config_file() -> str:
    return os.path.join(dirs().config, "config.toml")


LOG = 1 << 20
"""Bytes from which on the log keeps its last words only."""


def log_file() -> str:
    return os.path.join(dirs().state, "log.txt")
