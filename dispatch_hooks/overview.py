"""Tasks in figures: what status, top, the status line and the chat show of them. Files only, so all agree."""

from __future__ import annotations

import os
import time

from dispatch_hooks import (
    after,
    config,
    digest,
    files,
    flags,
    inputs,
    limits,
    outcome,
    plan,
    questions,
    queue,
    remote,
    salvage,
    steer,
    tasks,
    worktrees,
)
from dispatch_hooks.remote import engine
from dispatch_hooks.ways import way
from dispatch_hooks.worktrees import sharing

ORDER = (
    "asks", "held", "failed", "lost", "stopped", "running", "starting", "waiting", "parked", "finished", "checked",
    "cancelled",
)  # fmt: skip
"""What needs the person first."""


def row(folder: str) -> dict | None:
    """One task in figures, as dispatch_hooks.models.Row describes them; None where there is none."""
    task, status = tasks.read(folder) or salvage.task(folder), tasks.status(folder)
    if task is None:
        return None
    open_questions = questions.waiting(folder)
    status = status if open_questions else _now(folder, task, status)
    ticked, items = _steps(task, status)
    end = status.get("ended") or time.time()
    return {
        "id": task["id"],
        "title": task["title"],
        "state": _word(folder, status["state"], open_questions),
        "why": _why(folder, task, status).removeprefix("held: "),
        "who": outcome.who(task, status),
        "backend": status.get("backend") or task["backend"],
        "permissions": task["permissions"],
        "project": task["project"],
        "where": _where(folder, task),
        "folder": os.path.join(task["project"], tasks.place(task)),
        **worktrees.row(task, status),
        "shares": sharing.beside(task) if status["state"] in tasks.RUNNING else [],
        "ticked": ticked,
        "items": items,
        "made": task["made"],
        "ended": status.get("ended"),
        "seconds": max(0, round(end - status["started"])) if status.get("started") else None,
        "cost_usd": status.get("cost_usd"),
        "tokens": status.get("tokens"),
        "summary": status.get("summary") or "",
        "last": status.get("last") or "",
        "session": status.get("session"),
        "run": status["run"],
        "questions": [{k: q[k] for k in ("n", "kind", "text", "options", "asked")} for q in open_questions],
    }


def _word(folder: str, state: str, open_questions: list[dict]) -> str:
    """The word for how a task is, as people read it: see steer.state."""
    if open_questions and state in ("running", "parked"):
        return "asks"
    return "held" if steer.held(folder) else state


def _steps(task: dict, status: dict) -> tuple[int, int]:
    """(ticked, all): as they were judged for what is over, else as the plan says now."""
    if status["state"] in tasks.ENDED and status.get("items"):
        return status.get("ticked") or 0, status["items"]
    return plan.count(plan.read(tasks.read_text(task, "plan.md")))


def _now(folder: str, task: dict, status: dict) -> dict:
    """The record of what an engine has as things are now: it may have put what it ran back into its queue."""
    if not tasks.handed(folder):
        return status
    if status["state"] in tasks.RUNNING and engine.requeued(folder):
        return {**status, "state": "waiting", "why": f"for {task['launcher']} again"}
    taken = status["state"] == "waiting" and remote.job(folder).get("id")
    return {**status, "why": f"for {task['launcher']}"} if taken else status


def _where(folder: str, task: dict) -> str:
    """Where it runs, if that is not here: "cluster", "cluster n2"."""
    if not remote.elsewhere(task):
        return ""
    runs = tasks.handed(folder) and not engine.requeued(folder)
    node = (remote.lease(folder).get("node") or engine.last_word(folder)["where"]) if runs else ""
    return f"{task['launcher']} {node}".rstrip()


def _why(folder: str, task: dict, status: dict) -> str:
    """Why it is so; for one that waits its turn, how many are before it at this moment."""
    if status["state"] == "waiting" and tasks.handed(folder):
        said = engine.last_word(folder)["why"]
        return f"{status['why']} ({said})" if said else status["why"]
    if status["state"] != "waiting":
        return status.get("why") or ""
    ahead = queue.before(folder)
    if ahead is None or inputs.paused(folder):
        return "paused" if inputs.paused(folder) else after.words(folder, task) or status.get("why") or ""
    return "everything is paused" if queue.paused() else queue.place(ahead)


def rows(project: str) -> list[dict]:
    """The project's tasks, those that need the person first, then the newest."""
    return Board(project).rows()


def urgency(r: dict) -> tuple:
    newest_first = -1 if r["state"] != "waiting" else 1  # those that wait stand in their order
    return (ORDER.index(r["state"]) if r["state"] in ORDER else len(ORDER), newest_first * r["made"])


