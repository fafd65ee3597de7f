"""A task whose record (task.json) cannot be read: its batch still says what was asked; where that has gone too, its
folder says that there was a task. None leaves the lists without a word.
"""

from __future__ import annotations

import contextlib
import os

from dispatch_hooks import dispatch, files, tasks

WHY = "its record could not be read"


def task(folder: str) -> dict | None:
    """What was asked, written again under the task's lock; None where there is no such task, or it is in use."""
    found = tasks.read(folder)
    if found or not os.path.isdir(folder):
        return found
    lock = files.lock(tasks.lock_file(folder))
    if lock is None:
        return None
    try:
        return tasks.read(folder) or _written_again(folder)
    finally:
        os.close(lock)


def _written_again(folder: str) -> dict | None:
    found = dispatch.asked(folder) or _by_its_name(folder)
    path = os.path.join(folder, "task.json")
    with contextlib.suppress(OSError):
        os.rename(path, f"{path}.unreadable")
    if found:
        files.write_json(path, found)
    return found


def _by_its_name(folder: str) -> dict | None:
    """A record for a task of which nothing but its place is known. Its news go to the next chat of the project."""
    project = files.read_json(os.path.join(os.path.dirname(os.path.dirname(folder)), "project.json"))
    if not project or not os.path.isabs(str(project.get("path"))):
        return None
    words = dict.fromkeys(("text", "context", "prompt", "check", "model", "alias", "alias_prompt"), "")
    plain = {"plan": [], "directory": None, "read_only": False, "backend": "claude", "permissions": "ask"}
    made = os.lstat(folder).st_mtime
    about = {"id": os.path.basename(folder), "title": WHY, "project": project["path"], "chat": "none", "made": made}
    if not os.path.lexists(os.path.join(folder, "status.json")):
        ended = {"state": "lost", "run": 1, "why": WHY, "ended": made}
        tasks.set_status(folder, ended)
    return {**words, **plain, **about}
