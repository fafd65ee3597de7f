"""The status line: "3 running · 1 asks · $1.20".

Tasks are the project's, as `status` shows them; dollars are what those of this chat have cost so far. Where nothing
runs, waits, is held or asks there is no line.

    <state>/changed               stamped whenever a record changes that the line is made of
    <runtime>/hosts/<pid>/line    the line of a host; newer than `changed` while it is true
"""

from __future__ import annotations

import os
import time

from dispatch_hooks import digest, files, hosts, inbox, steer, tasks

OLDER = 20_000_000
"""Nanoseconds by which a line is dated back: a file system's clock may stand still for some, and lag behind."""

EVENTS = 2000
"""Delivered events of a chat that are looked through for costs."""

NEEDY = "\x1b[1;33m"
PLAIN = "\x1b[0m"


def write(env: dict) -> None:
    """Writes the line of the host that runs us, if it is registered."""
    at = time.time_ns() - OLDER
    path = hosts.place(hosts.host_pid(env), "line")
    if not os.path.isdir(os.path.dirname(path)):
        return
    if not os.path.exists(tasks.changed_file()):
        files.touch(tasks.changed_file())
    files.write(path, line(env) + "\n")
    os.utime(path, ns=(at, at))


def line(env: dict) -> str:
    """The line for a host's environment; for a terminal's, which is no host, that of its project."""
    host = files.read_json(hosts.place(hosts.host_pid(env), "host.json")) or {}
    project = host.get("project") or tasks.project_of(os.getcwd(), env.get("CLAUDE_PROJECT_DIR", ""))
    chats = [host["chat"], *host.get("former", [])] if host.get("chat") else []
    return words(counts(project), costs(project, chats), colour=not env.get("NO_COLOR"))


def counts(project: str) -> dict[str, int]:
    """How many tasks of the project run, wait, are held and ask."""
    asking = {folder for folder, _ in steer.asking(project)}
    others = [f for f in tasks.active() if _of(f, project) and f not in asking]
    states = [tasks.status(folder)["state"] for folder in others]
    running, held = sum(state in tasks.RUNNING for state in states), sum(map(steer.held, others))
    return {"running": running, "waiting": states.count("waiting") - held, "held": held, "asks": len(asking)}


def _of(folder: str, project: str) -> bool:
    return folder.startswith(os.path.join(tasks.project_folder(project), ""))


def costs(project: str, chats: list[str]) -> float:
    """Dollars that the tasks of the chats have cost: by their latest event, or by the record of those that run."""
    spent: dict[str, float] = {}
    for chat in chats:
        for event in inbox.every(chat)[:EVENTS]:
            spent[event["key"]] = max(spent.get(event["key"], 0), event.get("cost_usd") or 0)
    for folder in tasks.active():
        if (tasks.read(folder) or {}).get("chat") in chats:
            spent[tasks.key(folder)] = max(spent.get(tasks.key(folder), 0), tasks.status(folder).get("cost_usd") or 0)
    return sum(spent.values())


def words(count: dict[str, int], spent: float, colour: bool) -> str:
    parts = [digest.counted(count[state], state) for state in ("running", "waiting") if count[state]]
    needy = [digest.counted(count[state], state) for state in ("held", "asks") if count[state]]
    parts += [f"{NEEDY}{part}{PLAIN}" if colour else part for part in needy]
    return " · ".join([*parts, *([f"${spent:.2f}"] if spent >= 0.005 else [])]) if parts else ""
