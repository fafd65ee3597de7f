"""What codex may do, as a permission profile of ours: its OS sandbox, and when it asks to leave it.

ask     the directory, its task folder and what a commit needs can be written; no network; the rest is asked
auto    the same with the network
bypass  no sandbox, no asks
read-only, at any level: nothing but its own task folder can be written

Of git's own folders hooks and configuration stay as they are (in a worktree also what says where the repository is):
a commit needs none of them, and whoever runs git next would run what they say. Other tasks' folders stay theirs, and so
do the temporary folders, where other programs' files are: those of its commands go into its task folder.

A repository's own .codex/config.toml counts where the person has trusted the project in codex, and nowhere else: codex
itself takes a thread that may write for the person's trust, for ever, and starts the MCP servers that the file names.
"""

from __future__ import annotations

import contextlib
import os

BYPASS = ":danger-full-access"

SHELL = {"allow_login_shell": False}
"""A login shell sets PATH anew (/etc/profile), without our command on it; the person's own PATH is there already."""

COMMON = ("objects", "refs", "logs")
"""What of the repository's own folder a commit in a worktree writes."""

FOLDERS = ("hooks", "info", "modules", "worktrees")
"""Made where git has made none: what is not there codex hides behind an empty file, and git would stumble over that."""

KEPT = ("config", "config.worktree", *FOLDERS)
WORKTREE_KEPT = ("commondir", "gitdir", "config.worktree")


def profile(task: dict) -> str:
    """The profile's name: a new one each time, because codex merges ours with what files say of the same name."""
    free = task["permissions"] == "bypass" and not task["read_only"]
    return BYPASS if free else f"dispatch-hooks-{os.urandom(8).hex()}"


def room(run: dict, name: str) -> dict[str, str]:
    """The environment that has temporary files made in its task folder."""
    if name == BYPASS:
        return {}
    folder = os.path.join(run["folder"], "tmp")
    with contextlib.suppress(OSError):
        os.mkdir(folder)
    return {"TMPDIR": folder}


def of(task: dict, run: dict, name: str, projects: dict) -> dict:
    """The fields of a thread/start that say so. projects: whom the person trusts, {path: {"trust_level"}}."""
    fields = {"cwd": run["cwd"], "permissions": name, "approvalPolicy": "never", "approvalsReviewer": "user"}
    config = {**SHELL, **_distrust(task, run, projects)}
    if name == BYPASS:
        return {**fields, "config": config}
    ours = {"permissions": {name: _profile(task, run)}}
    return {**fields, "approvalPolicy": "on-request", "config": {**config, **ours}}


def _distrust(task: dict, run: dict, projects: dict) -> dict:
    """What keeps codex from trusting a project by itself; nothing where the person does."""
    places = {*(run["cwd"], task["project"]), *map(os.path.realpath, (run["cwd"], task["project"]))}
    if any((projects.get(place) or {}).get("trust_level") == "trusted" for place in places):
        return {}
    return {"projects": {place: {"trust_level": "untrusted"} for place in sorted(places)}}


def _profile(task: dict, run: dict) -> dict:
    own = {os.path.realpath(run["folder"]): "write"}
    if task["read_only"]:
        return {"extends": ":read-only", "filesystem": own}
    others = {os.path.realpath(os.path.join(task["project"], ".dispatch")): "read"}
    git = _worktree(*run["git"]) if run.get("git") else _checkout(run["cwd"], task["project"])
    network = {"enabled": task["permissions"] == "auto"}
    place = {os.path.realpath(run["cwd"]): "write"}
    return {"extends": ":read-only", "filesystem": {**place, **others, **git, **own}, "network": network}


def _checkout(cwd: str, project: str) -> dict[str, str]:
    """The git directory of an ordinary checkout; one that is no folder of the project leads who knows where."""
    folder, top = os.path.realpath(cwd), os.path.realpath(project)
    while not os.path.lexists(os.path.join(folder, ".git")) and folder.startswith(top + os.sep):
        folder = os.path.dirname(folder)
    git = os.path.join(folder, ".git")
    inside = (folder + os.sep).startswith(top + os.sep)
    if not inside or os.path.islink(git) or not os.path.isdir(git):
        return {}
    for name in FOLDERS:
        with contextlib.suppress(OSError):
            os.mkdir(os.path.join(git, name))
    return {git: "write", **_kept(git, KEPT)}


def _worktree(common: str, own: str) -> dict[str, str]:
    """common: the repository's git directory; own: what it keeps about the worktree. From the trusted record."""
    written = {os.path.join(common, name): "write" for name in COMMON if os.path.isdir(os.path.join(common, name))}
    return {**written, own: "write", **_kept(own, WORKTREE_KEPT)}


def _kept(folder: str, names: tuple) -> dict[str, str]:
    return {os.path.join(folder, name): "read" for name in names}
