"""Handing a task to its engine, and having the engine end what it was handed."""

from __future__ import annotations

import os
import sys
import time

from dispatch_hooks import files, inputs, launchers, paths, queue, remote, resources, tasks
from dispatch_hooks.remote import engine

PRESS = 30.0
"""Seconds that a far supervisor has for a cancel before its engine ends the job."""


def send(folder: str, task: dict, status: dict, table: dict, again: bool) -> str:
    """Hands a task to its engine, under the task's lock; the engine's name for the job. OSError when it will not.

    The marker and the job's name are written first. With a BlockingIOError they stay: the engine may have taken it.
    again: they stood already, so somebody was killed, or heard no answer; then the engine is asked for that name. The
    job may end at any time, and its supervisor take the task back: it is over then, and not to be started again ("").
    """
    module, found = launchers.get(table["kind"]), ""
    if again:
        found = module.find(table, remote.job(folder)["name"])
        if not tasks.handed(folder):
            return ""
    else:
        _prepare(folder, task, status, table["launcher"])
    known = remote.job(folder)
    try:
        found = found or module.start(table, _spec(folder, known, table))
    except BlockingIOError:
        raise
    except OSError:
        files.remove(tasks.handed_file(folder))
        raise
    remote.set_job(folder, {**known, "id": found})
    return found


def _prepare(folder: str, task: dict, status: dict, launcher: str) -> None:
    """The records of a task that waits for an engine, before that may start anybody who writes them."""
    tasks.set_status(folder, {**status, "state": "waiting", "why": f"for {launcher}", "supervisor": None})
    remote.set_job(folder, {"launcher": launcher, "name": _name(folder), "id": "", "run": status["run"] + 1})
    files.write(tasks.handed_file(folder), f"{task['chat']}\n{launcher}\n")


def _name(folder: str) -> str:
    """What the engine calls the job: readable, unique, and a name that Kubernetes takes (63 of a-z, 0-9 and -)."""
    return f"dispatch-{os.path.basename(folder)[:40].strip('-')}-{tasks.digest(f'{folder}.{time.time_ns()}')}"


def _spec(folder: str, job: dict, table: dict) -> dict:
    def there(path: str) -> str:
        return launchers.there(table, path)

    dirs = paths.dirs()
    far = paths.Dirs(*(there(d) for d in dirs))
    names = "\n".join(f"{ours}\t{theirs}" for ours, theirs in table.get("map", {}).items())
    script = os.path.join(there(resources.shared("hooks")), "supervise.py")
    own = {paths.ENV: paths.join(far), launchers.JOB: job["name"]}
    return {
        "name": job["name"],
        "folder": there(folder),
        "log": there(os.path.join(folder, "supervisor.log")),
        "environment": {**own, **({paths.MAP: names} if names else {})},
        "argv": [launchers.python(table), "-I", "-S", script, there(folder)],
    }


def cancel(folder: str, config: dict, now: float) -> bool:
    """Ends a task that the person cancelled and no far supervisor ends: its job does not run, or was given its time.
    Whether it did. A fault is for later.
    """
    lock = files.lock(tasks.lock_file(folder))
    if lock is None:
        return False  # who has it hands the task over, and looks afterwards
    try:
        due = tasks.handed(folder) and inputs.cancelled(folder) and _due(folder, config, now)
        if due:
            end(folder, config)
            inputs.end_cancelled(folder, tasks.status(folder), now)
            remote.take_back(folder)
            queue.ring()
        return due
    except OSError as error:
        print(f"cannot end the job of {tasks.key(folder)}: {error.strerror or error}", file=sys.stderr)
        return False
    finally:
        os.close(lock)


def _due(folder: str, config: dict, now: float) -> bool:
    said = engine.word(folder, config, now)["state"]
    begun = said in ("pending", "unknown") and remote.lease(folder) and not engine.requeued(folder)
    runs = said in ("running", "silent") or begun  # what it said may be older than the lease
    return not runs or inputs.cancelled_for(folder) > PRESS


def end(folder: str, config: dict) -> None:
    """Has the engine end the job, known by its name only where nobody heard more. OSError when it does not answer."""
    known = remote.job(folder)
    if known.get("launcher") in config["launchers"]:
        table = launchers.table(known["launcher"], config)
        module = launchers.get(table["kind"])
        found = known["id"] or module.find(table, known["name"])
        if found:
            module.end(table, found)
