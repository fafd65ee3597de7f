"""Whether Claude Code would run our hooks: its switches and its version."""

from __future__ import annotations

import glob
import os
import re
from functools import partial
from typing import Any

from dispatch_hooks import backends
from dispatch_hooks.doctor import installation
from dispatch_hooks.doctor.ground import Finding, Ground, run, short
from dispatch_hooks.errors import FatalError

TESTED = (2, 1, 330)
"""The version that the tests drive; whether an older one does all that we need is not known."""

SWITCHES = ("CLAUDE_CODE_SAFE_MODE", "CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_RESTRICTED")
"""Variables with which Claude Code runs no hooks."""


def switches(ground: Ground) -> list[Finding]:
    """All that turns hooks off."""
    say = partial(Finding, "switches")
    off = [
        say("fail", f"{name} is set: Claude Code runs no hooks", f"unset {name}")
        for name in SWITCHES
        if ground.env.get(name, "").lower() in ("1", "true", "yes", "on")
    ]
    for scope in installation.scopes(ground):
        if _get(scope.value, "disableAllHooks") is True:
            path = short(scope.place.settings, ground.home)
            off.append(say("fail", f"{path} says disableAllHooks: take it out, or Claude Code runs no hooks"))
    return off + _managed(ground) or [say("ok", "nothing turns hooks off")]


def _managed(ground: Ground) -> list[Finding]:
    say = partial(Finding, "switches")
    parts = glob.glob(os.path.join(glob.escape(ground.managed), "managed-settings.d", "*.json"))
    found = []
    for path in [os.path.join(ground.managed, "managed-settings.json"), *sorted(parts)]:
        try:
            value = installation.load(path)
        except FatalError as error:
            found.append(say("warn", f"cannot tell whether hooks may run: {error}"))
            continue
        for key in ("disableAllHooks", "allowManagedHooksOnly"):
            if _get(value, key) is True:
                found.append(say("fail", f"{path} says {key}: only hooks of this machine's administrator run"))
    return found


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def version(ground: Ground) -> list[Finding]:
    """The Claude Code on PATH, which chats most likely run in."""
    say = partial(Finding, "Claude Code")
    program = backends.which("claude", ground.env.get("PATH", os.defpath))
    if program is None:  # the check of the worker CLIs says so
        return []
    found, why = number(program, ground)
    if found is None:
        return [say("warn", f"{program} does not tell its version: {why}", "claude update")]
    text, tested = ".".join(map(str, found)), ".".join(map(str, TESTED))
    if found < TESTED:
        why = f"{program} is {text}; before {tested} nothing is tested: chats may not wake"
        return [say("warn", why, "claude update")]
    return [say("ok", f"{program} is {text}")]


def number(program: str, ground: Ground) -> tuple[tuple[int, ...] | None, str]:
    """(the version of a claude, "") or (None, why it cannot be told)."""
    code, said, why = run([program, "--version"], ground.env)
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", said)
    if code == 0 and match:
        return tuple(map(int, match.groups())), ""
    return None, why or f"exit status {code}, {said.strip()[:100]!r}"
