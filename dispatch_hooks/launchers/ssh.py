"""A machine behind OpenSSH: the supervisor runs there, detached from the connection.

    [launchers.gpu-box]
    kind = "ssh"
    host = "gpu-box"                 # as ssh takes it: ~/.ssh/config knows user, port, key, ControlMaster
    options = ["-o", "Port=2222"]    # any other word for ssh
    export = ["ANTHROPIC_API_KEY"]   # what of the environment goes along; over standard input, never in argv

The machine's own login environment is the worker's, with what `export` names over it.
"""

from __future__ import annotations

import os
import shlex

from dispatch_hooks import launchers, resources
from dispatch_hooks.launchers import far


def start(settings: dict, job: dict) -> str:
    own = {**job["environment"], far.NAME: job["name"]}
    given = {**{name: os.environ[name] for name in settings.get("export", []) if name in os.environ}, **own}
    feed = "".join(f"{name}={value}\0" for name, value in given.items())
    return _far(settings, ["start", job["log"], *job["argv"]], feed).strip()


def look(settings: dict, jobs: list[str]) -> dict[str, dict]:
    rows = (line.split("|", 2) for line in _far(settings, ["look", *jobs]).splitlines())
    where = settings["host"]
    return {job: {"state": state, "why": why, "where": where} for job, state, why in rows}


def find(settings: dict, name: str) -> str:
    return _far(settings, ["find", name]).strip()


def end(settings: dict, job: str) -> None:
    _far(settings, ["end", job])


def _far(settings: dict, words: list[str], feed: str = "") -> str:
    script = os.path.join(launchers.there(settings, resources.shared("hooks")), "far.py")
    command = [launchers.python(settings), "-I", "-S", script, *words]
    argv = ["ssh", "-T", "-o", "BatchMode=yes", *settings.get("options", []), "--", settings["host"]]
    return launchers.ask([*argv, shlex.join(command)], feed)
