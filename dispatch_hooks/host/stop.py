"""Stop: the turn is over, so what its prompt carried has arrived. It never forces a turn."""

from __future__ import annotations

from dispatch_hooks import hosts, tasks
from dispatch_hooks.host import delivery

EVENT = "Stop"


def handle(event: dict, env: dict, now: float) -> dict | None:
    pid = hosts.host_pid(env)
    project = tasks.project_of(event["cwd"] or "/", env.get("CLAUDE_PROJECT_DIR", ""))
    host = hosts.register(pid, event, project, env)
    mine = hosts.chats_of(host)
    for chat in mine:
        delivery.settle(chat, host, ended=event.get("prompt_id") or "")
    delivery.mark(host, mine)
    hosts.clear_watching(pid)
    return None
