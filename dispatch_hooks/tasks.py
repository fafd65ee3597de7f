"""Tasks and their records, on the trusted side, and their folders in the project.

    <state>/projects/<name>/project.json              {"path"}
    <state>/projects/<name>/tasks/<id>/task.json      what was asked; written once, by the dispatch
                                       status.json    how it goes; written by the supervisor that holds the lock
                                       questions/ answers/ notes/    dispatch_hooks.questions
                                       events.jsonl   what the worker's CLI said, as it came (the last 32 to 64 MB)
    <state>/active/<name>~<id>                        the active list: a line with the task's folder
    <state>/remote/<name>~<id>                        the tasks that an engine of another machine has
    <state>/asking/<name>~<id>                        the tasks that ask, so that nobody looks through all of them
    <runtime>/runs/<name>~<id>/{lock,bell}            held and heard by the supervisor
    <project>/.dispatch/tasks/<id>/                   plan.md, output.md, context.md, worker.log, ipc/
"""

from __future__ import annotations

import contextlib
import errno
import os
import time

from dispatch_hooks import files, paths, processes

try:
    from _sha1 import sha1  # what hashlib gives, without loading OpenSSL: 6 ms of a hook
except ImportError:
    from hashlib import sha1

ENDED = ("finished", "checked", "stopped", "failed", "cancelled", "lost")
"""The states in which no worker runs and none waits for an answer."""

RUNNING = ("starting", "running")

UNSTARTED = ("starting", "waiting")
"""The states of a task that is to run and does not yet: it can be started whenever its supervisor was killed."""

SUPERVISED = (*RUNNING, "waiting")

IGNORED = "*\n"


# projects


def project_of(cwd: str, fallback: str = "") -> str:
    """The main worktree of the git repository around cwd, else fallback (CLAUDE_PROJECT_DIR), else cwd."""
    top = checkout_of(cwd)
    if top is None:
        return os.path.realpath(fallback or cwd)
    return _main_worktree(os.path.join(top, ".git")) or top


def checkout_of(cwd: str) -> str | None:
    """The top of the git checkout around cwd: a main worktree or a linked one."""
    folder = os.path.realpath(cwd)
    while True:
        mark = os.path.join(folder, ".git")
        # some sandboxes leave an empty .git where there was none
        if os.path.lexists(os.path.join(mark, "HEAD")) or os.path.isfile(mark):
            return folder
        up = os.path.dirname(folder)
        if up == folder:
            return None
        folder = up


def _main_worktree(mark: str) -> str | None:
    """Where a linked worktree's `.git` file leads: <main>/.git/worktrees/<name>. A submodule is its own; and so is who
    only says that it is one: git writes down in that folder, too, where the file is.
    """
    with contextlib.suppress(OSError, ValueError):
        target = os.path.join(os.path.dirname(mark), _path_in(mark).removeprefix("gitdir:").strip())
        common, _, kind = os.path.normpath(target).rpartition("/worktrees/")
        if kind and os.path.basename(common) == ".git":
            back = os.path.join(target, _path_in(os.path.join(target, "gitdir")))
            return os.path.realpath(os.path.dirname(common)) if os.path.samefile(back, mark) else None
    return None


def _path_in(file: str) -> str:
    if not os.path.isfile(file):  # a FIFO would hold us up
        return ""
    with open(file, encoding="utf-8", errors="surrogateescape") as f:
        return f.read(4096).strip()


def project_name(project: str) -> str:
    """A folder name for the project: its own, readable, with a hash of the whole path as the host has it."""
    project = paths.home(project)
    base = "".join(c if (c.isalnum() and c.isascii()) or c in "-_." else "-" for c in os.path.basename(project))
    return f"{base[:40].strip('.') or 'root'}-{digest(project)}"


