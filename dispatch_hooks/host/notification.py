"""Notification (idle_prompt): a desktop notification when something waits for the person."""

from __future__ import annotations

from dispatch_hooks import digest, files, hosts, steer, tasks

EVENT = "Notification"


def handle(event: dict, env: dict, now: float) -> dict | None:
    if event.get("notification_type") != "idle_prompt":
        return None
    project = tasks.project_of(event["cwd"] or "/", env.get("CLAUDE_PROJECT_DIR", ""))
    if not hosts.first(hosts.host_pid(env), f"{event.get('prompt_id', '')}.{int(now) // 30}.idle"):
        return None
    asking = [(tasks.read(folder)["id"], question) for folder, question in steer.asking(project)]
    if not asking:
        files.remove(hosts.place(hosts.host_pid(env), "asks"))
        return None
    title = f"{asking[0][0]} asks" if len(asking) == 1 else f"{len(asking)} tasks ask"
    return {"terminalSequence": notify(title, asking[0][1]["text"])}


def notify(title: str, body: str) -> str:
    """OSC 777, which most terminals show on the desktop; what separates its fields cannot be in them."""
    safe = [digest.clean(text, 120).replace(";", ",") for text in (title, body)]
    return f"\x1b]777;notify;{safe[0]};{safe[1]}\x07"
