"""The person's configuration, as hooks and supervisors see it: a plain dict, always complete, never an error.

The TOML file is compiled into JSON in the state folder when it changed (tomllib costs a hook two starts of
Python). A broken file leaves the defaults in force and its error in `broken`, to be told once.
"""

from __future__ import annotations

import os

from dispatch_hooks import files, paths, resources

DEFAULTS = {
    "default": "claude",
    "permissions": "ask",
    "wake": "needed",
    "fallback": "",
    "max_parallel": 6,
    "max_waiting": 100,
    "ask_seconds": 600,
    "keep_days": 30,
    "check": "",
    "check_seconds": 600,
    "silence_seconds": 1800,
    "max_retries": 20,
    "budget": {},
    "launcher": "local",
    "notify": [],
    "env": {"drop": []},
    "worktree": {"use": "asked", "merge": "merge", "copy": [], "link": [], "setup": ""},
    "models": {},
    "aliases": {},
    "backends": {},
    "launchers": {},
}
"""Every key with its default; dispatch_hooks.models.Config says what each means and holds them to types."""

CLI = {
    "claude": "claude", "codex": "codex", "gemini": "gemini", "opencode": "opencode", "qwen": "qwen",
    "copilot": "copilot", "cursor": "agent",
}  # fmt: skip
"""The program of each built-in backend."""


def load() -> dict:
    """The configuration in force: DEFAULTS with the person's keys over them, and `broken`: None or the error."""
    source = paths.config_file()
    seen = _stamp(source)
    kept = files.read_json(_compiled())
    if kept is None or kept.get("stamp") != seen:
        kept = _compile(source, seen)
    return {**DEFAULTS, **kept["config"], "broken": kept["broken"]}


def _compiled() -> str:
    return os.path.join(paths.dirs().state, "config.json")


def _stamp(source: str) -> list | None:
    try:
        found = os.stat(source)
    except OSError:
        return None
    return [source, found.st_mtime_ns, found.st_size, found.st_ino]


def _compile(source: str, seen: list | None) -> dict:
    config, broken = ({}, None) if seen is None else read(source)
    kept = {"stamp": seen, "config": config, "broken": broken}
    try:
        files.write_json(_compiled(), kept)
    except OSError:  # a full or read-only disk costs time, not the chat
        pass
    return kept


def read(source: str) -> tuple[dict, str | None]:
    """(what the file says, None), or ({}, one line that names file and fault)."""
    import tomllib

    try:
        with open(source, "rb") as f:
            found = tomllib.load(f)
    except (OSError, ValueError, RecursionError) as error:
        return {}, f"{source}: {error}"
    wrong = _wrong(found)
    return ({}, f"{source}: {wrong}") if wrong else (found, None)


ONE_OF = {"permissions": ("ask", "auto"), "wake": ("off", "questions", "needed", "all")}
WORKTREE = {"use": ("asked", "always"), "merge": ("ff", "merge", "squash")}
OWN_PERMISSIONS = ("ask", "auto", "bypass")
LEAST = {
    **{"max_parallel": 1, "max_waiting": 0, "ask_seconds": 0, "keep_days": 0, "check_seconds": 1},
    **{"silence_seconds": 0, "max_retries": 1},
}
BUDGET = ("usd", "tokens", "turns", "minutes")
ENTRIES = {
    "models": {"backend": str, "name": str, "fallback": str, "launcher": str, "budget": dict},
    "aliases": {"model": str, "prompt": str, "fallback": str, "launcher": str, "budget": dict},
    "backends": {
        **{"command": list, "program": str, "protocol": str, "resume": list, "fields": dict},
        "max_parallel": int,
    },
}
FIELDS = ("text", "session", "cost", "tokens", "error")
"""What can be found in the lines of a command that prints JSON."""


def _wrong(found: dict) -> str:
    """What would break a reader of the dict, in words; a key that means nothing is the models' to find."""
    for key, value in ((key, found[key]) for key in DEFAULTS if key in found):
        if type(value) is not type(DEFAULTS[key]):
            return f"{key} should be a {type(DEFAULTS[key]).__name__}, it is {value!r}"
        if value not in ONE_OF.get(key, [value]):
            return f"{key} should be one of {', '.join(ONE_OF[key])}, it is {value!r}"
        if key in LEAST and value < LEAST[key]:
            return f"{key} should be {LEAST[key]} or more, it is {value!r}"
        for name, entry in value.items() if key in ENTRIES else ():
            if wrong := _wrong_entry(key, name, entry):
                return wrong
    if wrong := _wrong_worktree(found.get("worktree", {})) or _wrong_notify(found.get("notify", [])):
        return wrong
    if wrong := _wrong_budget("budget", found.get("budget", {})):
        return wrong
    drop = found.get("env", {}).get("drop", [])
    if wrong := _wrong_launchers(found.get("launchers", {})):
        return wrong
    return "" if _strings(drop) else f"env.drop should be a list of names, it is {drop!r}"


