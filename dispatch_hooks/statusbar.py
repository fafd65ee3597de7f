"""Our part of Claude Code's status line: around the person's own command, never in its place.

The person's command stays in the settings, as the first word of ours, and runs by itself where ours is gone. Without a
refreshInterval Claude Code asks for the line only after a turn: where the person has none we add one, and say so in a
comment of the command.
"""

from __future__ import annotations

import os
import shlex
from typing import Any

from dispatch_hooks import jsontext
from dispatch_hooks.errors import FatalError
from dispatch_hooks.paths import Dirs
from dispatch_hooks.settings import MARK

REFRESH = 5
"""Seconds between looks at an idle chat, where the person has not chosen any."""

PATH = ("statusLine", "command")

PACE = ("statusLine", "refreshInterval")

PACED = "# refreshInterval too"


def script_file(dirs: Dirs) -> str:
    return os.path.join(dirs.data, "statusline.sh")


def command(dirs: Dirs, theirs: str, paced: bool) -> str:
    """Two looks for a marker decide whether anything of ours is started at all. paced: the refreshInterval is ours."""
    script, state = shlex.quote(script_file(dirs)), shlex.quote(os.path.join(dirs.state, "outstanding"))
    host = shlex.quote(os.path.join(dirs.runtime, "hosts"))
    news = f'{{ [ -e {state} ] || [ -e {host}/"$CLAUDE_PID"/tasks ]; }}'
    mark = f"{PACED} {MARK}" if paced else MARK
    return f'set -- {shlex.quote(theirs)} ; {news} && [ -f {script} ] && exec sh {script} "$1"; eval "$1" {mark}'


def theirs(value: Any) -> str | None:
    """The command that ours is around ("" for none), in settings as they were parsed; None where ours is not there."""
    found = value.get("statusLine") if isinstance(value, dict) else None
    said = found.get("command") if isinstance(found, dict) else None
    if not isinstance(said, str) or not said.startswith("set -- ") or not said.endswith(MARK):
        return None
    try:
        return shlex.split(said)[2]
    except (ValueError, IndexError):
        return None


def right(value: Any, dirs: Dirs) -> bool:
    """Whether ours is there as this version writes it."""
    inner = theirs(value)
    if inner is None:
        return False
    paced = _paced(value)
    said = value["statusLine"]["command"] == command(dirs, inner, paced)
    return said and (paced or PACE[1] in value["statusLine"])


def _paced(value: dict) -> bool:
    """Whether we have put the refreshInterval there."""
    return value["statusLine"]["command"].endswith(f"{PACED} {MARK}")


def add(text: str, name: str, dirs: Dirs) -> str:
    """The text of settings (of the file `name`) with ours around what is there. FatalError for a shape unknown."""
    value = jsontext.load(text, name)
    if "statusLine" not in value:
        ours = {"type": "command", "command": command(dirs, "", True), "refreshInterval": REFRESH}
        return jsontext.insert(text, PATH[:1], ours)
    found = value["statusLine"]
    said = found.get("command") if isinstance(found, dict) and found.get("type") == "command" else None
    if not isinstance(said, str):
        raise FatalError(f"{name}: statusLine should be a command. Nothing was changed: mend it first.")
    paced = PACE[1] not in found
    text = jsontext.replace(text, PATH, command(dirs, said, paced))
    return jsontext.insert(text, PACE, REFRESH) if paced else text


def remove(text: str, name: str, like: str = "{}") -> str:
    """The text without ours: the person's command again, in the very bytes that it has in `like`."""
    value = jsontext.load(text, name)
    inner = theirs(value)
    if inner is None:
        return text
    if not inner:
        return jsontext.remove(text, PATH[:1], like)
    if _paced(value) and value["statusLine"].get(PACE[1]) == REFRESH:
        text = jsontext.remove(text, PACE, like)
    return jsontext.replace(text, PATH, inner, like)
