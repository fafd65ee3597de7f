"""What a task waits for before it may start: other tasks of its project, its parents, that must have finished.

`after` of a task names them. Whether one is satisfied is looked up when it matters and kept nowhere: a parent that
failed holds its children, and a retry of it that finishes lets them go. `released`, a marker beside the child's
record, is the person's word to start it anyway.
"""

from __future__ import annotations

import os

from dispatch_hooks import files, tasks
from dispatch_hooks.ways import way

DONE = ("finished", "checked")


# at the dispatch


def refusals(items: list[dict], known: list[str]) -> dict[str, str]:
    """{id: why} of the tasks of a request that can never start: cycles, and parents that there are not."""
    found = {item["id"]: _unknown(item, items, known) for item in items}
    graph = {item["id"]: [p for p in item.get("after") or [] if p in found] for item in items}
    for name in graph:
        cycle = _cycle(graph, name)
        if cycle:
            found[name] = f"it would wait for itself: {' after '.join(cycle)}; leave one \"after\" out"
    return {name: why for name, why in found.items() if why}


def _unknown(item: dict, items: list[dict], known: list[str]) -> str:
    names = {other["id"] for other in items}
    missing = [p for p in [*(item.get("after") or []), *(item.get("missing") or [])] if p not in names | set(known)]
    if not missing:
        return ""
    return f'it is to start after "{missing[0]}", and there is no such task{_near(missing[0], known)}'


def _near(name: str, known: list[str]) -> str:
    import difflib  # only for an error: a hook pays for every import

    near = difflib.get_close_matches(name, known, 3, 0.6)
    return f"; do you mean {', '.join(near)}?" if near else "; dispatch-hooks status lists those that there are"


def _cycle(graph: dict[str, list[str]], start: str) -> list[str]:
    """A way from a task back to it, both ends included; nothing where there is none."""
    ways, seen = [[start]], set()
    while ways:
        way = ways.pop()
        for parent in graph[way[-1]]:
            if parent == start:
                return [*way, start]
            if parent not in seen:
                seen.add(parent)
                ways.append([*way, parent])
    return []


def orphaned(task: dict, refused: dict[str, str]) -> str:
    """Why a task cannot be dispatched because a parent was not; "" where that is not so."""
    lost = next((parent for parent in task["after"] if parent in refused), None)
    return f"it is to start after {lost}, which was not dispatched" if lost else ""


# while it waits


def unmet(folder: str, task: dict) -> list[str]:
    """The parents that a task still waits for: none once it has started, or was released."""
    if not task.get("after") or os.path.lexists(_released(folder)) or tasks.status(folder)["run"]:
        return []
    return [parent for parent in task["after"] if state(task, parent) not in DONE]


def state(task: dict, parent: str) -> str:
    """How a parent is; "gone" where there is no record of it any more."""
    folder = parent_folder(task, parent)
    return tasks.status(folder)["state"] if os.path.isdir(folder) else "gone"


def parent_folder(task: dict, parent: str) -> str:
    return tasks.folder(task["project"], parent)


def holding(folder: str, task: dict) -> list[tuple[str, str]]:
    """(parent, its state) of those that have ended otherwise: the task starts when one of them is done after all."""
    found = [(parent, state(task, parent)) for parent in unmet(folder, task)]
    return [(parent, how) for parent, how in found if how == "gone" or how in tasks.ENDED]


def words(folder: str, task: dict) -> str:
    """What a task waits for; "" where its parents are done."""
    held = holding(folder, task)
    if held:
        return "held: " + ", ".join(f"{parent} {became(how)}" for parent, how in held)
    names = unmet(folder, task)
    return f"after {', '.join(names)}" if names else ""


def ways(folder: str, task: dict, by: str) -> list[str]:
    """What the person can do about a task that is held, in control words or in commands."""
    held = holding(folder, task)
    retries = [way(by, "retry", parent) for parent, how in held if how != "gone"]
    return [*retries, *(way(by, verb, task["id"]) for verb in ("release", "cancel"))] if held else []


def became(how: str) -> str:
    """A parent's end in words."""
    ends = {"stopped": "stopped early", "cancelled": "was cancelled", "lost": "was lost", "gone": "is gone"}
    return ends.get(how, how)


def children(folder: str) -> list[str]:
    """The folders of the tasks that come after this one and have not started."""
    project, _, name = tasks.key(folder).partition("~")
    others = [other for other in tasks.active() if tasks.key(other).startswith(f"{project}~") and other != folder]
    found = [(other, tasks.read(other) or {}, tasks.status(other)) for other in others]
    return [other for other, task, status in found if name in (task.get("after") or []) and not status["run"]]


def ring(folder: str) -> None:
    """Has those that wait for a task look how it is now."""
    for child in children(folder):
        files.ring(tasks.bell_file(child))


# the person's word


def _released(folder: str) -> str:
    return os.path.join(folder, "released")


def release(folder: str) -> None:
    files.touch(_released(folder))
    files.ring(tasks.bell_file(folder))


# what it is told


def briefing(task: dict) -> str:
    """What a worker is told of the work that its own comes after; "" where it comes after nothing."""
    lines = [_done(task, parent) for parent in task.get("after") or []]
    if not lines:
        return ""
    return "\n# What was done before\n\nYour task comes after these. Their words are their workers':\n" + "".join(lines)


def _done(task: dict, parent: str) -> str:
    from dispatch_hooks import digest

    status = tasks.status(parent_folder(task, parent))
    how = state(task, parent)
    said = f": {digest.quoted(status['summary'], 300)}" if status.get("summary") else ""
    branch = f"; branch {of}" if (of := branch_of(task, parent)) else ""
    output = os.path.join(task["project"], ".dispatch", "tasks", parent, "output.md")
    more = f"; details in {output}" if status.get("output") else ""
    return f"- {parent} {became(how)}{said}{branch}{more}\n"


def branch_of(task: dict, name: str | None) -> str | None:
    """The branch that another task of the project works on, where it has one."""
    if not name or "/" in name or not os.path.isdir(parent_folder(task, name)):
        return None
    record = tasks.status(parent_folder(task, name)).get("worktree") or {}
    return record.get("branch") if record.get("state") == "open" else None
