"""What a run begins with: a new conversation or the one before, and the words that open it."""

from __future__ import annotations

import os
import time

from dispatch_hooks import after, briefing, inputs, limits, tasks, worktrees


def follow_orders(task: dict, status: dict, said: dict) -> None:
    """A retry may name another model, which then stays, and always starts a new conversation."""
    orders = _orders(said)
    status["changed"] = {**(status.get("changed") or {}), **(orders[-1] if orders else {})}
    task.update(status["changed"])
    if orders:
        status.update(session=None, instead_of=None)


def _orders(said: dict) -> list[dict]:
    return [note["retry"] for note in said["notes"] if "retry" in note]


def ordered(task: dict, status: dict, said: dict | None) -> dict:
    """The task as its next run will have it."""
    return {**task, **(status.get("changed") or {}), **(_orders(said or inputs.NOTHING) or [{}])[-1]}


def begin(folder: str, task: dict, status: dict, said: dict, resumes: bool) -> dict:
    """The run as Backend.talk takes it, without what the supervisor knows of it."""
    resume = bool(status.get("session")) and resumes
    if not resume:
        new_session(status, None)
    place = os.path.join(task["project"], tasks.place(task))
    anew = _from_the_start(folder, task, status, place) + worktrees.briefing(task, status) + after.briefing(task)
    known = {"n": status["run"], "folder": place, "since": tasks.status(folder).get("ended")}
    known["left"] = limits.left(task.get("budget"), status, time.time())
    news = worktrees.since(task, status) + _perhaps_lost(folder) + briefing.news(**said)
    told = {"prompt": news if resume else anew, "anew": anew, "git": worktrees.git_dirs(task, status)}
    return {**known, **told, "session": status["session"], "resume": resume, "spent": _spent(status)}


def _perhaps_lost(folder: str) -> str:
    """What was said to a run that was killed (one that is on record as running still, by an engine that starts it
    again): some CLIs write down only what they came to the end of.
    """
    last = tasks.status(folder)
    if last["state"] not in ("lost", "failed", *tasks.RUNNING) or not last.get("started"):
        return ""
    words = briefing.said(**inputs.told(folder, last))
    return briefing.CUT + words if words else ""


def new_session(status: dict, session: str | None) -> None:
    """What the task has used so far was used by earlier sessions."""
    status.update(session=session, before={key: status[key] for key in FIGURES.values() if status.get(key)})


FIGURES = {"tokens": "tokens", "input": "tokens_in", "output": "tokens_out", "cost_usd": "cost_usd"}
"""The figures of a usage event, and where a status has their totals."""


def _spent(status: dict) -> dict:
    """What the present session has used so far, as far as it was told."""
    before = status.get("before") or {}
    return {key: (status.get(name) or 0) - before.get(name, 0) for key, name in FIGURES.items()}


def _from_the_start(folder: str, task: dict, status: dict, place: str) -> str:
    """A worker without a memory of the earlier ones is told all that the person ever said."""
    before = tasks.status(folder)
    if status["run"] == 1:
        said = inputs.everything(folder)
        return briefing.first(task, place) + ("\n" + briefing.said(**said) if said["notes"] else "")
    done = before.get("was") or before.get("why") or before["state"]
    return briefing.again(task, place, done) + "\n" + briefing.news(**inputs.everything(folder))
