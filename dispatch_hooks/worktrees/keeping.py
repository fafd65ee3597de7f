"""What becomes of a worktree when its run is over: its work on its branch, and nothing left of it where it did none."""

from __future__ import annotations

import os
import shutil

from dispatch_hooks import digest, files, git, tasks, worker, worktrees
from dispatch_hooks.errors import FatalError

NAME, MAIL = "dispatch-hooks", "dispatch-hooks@localhost"
"""Who commits where the person has told git no name."""


def settle(task: dict, status: dict, state: str) -> None:
    """Commits what a run left, and counts. For a run none of whose processes is left.

    Like the next two, it never raises: what went wrong is the record's `trouble`, and then nothing is cleared away.
    """
    record = status["worktree"]
    if record["state"] == "open" and state in tasks.ENDED:
        words = f"Left uncommitted by task {task['id']} (run {status['run']}, {state})"
        mark = worker.mark(tasks.folder(task["project"], task["id"]), status["run"])
        _try(record, lambda: keep(task, record, words, mark))
        record["kept"] = status["run"]


def checked(task: dict, status: dict) -> None:
    """After the check of a run that was settled: what it changed is committed as its, what it made is no work."""
    record = status["worktree"]
    if record["state"] == "open" and not record["trouble"]:
        _try(record, lambda: _checked(task, record))


def _checked(task: dict, record: dict) -> None:
    if os.path.isdir(worktrees.path(task, record)):
        leave_out(opened(task, record), task)
        keep(task, record, f"Changed by the check of task {task['id']}")


def tidy(task: dict, status: dict, state: str) -> None:
    """Clears away what holds nothing, and the checkout of a task that was cancelled: its branch has the work."""
    record = status["worktree"]
    if record["state"] == "making":
        _try(record, lambda: erase(task, record))
        return
    sure = record["state"] == "open" and record["kept"] == status["run"] and not record["trouble"]
    if sure and (not record["commits"] or state == "cancelled"):
        _try(record, lambda: clear_away(task, record))


def _try(record: dict, act) -> None:
    try:
        act()
    except (FatalError, OSError) as error:
        record["trouble"] = str(error)


def opened(task: dict, record: dict, mark: str = "") -> git.Git:
    """git in the worktree. Where its git directory is was written down: what lies in the worktree is the worker's."""
    return git.Git(worktrees.path(task, record), worktrees.git_dir(record), record["common"], mark)


def project_git(task: dict) -> git.Git:
    return git.Git(task["project"])


def keep(task: dict, record: dict, message: str, mark: str = "") -> None:
    """Brings all that the worktree holds onto its branch, and counts it. mark: of the run that it is the end of."""
    record["trouble"] = ""
    if os.path.isdir(worktrees.path(task, record)):
        at = opened(task, record, mark)
        _unlock(record)
        record["trouble"] = _unfinished(at, record)
        if not record["trouble"]:
            _commit_rest(at, task, record, message)
            _onto_branch(at, record)
            _stashed(at, record)
    count(project_git(task), record)


def _unlock(record: dict) -> None:
    """Locks of a git that was killed: nobody works there any more."""
    for name in ("index.lock", "HEAD.lock"):
        files.remove(os.path.join(worktrees.git_dir(record), name))


UNDER_WAY = {
    "MERGE_HEAD": "merge", "CHERRY_PICK_HEAD": "cherry-pick", "REVERT_HEAD": "revert", "rebase-merge": "rebase",
    "rebase-apply": "rebase",
}  # fmt: skip


def under_way(git_dir: str) -> str:
    """What was begun in a checkout and is not finished; "" for nothing."""
    return next((what for name, what in UNDER_WAY.items() if os.path.lexists(os.path.join(git_dir, name))), "")


def _listed(names: list[str]) -> str:
    return ", ".join(digest.clean(name, 100) for name in names[:5])


def _unfinished(at: git.Git, record: dict) -> str:
    """Why nothing of what lies there is to be committed: it is halfway between two states, and may hold conflicts."""
    names = sorted({row.partition("\t")[2] for row in at("ls-files", "--unmerged", "-z").split("\0") if row})
    what = under_way(worktrees.git_dir(record)) or ("merge" if names else "")
    return f"a {what} is unfinished in its worktree{': ' if names else ''}{_listed(names)}" if what else ""


def _commit_rest(at: git.Git, task: dict, record: dict, message: str) -> None:
    """Commits what is not committed, but for what is no work and what no commit can hold."""
    names = [*_unheld(at, task, record), *record["brought"], *_left(at, task)]
    left_out = [f":(exclude,literal,top){name}" for name in names]
    flags = ("--all", "--ignore-errors", *_sparse(), "--pathspec-from-file=-", "--pathspec-file-nul")
    code, _, err = at.run("add", *flags, text="\0".join([":/", *left_out]))
    if code:
        record["trouble"] = f"not all could be committed: {git.said(err)}"
    _give_back(at, record)
    if not at.says("diff", "--cached", "--quiet", "--no-ext-diff"):
        if _head(at) != record["branch"]:
            at("update-ref", "--no-deref", "HEAD", at("rev-parse", "HEAD"))  # no other branch is ours to commit to
        at("commit", "--quiet", "--no-verify", "--no-gpg-sign", "--cleanup=verbatim", "--file=-",
           text=f"{message}\n", **identity(at))  # fmt: skip


