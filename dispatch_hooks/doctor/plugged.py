"""What the plugin has left: the Python that its first chat found, its folders, its libraries."""

from __future__ import annotations

import os
import re
import shlex
from functools import partial

from dispatch_hooks import paths
from dispatch_hooks.doctor import installation
from dispatch_hooks.doctor.ground import Finding, Ground, short

START = "claude"
"""The first chat that starts finds out what is missing."""


def plugin(ground: Ground) -> list[Finding]:
    """dispatch-hooks as a plugin of Claude Code, where it is one."""
    return [found for name in installation.plugins(installation.scopes(ground)) for found in _plugin(ground, name)]


def _plugin(ground: Ground, name: str) -> list[Finding]:
    say = partial(Finding, "plugin")
    kept = kept_folder(ground, name)
    path = os.path.join(kept, "words")
    if not os.path.exists(path):
        return [say("warn", f"{name} is enabled, but no chat has started with it yet", START)]
    words = installation.words_in(path)
    python = words.get("python", "")
    if not os.access(python, os.X_OK):
        why = f"its Python is gone: {python}" if python else "no Python 3.11 or newer was on the PATH of its first chat"
        return [say("fail", f"{name}: {why}; the next chat looks for one", START)]
    written = paths.split(words.get("dirs", ""))
    if written != ground.dirs:
        text = f"{name} uses other folders than this command, so that they see different tasks: {path}"
        return [say("fail", text, f"rm {shlex.quote(path)}")]
    return [say("ok", f"{name}: {python} runs its hooks"), *_libraries(ground, kept)]


def kept_folder(ground: Ground, name: str) -> str:
    """Claude Code's folder for what a plugin keeps."""
    claude = ground.env.get("CLAUDE_CONFIG_DIR") or os.path.join(ground.home, ".claude")
    return os.path.join(claude, "plugins", "data", re.sub(r"[^A-Za-z0-9_-]", "-", name))


def _libraries(ground: Ground, kept: str) -> list[Finding]:
    """What became of fetching them, where they were fetched."""
    log = os.path.join(kept, "libraries.log")
    if not os.path.exists(log) or os.path.exists(os.path.join(kept, "libraries")):
        return []
    where = short(log, ground.home)
    text = f"the plugin's libraries are not there (yet), so its commands do not work: {where} says why"
    return [Finding("plugin", "warn", text, f"cat {shlex.quote(log)}")]
