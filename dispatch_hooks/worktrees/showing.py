"""What a task did in its worktree, to be looked at: while it works, and until it is merged or discarded."""

from __future__ import annotations

import os

from dispatch_hooks import digest, git, tasks, worktrees
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import keeping

SHOWN = 15
"""Files that the chat is told of."""


def difference(folder: str, *options: str) -> str:
    """The diff of a task's worktree against what it began from; what is not committed yet is in it."""
    task, record = _open(folder)
    ref = f"refs/heads/{record['branch']}"
    if os.path.isdir(worktrees.path(task, record)):
        return keeping.opened(task, record)("diff", *keeping.PLAIN, *options, record["base"])
    return git.Git(task["project"])("diff", *keeping.PLAIN, *options, f"{record['base']}...{ref}")


def summary(folder: str) -> str:
    """The same as the chat is told it: the files, no line of them, because the chat's context would take it in."""
    task, record = _open(folder)
    rows = [line.split("\t", 2) for line in difference(folder, "--numstat").splitlines()]
    new = _new(task, record)
    found = [f"  {digest.clean(name, 100)} +{added} -{removed}" for added, removed, name in rows]
    found += [f"  {digest.clean(name, 100)} (new, not committed)" for name in new]
    more = [f"  and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    head = f"{record['branch']} (from {record['source']}): {len(found)} file{'s' if len(found) != 1 else ''} changed."
    return "\n".join([head, *found[:SHOWN], *more, f"  the lines: dispatch-hooks diff {task['id']} (in a terminal)"])


def _new(task: dict, record: dict) -> list[str]:
    """Files that git has not been told of."""
    if not os.path.isdir(worktrees.path(task, record)):
        return []
    return keeping.new_files(keeping.opened(task, record), task, record)


def new_files(folder: str) -> list[str]:
    return _new(*_open(folder))


def _open(folder: str) -> tuple[dict, dict]:
    task, status = tasks.read(folder), tasks.status(folder)
    found = status.get("worktree")
    if not found:
        raise FatalError(
            f"{task['id']} has no worktree: what it changed is in {task['project']} itself; git diff there"
        )
    if found["state"] == "merged":
        raise FatalError(f"{task['id']} is merged into {found['into']}; git log there")
    if found["state"] != "open":
        raise FatalError(f"{task['id']} has no change to show (its worktree is {found['state']})")
    return task, found
