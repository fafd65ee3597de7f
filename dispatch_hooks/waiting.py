"""A supervisor whose task may not run yet: it records why, and becomes a process that only waits.

Waiting may take a night, and hundreds may wait: the process becomes hooks/wait.py, a bare interpreter that blocks on
descriptors (our bell, the ends of those we wait for) and then becomes the supervisor again, which looks anew. It is
one process all the while: the task's lock goes along.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time

from dispatch_hooks import after, config, files, inputs, outcome, processes, queue, resources, tasks

PAUSED = "paused"

LOOK = 5.0
"""Seconds between looks where no descriptor tells of an end."""

GONE = 1.0
"""Seconds to the next look when one of them ended in the middle of this one."""

ENGINE = 15.0
"""Seconds until an engine that did not answer is tried again."""

PATIENCE = 1800.0
"""Seconds between looks unrung: a logout takes bells away."""


def turn(folder: str, task: dict, status: dict, lock: int) -> list[int]:
    """The slots to run with. Where it may not run yet this never returns: the process waits, and begins anew."""
    files.make_folder(tasks.runtime(folder))  # a logout takes it away
    bell = files.bell(tasks.bell_file(folder))  # before the look: what happens after it rings
    try:
        why = hold(folder, task)
        slots, ends = (None, _parents(folder, task)) if why else queue.enter(folder, task, config.load())
    except OSError as error:  # a full disk, say
        print(f"cannot look whether it may run, trying again: {error}", flush=True)
        why, slots, ends = "its turn", None, [queue.NOBODY]
    if slots is None:
        _record(folder, status, why or "its turn")
        _tell_held(folder, task)
        _wait(folder, lock, bell, ends)
    os.close(bell)
    queue.ring()  # the one behind is the first now
    return slots


def hold(folder: str, task: dict) -> str:
    """Why it may not even stand in the queue; "" where it may."""
    return PAUSED if inputs.paused(folder) else after.words(folder, task)


def _parents(folder: str, task: dict) -> list[int]:
    """Out of the queue; the pids of the parents' supervisors. One that was killed is put right first."""
    queue.withdraw(folder)
    found = []
    for parent in after.unmet(folder, task):
        place = after.parent_folder(task, parent)
        if tasks.status(place)["state"] in tasks.SUPERVISED:
            from dispatch_hooks import recover  # it loads the dispatch, which nothing else here needs

            recover.one(place, dict(os.environ), time.time())
            found.append((tasks.status(place).get("supervisor") or {}).get("pid") or 0)
    return found


def _tell_held(folder: str, task: dict) -> None:
    with contextlib.suppress(OSError):
        for parent, how in after.holding(folder, task):
            outcome.tell(outcome.held_event(folder, task, parent, how))


def rest(folder: str, task: dict, status: dict, said: dict | None, lock: int) -> None:
    """Waits for the end of a limit, if the task's last run came upon one; an order to start again ends it. Who recorded
    the limit may have been killed before telling of it.
    """
    until, notes = status.get("until") or 0, said["notes"] if said else []
    if status["state"] != "waiting" or until <= time.time() or any("retry" in note for note in notes):
        return
    files.make_folder(tasks.runtime(folder))
    bell = files.bell(tasks.bell_file(folder))
    with contextlib.suppress(OSError):
        tasks.set_status(folder, {**status, "supervisor": processes.identity(os.getpid())})
        outcome.announce(folder, task, status)
    _wait(folder, lock, bell, [], until - time.time())


def _record(folder: str, status: dict, why: str) -> None:
    was = status.get("was", "") if status["state"] == "waiting" else status.get("why") or status["state"]
    new = {**status, "state": "waiting", "why": why, "was": was, "supervisor": processes.identity(os.getpid())}
    if new != status:
        with contextlib.suppress(OSError):
            tasks.set_status(folder, new)


def again(folder: str, why: str, lock: int) -> None:
    """Waits a little for an engine that does not answer, and begins anew. A far supervisor may write the record, if
    the engine took the task all the same.
    """
    bell = files.bell(tasks.bell_file(folder))
    status = tasks.status(folder)
    if status["state"] in tasks.UNSTARTED:
        _record(folder, status, why)
    _wait(folder, lock, bell, [], ENGINE)


def _wait(folder: str, lock: int, bell: int, ends: list[int], most: float = PATIENCE) -> None:
    handles = [processes.end_handle(pid) if pid else None for pid in ends]
    known = [handle for handle in handles if handle is not None]
    for fd in (lock, bell, *known):
        os.set_inheritable(fd, True)
    waits = os.path.join(resources.shared("hooks"), "wait.py")
    python = [sys.executable, "-I", "-S"]
    again = [*python, sys.argv[0], folder, str(lock), str(bell)]
    sys.stdout.flush()
    patience = PATIENCE if None not in handles else GONE if hasattr(os, "pidfd_open") else LOOK
    patience = min(most, LOOK if queue.NOBODY in ends else patience)
    os.execv(sys.executable, [*python, waits, str(patience), str(bell), ",".join(map(str, known)), *again])


def back(lock: str, bell: str) -> int:
    """What a supervisor that has waited takes up again: its task's lock."""
    os.close(int(bell))
    os.set_inheritable(int(lock), False)
    return int(lock)
