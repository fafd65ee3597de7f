"""Notification (idle_prompt): a desktop notification when the person is needed.

That is what asks, what woke the chat since they last typed, and urgent news that nothing has brought into the chat yet.
"""

from __future__ import annotations

import os

from dispatch_hooks import desktop, digest, files, hosts, inbox, steer, tasks
from dispatch_hooks.host import delivery

EVENT = "Notification"

ASKS = ("question", "permission")


def handle(event: dict, env: dict, now: float) -> dict | None:
    if event.get("notification_type") != "idle_prompt":
        return None
    pid = hosts.host_pid(env)
    if not hosts.first(pid, f"{event.get('prompt_id', '')}.{int(now) // 30}.idle"):
        return None
    project = tasks.project_of(event["cwd"] or "/", env.get("CLAUDE_PROJECT_DIR", ""))
    found = [*_asking(project), *_told(pid, event.get("prompt_id", "")), *_untold(pid)]
    if not found:
        files.remove(hosts.place(pid, "asks"))
        return None
    return {"terminalSequence": notify(_title(found), found[0]["text"])}


def _asking(project: str) -> list[dict]:
    found = steer.asking(project)
    return [{"task": os.path.basename(folder), "kind": q["kind"], "text": q["text"]} for folder, q in found]


def _told(pid: int, prompt: str) -> list[dict]:
    """What woke the chat, if the person has typed nothing since: see user_prompt_submit."""
    known = files.read_json(hosts.place(pid, "asks")) or {}
    return _news(known.get("events", [])) if prompt and known.get("prompt") == prompt else []


def _untold(pid: int) -> list[dict]:
    host = files.read_json(hosts.place(pid, "host.json"))
    waiting = [event for chat in (hosts.chats_of(host) if host else []) for event in inbox.pending(chat)]
    return _news([event for event in waiting if event["kind"] in inbox.URGENT])


def _news(events: list[dict]) -> list[dict]:
    """Those that are news still, and no question: what asks is looked up."""
    return [event for event in events if event["kind"] not in ASKS and not delivery.moot(event)]


def _title(found: list[dict]) -> str:
    names = {event["task"] for event in found}
    if len(names) == 1:
        return desktop.title(found[0])
    return f"{len(names)} tasks {'ask' if all(event['kind'] in ASKS for event in found) else 'have news'}"


def notify(title: str, body: str) -> str:
    """OSC 777, which some terminals show on the desktop; what separates its fields cannot be in them."""
    safe = [digest.clean(text, 120).replace(";", ",") for text in (title, body)]
    return f"\x1b]777;notify;{safe[0]};{safe[1]}\x07"
