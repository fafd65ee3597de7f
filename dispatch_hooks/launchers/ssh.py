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
    own = {**job["environment"], launchers.JOB: job["name"]}
    given = {**{name: os.environ[name] for name in settings.get("export", []) if name in os.environ}, **own}
    feed = "".join(f"{name}={value}\0" for name, value in given.items())
    return _one(_far(settings, ["start", job["log"], *job["argv"]], feed))


def look(settings: dict, jobs: list[str]) -> dict[str, dict]:
    patience = settings.get("seconds", launchers.LONG)
    rows = (line.split("|", 2) for line in _far(settings, ["look"], "\n".join(jobs), patience))
    where = settings["host"]
    return {job: {"state": state, "why": why, "where": where} for job, state, why in rows}


def find(settings: dict, name: str) -> str:
    return _one(_far(settings, ["find", name]))


def end(settings: dict, job: str) -> None:
    _far(settings, ["end", job])


def _one(said: list[str]) -> str:
    if not said:
        raise OSError(5, "its answer is not in what the far side said")
    return said[0]


def _far(settings: dict, words: list[str], feed: str = "", seconds: float = launchers.LONG) -> list[str]:
    """What the far side answers, without what its login files say."""
    script = os.path.join(launchers.there(settings, resources.shared("hooks")), "far.py")
    command = [launchers.python(settings), "-I", "-S", script, *words]
    argv = ["ssh", "-T", "-o", "BatchMode=yes", *settings.get("options", []), "--", settings["host"]]
    said = launchers.ask([*argv, shlex.join(command)], feed, seconds=seconds).splitlines()
    return [line.removeprefix(far.SAYS) for line in said if line.startswith(far.SAYS)]
