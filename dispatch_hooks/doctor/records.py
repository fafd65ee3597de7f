"""What we keep: folders and their modes, tasks, hosts, news, projects and the log."""

from __future__ import annotations

import os
import shlex
import stat
import time
from functools import partial

from dispatch_hooks import backends, files, inbox, overview, paths, processes, recover
from dispatch_hooks import hosts as running
from dispatch_hooks import tasks as keep
from dispatch_hooks.doctor.ground import AGAIN, Finding, Ground, short

DAY = 86400

ROOM = 16 << 20
"""Bytes below which a disk is full for us."""

LOOKED_AT = 1 << 20
"""Bytes of the log's end."""


def folders(ground: Ground) -> list[Finding]:
    """Ours alone, and writable."""
    wrong = [
        finding
        for kind in ("state", "runtime", "data")
        for finding in _folder(kind, getattr(ground.dirs, kind), ground)
    ]
    usual = paths.default()
    if (ground.dirs.config, ground.dirs.state) != (usual.config, usual.state) and not ground.env.get(paths.ENV):
        text = f"in use is {ground.dirs.state}, as at the time of install; XDG_… variables now say {usual.state}"
        wrong.append(Finding("folders", "warn", text))
    return wrong or [Finding("folders", "ok", f"{short(ground.dirs.state, ground.home)} and its like are ours alone")]


def _folder(kind: str, path: str, ground: Ground) -> list[Finding]:
    say = partial(Finding, "folders")
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return _makeable(kind, path)
    quoted = shlex.quote(path)
    if found.st_uid != os.geteuid():
        return [say("fail", f"the {kind} folder {path} belongs to another user ({found.st_uid})", f"ls -ld {quoted}")]
    if not os.path.isdir(path) or os.path.islink(path) or not os.access(path, os.W_OK | os.X_OK):
        return [say("fail", f"the {kind} folder {path} is no folder that can be written to", f"ls -ld {quoted}")]
    if found.st_mode & 0o077:
        text = f"others may look into the {kind} folder {path} (mode {found.st_mode & 0o777:04o})"
        return [say("fail", text, f"chmod 700 {quoted}", partial(os.chmod, path, 0o700))]
    if foreign := _foreign_above(path):
        return [say("warn", f"the {kind} folder {path} can be put aside by others: {foreign} is not yours alone")]
    room = os.statvfs(path)
    if room.f_bavail * room.f_frsize < ROOM:
        return [say("fail", f"the disk of the {kind} folder {path} is full", f"df -h {quoted}")]
    return []


def _foreign_above(path: str) -> str:
    """A folder above whose owner, or anybody, could put another in our folder's place; "" for none."""
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        found = os.stat(path)
        anybody = found.st_mode & 0o002 and not found.st_mode & stat.S_ISVTX
        if found.st_uid not in (0, os.geteuid()) or anybody:
            return path
    return ""


def _makeable(kind: str, path: str) -> list[Finding]:
    """A folder that is not there yet is made when it is needed, if that can be."""
    up = path
    while not os.path.lexists(up):
        up = os.path.dirname(up)
    if os.path.isdir(up) and os.access(up, os.W_OK | os.X_OK):
        return []
    text = f"the {kind} folder {path} cannot be made in {up}"
    return [Finding("folders", "fail", text, f"ls -ld {shlex.quote(up)}")]


def git(ground: Ground) -> list[Finding]:
    say = partial(Finding, "git")
    place = short(ground.project, ground.home)
    if backends.which("git", ground.env.get("PATH", os.defpath)) is None:
        return [say("warn", "git is not on PATH; workers mostly want it")]
    marks = (os.path.join(ground.project, ".git", "HEAD"), os.path.join(ground.project, ".git"))
    if not (os.path.lexists(marks[0]) or os.path.isfile(marks[1])):
        return [say("warn", f"{place} is no git repository: what a worker changes cannot be taken back", "git init")]
    return [say("ok", f"{place} is a git repository")]


def worktrees(ground: Ground) -> list[Finding]:
    """Checkouts and branches of ours that no task knows."""
    from dispatch_hooks.worktrees import orphans

    if backends.which("git", ground.env.get("PATH", os.defpath)) is None:
        return []
    say, there = partial(Finding, "worktrees"), f"git -C {shlex.quote(ground.project)}"
    found = [
        say("warn", f"no task knows the checkout {path}", f"{there} worktree remove --force {shlex.quote(path)}")
        for path in orphans.checkouts(ground.project)
    ]
    found += [
        say("warn", f"no task knows the branch {name}", f"{there} branch -d {shlex.quote(name)}")
        for name in orphans.branches(ground.project)
    ]
    return found


