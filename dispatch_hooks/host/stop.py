"""Stop: the turn is over, so what its prompt carried has arrived. It never forces a turn."""

from __future__ import annotations

from dispatch_hooks import files, hosts, inbox, tasks
from dispatch_hooks.host import delivery

EVENT = "Stop"


def handle(event: dict, env: dict, now: float) -> dict | None:
    pid = hosts.host_pid(env)
    project = tasks.project_of(event["cwd"] or "/", env.get("CLAUDE_PROJECT_DIR", ""))
    host = hosts.register(pid, event, project, env)
    files.remove(hosts.place(pid, "news"))
    everyone = hosts.live()
    mine = hosts.chats_of(host, everyone)
    for chat in mine:
        delivery.settle(chat, host, ended=event.get("prompt_id") or "")
    if any(inbox.anything(chat) for chat in mine):
        files.touch(hosts.place(pid, "news"))
    return None
