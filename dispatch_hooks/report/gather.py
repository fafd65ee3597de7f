"""All that is known of a task, as the page shows it. Words of workers are left as they are: the page escapes them."""

from __future__ import annotations

import contextlib
import time

from dispatch_hooks import flags, overview, plan, questions, tasks, usage, worktrees
from dispatch_hooks.errors import FatalError
from dispatch_hooks.report import spans
from dispatch_hooks.worktrees import showing

LONG = 60_000
"""Characters of an output or a diff that a page holds; the rest is counted."""

MARKS = {"x": "done", " ": "to do", "?": "asks", "!": "failed"}

BY = {"typed": "typed in the chat", "relayed": "passed on by the chat's Claude", "terminal": "from a terminal"}


def entry(folder: str, now: float | None = None) -> dict | None:
    """One task; None where there is none."""
    now = time.time() if now is None else now
    row, task, status = overview.row(folder), tasks.read(folder), tasks.status(folder)
    if row is None or task is None:
        return None
    asked = [_exchange(folder, question) for question in questions.every(folder)]
    waits = [(each["asked"], each["answered"] or now) for each in asked]
    runs = spans.of(task, status, waits, now)
    return {
        **row,
        "text": task["text"],
        "context": task["context"],
        "check": task["check"],
        "plan": [{**item, "word": MARKS[item["mark"]]} for item in plan.read(tasks.read_text(task, "plan.md"))],
        "asked": asked,
        "flags": flags.every(folder),
        "notes": [note for note in questions.notes(folder) if not note.get("retry")],
        "output": cut(tasks.read_text(task, "output.md")),
        "files": status.get("files") or [],
        "diff": cut(_diff(folder)),
        "runs": runs,
        "ran": sum(run.seconds for run in runs),
        "spent": usage.runs(task, status, now),
        "branch_is": (status.get("worktree") or {}).get("state", ""),
        "tokens_in": status.get("tokens_in"),
        "tokens_out": status.get("tokens_out"),
    }


def _exchange(folder: str, question: dict) -> dict:
    """A question and what became of it."""
    answer = questions.answer_of(folder, question["n"]) or {}
    withdrawn = bool(answer.get("moot"))
    meant = questions.meant(question, answer["text"]) if answer and not withdrawn else ""
    by = BY.get(answer.get("by", ""), "")
    return {**question, "answered": answer.get("at"), "withdrawn": withdrawn, "answer": meant, "by": by}


def _diff(folder: str) -> str:
    """What it changed in its worktree, until that is merged or discarded; empty where that cannot be told."""
    if not worktrees.live(tasks.status(folder)):
        return ""
    with contextlib.suppress(FatalError, OSError):
        return showing.difference(folder)
    return ""


def cut(text: str, limit: int = LONG) -> str:
    left = len(text) - limit
    return text if left <= 0 else f"{text[:limit]}\n… and {left:,} more characters"


def totals(entries: list[dict]) -> dict:
    """Of all tasks together."""
    runs = [run for each in entries for run in each["runs"]]
    costs = [each["cost_usd"] for each in entries if each["cost_usd"] is not None]
    known = [each["tokens"] for each in entries if each["tokens"] is not None]
    return {
        "states": _counted([each["state"] for each in entries]),
        "cost_usd": sum(costs) if costs else None,
        "tokens": sum(known) if known else None,
        "asked": sum(len(each["asked"]) for each in entries),
        "wall": spans.together(runs),
        "work": sum(run.seconds for run in runs),
    }


def _counted(states: list[str]) -> list[tuple[str, int]]:
    return [(state, states.count(state)) for state in overview.ORDER if state in states]


def by_model(entries: list[dict]) -> list[dict]:
    """What each model was used for, the dearest first."""
    return usage.by_model([((each["project"], each["id"]), run) for each in entries for run in each["spent"]])