UNHELD = {
    "own": "a repository of its own is not on the branch",
    "held": "commits in a submodule are only in the worktree",
    "raw": "not committed, as no filter of the repository's own configuration is run by us (git status there tells)",
}


def _unheld(at: git.Git, task: dict, record: dict) -> list[str]:
    """What we cannot commit; where that is work, the record says so."""
    new, submodules = new_files(at, task, record), git.submodules(at)
    found = {
        "own": [name.rstrip("/") for name in new if name.endswith("/")],
        "held": [name for name in submodules if _only_there(os.path.join(at.cwd, name))],
        "raw": _unfiltered(at, new),
    }
    for what, names in found.items():
        if names:
            record["trouble"] = f"{UNHELD[what]}: {_listed(names)}"
    return [*submodules, *found["own"], *found["raw"]]


def _unfiltered(at: git.Git, new: list[str]) -> list[str]:
    """What seems not to be committed and needs a filter that we do not run.

    A file that was committed in the second of its last change is among them: git compares its content, which without
    the filter is another. A git status of the person's, with the filter, settles that.
    """
    if not at.disarmed():
        return []
    changed = at("diff-files", "--name-only", "--ignore-submodules=all", "-z").split("\0")
    return at.unfiltered([name for name in [*changed, *new] if name and not name.endswith("/")])


def _give_back(at: git.Git, record: dict) -> None:
    """Takes what we brought off the branch again, where its worker has committed it: it is the person's, not work."""
    names = [name for name in record["brought"] if not at.says("cat-file", "-e", f"{record['base']}:{name}")]
    if names:
        flags = ("--quiet", "--cached", "-r", "--force", "--ignore-unmatch", *_sparse())
        at("--literal-pathspecs", "rm", *flags, "--", *names)


def _sparse() -> tuple[str, ...]:
    """A worker may work on what a sparse checkout leaves out; an older git takes that as it comes."""
    return ("--sparse",) if git.version() >= (2, 34) else ()


def _only_there(place: str) -> bool:
    """Whether a submodule that is checked out holds what no remote of it has."""
    if not os.path.lexists(os.path.join(place, ".git")):
        return False
    at = git.Git(place)
    return bool(at("rev-list", "HEAD", "--not", "--remotes", "-n1") or at("status", "--porcelain"))


def untracked(at: git.Git) -> list[str]:
    """What git does not know of; a repository inside of the work tree ends in a slash."""
    return [name for name in at("ls-files", "--others", "--exclude-standard", "-z").split("\0") if name]


def new_files(at: git.Git, task: dict, record: dict) -> list[str]:
    """What of that is the worker's: neither brought, nor left by a command of the person's."""
    brought, left = tuple(f"{name.rstrip('/')}/" for name in record["brought"]), _left(at, task)
    return [n for n in untracked(at) if n not in left and not f"{n.rstrip('/')}/".startswith(brought)]


def leave_out(at: git.Git, task: dict) -> None:
    """Writes down what a set-up or check command has made just now: while it stays as it is, it is no work."""
    names = [name for name in untracked(at) if not name.endswith("/")]
    files.write_json(_left_file(task), {name: _stamp(at, name) for name in names})


def _left(at: git.Git, task: dict) -> set[str]:
    return {name for name, stamp in (files.read_json(_left_file(task)) or {}).items() if stamp == _stamp(at, name)}


def _left_file(task: dict) -> str:
    return os.path.join(tasks.folder(task["project"], task["id"]), "left.json")


def _stamp(at: git.Git, name: str) -> str:
    try:
        found = os.lstat(os.path.join(at.cwd, name))
    except OSError:
        return ""
    return f"{found.st_mtime_ns} {found.st_size}"


