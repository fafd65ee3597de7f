"""Workers that change the same files at the same time, because none of them has a worktree: allowed, and said."""

from __future__ import annotations

import os

from dispatch_hooks import tasks, worktrees


def shares(task: dict) -> bool:
    """Whether a task works on files that others may work on too."""
    return not task.get("worktree") and not task["read_only"]


def meet(one: dict, other: dict) -> bool:
    """Whether two tasks may change the same files."""
    if one["id"] == other["id"] or one["project"] != other["project"] or not (shares(one) and shares(other)):
        return False
    first, second = (os.path.normpath(os.path.join("/", t.get("directory") or "", "")) for t in (one, other))
    return os.path.commonpath([first, second]) in (first, second)


def beside(task: dict) -> list[str]:
    """The other tasks that are at work on a task's files, or about to be."""
    if not shares(task):
        return []
    found = (tasks.read(folder) for folder in tasks.active())
    return sorted(other["id"] for other in found if other and meet(task, other))


def begin(task: dict, status: dict) -> None:
    """Writes down who works on the same files at the start of a run."""
    status["shares"] = beside(task)


def end(task: dict, status: dict) -> None:
    """Writes down who still does, for its event to name: once is enough, so only the first of them to end names any."""
    now, before = beside(task), status.get("shares") or []
    status["shares"] = now if set(before) <= set(now) else []


def words(started: list[dict]) -> list[str]:
    """What a dispatch says of the tasks that it starts."""
    met = {task["id"]: beside(task) for task in started}
    names = sorted({name for one, others in met.items() if others for name in (one, *others)})
    if not names:
        return []
    way = "" if worktrees.refusal(started[0]["project"]) else '; "in a worktree" gives a task its own'
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return [f"{listed} work on the same files{way}."]