def _wrong_budget(where: str, given: dict) -> str:
    for kind, amount in given.items() if isinstance(given, dict) else ():
        if kind in BUDGET and (isinstance(amount, bool) or not isinstance(amount, (int, float)) or amount <= 0):
            return f"{where}.{kind} should be a number above 0, it is {amount!r}"
    return ""


def _wrong_notify(said: list) -> str:
    """A worker's words in the middle of an argument might be code there."""
    if not _strings(said) or "" in said[:1]:
        return f"notify should be a list of words, it is {said!r}"
    mixed = [word for word in said if any(mark in word and word != mark for mark in ("{title}", "{text}"))]
    fault = "notify: {title} and {text} should be arguments by themselves, not parts of"
    return f"{fault} {mixed[0]!r}" if mixed else ""


def _wrong_worktree(said: dict) -> str:
    for key, value in said.items():
        own = DEFAULTS["worktree"].get(key)
        if own is not None and (type(value) is not type(own) or (isinstance(value, list) and not _strings(value))):
            return f"worktree.{key} should be a {type(own).__name__}, it is {value!r}"
        if value not in WORKTREE.get(key, [value]):
            return f"worktree.{key} should be one of {', '.join(WORKTREE[key])}, it is {value!r}"
    return ""


LAUNCHER_NEEDS = {"slurm": (), "ssh": ("host",), "command": ("submit", "poll", "cancel")}
"""The kinds of launcher, and what each cannot do without."""


def _wrong_launchers(tables: dict) -> str:
    for name, table in tables.items():
        kind = table.get("kind") if isinstance(table, dict) else None
        if kind not in LAUNCHER_NEEDS:
            return f"launchers.{name}.kind should be one of {', '.join(LAUNCHER_NEEDS)}, it is {kind!r}"
        for key in LAUNCHER_NEEDS[kind]:
            if not table.get(key):
                return f"launchers.{name} needs {key}; see {resources.page('clusters')}"
        for key in ("options", "export", "submit", "poll", "cancel"):
            if not _strings(table.get(key, [])):
                return f"launchers.{name}.{key} should be a list of words, it is {table[key]!r}"
    return ""


def _wrong_entry(key: str, name: str, entry: object) -> str:
    if not isinstance(entry, dict):
        return f"{key}.{name} should be a table, it is {entry!r}"
    if entry.get("permissions", "ask") not in OWN_PERMISSIONS:
        return f"{key}.{name}.permissions should be one of {', '.join(OWN_PERMISSIONS)}, it is {entry['permissions']!r}"
    if wrong := _wrong_budget(f"{key}.{name}.budget", entry.get("budget", {})):
        return wrong
    for inner, kind in ENTRIES[key].items():
        value = entry.get(inner, {list: [" "], int: 1}.get(kind, kind()))
        if not isinstance(value, kind) or (kind is list and not (value and _strings(value))):
            return f"{key}.{name}.{inner} should be a {kind.__name__}, it is {value!r}"
    return _wrong_backend(name, entry) if key == "backends" else ""


def _wrong_backend(name: str, entry: dict) -> str:
    if entry.get("protocol", "acp") not in ("acp", "command"):
        return f"backends.{name}.protocol should be acp or command, it is {entry['protocol']!r}"
    for field, path in entry.get("fields", {}).items():
        if field not in FIELDS or not isinstance(path, str):
            return f"backends.{name}.fields.{field} should be one of {', '.join(FIELDS)} and a path like result.text"
    return ""


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


FIRST = """\
# dispatch-hooks: how your workers run. Every key may be left out. `dispatch-hooks config show` prints all of them.

# The model, alias or backend of a task that names none. "claude" is Claude Code with its own default model.
default = "{default}"

# What a worker may do: ask (edit here, ask for the rest) or auto (shell too). bypass only on a model or alias.
permissions = "ask"

# What may wake an idle chat: off, questions, needed (questions, failures, the last finished task), all.
wake = "needed"

# How many tasks may run at the same time; more wait their turn.
max_parallel = 6

# A command of yours that makes "finished" into "checked", for example "make test".
check = ""
"""


def create() -> bool:
    """Writes the first configuration from what is on PATH, unless there is one. True when it was written."""
    source = paths.config_file()
    if os.path.lexists(source):
        return False
    try:
        return files.create(source, FIRST.format(default="claude"), 0o644)
    except OSError:
        return False


def vocabulary(config: dict, tasks: list[str]) -> dict:
    """The names that the request grammar may meet."""
    return {
        "models": list(config["models"]),
        "aliases": list(config["aliases"]),
        "backends": sorted({*CLI, *config["backends"]}),
        "tasks": tasks,
        "launchers": ["local", *config["launchers"]],
        "default": config["default"],
    }
