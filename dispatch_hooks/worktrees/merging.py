"""A merge that either is done or changes nothing.

What comes of it is made beside the person's checkout, as a commit; then the checkout goes there by a fast-forward,
which git refuses as a whole where it would overwrite what is not committed.
"""

from __future__ import annotations

import os
import tempfile
import time

from dispatch_hooks import digest, git, worktrees
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import keeping, making

WRITES_TREES = (2, 38)
"""The first git whose merge-tree merges without a checkout."""

SHOWN = 10


def target(task: dict, record: dict) -> tuple[git.Git, str]:
    """(git in the project, the branch that it has checked out). FatalError where nothing can be merged now."""
    project = task["project"]
    at, _ = making.repository(project)
    code, out, _ = at.run("symbolic-ref", "--quiet", "--short", "HEAD")
    begun = keeping.under_way(at("rev-parse", "--absolute-git-dir"))
    if begun:
        raise FatalError(f"a {begun} is under way in {project}; finish it (git {begun} --continue or --abort) first")
    if code:
        raise FatalError(f"{project} has no branch checked out; git switch to the one to merge into, then merge again")
    if out.strip() == record["branch"]:
        raise FatalError(f"{project} has {out.strip()} itself checked out; git switch to the branch to merge into")
    if not at.says("rev-parse", "--verify", "--quiet", "HEAD"):
        raise FatalError(f"{project} has no commit on {out.strip()} yet; git switch to the branch to merge into")
    return at, out.strip()


def prepare(at: git.Git, task: dict, status: dict, head: str, tip: str, into: str, how: str) -> tuple[str, str]:
    """(the commit to go to, what it is). how: ff, merge or squash. FatalError for a conflict."""
    record = status["worktree"]
    ahead = at.says("merge-base", "--is-ancestor", head, tip)
    if ahead and how != "squash":
        return tip, "fast-forward"
    name = task["id"]
    if how == "ff":
        more = at("rev-list", "--count", f"{tip}..{head}")
        raise FatalError(
            f"{name} is no fast-forward: {into} has {more} commits that it has not; type: merge {name} --merge "
            f"(or --squash)"
        )
    tree = at("rev-parse", f"{tip}^{{tree}}") if ahead else _merged(at, task, record, head, tip, into)
    if how == "squash" and tree == at("rev-parse", f"{head}^{{tree}}"):
        return head, ""
    parents = ["-p", head] if how == "squash" else ["-p", head, "-p", tip]
    words = _squashed(at, task, status, head, tip) if how == "squash" else _message(task)
    commit = at("commit-tree", tree, *parents, text=words, **keeping.identity(at))
    return commit, "squashed" if how == "squash" else "merge commit"


def _message(task: dict) -> str:
    return f"Merge task {task['id']}\n\n{_line(task['title'])}\n"


