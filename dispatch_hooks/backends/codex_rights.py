"""What codex may do, as a permission profile of ours: its OS sandbox, and when it asks to leave it.

ask     the directory, the temporary folders and what a commit needs can be written; no network; the rest is asked
auto    the same with the network
bypass  no sandbox, no asks
read-only, at any level: nothing but its own task folder can be written

Of git's own folders hooks and configuration stay as they are (in a worktree also what says where the repository is):
a commit needs none of them, and whoever runs git next would run what they say. Other tasks' folders stay theirs.
"""

from __future__ import annotations

import os

PROFILE = "dispatch-hooks"

BYPASS = ":danger-full-access"

SHELL = {"allow_login_shell": False}
"""A login shell sets PATH anew (/etc/profile), without our command on it; the person's own PATH is there already."""

COMMON = ("objects", "refs", "logs")
"""What of the repository's own folder a commit in a worktree writes."""

KEPT = ("hooks", "config", "config.worktree", "info", "modules", "worktrees")
WORKTREE_KEPT = ("commondir", "gitdir", "config.worktree")


def of(task: dict, run: dict) -> dict:
    """The fields of a thread/start that say so."""
    if profile(task) == BYPASS:
        return {"approvalPolicy": "never", "permissions": BYPASS, "config": SHELL}
    return {
        "approvalPolicy": "on-request",
        "permissions": PROFILE,
        "config": {**SHELL, "permissions": {PROFILE: _profile(task, run)}},
    }


def profile(task: dict) -> str:
    return BYPASS if task["permissions"] == "bypass" and not task["read_only"] else PROFILE


def _profile(task: dict, run: dict) -> dict:
    own = {os.path.realpath(run["folder"]): "write"}
    if task["read_only"]:
        return {"extends": ":read-only", "filesystem": own}
    others = {os.path.realpath(os.path.join(task["project"], ".dispatch")): "read"}
    git = _worktree(*run["git"]) if run.get("git") else _checkout(run["cwd"], task["project"])
    network = {"enabled": task["permissions"] == "auto"}
    return {"extends": ":workspace", "filesystem": {**others, **git, **own}, "network": network}


def _checkout(cwd: str, project: str) -> dict[str, str]:
    """The git directory of an ordinary checkout; one that is no folder of the project leads who knows where."""
    folder, top = os.path.realpath(cwd), os.path.realpath(project)
    while not os.path.lexists(os.path.join(folder, ".git")) and folder.startswith(top + os.sep):
        folder = os.path.dirname(folder)
    git = os.path.join(folder, ".git")
    inside = (folder + os.sep).startswith(top + os.sep)
    if not inside or os.path.islink(git) or not os.path.isdir(git):
        return {}
    return {git: "write", **_kept(git, KEPT)}


def _worktree(common: str, own: str) -> dict[str, str]:
    """common: the repository's git directory; own: what it keeps about the worktree. From the trusted record."""
    written = {os.path.join(common, name): "write" for name in COMMON if os.path.isdir(os.path.join(common, name))}
    return {**written, own: "write", **_kept(own, WORKTREE_KEPT)}


def _kept(folder: str, names: tuple) -> dict[str, str]:
    paths = [os.path.join(folder, name) for name in names]
    return {path: "read" for path in paths if os.path.exists(path)}
