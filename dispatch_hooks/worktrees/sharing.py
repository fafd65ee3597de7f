"""Workers that are at work in the same folder at the same time, none with a worktree: allowed, and said."""

from __future__ import annotations

import os

from dispatch_hooks import tasks, worktrees


def shares(task: dict) -> bool:
    """Whether a task works on files that others may work on too."""
    return not task.get("worktree") and not task["read_only"]


def meet(one: dict, other: dict) -> bool:
    """Whether two tasks work in the same folder, or one of them in a folder of the other's."""
    if one["id"] == other["id"] or one["project"] != other["project"] or not (shares(one) and shares(other)):
        return False
    first, second = (os.path.normpath(os.path.join("/", t.get("directory") or "", "")) for t in (one, other))
    return os.path.commonpath([first, second]) in (first, second)


def beside(task: dict) -> list[str]:
    """The other tasks that are at work in a task's folder; none that waits."""
    if not shares(task):
        return []
    going = (folder for folder in tasks.active() if tasks.status(folder)["state"] in tasks.RUNNING)
    found = (tasks.read(folder) for folder in going)
    return sorted(other["id"] for other in found if other and meet(task, other))


def begin(task: dict, status: dict) -> None:
    """Writes down who works in the same folder at the start of a run."""
    status["shares"] = beside(task)


def end(task: dict, status: dict) -> None:
    """Writes down who still does, for its event to name: once is enough, so only the first of them to end names any."""
    now, before = beside(task), status.get("shares") or []
    status["shares"] = now if set(before) <= set(now) else []


def words(started: list[dict], waiting: dict) -> list[str]:
    """What a dispatch says of the tasks that it starts. waiting: those of them that do not run yet."""
    going = [task for task in started if task["id"] not in waiting]
    met = {task["id"]: [name for name in beside(task) if name not in waiting] for task in going}
    names = sorted({name for one, others in met.items() if others for name in (one, *others)})
    if not names:
        return []
    way = "" if worktrees.refusal(started[0]["project"]) else '; "in a worktree" gives a task its own'
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return [f"{listed} work in the same folder{way}."]
