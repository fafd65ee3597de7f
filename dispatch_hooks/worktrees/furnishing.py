"""What a fresh checkout lacks and the person's config names: files to copy, folders to link, a command to run.

    [worktree]
    copy = [".env"]
    link = ["node_modules"]
    setup = "npm ci"

Only the person's own config is asked, never the repository.
"""

from __future__ import annotations

import os
import shutil

from dispatch_hooks import check, git, tasks, worker, worktrees
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import keeping

LIMIT = 3600
"""Seconds that the set-up command may take."""


def furnish(run, place: str, record: dict) -> None:
    """Puts in what is named and is not there, and writes into the record what was brought and what to tell of it."""
    said = worktrees.settings(run.config)
    copied = [name for name in said["copy"] if _bring(run.task["project"], place, name, _copy)]
    linked = [name for name in said["link"] if _bring(run.task["project"], place, name, os.symlink)]
    record.update(brought=[*copied, *linked], notes=_notes(linked, place))
    if said["setup"]:
        _set_up(run, place, said["setup"])
        keeping.leave_out(keeping.opened(run.task, record), run.task)


def _bring(project: str, place: str, name: str, act) -> bool:
    """Whether act(source, target) was done for a path of the project. No link leads it out of project or checkout."""
    if os.path.isabs(name):
        raise FatalError(f"{name} (worktree.copy and worktree.link in your config) is no path within {project}")
    source, target = (os.path.normpath(os.path.join(top, name)) for top in (project, place))
    if not os.path.lexists(source) or os.path.lexists(target):
        return False
    for top, path in ((project, source), (place, target)):
        if not os.path.realpath(os.path.dirname(path)).startswith(os.path.realpath(top)):
            raise FatalError(f"{name} (worktree.copy and worktree.link in your config) leads out of {top}")
    os.makedirs(os.path.dirname(target), exist_ok=True)
    act(source, target)
    return True


def _copy(source: str, target: str) -> None:
    if os.path.isdir(source) and not os.path.islink(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _notes(linked: list[str], place: str) -> list[str]:
    notes = [f"Links into the person's own checkout, not to be committed: {', '.join(linked)}."] if linked else []
    at = git.Git(place)
    empty = [name for name in git.submodules(at) if not os.listdir(os.path.join(place, name))]
    if empty:
        notes.append(f"Submodules are empty here ({', '.join(empty[:5])}); `git submodule update --init` fills them.")
    raw = at.unfiltered(at("ls-files", "-z").split("\0")[:-1]) if at.disarmed() else []
    if raw:
        notes.append(
            f"Not filtered, because only the repository's configuration has their filter: {', '.join(raw[:5])}. Before "
            f"you read or commit any of that, `rm` it and `git checkout` it."
        )
    return notes


def _set_up(run, place: str, command: str) -> None:
    log = os.path.join(run.folder, "setup.log")
    folder = os.path.join(run.task["project"], tasks.place(run.task))
    env = worker.environment(run.task, run.mark, folder, {}, [*run.config["env"].get("drop", []), *worktrees.LOCAL])
    how = check.run(command, env, place, log, LIMIT, run.unwanted)
    worker.leave_none(run.mark, os.getpid())
    if how:
        raise FatalError(f"the set-up command of your config failed: {command} ({how}); its output is {log}")
