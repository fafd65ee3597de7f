"""What happens to a task whose worker's CLI could not work: it goes on with another, or when the limit ends, or not."""

from __future__ import annotations

from dispatch_hooks import failures, resets, resolve

MARGIN = 5.0
"""Seconds that are waited beyond the end of a limit: clocks differ."""

WAITS = 5
"""Limits in a row that are waited for while nothing is ticked."""


def judge(task: dict, status: dict, error: dict, settings: dict, path: str, now: float, patient: bool = True):
    """(state, why) of a run that failed so, with the status changed for what comes now.

    error: {"text","about"}; patient: whether a limit is waited for. `waiting` is a run that is going to be: by whoever
    is named as the fallback, or, at status["until"], by the same worker in its own conversation.
    """
    found = failures.read(task, error["text"], now, error["about"])
    if found is None:
        return "failed", error["text"]
    status["failure"] = found["kind"]
    other, who = substitute(task, settings, path)
    if other:
        who_was = task["alias"] or task["model"] or task["backend"]
        status.update(session=None, until=None, was=found["say"], instead_of={"who": who_was, "why": found["say"]})
        status["changed"] = {**(status.get("changed") or {}), **other}
        return "waiting", f"{found['say']}; {who} goes on"
    if patient and found["resets"] and _may_wait(status):
        status.update(until=max(found["resets"], now) + MARGIN, was=found["say"])
        return "waiting", f"{found['say']}; it goes on at {resets.words(status['until'], now)}"
    return "failed", found["say"]


def _may_wait(status: dict) -> bool:
    """Not for ever, where each try ends at the same place."""
    further = status.get("ticked", 0) > status.get("waited_at", -1)
    status["waits"] = 1 if further else status.get("waits", 0) + 1
    status["waited_at"] = status.get("ticked", 0)
    return status["waits"] <= WAITS


def substitute(task: dict, settings: dict, path: str) -> tuple[dict, str]:
    """(what changes of a task that its fallback takes over, who that is), or ({}, ""). It has none any more then."""
    name = task.get("fallback")
    found, why = resolve.meaning(name, settings, path) if name else ({}, "none is named")
    if why or not resolve.program(found["backend"], settings, path)[1] or _same(found, task):
        return {}, ""
    own = found["permissions"]
    kept = settings["permissions"] if task["permissions"] == "bypass" else task["permissions"]
    prompt = found["alias_prompt"] or task["alias_prompt"]
    told = {"model": found["model"], "backend": found["backend"], "alias": found["alias"], "alias_prompt": prompt}
    return {**told, "permissions": own or kept, "fallback": ""}, name


def _same(found: dict, task: dict) -> bool:
    return (found["backend"], found["model"]) == (task["backend"], task["model"])
