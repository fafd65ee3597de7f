"""What a person does with a task's work: look at it, merge it, discard it. Chat and terminal share this.

Each holds the task's lock meanwhile, as a run does, and is found half done by recover: what it is about to do is in
the record (`merging`) before it is done.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from dispatch_hooks import config, files, git, inputs, launchers, tasks, worktrees
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import keeping, merging


def merge(folder: str, how: str, env: dict) -> str:
    """Merges a task's branch into what the project has checked out; what was done, in words. how: "" as configured."""
    how = how or worktrees.settings(config.load())["merge"]
    with _own(folder, env, "merge") as (task, status, record), _alone(task):
        at, into = merging.target(task, record)
        _keep(task, status, record)
        _no_trouble(task, record)
        tip, head = at("rev-parse", f"refs/heads/{record['branch']}"), at("rev-parse", "HEAD")
        if at.says("merge-base", "--is-ancestor", tip, head):
            finish(task, record, into)
            return f"{task['id']} is in {into} already; its worktree and {record['branch']} are gone"
        _intend(folder, status, {"into": into})
        commit, kind = merging.prepare(at, task, status, head, tip, into, how)
        if commit == head:
            finish(task, record, into)
            return f"{into} holds all of {task['id']} already; its worktree and {record['branch']} are gone"
        merging.check_filters(at, task, record, head, commit)
        _intend(folder, status, {"commit": commit, "into": into})
        merging.move(at, task["id"], commit)
        what = worktrees.figures(record)
        left = finish(task, record, into)
        return f"merged {task['id']} into {into} ({kind}): {what}; {left}"


def discard(folder: str, force: bool, env: dict) -> str:
    """Throws a task's work away; what was not merged only with force. What was done, in words."""
    with _own(folder, env, "discard") as (task, status, record), _alone(task):
        try:
            _keep(task, status, record)
        except FatalError as error:
            record["trouble"] = str(error)
        at = git.Git(task["project"])
        lost = _only_here(at, record)
        if (lost or record["trouble"]) and not force:
            raise Unmerged(task["id"], record["trouble"] or f"nobody merged it: {worktrees.figures(record)}")
        tip = at.run("rev-parse", "--short", "--verify", "--quiet", f"refs/heads/{record['branch']}")[1].strip()
        elsewhere = keeping.checked_out(at, task, record)
        if elsewhere:
            raise FatalError(f"{record['branch']} is checked out in {elsewhere}; git switch there, then discard again")
        _intend(folder, status, {"discarded": True})
        _clear(task, record, "discarded")
        return f"discarded {task['id']}" + (f" (git branch rescue {tip} brings it back for some weeks)" if lost else "")


class Unmerged(FatalError):
    """Something would be lost that nobody has merged. what: what it is."""

    def __init__(self, task: str, why: str) -> None:
        self.what = f"{task}: {why}"
        ways = f"discard {task} anyway (in a terminal: dispatch-hooks discard {task} --force)"
        super().__init__(f"{self.what}; to throw it away, type: {ways}")


def finish(task: dict, record: dict, into: str) -> str:
    """After a merge: the checkout and the branch go. What became of them, in words."""
    elsewhere = keeping.checked_out(git.Git(task["project"]), task, record)
    _clear(task, record, "merged")
    record["into"] = into
    if elsewhere:
        return f"its worktree is gone, {record['branch']} stays: it is checked out in {elsewhere}"
    return f"its worktree and {record['branch']} are gone"


def go_on(task: dict, status: dict) -> None:
    """Ends what a killed merge or discard began, if it came so far that the project has the work."""
    record = worktrees.live(status)
    begun = record.pop("merging", None) if record else None
    if not begun:
        return
    merging.forget(task, record)
    commit, into = begun.get("commit"), begun.get("into")
    if begun.get("discarded"):
        _clear(task, record, "discarded")
    elif commit and git.Git(task["project"]).says("merge-base", "--is-ancestor", commit, into):
        finish(task, record, into)


# on the way


@contextlib.contextmanager
def _own(folder: str, env: dict, verb: str) -> Iterator[tuple[dict, dict, dict]]:
    """The task, its status and its worktree's record, held; what becomes of the record is written down."""
    task = tasks.read(folder)
    lock = None if tasks.supervised(folder) else files.lock(tasks.lock_file(folder), wait=2.0)
    if lock is None:
        raise FatalError(f"{task['id']} is running; {verb} it when it has ended, or cancel it first")
    with git.holding(lock):
        status = tasks.status(folder)
        record = _record(task, status, verb)
        tasks.activate(folder)  # so that recover finds what is left half done
        try:
            yield task, status, record
        finally:
            record.pop("merging", None)
            tasks.set_status(folder, status)
            tasks.deactivate(folder)
    _wake(folder, env)


def _wake(folder: str, env: dict) -> None:
    """What was said to the task meanwhile found its lock held."""
    if inputs.pending(folder, tasks.status(folder)):
        tasks.activate(folder)
        launchers.start(folder, env)


BECAME = {
    "merged": "{task} is merged already",
    "discarded": "{task} is discarded already",
    "empty": "{task} changed nothing, and its worktree is gone",
    "making": "{task} has no worktree yet; show {task} says how it is",
}


def _record(task: dict, status: dict, verb: str) -> dict:
    go_on(task, status)
    name, found = task["id"], status.get("worktree")
    if not found:
        raise FatalError(f"{name} has no worktree: what it changed is in {task['project']} itself")
    if found["state"] != "open":
        raise FatalError(BECAME[found["state"]].format(task=name))
    if status["state"] not in tasks.ENDED:
        raise FatalError(f"{name} is not over, it waits; answer it or cancel it, then {verb} it")
    return found


@contextlib.contextmanager
def _alone(task: dict) -> Iterator[None]:
    """One at a time in a project."""
    lock = files.lock(os.path.join(tasks.project_folder(task["project"]), "merge.lock"), wait=10.0)
    if lock is None:
        raise FatalError(f"another merge or discard is at work in {task['project']}; type it again in a moment")
    with git.holding(lock):
        yield


def _keep(task: dict, status: dict, record: dict) -> None:
    """What was done in the worktree since its run is work too."""
    try:
        keeping.keep(task, record, f"Left uncommitted in the worktree of task {task['id']}")
    except OSError as error:
        raise FatalError(f"{task['id']} cannot be looked at: {error.filename}: {error.strerror}") from error


def _no_trouble(task: dict, record: dict) -> None:
    if record["trouble"]:
        where = worktrees.path(task, record)
        raise FatalError(f"{task['id']} is not merged: {record['trouble']}; look into {where}, then merge it again")


def _intend(folder: str, status: dict, what: dict) -> None:
    status["worktree"]["merging"] = what
    tasks.set_status(folder, status)


def _clear(task: dict, record: dict, state: str) -> None:
    """Removes checkout and branch. The branch only as we know it: what came onto it this moment stays."""
    at = git.Git(task["project"])
    tip = at.run("rev-parse", "--verify", "--quiet", f"refs/heads/{record['branch']}")[1].strip()
    keeping.erase_checkout(task, record)
    if tip:
        keeping.delete_branch(at, task, record, tip)
    record["state"] = state


def _only_here(at: git.Git, record: dict) -> int:
    """How many commits of the branch are on no other branch."""
    others = (f"--exclude={record['branch']}", "--branches", "--remotes")
    code, out, _ = at.run("rev-list", "--count", f"refs/heads/{record['branch']}", "--not", *others)
    return int(out) if code == 0 else 0
