"""The configuration of the /dispatch skill, ~/.dispatch/config.yaml, in our words.

    default: NAME
    backends: {NAME: {command: "…"}}     a shell command; the prompt was its last word
    models: {NAME: {backend: NAME}}
    aliases: {NAME: {model: NAME, prompt: "…"}}
    agents: {NAME: {command: "…"}}       the old form, instead of backends, models and aliases

Commands that start a CLI which we know become that backend; others become a command of their own.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Any

from dispatch_hooks import config, faults, resolve
from dispatch_hooks.errors import FatalError

PROGRAMS = {**{program: backend for backend, program in config.CLI.items()}, "cursor-agent": "cursor"}

FREE = {
    "claude": ("--dangerously-skip-permissions",), "cursor": ("--force", "-f", "--yolo"),
    "codex": ("--full-auto", "--dangerously-bypass-approvals-and-sandbox", "--yolo"),
    "gemini": ("-y", "--yolo", "--approval-mode=yolo"), "qwen": ("-y", "--yolo", "--approval-mode=yolo"),
    "opencode": ("--auto",), "copilot": ("--allow-all-tools", "--allow-all", "--yolo"),
}  # fmt: skip
"""Flags that ask for no permission: never taken silently."""

USUAL = {
    "-p", "--print", "--prompt", "exec", "run", "agent", "--trust", "--workspace", "-C", "--cd", "$(pwd)",
    "--skip-git-repo-check",
}  # fmt: skip
"""Words of known commands that say nothing our backends do not do by themselves."""

SHELL = re.compile(r"[|&;<>`$\\*?~]")
"""What only a shell can make sense of."""

OPERATORS = re.compile(r"[|&;<>`]")
"""What makes more of a command than one program with its arguments."""


def read(path: str) -> dict:
    """What the file says. FatalError where there is none, or none that can be read."""
    import yaml

    try:
        with open(path, encoding="utf-8") as f:
            found = yaml.safe_load(f)
    except FileNotFoundError:
        raise FatalError(f"there is no {path}; name the file: dispatch-hooks config import FILE") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise FatalError(f"{path} cannot be read: {' '.join(str(error).split())[:300]}") from None
    if not isinstance(found, dict):
        raise FatalError(f"{path} is no configuration of /dispatch: it should have default, models, backends or agents")
    return found


def translate(said: dict, settings: dict = config.DEFAULTS) -> tuple[list[tuple[tuple, Any]], list[str]]:
    """([(place, value)] for our configuration, what was not taken and why). settings: what is in force now."""
    made, left = {}, [f"{key}: is no key of that configuration" for key in said if key not in KEYS]
    backends = {name: _command(name, entry, left) for name, entry in _entries(said, "backends", left)}
    agents = {name: _command(name, entry, left) for name, entry in _entries(said, "agents", left)}
    for name, known in [*backends.items(), *agents.items()]:
        made |= _called(name, known)
    for name, entry in _entries(said, "models", left):
        made |= _model(name, entry, backends, left)
    for name, entry in _entries(said, "aliases", left):
        made |= _alias(name, entry, made, left)
    made |= _default(said.get("default"), made, settings, left)
    return list(made.items()), left


KEYS = ("default", "backends", "models", "aliases", "agents")


def _entries(said: dict, key: str, left: list[str]) -> list[tuple[str, dict]]:
    table = said.get(key) or {}
    if not isinstance(table, dict):
        left.append(f"{key}: is no table")
        return []
    sound = {str(name): entry or {} for name, entry in table.items() if isinstance(entry or {}, dict)}
    left += [f"{key}.{name}: is no table" for name in table if str(name) not in sound]
    return list(sound.items())


def _called(name: str, known: dict | None) -> dict[tuple, Any]:
    """A command of that configuration: a backend of ours by its name, a model of one, an alias of one, or its own."""
    if known is None or (known["backend"] == name and not known["model"]):
        return {}
    if not known["backend"]:
        return {("backends", name, "command"): known["argv"]}
    if not known["model"]:
        return {("aliases", name, "model"): known["backend"]}
    return {("models", name, "backend"): known["backend"], ("models", name, "name"): known["model"]}


def _model(name: str, entry: dict, backends: dict, left: list[str]) -> dict[tuple, Any]:
    backend = str(entry.get("backend") or "")
    known = backends.get(backend) or {"backend": backend if backend in config.CLI else "", "model": ""}
    where = known["backend"] or (backend if known.get("argv") else "")
    left += [f"models.{name}.{key}: is not known" for key in entry if key != "backend"]
    if not where:
        left.append(f"models.{name}: there is no backend {backend or 'for it'}")
        return {}
    own = resolve.family(name) == where  # then it is a model, and no other name for its command's
    called = {("models", name, "name"): known["model"]} if known["model"] and not own else {}
    return {("models", name, "backend"): where, **called}


def _alias(name: str, entry: dict, made: dict, left: list[str]) -> dict[tuple, Any]:
    left += [f"aliases.{name}.{key}: is not known" for key in entry if key not in ("model", "prompt")]
    told = {key: str(entry[key]).strip() for key in ("model", "prompt") if entry.get(key)}
    if not told:
        left.append(f"aliases.{name}: says nothing")
    if "model" in told:  # an alias of an alias means nothing
        told["model"] = made.get(("aliases", told["model"], "model"), told["model"])
    return {("aliases", name, key): value for key, value in told.items()}


def _default(said: object, made: dict, settings: dict, left: list[str]) -> dict[tuple, Any]:
    """Who gets what names nobody, if that means something now."""
    name = said.strip() if isinstance(said, str) else ""
    if not name:
        return {}
    tables = {table: dict(settings[table]) for table in ("backends", "models", "aliases")}
    for (table, entry, key), value in made.items():
        tables[table][entry] = {**tables[table].get(entry, {}), key: value}
    why = resolve.meaning(name, {**settings, **tables})[1]
    left += [f"default: {why}"] if why else []
    return {} if why else {("default",): name}


def _command(name: str, entry: dict, left: list[str]) -> dict | None:
    """{"backend": ours or "","model","argv"} of a command; None where there is none."""
    text = entry.get("command")
    left += [f"{name}.{key}: is not known" for key in entry if key != "command"]
    try:
        words = shlex.split(str(text or ""))
    except ValueError as error:
        left.append(f"{name}: its command cannot be read ({error})")
        return None
    words = _bare(words)
    if not words:
        left.append(f"{name}: has no command")
        return None
    backend = "" if OPERATORS.search(str(text)) else _known(words)
    if not backend:
        return {"backend": "", "model": "", "argv": _argv(str(text).strip(), words)}
    return {"backend": backend, "model": _options(name, backend, words[1:], left), "argv": []}


def _known(words: list[str]) -> str:
    """The backend that starts such a program; many are called agent, so that one counts without a path only."""
    name = os.path.basename(words[0])
    if name == "cursor":
        return "cursor" if words[1:2] == ["agent"] else ""
    return PROGRAMS.get(words[0] if name == "agent" else name, "")


def _bare(words: list[str]) -> list[str]:
    """Without `env -u NAME … NAME=value` before the program."""
    if words[:1] == ["env"]:
        words = words[1:]
        while words[:1] == ["-u"]:
            words = words[2:]
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        words = words[1:]
    return words


def _options(name: str, backend: str, words: list[str], left: list[str]) -> str:
    """The model that a known command names; what of it is not taken is told."""
    model, more = "", []
    while words:
        word = words.pop(0)
        if word in ("--model", "-m") and words:
            model = words.pop(0)
        elif word.startswith("--model="):
            model = word.partition("=")[2]
        elif word in FREE.get(backend, ()):
            level = "auto" if word == "--full-auto" else "bypass"
            left.append(
                f"{name}: {word}; workers ask here. If you want that: "
                f"dispatch-hooks config set {faults.dotted(('backends', backend, 'permissions'))} {level}"
            )
        elif word not in USUAL:
            more.append(word)
    if more:
        left.append(f"{name}: {shlex.join(more)}; our {backend} backend starts {config.CLI[backend]} in its own way")
    return model


def _argv(text: str, words: list[str]) -> list[str]:
    """A command of another CLI, with the prompt as its last word. Only what needs a shell gets one."""
    text = " ".join(text.split())
    if SHELL.search(text):
        return ["sh", "-c", f'{text} "$@"', "sh", "{prompt}"]
    return [*words, "{prompt}"]