def tasks(ground: Ground) -> list[Finding]:
    """The active list against what really runs."""
    say = partial(Finding, "tasks")
    active = keep.active()
    stale = [folder for folder in active if not _minded(folder, ground.now)]
    mend = partial(recover.recover, dict(ground.env))
    if stale:
        names = ", ".join(os.path.basename(folder) for folder in stale[:5])
        text = f"{len(stale)} of {len(active)} tasks on the active list have no supervisor: {names}"
        return [say("warn", text, AGAIN, mend)]
    return [say("ok", f"{len(active)} active, each with its supervisor" if active else "none is active")]


def _minded(folder: str, now: float) -> bool:
    """Whether a supervisor has the task, or may be getting it at this moment."""
    task, status = keep.read(folder), keep.status(folder)
    if task is None:
        return False
    just_made = status["state"] == "starting" and now - task["made"] < 5.0
    elsewhere = bool(status.get("supervisor")) and not processes.here(status["supervisor"])
    return just_made or elsewhere or keep.supervised(folder)


def hosts(ground: Ground) -> list[Finding]:
    """The running Claude Codes that we know."""
    say = partial(Finding, "chats")
    known = _known()
    alive = [host for host in known if processes.alive(host)]
    dead = len(known) - len(alive)
    watched = sum(os.path.exists(running.place(host["pid"], "watching")) for host in alive)
    text = f"{len(alive)} running, {watched} of them watched"
    if dead:
        text += f"; {dead} ended without a word, and their records are cleared away at the next look"
    return [say("ok", text, None, running.live if dead else None)]


def news(ground: Ground) -> list[Finding]:
    """What nobody has been told yet."""
    say = partial(Finding, "news")
    alive = [host for host in _known() if processes.alive(host)]
    waiting = {chat: inbox.pending(chat) for chat in inbox.chats() if running.owner(chat, alive) is None}
    kept = {chat: events for chat, events in waiting.items() if events}
    if not kept:
        return [say("ok", "no chat that is closed has news waiting")]
    projects = sorted({str(event.get("project")) for events in kept.values() for event in events})
    count = sum(map(len, kept.values()))
    text = f"{count} news of closed chats wait for the next chat in {', '.join(projects[:3])}"
    return [say("ok", text, f"cd {shlex.quote(projects[0])} && claude")]


def _known() -> list[dict]:
    """The records of all hosts. running.live() would clear those of dead ones away."""
    found = (files.read_json(running.place(int(n), "host.json")) for n in files.names(running.top()) if n.isdigit())
    return [host for host in found if host]


def projects(ground: Ground) -> list[Finding]:
    """Projects that are not where they were."""
    say = partial(Finding, "projects")
    known = overview.projects()
    gone = [path for path in known if not os.path.isdir(path) and keep.ids(path)]
    found = []
    for path in gone:
        text = f"{path} is not there any more, {len(keep.ids(path))} tasks of it are; if it was moved, say where to"
        found.append(say("warn", text, f"dispatch-hooks relink {shlex.quote(path)} NEW_FOLDER"))
    return found or [say("ok", f"{len(known)} known, all there")]


def foreign(ground: Ground) -> list[Finding]:
    """Task folders in the project that came with it (from a repository, say): never used, but said."""
    say = partial(Finding, ".dispatch")
    top = os.path.join(ground.project, ".dispatch")
    if not os.path.lexists(top):
        return []
    try:
        fd = files.folder(ground.project, ".dispatch", "tasks")
    except FileNotFoundError:
        return []
    except OSError:
        text = f"{top} (or tasks in it) is a link or a file: nothing is read or written there, so no task can start"
        return [say("fail", text, f"ls -ld {shlex.quote(top)}")]
    try:
        strange = sorted(set(os.listdir(fd)) - set(keep.ids(ground.project)))
    finally:
        os.close(fd)
    if not strange:
        return [say("ok", "every task folder here is known")]
    names = ", ".join(repr(name)[1:-1] for name in strange[:5])
    return [say("warn", f"{len(strange)} task folders in {top} are not ours and are left alone: {names}")]


def log(ground: Ground) -> list[Finding]:
    """Faults of the last day."""
    say = partial(Finding, "log")
    path = os.path.join(ground.dirs.state, "log.txt")
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(ground.now - DAY))
    lines = _end(path)
    recent = [line for line in lines if line[:4].isdigit() and line[:19] >= since]
    if not recent:
        return [say("ok", "no fault in the last day")]
    text = f"{len(recent)} entries in the last day, the last: {recent[-1][:200]}"
    return [say("warn", text, f"tail -50 {shlex.quote(path)}")]


def _end(path: str) -> list[str]:
    try:
        with open(path, "rb") as f:
            f.seek(max(0, os.fstat(f.fileno()).st_size - LOOKED_AT))
            return f.read().decode(errors="replace").splitlines()
    except OSError:
        return []
