"""What behind /dispatch is no task: questions about dispatch itself, a key of the configuration, a terminal's command.

docs/grammar.md has the forms. A sentence that only begins so ("status of the project report") is a task.
"""

from __future__ import annotations

import re

from dispatch_hooks import config

LONGEST = 2000
"""Characters of such a line."""

ANSWERED = ("help", "status", "models", "config")
"""What the chat answers by itself."""

MEANT = {
    **dict.fromkeys(("--help", "-h", "usage", "commands", "stop", "start"), "help"),
    **dict.fromkeys(("list", "ls", "tasks"), "status"),
    "configuration": "config",
    "version": "--version",
}
"""What else people type, and what it stands for."""

TERMINAL = frozenset(
    "answer ask cancel clean completion config demo diff discard dispatch doctor flag install logs merge models parse "
    "pause relink release report resume retry show stats status statusline tell top uninstall".split()
)
"""The commands of the terminal."""

CHAT = frozenset("answer ask cancel diff discard dispatch flag merge pause release resume retry show tell".split())
"""Those that the chat has in words of its own: help tells these."""

OWN = ("show", "list", "path", "all", "me")
"""Behind help, status, models and config these ask nothing else."""

_KEY = re.compile(
    r"(?P<config>config(?:uration)?\s+)?(?:(?P<verb>set|change|get|show|unset)\s+)?(?P<key>[A-Za-z][\w.\"-]*)"
    r"(?:(?P<mark>\s*[=:]|\s+to\b|(?=\s))\s*(?P<value>\S.*))?",
    re.IGNORECASE,
)


def read(body: str, vocabulary: dict) -> dict | None:
    """{"command": "help" | "status" | "models" | "config" | "terminal" | "change"} or None: a task.

    With "rest": the key that "config" is asked about, the command line for "terminal"; with "change" as
    grammar/configuring.py has it, or {"verb": "set" | "unset", "name": key, "value"}.
    """
    bare = body.rstrip("?.! ").removeprefix("dispatch-hooks ").removeprefix("please ").removesuffix(" please")
    if "\n" in bare or len(bare) > LONGEST:
        return None
    words = bare.split()
    name = MEANT.get(words[0].lower(), words[0].lower()) if words else ""
    return _named(name, words[1:], vocabulary) or _config(bare)


def _named(name: str, rest: list[str], vocabulary: dict) -> dict | None:
    behind = (*OWN, *ANSWERED, *TERMINAL) if name == "help" else OWN
    if name in ANSWERED and (not rest or (len(rest) == 1 and rest[0].lower() in behind)):
        return {"command": name}
    if name == "--version" or (name in TERMINAL and _arguments(rest, vocabulary)):
        alone = name in CHAT and not rest
        return {"command": "help"} if alone else {"command": "terminal", "rest": " ".join([name, *rest])}
    return {"command": "terminal", "rest": "models --refresh"} if (name, rest) == ("models", ["refresh"]) else None


def _arguments(rest: list[str], vocabulary: dict) -> bool:
    """Are these known tasks, flags and their values, and nothing that could be a sentence?"""
    tasks = vocabulary["tasks"]
    return all(
        word.startswith("-") or word.lower() in tasks or (place and rest[place - 1].startswith("-"))
        for place, word in enumerate(rest)
    )


def _config(text: str) -> dict | None:
    """ "config max_parallel", "config set wake off", "max_parallel 4"."""
    said = _KEY.fullmatch(text)
    if not said:
        return None
    key, value = said["key"], said["value"] or ""
    key = key if "." in key else key.lower()
    if key.partition(".")[0] not in config.DEFAULTS:
        return _no_key(said, text) if said["config"] else None
    if not (said["config"] or _fits(key, value)):
        return None
    if said["verb"] and said["verb"].lower() == "unset":
        return _change("unset", key)
    if not value:
        return {"command": "config", "rest": key}
    sure = said["verb"] or said["mark"] or value[0] in "\"'[{" or len(value.split()) < 3
    return _change("set-default" if key == "default" else "set", key, value) if sure else None


def _fits(key: str, value: str) -> bool:
    """Without "config" before it: may it be anything but a key and its value?"""
    number = isinstance(config.DEFAULTS.get(key), int) and value.isdecimal()
    return number or not value or value in config.ONE_OF.get(key, ())


def _change(verb: str, key: str, value: str = "") -> dict:
    name, value = (value, "") if verb == "set-default" else (key, value)
    return {"command": "change", "change": {"verb": verb, "name": name, "value": value}}


def _no_key(said: re.Match, text: str) -> dict | None:
    """Behind "config" stands no key: another of its commands, or a word or two."""
    verbs = ("add-model", "add-alias", "set-default", "remove", "import")
    if said["key"].lower() in verbs:
        return {"command": "terminal", "rest": text}
    short = said["verb"] or len(text.split()) <= 3
    return {"command": "config", "rest": said["key"]} if short else None
