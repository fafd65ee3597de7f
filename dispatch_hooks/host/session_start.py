"""SessionStart: registers the host, puts right what a kill left, and reminds a new context of what is open."""

from __future__ import annotations

import os

from dispatch_hooks import digest, files, hosts, inbox, recover, steer, tasks

EVENT = "SessionStart"


def handle(event: dict, env: dict, now: float) -> dict | None:
    pid = hosts.host_pid(env)
    project = tasks.project_of(event["cwd"] or "/", env.get("CLAUDE_PROJECT_DIR", ""))
    host = hosts.register(pid, event, project, env)
    if not os.path.exists(tasks.outstanding_file()):
        return None
    if not hosts.first(pid, f"{event['session_id']}.{event.get('source', '')}.{int(now) // 5}.start"):
        return None
    recover.recover(env, now)
    hosts.clear_watching(pid)
    mine = hosts.chats_of(host)
    if any(inbox.anything(chat) for chat in mine):
        hosts.mark(pid)
    own = [folder for folder in _concerning(project) if (tasks.read(folder) or {}).get("chat") in mine]
    if own:
        files.touch(hosts.place(pid, "tasks"))
    words = reminder(own)
    return {"hookSpecificOutput": {"hookEventName": "SessionStart", "additionalContext": words}} if words else None


def _concerning(project: str) -> list[str]:
    """The project's tasks that run or ask, the askers first."""
    asking = [folder for folder, _ in steer.asking(project)]
    name = tasks.project_name(project)
    running = [folder for folder in tasks.active() if tasks.key(folder).startswith(f"{name}~")]
    return list(dict.fromkeys([*asking, *running]))


def reminder(folders: list[str]) -> str:
    """One line for what runs and one for each question: a new or compacted context has forgotten them."""
    from dispatch_hooks import questions

    states = {os.path.basename(folder): steer.state(folder) for folder in folders}
    running = [task for task, state in states.items() if state in tasks.RUNNING]
    waiting = [task for task, state in states.items() if state == "waiting"]
    lines = [f"- running: {', '.join(running)}"] if running else []
    lines += [f"- waiting: {', '.join(waiting[:10])}"] if waiting else []
    for folder in folders:
        for question in questions.waiting(folder)[:1]:
            lines.append(f"- {os.path.basename(folder)} asks the person: {digest.quoted(question['text'], 300)}")
    return "\n".join(["Background tasks (dispatch-hooks):", *lines[: digest.SHOWN]]) if lines else ""