def _squashed(at: git.Git, task: dict, status: dict, head: str, tip: str) -> str:
    listed = at("log", "--no-show-signature", "--reverse", "--format=* %s", f"{head}..{tip}")
    return f"{_line(task['title'])}\n\n{_line(status.get('summary') or '')}\n\n{listed}\n\nTask: {task['id']}\n"


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _merged(at: git.Git, task: dict, record: dict, head: str, tip: str, into: str) -> str:
    """The tree of a merge. FatalError, with the files, for a conflict."""
    if git.version() >= WRITES_TREES:
        tree, conflicts = _by_merge_tree(at, head, tip)
    else:
        tree, conflicts = _by_checkout(at, task, record, head, tip)
    if not conflicts:
        return tree
    name = task["id"]
    raise FatalError(
        f"{name} conflicts with {into} in {_listed(conflicts)}; nothing was changed. Let its worker solve it: "
        f"tell {name} to merge {into} into its branch and resolve the conflicts; then merge {name} again"
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(digest.clean(name, 100) for name in names[:SHOWN]) + more


def _by_merge_tree(at: git.Git, head: str, tip: str) -> tuple[str, list[str]]:
    code, out, err = at.run("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", head, tip)
    if code not in (0, 1):
        raise git.GitError(f"git merge-tree: {git.said(err)}")
    tree, *conflicts = [word for word in out.split("\0") if word.strip()]
    return tree.strip(), conflicts if code else []


TRYING = ("--quiet", "--no-ff", "--no-commit", "--no-squash", "--no-autostash", "--no-verify-signatures")


def _by_checkout(at: git.Git, task: dict, record: dict, head: str, tip: str) -> tuple[str, list[str]]:
    """The same by a checkout that is thrown away, for an older git."""
    place = worktrees.path(task, _trial(record))
    forget(task, record)
    try:
        at("worktree", "add", "--quiet", "--detach", place, head)
        there = git.Git(place)
        code, _, err = there.run("merge", *TRYING, tip, **keeping.identity(there))
        conflicts = [name for name in there("diff", "--name-only", "--diff-filter=U", "-z").split("\0") if name]
        if code and not conflicts:
            raise git.GitError(f"git merge: {git.said(err)}")
        return ("", conflicts) if conflicts else (there("write-tree"), [])
    finally:
        forget(task, record)


def _trial(record: dict) -> dict:
    return {**record, "name": f".merge-{record['name']}"}


def forget(task: dict, record: dict) -> None:
    """Removes the checkout of a merge that was tried, and killed."""
    keeping.erase_checkout(task, _trial(record))


# the person's checkout


def check_filters(at: git.Git, task: dict, record: dict, head: str, commit: str) -> None:
    """FatalError where a merge would put files into the checkout as git stores them, which a filter should change."""
    if not at.disarmed():
        return
    names = [name for name in at("diff-tree", "-r", "--name-only", "-z", head, commit).split("\0") if name]
    with tempfile.TemporaryDirectory(prefix="dispatch-hooks-") as folder:
        index = os.path.join(folder, "index")  # the attributes that the commit gives them
        at("read-tree", commit, GIT_INDEX_FILE=index)
        raw = at.unfiltered(names, "--cached", GIT_INDEX_FILE=index)
    if raw:
        raise FatalError(
            f"{task['id']} changes {_listed(raw)}, whose filter is in the configuration of {at.cwd} alone, "
            f"which we run nothing of; nothing was changed. If you trust it (git config --get-regexp filter), type: "
            f"git merge {record['branch']}; then merge {task['id']} again"
        )


TRIES = 10

FLAGS = (
    "--ff-only", "--quiet", "--no-squash", "--commit", "--no-autostash", "--no-verify-signatures", "--no-stat",
    "--no-overwrite-ignore",
)  # fmt: skip


def move(at: git.Git, task: str, commit: str) -> None:
    """Takes the person's checkout to the commit, whole or not at all."""
    said = ""
    for _ in range(TRIES):
        lock = _lock(at)
        if not lock:
            code, out, err = at.run("merge", *FLAGS, commit, **keeping.identity(at))
            if code == 0:
                return
            said = err + out
            if ".lock" not in said:
                break
        time.sleep(0.2)  # an editor looks at the checkout now and then, and git locks it for that
    names = [line.strip() for line in said.splitlines() if line.startswith("\t")]
    if names:
        raise FatalError(
            f"{task} changes what you have not committed in {at.cwd}: {_listed(names)}; nothing was changed. Commit "
            f"that, git stash it or move it away, then merge {task} again"
        )
    if lock:
        raise FatalError(
            f"another git is at work in {at.cwd}, or was killed there: {lock}; merge {task} again when it has "
            f"ended, and if none runs, rm {lock} first"
        )
    raise FatalError(f"git merge --ff-only {commit[:12]} in {at.cwd}: {git.said(said)}")


def _lock(at: git.Git) -> str:
    """A lock that is in the way of a merge; for those of HEAD and its branch, git would see that too late."""
    branch = at("symbolic-ref", "HEAD")
    places = ("index.lock", "HEAD.lock", f"{branch}.lock")
    found = at("rev-parse", "--path-format=absolute", *(word for name in places for word in ("--git-path", name)))
    return next((path for path in found.splitlines() if os.path.lexists(path)), "")
