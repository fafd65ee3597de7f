"""Our part of Claude Code's settings.json: hook entries and allow rules, how a text gains and loses them.

Claude Code runs a command with `sh -c`. Each must be total: whatever becomes of the gate, of Python or of
this package, it ends with 0 and prints nothing. For an asyncRewake entry 2 wakes the model, and a missing
script, a syntax error and an argparse error end with 2 by themselves: so the gate's one private code becomes
2, all others 0.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from typing import Any

from dispatch_hooks import jsontext
from dispatch_hooks.errors import FatalError
from dispatch_hooks.paths import Dirs

MARK = "# dispatch-hooks"
"""What every command of ours ends with: how we know our own entries, of any version."""

WAKE = 77
"""The exit status of the gate that means: wake the chat with what is on standard error."""

FOREVER = 2592000
"""Thirty days, in seconds. Without a timeout Claude Code ends an asyncRewake hook after 600 s, silently."""

VERBS = ("status", "show", "logs", "answer")
"""What a model may run unasked: looking, and relaying an answer."""

# what we add


def gate_file(dirs: Dirs) -> str:
    return os.path.join(dirs.data, "gate.sh")


def groups(dirs: Dirs) -> dict[str, dict]:
    """Claude Code's event -> the one hook group that we add to it."""
    return events(lambda word, marker: {"command": _command(dirs, word, marker)})


def events(call: Callable[[str, str], dict]) -> dict[str, dict]:
    """Claude Code's event -> a hook group of entries that make a call: what runs for a word of the gate, at once
    where the markers (names with spaces between) say that there is nothing to do.
    """

    def hooks(word: str, timeout: int, marker: str = "", watch: str | None = None) -> list[dict]:
        entries = [{"type": "command", **call(word, marker), "timeout": timeout}]
        if watch is not None:
            wake = {"asyncRewake": True, "timeout": FOREVER}
            entries.append({"type": "command", **call(f"watch-{word}", watch), **wake})
        return entries

    return {
        "SessionStart": {"hooks": hooks("session-start", 30, watch="")},
        "UserPromptSubmit": {"hooks": hooks("prompt", 30, watch="")},
        "Stop": {"hooks": hooks("stop", 30, marker="news", watch="tasks")},
        "Notification": {"matcher": "idle_prompt", "hooks": hooks("notification", 10, marker="asks news")},
        "SessionEnd": {"hooks": hooks("session-end", 10, marker="news")},
    }


def _command(dirs: Dirs, word: str, marker: str) -> str:
    """Runs the gate, always or where a marker of `marker` is in the host's folder: an idle event costs one sh."""
    script, host = shlex.quote(gate_file(dirs)), shlex.quote(os.path.join(dirs.runtime, "hosts"))
    tests = [f'[ -e {host}/"$CLAUDE_PID"/{name} ] || ' for name in marker.split()]
    first = f"{''.join(tests)}exit 0; " if tests else ""
    run = f"[ -f {script} ] && sh {script} {word}"
    return f"{first}{run}{end(word)}; exit 0 {MARK}"


def end(word: str) -> str:
    """What makes a call of the gate total: only a watcher's one private code becomes 2, the sign to wake."""
    return f"; [ $? = {WAKE} ] && exit 2" if word.startswith("watch-") else " 2>/dev/null"


def rules(command: str) -> list[str]:
    """The permission rules for dispatch-hooks under the name that a shell calls it by."""
    return [f"Bash({shlex.quote(command)} {verb}:*)" for verb in VERBS]


# what is there


def ours(value: Any) -> list[tuple]:
    """The path of every hook entry of ours, whatever its version, in settings as they were parsed."""
    return [
        ("hooks", event, n, "hooks", m)
        for event, listed in _items(_get(value, "hooks"))
        for n, group in _items(listed)
        for m, hook in _items(_get(group, "hooks"))
        if str(_get(hook, "command")).rstrip().endswith(MARK)
    ]


def installed(value: Any, groups: dict[str, dict], rules: list[str]) -> bool:
    """Whether the settings hold our groups as they should be, nothing else of ours, and the rules."""
    places = {path[:3] for path in ours(value)}
    found = {event: value["hooks"][event][n] for _, event, n in places}
    return found == groups and len(places) == len(groups) and set(rules) <= set(allowed(value))


def allowed(value: Any) -> list[str]:
    """The allow rules in settings as they were parsed."""
    return [rule for _, rule in _items(_get(_get(value, "permissions"), "allow")) if isinstance(rule, str)]


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _items(value: Any) -> list[tuple]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


# changing a text


def add(text: str, name: str, groups: dict[str, dict], rules: list[str]) -> str:
    """The text of settings (of the file `name`) with our groups and rules after all that is there.

    FatalError where the text is no JSON object, or holds something else where hooks and rules belong.
    """
    for event, group in groups.items():
        text = _append(text, name, ("hooks", event), group)
    there = allowed(jsontext.load(text, name))
    for rule in rules:
        if rule not in there:
            text = _append(text, name, ("permissions", "allow"), rule)
    return text


def _append(text: str, name: str, path: tuple[str, ...], item: Any) -> str:
    """Appends the item to the array at the path; makes what is missing on the way."""
    value = jsontext.load(text, name)
    for n, key in enumerate(path):
        _expect(value, dict, path[:n], name)
        if key not in value:
            item = [item]
            for inner in reversed(path[n + 1 :]):
                item = {inner: item}
            return jsontext.insert(text, path[: n + 1], item)
        value = value[key]
    _expect(value, list, path, name)
    return jsontext.insert(text, (*path, len(value)), item)


def _expect(value: Any, kind: type, path: tuple[str, ...], name: str) -> None:
    if not isinstance(value, kind):
        what = {dict: "an object", list: "an array"}[kind]
        where = ".".join(path) or "the settings"
        raise FatalError(f"{name}: {where} should be {what}. Nothing was changed: mend it first.")


def remove(text: str, name: str, rules: list[str], like: str = "{}") -> str:
    """The text without our hooks and the given rules; every other byte stays.

    What holds nothing any more goes too, unless it is there in `like`: the text from before we came.
    """
    before = jsontext.load(like, name)
    for path in reversed(ours(jsontext.load(text, name))):
        text = _take(text, path, like, before)
    there = _get(_get(jsontext.load(text, name), "permissions"), "allow")
    for n, rule in reversed(_items(there)):
        if rule in rules:
            text = _take(text, ("permissions", "allow", n), like, before)
    return text


def _take(text: str, path: tuple, like: str, before: Any) -> str:
    """Removes the item, and then the containers that held only it."""
    text, up = jsontext.remove(text, path, like), path[:-1]
    if not up or _at(json.loads(text.removeprefix(jsontext.BOM)), up):
        return text
    if len(up) == 4:  # a group whose hooks are gone goes whole: its matcher matches for nobody
        return _take(text, up[:-1], like, before)
    return text if isinstance(_at(before, up), dict | list) else _take(text, up, like, before)


def _at(value: Any, path: tuple) -> Any:
    """What is at the path, or None."""
    for step in path:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            return None
    return value


def example() -> str:
    """The text of settings.example.json: what install writes where there are no settings yet."""
    home = "/home/you"
    data, state = f"{home}/.local/share/dispatch-hooks", f"{home}/.local/state/dispatch-hooks"
    dirs = Dirs(f"{home}/.config/dispatch-hooks", state, "/run/user/1000/dispatch-hooks", data)
    return add("{}\n", "settings.example.json", groups(dirs), rules("dispatch-hooks"))
