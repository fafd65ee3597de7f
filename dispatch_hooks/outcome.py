"""How a run ended, in one true word, and the event that tells it.

finished   the worker says so: its last turn ended without an error and every item is ticked
checked    finished, and the person's check command passed
stopped    its last turn ended, but items are left without a tick; or it was over its budget
failed     an error of its CLI, an item marked [!], or the check did not pass
waiting    the person paused it; nothing runs until it is resumed
parked     it waits for an answer and no worker runs; the answer starts it again
cancelled  the person ended it
lost       its processes are gone and nobody recorded how
"""

from __future__ import annotations

from dispatch_hooks import after, desktop, flags, hosts, inbox, paths, plan, questions, tasks, worktrees

SUMMARY = 200

PLAIN = ("failed", "lost", "waiting")
"""The states whose reason says more than the worker's own words."""


def judge(end: dict, items: list[dict]) -> tuple[str, str]:
    """(state, why) of a run; why is "" where the state says it all.

    end: {"cancelled","paused","over","parked","error"}, as far as its supervisor ended it or heard of it.
    """
    failed = plan.marked(items, "!")
    ticked, total = plan.count(items)
    if end.get("cancelled"):
        return "cancelled", ""
    if end.get("paused"):
        return "waiting", "paused"
    if end.get("over"):
        return "stopped", end["over"]
    if end.get("parked"):
        return "parked", end.get("error", "")
    if end.get("error"):
        return "failed", end["error"]
    if failed:
        return "failed", failed[0]
    if not items:
        return "stopped", "its checklist is gone"
    if ticked < total:
        return "stopped", f"{total - ticked} of {total} left"
    return "finished", ""


def summary(task: dict, last_words: str) -> str:
    """The worker's own line: the first of output.md, else of its last message."""
    written = tasks.read_text(task, "output.md", 1 << 16)
    for text in (written, last_words):
        line = next((line.strip("# \t*") for line in text.splitlines() if line.strip("# \t*-")), "")
        if line:
            return line[:SUMMARY]
    return ""


def ended_event(folder: str, task: dict, status: dict) -> dict:
    """The event of a task that ended; made from its record alone, so that it can be made again after a crash."""
    told = status.get("summary") or ""
    why = status.get("why") or ""
    return {
        **_event(folder, task, status),
        "kind": status["state"],
        "text": why if status["state"] in PLAIN or why.startswith("over its") else told or why,
        "path": f"{tasks.place(task)}/output.md" if status.get("output") else "",
        "made": status.get("ended"),
        "ticked": status.get("ticked"),
        "items": status.get("items"),
        "cost_usd": status.get("cost_usd"),
        "tokens": status.get("tokens"),
        "seconds": round(status["ended"] - status["started"]) if status.get("started") else None,
        **worktrees.told(status),
        **({"shares": status["shares"]} if status.get("shares") else {}),
    }


def asked_event(folder: str, task: dict, status: dict, question: dict) -> dict:
    return {
        **_event(folder, task, status),
        "kind": question["kind"],
        "text": question["text"],
        "options": question["options"],
        "question": question["n"],
        "made": question["asked"],
    }


def flag_event(folder: str, task: dict, status: dict, flag: dict) -> dict:
    return {
        **_event(folder, task, {**status, "run": flag["run"]}),
        "kind": "flag",
        "text": flag["text"],
        "about": str(flag["n"]),
        "made": flag["at"],
    }


def silent_event(folder: str, task: dict, status: dict, words: str, since: float, now: float) -> dict:
    about = {"about": f"{int(since)}", "made": now}
    return {**_event(folder, task, status), "kind": "silent", "text": words, **about}


def held_event(folder: str, task: dict, parent: str, how: str) -> dict:
    """A task that cannot start because one that it comes after has ended, and not well."""
    status = tasks.status(after.parent_folder(task, parent))
    return {
        **_event(folder, task, tasks.status(folder)),
        "kind": "held",
        "text": f"{parent} {after.became(how)}",
        "parent": parent,
        "about": f"{parent}-{status['run']}",
        "made": status.get("ended") or task["made"],
    }


def _event(folder: str, task: dict, status: dict) -> dict:
    return {
        "key": tasks.key(folder),
        "task": task["id"],
        "project": paths.home(task["project"]),
        "chat": task["chat"],
        "run": status["run"],
        "model": who(task, status) + where(task),
    }


def where(task: dict) -> str:
    """Where a task runs, if that is not here, as it follows who does it."""
    name = task.get("launcher", "local")
    return "" if name == "local" else f" on {name}"


def who(task: dict, status: dict) -> str:
    """Who does a task, as people read it; with a fallback, also who was to."""
    name = status.get("who") or task["alias"] or task["model"] or task["backend"]
    other = status.get("instead_of") or task.get("instead_of")
    return f"{name} instead of {other['who']}" if other and other["who"] != name else name


def announce(folder: str, task: dict, status: dict) -> None:
    """Posts what a recorded end, a wait for a limit's or an open question means for the person. Saying it twice is
    saying it once.
    """
    for child in after.children(folder) if status["state"] in tasks.ENDED else []:
        for parent, how in after.holding(child, tasks.read(child)):  # first: one digest tells of both
            inbox.post(held_event(child, tasks.read(child), parent, how))
    limited = status["state"] == "waiting" and status.get("until")
    if limited or (status["state"] in tasks.ENDED and status["state"] != "cancelled"):
        tell(ended_event(folder, task, status))
    for flag in flags.every(folder):
        tell(flag_event(folder, task, status, flag))
    for question in questions.waiting(folder) if status["state"] != "cancelled" else []:
        tasks.note_asking(folder)
        tell(asked_event(folder, task, {**status, "run": question["run"]}, question))


def tell(event: dict) -> None:
    """Posts an event and rings for it; rings again for one that was posted by somebody who was killed before. The sign
    for hosts that are still to start goes first.
    """
    tasks.remember_outstanding()
    new = inbox.post(event)
    if (new or inbox.waits(event)) and not hosts.notify(event["chat"], event["project"]) and new:
        desktop.tell(event)