class Board:
    """The rows of a project (None: of all), kept from one look to the next: only what changed is read again."""

    def __init__(self, project: str | None) -> None:
        self.project = project
        self.known: dict[str, tuple[tuple, dict | None]] = {}

    def rows(self) -> list[dict]:
        """Those that need the person first, then the newest."""
        self.known = {folder: self._look(folder) for folder in self._folders()}
        return sorted((r for _, r in self.known.values() if r), key=urgency)

    def _folders(self) -> list[str]:
        places = projects() if self.project is None else [self.project]
        tops = [os.path.dirname(tasks.folder(place, "x")) for place in places]
        return [os.path.join(top, task) for top in tops for task in files.names(top)]

    def _look(self, folder: str) -> tuple[tuple, dict | None]:
        seen = tuple(map(_changed, (f"{folder}/status.json", f"{folder}/questions", f"{folder}/answers")))
        before, r = self.known.get(folder, (None, None))
        same = before == seen and r is not None and r["state"] in tasks.ENDED
        return seen, r if same else row(folder)


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def projects() -> list[str]:
    top = os.path.join(os.path.dirname(tasks.project_folder("/")))
    found = (files.read_json(os.path.join(top, name, "project.json")) for name in files.names(top))
    return [p["path"] for p in found if p and "path" in p]


def totals(rows: list[dict]) -> str:
    """ "5 tasks: 1 asks, 2 running, 2 finished · $1.20" """
    states = [r["state"] for r in rows]
    counts = ", ".join(digest.counted(states.count(state), state) for state in dict.fromkeys(states))
    spent = sum(r["cost_usd"] or 0 for r in rows)
    return f"{len(rows)} task{'s' * (len(rows) != 1)}: {counts}" + (f" · ${spent:.2f}" if spent else "")


def line(r: dict) -> str:
    parts = [f"{r['ticked']}/{r['items']}", r["who"]]
    parts += [digest.age(r["seconds"])] if r["seconds"] is not None else []
    parts += [digest.spent(r)] if digest.spent(r) else []
    parts += ["bypass"] if r["permissions"] == "bypass" else []
    return f"{r['id']}: {r['state']} ({', '.join(parts)}){_more(r)}"


def _more(r: dict) -> str:
    if r["questions"]:
        return f" {digest.clean(r['questions'][0]['text'], 120)}"
    said = r["last"] if r["state"] == "running" else r["why"] or r["summary"]
    said = digest.clean(said, 100)
    shared = f"in the same folder as {', '.join(r['shares'][:3])}" if r["shares"] else ""
    return "".join(f" {part}" for part in (said, f"[{shared}]" if shared else "") if part)


def _budget(task: dict, status: dict) -> list[str]:
    """What it may use and what of it is left."""
    budget = (status.get("changed") or {}).get("budget") or task.get("budget")
    if not budget:
        return []
    left = {k: max(0, v) for k, v in limits.left(budget, status, time.time()).items()}
    untold = limits.untold(budget, status.get("backend") or task["backend"], config.load())
    return [f"  budget: {limits.words(budget)}; left: {limits.words(left)}{f'; {untold}' if untold else ''}"]


def task_text(folder: str, by: str = "typed") -> str:
    """What `show x` says: state, checklist, questions, where the rest is. by: as ways.way has it."""
    r = row(folder)
    task = tasks.read(folder)
    marks = {"x": "[x]", "?": "[?]", "!": "[!]"}
    items = plan.read(tasks.read_text(task, "plan.md"))
    lines = [line(r), *(f"  {marks.get(i['mark'], '[ ]')} {digest.clean(i['text'], 150)}" for i in items[:30])]
    for question in r["questions"]:
        lines.append(f"  asks: {digest.clean(question['text'], digest.QUESTION)}")
        lines += [f"    {n}. {digest.clean(option, 200)}" for n, option in enumerate(question["options"], 1)]
        lines.append(f"  {way(by, 'answer', r['id'], '…')}")
    if r["state"] == "held":
        lines.append(f"  {', or '.join(after.ways(folder, task, by))}")
    lines += _budget(task, tasks.status(folder))
    for flag in flags.every(folder)[-5:]:
        lines.append(f"  flagged: {digest.clean(flag['text'], 200)}")
    if r["summary"]:
        lines.append(f"  {digest.clean(r['summary'], 200)}")
    lines += worktrees.lines(task, tasks.status(folder), by)
    lines.append(f"  {tasks.place(task)}/")
    return "\n".join(lines)


HELP = """\
dispatch-hooks
  dispatch opus to TASK              a background worker does it; also /dispatch TASK
  dispatch sonnet: then a list       one worker an item, all at once
  answer ID: WORDS                   answers a worker; answer: WORDS while only one asks
  tell ID to DO SOMETHING            a word to a worker, running or finished
  /dispatch add MODEL, create a NAME alias using MODEL, remove NAME; make MODEL my dispatch default
  /dispatch config KEY VALUE         changes the configuration; /dispatch config tells it
  status, show ID, cancel ID, retry ID [with MODEL]
  pause ID, resume ID; pause all: nothing new starts; resume all
  release ID                         starts what waits for another task without it
  diff ID, merge ID [squashed], discard ID    what a worker did "in a worktree"
  in a terminal: dispatch-hooks --help"""


def models_text() -> str:
    from dispatch_hooks import catalogue

    settings = config.load()
    names = [*settings["aliases"], *settings["models"], *settings["backends"], "opus", "sonnet", "haiku"]
    text = f"  models: {', '.join(dict.fromkeys(names))}; default {settings['default']}"
    told = [f"{name} {len(one['models'])}" for name, one in catalogue.kept().items() if one["models"]]
    return f"{text}\n  worker CLIs list more ({', '.join(told)}): dispatch-hooks models" if told else text
