"""The worker CLIs beside Claude Code: their versions, whether somebody is logged in, what loses their sessions.

A login is looked for in files and variables, or asked where that costs no model call; a CLI that keeps it elsewhere may
be logged in all the same, so that nothing here fails.
"""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dispatch_hooks import config as settings
from dispatch_hooks import failures
from dispatch_hooks.backends import table
from dispatch_hooks.doctor.ground import Finding, Ground, run
from dispatch_hooks.doctor.workers import located

PATIENCE = 30.0
"""Seconds for a CLI to tell its version: some take five on a busy machine."""

KEYS = {
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA"),
    "qwen": ("OPENAI_API_KEY", "DASHSCOPE_API_KEY", "BAILIAN_CODING_PLAN_API_KEY"),
    "copilot": ("COPILOT_PROVIDER_BASE_URL", "COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN"),
    "cursor": ("CURSOR_API_KEY",),
}
"""Variables that are a login. Opencode takes those of any provider: a name that ends in _API_KEY."""

FILES = {
    "gemini": (".gemini/settings.json", ("security", "auth", "selectedType")),
    "qwen": (".qwen/settings.json", ("security", "auth", "selectedType")),
    "opencode": (".local/share/opencode/auth.json", ()),
    "copilot": (".copilot/config.json", ("loggedInUsers",)),
}
"""Where a login is written down: a file in the home, and what in it must not be empty."""


def here(ground: Ground) -> dict[str, str]:
    """The built-in backends beside claude that are on PATH, and their programs."""
    found = settings.load()
    programs = {name: located(name, found, ground)[1] for name in settings.CLI if name != "claude"}
    return {name: program for name, program in programs.items() if program}


def versions(ground: Ground) -> list[Finding]:
    programs = here(ground)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(partial(_version, ground), programs, programs.values()))


def _version(ground: Ground, name: str, program: str) -> Finding:
    say = partial(Finding, "versions")
    code, said, why = run([program, "--version"], ground.env, timeout=PATIENCE)
    match = re.search(r"\d+(?:\.\d+)+", said)
    if code != 0 or not match:
        return say("warn", f"{name} does not tell its version: {why or f'exit status {code}'}", _newer(name))
    tested = table.TESTED.get(name)
    if tested is None:
        return say("ok", f"{name} is {match[0]}; it is not tested with the real program")
    if _numbers(match[0]) < _numbers(tested):
        return say("warn", f"{name} is {match[0]}; before {tested} nothing is tested", _newer(name))
    return say("ok", f"{name} is {match[0]}" + ("" if match[0] == tested else f"; {tested} is what was tested"))


def _numbers(version: str) -> list[int]:
    return [int(number) for number in version.split(".")]


def _newer(name: str) -> str:
    return failures.GET[name]


def logins(ground: Ground) -> list[Finding]:
    say = partial(Finding, "logins")
    found = []
    for name, program in here(ground).items():
        if _logged_in(name, program, ground):
            found.append(say("ok", f"{name} has a login"))
        else:
            found.append(say("warn", f"no login of {name} was found: its workers may fail at once", _how(name)))
    return found


def _how(name: str) -> str:
    return failures.LOGIN[name].removeprefix("type: ")


def _logged_in(name: str, program: str, ground: Ground) -> bool:
    if name == "codex":
        return run([program, "login", "status"], ground.env)[0] == 0
    if any(ground.env.get(key) for key in KEYS.get(name, ())):
        return True
    if name == "opencode" and any(key.endswith("_API_KEY") and value for key, value in ground.env.items()):
        return True
    path, keys = FILES.get(name, ("", ()))
    return bool(path and _at(os.path.join(ground.home, path), keys))


def _at(path: str, keys: tuple[str, ...]) -> object:
    """What a JSON file holds at keys; None where it or they are not there."""
    try:
        with open(path, encoding="utf-8") as f:
            value = json.load(f)
    except (OSError, ValueError):
        return None
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def sessions(ground: Ground) -> list[Finding]:
    """Gemini removes a session that was resumed once, unless it is told not to (docs/backends.md)."""
    if "gemini" not in here(ground):
        return []
    say, file = partial(Finding, "sessions"), os.path.join(ground.home, ".gemini/settings.json")
    if _at(file, ("general", "sessionRetention", "enabled")) is False:
        return [say("ok", "gemini keeps its sessions")]
    text = (
        "gemini removes a session when it has been resumed once: later resumes begin anew. Put "
        '"sessionRetention": {"enabled": false} into "general" of ~/.gemini/settings.json'
    )
    return [say("warn", text, "${EDITOR:-vi} ~/.gemini/settings.json")]
