"""What lies in a project by our names and belongs to no task: left by records that are gone."""

from __future__ import annotations

import os

from dispatch_hooks import files, git, tasks, worktrees


def checkouts(project: str) -> list[str]:
    """The folders in .dispatch/worktrees that no task has."""
    names = {record["name"] for record in _records(project)}
    top = os.path.join(project, worktrees.PLACE)
    return [os.path.join(top, name) for name in files.names(top) if name not in names]


def branches(project: str) -> list[str]:
    """The branches dispatch/… that no task has."""
    known = {record["branch"] for record in _records(project)}
    found = git.Git(project).run("for-each-ref", "--format=%(refname:short)", f"refs/heads/{worktrees.PREFIX}")[1]
    return [name for name in found.splitlines() if name not in known]


def _records(project: str) -> list[dict]:
    statuses = (tasks.status(tasks.folder(project, task)) for task in tasks.ids(project))
    found = [status["worktree"] for status in statuses if status.get("worktree")]
    return [record for record in found if record["state"] in ("making", "open")]
