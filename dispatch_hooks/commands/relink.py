"""relink: tell that a project was moved to another folder."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, files, overview, tasks, worktrees
from dispatch_hooks.errors import FatalError


def relink(
    old: str = typer.Argument(help="Where the project was."),
    new: str = typer.Argument(".", help="Where it is now."),
) -> None:
    """Take tasks along to the new folder of a moved project.

    Example: dispatch-hooks relink ~/old/place ~/new/place
    """
    authority.refuse_worker(dict(os.environ), "move a project's tasks")
    old, new = os.path.abspath(old), tasks.project_of(os.path.abspath(new))
    if not os.path.isdir(new):
        raise FatalError(f"there is no folder {new}; name the one where the project is now")
    if old not in overview.projects():
        raise FatalError(f"no tasks are known of {old}; `dispatch-hooks status --all` lists the projects")
    running = [f for f in tasks.active() if (tasks.read(f) or {}).get("project") == old]
    if running:
        raise FatalError(f"{len(running)} of its tasks run; wait for them or cancel them first")
    if tasks.ids(new):
        raise FatalError(f"{new} has tasks of its own already; clean them, or keep the two apart")
    os.rename(tasks.project_folder(old), tasks.project_folder(new))
    files.write_json(os.path.join(tasks.project_folder(new), "project.json"), {"path": new})
    for task in tasks.ids(new):
        path = os.path.join(tasks.folder(new, task), "task.json")
        files.write_json(path, {**(files.read_json(path) or {}), "project": new})
        worktrees.moved(tasks.folder(new, task))
    typer.echo(f"{len(tasks.ids(new))} tasks now belong to {new}")
