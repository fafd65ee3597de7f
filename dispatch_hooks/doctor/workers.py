"""What workers run with: the configuration, the names in it, the programs and whether they are logged in."""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from functools import partial

from dispatch_hooks import config as settings
from dispatch_hooks import failures, faults, models, paths, resolve, worker
from dispatch_hooks.doctor import claude
from dispatch_hooks.doctor.ground import Finding, Ground, run, short


def config(ground: Ground) -> list[Finding]:
    """The file: its syntax, its keys and its values."""
    say = partial(Finding, "config")
    source = paths.config_file()
    edit = f"${{EDITOR:-vi}} {shlex.quote(source)}"
    if not os.path.lexists(source):
        return [say("ok", f"no {short(source, ground.home)}: the defaults are in force")]
    broken = settings.read(source)[1]
    wrong = [f"{short(source, ground.home)}: {fault}" for fault in _faults(source)] or ([broken] if broken else [])
    more = "; the defaults are in force" if broken else ""
    return [say("fail", fault + more, edit) for fault in wrong] or [say("ok", short(source, ground.home))]


def _faults(source: str) -> list[str]:
    """What does not fit the model in a file that is TOML."""
    try:
        with open(source, "rb") as f:
            return faults.faults(models.Config, tomllib.load(f))
    except (OSError, ValueError, RecursionError):
        return []


def names(ground: Ground) -> list[Finding]:
    """What the configuration's names mean: the default, the aliases, the models."""
    say = partial(Finding, "names")
    found = settings.load()
    wanted = {"default": found["default"], **{f"aliases.{name}": name for name in found["aliases"]}}
    wanted |= {f"models.{name}": name for name in found["models"]}
    wrong = []
    for key, name in wanted.items():
        meant, why = resolve.meaning(name, found)
        if not why and meant["backend"] not in (*settings.CLI, *found["backends"]):
            why = f'there is no backend "{meant["backend"]}"'
        if why:
            fix = "dispatch-hooks config set default claude" if key == "default" else "dispatch-hooks config show"
            wrong.append(say("fail" if key == "default" else "warn", f"{key} = {name}: {why}", fix))
    return wrong or [say("ok", f"a task that names no model goes to {found['default']}")]


def programs(ground: Ground) -> list[Finding]:
    """The program of each backend."""
    say = partial(Finding, "worker CLIs")
    found = settings.load()
    usual = resolve.meaning(found["default"], found)[0].get("backend")
    wanted = {usual, "claude", *found["backends"], *(model.get("backend") for model in found["models"].values())}
    findings, absent = [], []
    for name in dict.fromkeys([*settings.CLI, *found["backends"]]):
        program, where = located(name, found, ground)
        if where:
            findings.append(say("ok", f"{name}: {where}"))
        elif program and name in wanted:
            state, use = ("fail", "the default") if name == usual else ("warn", "tasks that name it cannot start")
            findings.append(say(state, f"{name} ({use}): {program} is not on PATH", _get(name)))
        elif program:
            absent.append(name)
    return findings + ([say("ok", f"not here, and nothing names them: {', '.join(absent)}")] if absent else [])


def located(name: str, found: dict, ground: Ground) -> tuple[str, str | None]:
    """(the program of a backend, its file on PATH or None); ("", None) where it has none."""
    return resolve.program(name, found, ground.env.get("PATH", os.defpath))


def _get(name: str) -> str:
    return failures.GET.get(name, "dispatch-hooks config show")


def login(ground: Ground) -> list[Finding]:
    """Whether Claude Code as a worker is logged in; it tells that without a call to a model.

    Older versions might take the words for a prompt, so they are not asked.
    """
    say = partial(Finding, "login")
    found = settings.load()
    program = located("claude", found, ground)[1]
    if program is None or (claude.number(program, ground)[0] or (0,)) < claude.TESTED:
        return []
    kept = {k: v for k, v in ground.env.items() if k not in (*worker.INJECTED, *found["env"].get("drop", []))}
    code, said, why = run([program, "auth", "status"], kept)
    try:
        state = json.loads(said)
        way, logged_in = state.get("authMethod", ""), state["loggedIn"] is True
    except (ValueError, KeyError, TypeError, AttributeError):
        return [say("warn", f"claude does not tell whether it is logged in: {why or f'exit status {code}'}")]
    if not logged_in:
        return [say("warn", "claude is not logged in, as workers would start it", "claude auth login")]
    return [say("ok", f"claude is logged in ({way})")]