def digest(text: str) -> str:
    """Ten characters that stand for a text in a file's name."""
    return sha1(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()[:10]


def project_folder(project: str) -> str:
    return os.path.join(paths.dirs().state, "projects", project_name(project))


def ids(project: str) -> list[str]:
    return files.names(os.path.join(project_folder(project), "tasks"))


# one task


def folder(project: str, task: str) -> str:
    return os.path.join(project_folder(project), "tasks", task)


def key(folder: str) -> str:
    """A task folder's name on the active list and in the runtime folder."""
    up, task = os.path.split(folder)
    return f"{os.path.basename(os.path.dirname(up))}~{task}"


def by_key(name: str) -> str:
    """The task folder of such a name."""
    return _by_key(paths.dirs().state, name)


def _by_key(state: str, name: str) -> str:
    project, _, task = name.partition("~")
    return os.path.join(state, "projects", project, "tasks", task)


def _listed(place: str) -> list[str]:
    """The task folders whose names stand in a folder of the state folder."""
    state = paths.dirs().state
    return [_by_key(state, name) for name in files.names(os.path.join(state, place))]


def runtime(folder: str) -> str:
    return os.path.join(paths.dirs().runtime, "runs", key(folder))


def lock_file(folder: str) -> str:
    return os.path.join(runtime(folder), "lock")


def bell_file(folder: str) -> str:
    return os.path.join(runtime(folder), "bell")


def create(task: dict) -> str:
    """Makes a new task's folder from its record, whole or not at all; its folder if it is there already."""
    final = folder(task["project"], task["id"])
    if os.path.isdir(final):
        return final
    files.write_json(os.path.join(project_folder(task["project"]), "project.json"), {"path": task["project"]})
    files.create_folder(final, "task.json", task)
    return final


def read(folder: str) -> dict | None:
    """What was asked: the task's record, its project called as this machine calls it."""
    found = files.read_json(os.path.join(folder, "task.json"))
    return {**found, "project": paths.here(found["project"])} if found and paths.MAP in os.environ else found


def status(folder: str) -> dict:
    """How it goes. {"state": "starting"} where no supervisor has said anything yet."""
    path = os.path.join(folder, "status.json")
    found = files.read_json(path) or {}
    if isinstance(found.get("state"), str) and isinstance(found.get("run"), int):
        return found
    return _unreadable(path) if os.path.lexists(path) else {"state": "starting", "run": 0}


def _unreadable(path: str) -> dict:
    """What ran and left no record is lost, and never started as if it were new. Its run is one that no run was."""
    at = int(os.lstat(path).st_mtime)
    return {"state": "lost", "run": at, "why": "its record cannot be read", "ended": float(at)}


def set_status(folder: str, value: dict) -> None:
    files.write_json(os.path.join(folder, "status.json"), value)
    files.stamp(changed_file())


def changed_file() -> str:
    """Stamped after every change that the status line may have to show (dispatch_hooks.statusline)."""
    return os.path.join(paths.dirs().state, "changed")


def supervised(folder: str) -> bool:
    """Whether a supervisor has the task: it holds the lock; after a logout, which takes the runtime folder away, its
    pid tells. One that has let the lock go at the end of its run looks no more. Elsewhere, an engine has it.
    """
    if files.held(lock_file(folder)) or handed(folder):
        return True
    found = status(folder)
    return found["state"] in SUPERVISED and processes.alive(found.get("supervisor"))


# handed to an engine (dispatch_hooks.remote)


def handed_file(folder: str) -> str:
    return os.path.join(paths.dirs().state, "remote", key(folder))


def handed(folder: str) -> bool:
    """Whether an engine has the task, and the news of its end may still come."""
    return os.path.lexists(handed_file(folder))


def handed_to(folder: str) -> tuple[str, str]:
    """(the chat, the launcher) of a task that an engine has."""
    try:
        with open(handed_file(folder), encoding="utf-8") as f:
            chat, launcher = f.readline(), f.readline()
    except OSError:
        return "", ""
    return chat.strip(), launcher.strip()


def handed_over() -> list[str]:
    """The folders of all tasks that engines have."""
    return _listed("remote")


# the active list


def active_file(folder: str) -> str:
    return os.path.join(paths.dirs().state, "active", key(folder))


def activate(folder: str) -> None:
    files.write(active_file(folder), folder + "\n")
    files.stamp(changed_file())
    remember_outstanding()


def deactivate(folder: str) -> None:
    files.remove(active_file(folder))
    files.stamp(changed_file())


def active() -> list[str]:
    """The folders of all tasks of this user that have a supervisor, or should have."""
    return _listed("active")


def note_asking(folder: str) -> None:
    """Puts a task on the list of those that ask; who reads the list takes off what asks no more."""
    files.touch(os.path.join(_asking(), key(folder)))
    files.stamp(changed_file())


def forget_asking(folder: str) -> None:
    files.remove(os.path.join(_asking(), key(folder)))


def asking(project: str) -> list[str]:
    """The folders of the project's tasks that ask, or did when somebody last looked."""
    mark = f"{project_name(project)}~"
    return [folder(project, name.removeprefix(mark)) for name in files.names(_asking()) if name.startswith(mark)]


def _asking() -> str:
    return os.path.join(paths.dirs().state, "asking")


def outstanding_file() -> str:
    """A marker for the gate: something of this user's runs, or is not delivered yet."""
    return os.path.join(paths.dirs().state, "outstanding")


def remember_outstanding() -> None:
    files.touch(outstanding_file())


# the folder in the project


def open_project_folder(task: dict, make: bool = False) -> int:
    """A descriptor of .dispatch/tasks/<id>. OSError where a link or a file stands in its place."""
    return files.folder(task["project"], ".dispatch", "tasks", task["id"], make=make)


def lay_out(task: dict, plan: str) -> None:
    """Makes the task's folder in the project: its plan, its question channel, and a .gitignore above all of it.

    What lies in its place already came with the project: it is put aside, or a planted link would have the worker
    write elsewhere, and a planted answer would be one. Whoever makes the folder holds a lock: one that stood still
    meanwhile must not put a worker's own away.
    """
    own = folder(task["project"], task["id"])
    lock = files.lock(os.path.join(runtime(own), "laying"), wait=5.0)
    if lock is None:
        raise OSError(errno.EBUSY, "is being made by somebody who does not go on", place(task))
    try:
        if not os.path.lexists(os.path.join(own, "laid")):
            _put_aside(task)
            files.touch(os.path.join(own, "laid"))
        _lay_out(task, plan)
    finally:
        os.close(lock)


def _put_aside(task: dict) -> None:
    up = files.folder(task["project"], ".dispatch", "tasks", make=True)
    with files.opened(up), contextlib.suppress(FileNotFoundError):
        os.rename(task["id"], f".{task['id']}.found-{time.time_ns()}", src_dir_fd=up, dst_dir_fd=up)


def _lay_out(task: dict, plan: str) -> None:
    top = files.folder(task["project"], ".dispatch", make=True)
    inner = open_project_folder(task, make=True)
    try:
        if files.read_in(top, ".gitignore") is None:
            files.write_in(top, ".gitignore", IGNORED)
        if files.read_in(inner, "plan.md") is None:
            files.write_in(inner, "plan.md", plan)
        os.close(files.folder(task["project"], ".dispatch", "tasks", task["id"], "ipc", make=True))
    finally:
        os.close(top)
        os.close(inner)


def place(task: dict) -> str:
    """The task's folder as a person would type it, from the project's root."""
    return f".dispatch/tasks/{task['id']}"


def read_text(task: dict, name: str, limit: int = 1 << 20) -> str:
    """A file that the worker keeps in its task folder; "" where there is none. Its words are data."""
    try:
        fd = open_project_folder(task)
    except OSError:
        return ""
    try:
        return (files.read_in(fd, name, limit) or b"").decode(errors="replace")
    finally:
        os.close(fd)
