"""clean: remove tasks that are over and whose news is delivered."""

from __future__ import annotations

import os
import shutil
import time

import typer

from dispatch_hooks import after, authority, config, files, inbox, overview, paths, recover, tasks, worktrees
from dispatch_hooks.commands import find, task_ids
from dispatch_hooks.errors import FatalError

DAY = 86400


def clean(
    names: list[str] = typer.Argument(None, help="These tasks, whatever their age.", autocompletion=task_ids),
    days: int = typer.Option(None, "--days", min=0, help="All tasks that ended so many days ago; else keep_days."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Only say what would go."),
) -> None:
    """Remove ended tasks. Their records and their folders in the project go; what runs or asks stays.

    Example: dispatch-hooks clean --days 7 --dry-run
    """
    authority.refuse_worker(dict(os.environ), "remove tasks")
    recover.recover(dict(os.environ))
    keep = config.load()["keep_days"] if days is None else days
    chosen = [find(name) for name in names] if names else old(time.time() - keep * 86400)
    for folder in chosen:
        _remove(folder, dry_run)
    if not dry_run:
        forget_delivered(time.time() - keep * 86400)
    typer.echo(f"{len(chosen)} task{'s' if len(chosen) != 1 else ''} {'would go' if dry_run else 'removed'}")


def old(before: float) -> list[str]:
    """The folders of all tasks that ended before a time and have nothing undelivered."""
    every = (tasks.folder(project, task) for project in overview.projects() for task in tasks.ids(project))
    return [folder for folder in every if _over(folder) and (tasks.status(folder).get("ended") or 0) < before]


def _over(folder: str) -> bool:
    undelivered = (e["key"] for chat in inbox.chats() for e in inbox.pending(chat))
    return (
        tasks.status(folder)["state"] in tasks.ENDED
        and not tasks.supervised(folder)
        and tasks.key(folder) not in undelivered
        and not worktrees.unmerged(tasks.status(folder))
        and not after.children(folder)
    )


def _remove(folder: str, dry_run: bool) -> None:
    task = tasks.read(folder)
    if not (tasks.status(folder)["state"] in tasks.ENDED and not tasks.supervised(folder)):
        raise FatalError(f"{task['id']} is {tasks.status(folder)['state']}; cancel it first")
    if after.children(folder):
        names = ", ".join(os.path.basename(child) for child in after.children(folder))
        raise FatalError(f"{names} waits for {task['id']}; cancel or release it first")
    if worktrees.unmerged(tasks.status(folder)):
        raise FatalError(f"{task['id']} has work that nobody merged; merge or discard it first: diff {task['id']}")
    typer.echo(f"{task['id']}  {task['project']}")
    if dry_run:
        return
    _remove_project_folder(task)
    shutil.rmtree(tasks.runtime(folder), ignore_errors=True)
    shutil.rmtree(folder)


def _remove_project_folder(task: dict) -> None:
    """By descriptor, so that no link in the project leads out of it."""
    try:
        up = files.folder(task["project"], ".dispatch", "tasks")
    except OSError:
        return
    try:
        shutil.rmtree(task["id"], dir_fd=up)
    except OSError:  # gone, or a link: that is not ours to follow
        pass
    finally:
        os.close(up)


def forget_delivered(before: float) -> None:
    """Delivered names and done batches are kept so that nothing is said or started twice; not for ever."""
    places = [os.path.join(inbox.folder(chat), "delivered") for chat in inbox.chats()]
    places.append(os.path.join(paths.dirs().state, "batches", "done"))
    for place in places:
        for name in files.names(place):
            path = os.path.join(place, name)
            if os.path.getmtime(path) < before:
                files.remove(path)
    for chat in inbox.chats():
        inbox.clear(chat)
    files.sweep(paths.dirs().state, min(before, time.time() - DAY))
