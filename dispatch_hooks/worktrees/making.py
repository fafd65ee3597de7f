"""Making a task's worktree, at the start of its run: by its supervisor, because a large checkout takes its time."""

from __future__ import annotations

import os
import time

from dispatch_hooks import after, files, git, tasks, worker, worktrees
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import furnishing, keeping

UNSEEN = 200
"""Paths that are written down."""

PASSING = ("No such file or directory", "failed to read .git/worktrees/")
"""What git says of another worktree: it is going, with the folder of them all, or half made (an empty commondir)."""


def prepare(run) -> None:
    """Makes the worktree that a run's task wants, or finds the one of its last run. FatalError where it cannot be."""
    wanted = run.task.get("worktree")
    if wanted is None:
        return
    record = run.status.get("worktree")
    if record and record["state"] == "making":  # its maker was killed halfway, and git may be at it still
        worker.leave_none(run.mark)
        keeping.erase(run.task, record)
        record = None
    if record and record["state"] == "open":
        _find(run, record)
    else:
        _make(run, wanted["base"], record)


def repository(project: str, run=None) -> tuple[git.Git, str]:
    """(git in a project, the git directory that all its worktrees share). FatalError where it can have none."""
    if git.version() < git.OLDEST:
        raise FatalError(f"worktrees need git {'.'.join(map(str, git.OLDEST))} or newer; install that")
    at = git.Git(project, mark=run.mark if run else "", stopped=run.unwanted if run else None)
    common = at("rev-parse", "--path-format=absolute", "--git-common-dir")
    if at("rev-parse", "--is-bare-repository") == "true":
        raise FatalError(f"{project} is a bare repository: git clone it and dispatch there")
    if os.path.realpath(at("rev-parse", "--show-toplevel")) != os.path.realpath(project):
        raise FatalError(f"git takes {at('rev-parse', '--show-toplevel')} for the files of {project} (core.worktree)")
    return at, common


def _make(run, base: str | None, before: dict | None) -> None:
    at, common = repository(run.task["project"], run)
    task, own = run.task, before["base"] if before and before["state"] == "discarded" else ""
    parents = (after.branch_of(task, parent) for parent in task.get("after") or [])
    start = own or base or next(filter(None, parents), "HEAD")
    commit = _commit(at, start, after.branch_of(task, start))
    name = _free(at, run.task)
    record = {
        "name": name, "admin": "", "common": common, "branch": worktrees.PREFIX + name, "base": commit,
        "source": _head(at) if start == "HEAD" else base or start, "state": "making", "run": run.status["run"],
        "before": before["state"] if before else "",
        "unseen": _unseen(at), "notes": [], "brought": [],
        "commits": 0, "files": 0, "added": 0, "removed": 0, "trouble": "", "kept": 0,
    }  # fmt: skip
    _note(run, record)
    os.close(files.folder(run.task["project"], worktrees.PLACE.split(os.sep)[0], "worktrees", make=True))
    at("update-ref", "-m", "dispatch-hooks: begun", f"refs/heads/{record['branch']}", commit, "")
    _add(at, run, record)
    _open(run, record)


def _add(at: git.Git, run, record: dict) -> None:
    """Checks the branch out. Again where git met another worktree that came or went at this moment."""
    for pause in (0.05, 0.2, 1.0, None):
        code, _, err = at.run("worktree", "add", "--quiet", worktrees.path(run.task, record), record["branch"])
        if code == 0:
            return
        if pause is None or run.unwanted() or not any(words in err for words in PASSING):
            raise git.GitError(f"git worktree add: {git.said(err)}")
        keeping.erase_checkout(run.task, record)
        time.sleep(pause)


def _open(run, record: dict) -> None:
    """Records a checkout that git has made, and puts into it what the person's config names."""
    place = worktrees.path(run.task, record)
    record["admin"] = os.path.basename(git.Git(place)("rev-parse", "--path-format=absolute", "--git-dir"))
    furnishing.furnish(run, place, record)
    record["notes"] += _apart(git.Git(place), run.task, record)
    inner = run.task.get("directory") or ""
    if not os.path.isdir(os.path.join(place, inner)):
        raise FatalError(f"there is no folder {inner} in {record['source']}, from which the worktree begins: commit it")
    record["state"] = "open"
    _note(run, record)


def _apart(at: git.Git, task: dict, record: dict) -> list[str]:
    """What the worker must know of its task's parents: a checkout begins from one of them."""
    branches = [branch for parent in task.get("after") or [] if (branch := after.branch_of(task, parent))]
    apart = [branch for branch in branches if not at.says("merge-base", "--is-ancestor", branch, record["branch"])]
    return [f"What is on {' and '.join(apart)} is not in this checkout; git merge it if you need it."] if apart else []


def _find(run, record: dict) -> None:
    """The worktree of the last run; checked out again where only its branch was left."""
    if os.path.isdir(worktrees.path(run.task, record)):
        return
    at, _ = repository(run.task["project"], run)
    os.close(files.folder(run.task["project"], ".dispatch", "worktrees", make=True))
    keeping.forget_admin(run.task, record)
    _add(at, run, record)
    _open(run, record)


def _note(run, record: dict) -> None:
    """Before there is anything to be left behind, and before anybody works in it."""
    run.status["worktree"] = record
    tasks.set_status(run.folder, {**tasks.status(run.folder), "worktree": record})


def _commit(at: git.Git, name: str, of_task: str | None) -> str:
    """The commit that a name means: a branch, tag or commit here, one of origin's, a task's branch."""
    for one in (name, f"origin/{name}", of_task):
        code, out, _ = at.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{one}^{{commit}}")
        if code == 0 and one:
            return out.strip()
    if name == "HEAD":
        raise FatalError(f"{at.cwd} has no commit yet, so there is nothing to check out: git commit first")
    raise FatalError(f'there is no branch, tag or commit "{name}" in {at.cwd}; git branch -a lists them')


def _head(at: git.Git) -> str:
    """The branch that is checked out, else the commit."""
    code, out, _ = at.run("symbolic-ref", "--quiet", "--short", "HEAD")
    return out.strip() if code == 0 else at("rev-parse", "--short", "HEAD")


def _free(at: git.Git, task: dict) -> str:
    """A name that no branch and no folder has yet: an earlier task's, or somebody else's, is left alone."""
    if at.says("show-ref", "--verify", "--quiet", "refs/heads/dispatch"):
        raise FatalError('the branch "dispatch" is in the way of dispatch/…: git branch -m dispatch other-name')
    name, number = task["id"], 2
    while _taken(at, task, name):
        name, number = f"{task['id']}-{number}", number + 1
    return name


def _taken(at: git.Git, task: dict, name: str) -> bool:
    place = os.path.join(task["project"], worktrees.PLACE, name)
    branches = f"refs/heads/{worktrees.PREFIX}{name}"  # itself, and those below it
    return os.path.lexists(place) or bool(at("for-each-ref", "--count=1", branches))


def _unseen(at: git.Git) -> list[str]:
    """What of the project is not committed."""
    words = at("status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=all").split("\0")
    return [word[3:] for word in words if word][:UNSEEN]