def _onto_branch(at: git.Git, record: dict) -> None:
    """The branch ends at what the worktree shows, wherever its worker has led it, unless it would lose work by that."""
    branch, head = record["branch"], at("rev-parse", "HEAD")
    if _head(at) == branch:
        return
    tip = at.run("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}")[1].strip()
    if not tip or at.says("merge-base", "--is-ancestor", tip, head):
        at("update-ref", "-m", "dispatch-hooks: kept", f"refs/heads/{branch}", head)
        at("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    elif at.says("merge-base", "--is-ancestor", head, tip):
        at("checkout", "--quiet", "--ignore-other-worktrees", "--no-overwrite-ignore", branch, "--")
    else:
        other = _head(at) or head[:12]
        way = f"git switch {branch} && git merge {other} there"
        record["trouble"] = f"its worker went on at {other}, which lacks what is on {branch} ({way} brings it together)"


def _stashed(at: git.Git, record: dict) -> None:
    """What its worker put aside and forgot; it stays in git stash whatever becomes of the worktree, but who knows?"""
    said = at.run("log", "--walk-reflogs", "--format=%gs", "refs/stash", "--")[1].splitlines()
    begins = tuple(f"{how} {record['branch']}:" for how in ("WIP on", "On"))
    found = [f"stash@{{{n}}}" for n, line in enumerate(said) if line.startswith(begins)]
    if found:
        record["trouble"] = f"its worker left work in git stash: {found[0]} (git stash branch or git stash drop it)"


def _head(at: git.Git) -> str:
    """The branch that is checked out; "" for none."""
    return at.run("symbolic-ref", "--quiet", "--short", "HEAD")[1].strip()


def identity(at: git.Git) -> dict[str, str]:
    """Who commits, for what of it the person has not told git."""
    env = {}
    for key, value in (("NAME", NAME), ("EMAIL", MAIL)):
        if not at.says("config", f"user.{key.lower()}"):
            env |= {f"GIT_AUTHOR_{key}": value, f"GIT_COMMITTER_{key}": value}
    return env


def count(at: git.Git, record: dict) -> None:
    """How much the branch holds beyond what it began from."""
    ref = f"refs/heads/{record['branch']}"
    if not at.says("show-ref", "--verify", "--quiet", ref):
        record["trouble"] = f"its branch {record['branch']} is gone; git reflog may still have what was on it"
        return
    record["commits"] = int(at("rev-list", "--count", f"{record['base']}..{ref}"))
    rows = [row.split("\t") for row in at("diff", *PLAIN, "--numstat", f"{record['base']}...{ref}").splitlines()]
    record["files"] = len(rows)
    record["added"], record["removed"] = (sum(int(row[n]) for row in rows if row[n].isdigit()) for n in (0, 1))


PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color")
"""A diff that no program of a repository's takes part in."""


def mend(task: dict, record: dict) -> None:
    """After a project was moved."""
    at = project_git(task)
    record["common"] = at("rev-parse", "--path-format=absolute", "--git-common-dir")
    if os.path.isdir(worktrees.path(task, record)):
        at("worktree", "repair", worktrees.path(task, record))


# nothing left


def clear_away(task: dict, record: dict) -> None:
    """Removes the checkout; its branch too where that holds nothing."""
    if record["commits"]:
        erase_checkout(task, record)
    else:
        erase(task, record)


def erase(task: dict, record: dict) -> None:
    """Removes a worktree that holds nothing, or was half made: its folder, its branch if nothing was added to it."""
    erase_checkout(task, record)
    delete_branch(project_git(task), task, record, record["base"])
    record["state"] = "empty"


def delete_branch(at: git.Git, task: dict, record: dict, tip: str) -> None:
    """Deletes the branch if it ends there, and if nobody has it checked out: his checkout would have no commit."""
    if not checked_out(at, task, record):
        at.run("update-ref", "-d", f"refs/heads/{record['branch']}", tip)


def checked_out(at: git.Git, task: dict, record: dict) -> str:
    """Another checkout that has the branch: the person may look at it there."""
    own = os.path.realpath(worktrees.path(task, record))
    for entry in at("worktree", "list", "--porcelain", "-z").split("\0\0"):
        lines = entry.strip("\0").split("\0")
        place = lines[0].removeprefix("worktree ")
        if f"branch refs/heads/{record['branch']}" in lines and os.path.realpath(place) != own:
            return place
    return ""


def erase_checkout(task: dict, record: dict) -> None:
    """Removes the folder and what git keeps about it. By descriptor: no link in the project leads out of it."""
    try:
        up = files.folder(task["project"], *worktrees.PLACE.split(os.sep))
    except FileNotFoundError:
        up = None
    if up is not None:
        with files.opened(up):
            if record["name"] in os.listdir(up):
                _remove_tree(record["name"], up)
    forget_admin(task, record)


def _remove_tree(name: str, up: int) -> None:
    try:
        shutil.rmtree(name, dir_fd=up)
    except PermissionError:  # in folders that may not be written to: Go's module cache is such
        for _, _, _, fd in os.fwalk(name, dir_fd=up):
            os.fchmod(fd, 0o700)
        shutil.rmtree(name, dir_fd=up)


def forget_admin(task: dict, record: dict) -> None:
    """Removes git's folder about the checkout and what was made within, as `git worktree prune` would, but no other."""
    top = os.path.join(record["common"], "worktrees")
    for admin in files.names(top):
        if _about(os.path.join(top, admin), worktrees.path(task, record)):
            shutil.rmtree(os.path.join(top, admin))
    try:
        os.rmdir(top)
    except OSError:  # the person has worktrees too
        pass


def _about(admin: str, place: str) -> bool:
    try:
        with open(os.path.join(admin, "gitdir"), encoding="utf-8", errors="surrogateescape") as f:
            found, own = (os.path.realpath(path) for path in (os.path.dirname(f.read(8192).strip()), place))
            return f"{found}/".startswith(f"{own}/")
    except OSError:
        return False
