"""Whose turn it is: slots, which bound what runs on this machine, and tickets of the tasks that wait for one.

    <state>/queue/<machine>/lock       held while somebody looks whose turn it is
                            slots/     all.0 …, <backend>.0 …: locked by the supervisor that runs with it; its pid
                            tickets/   <when>~<backend>~<task's key>: of a supervisor that waits; its pid
    <state>/queue/paused               a marker: nothing new starts

A slot is an flock, which death frees; nobody hands one over. First come, first served, by the time of the dispatch:
one whose backend has no slot lets those of other backends by. The first of a backend hears of the ends of those that
run, each other one of the end of the one before it: what ends, however, wakes one or two and never all.
"""

from __future__ import annotations

import contextlib
import os
import time

from dispatch_hooks import files, paths, processes, tasks

MACHINE = "all"

AWAY = "@"
"""Begins the names of queues for launchers: their tasks take no slot here."""

NOBODY = 0
"""Stands for a pid where there is none whose end tells: then it is looked at again now and then."""

WITHOUT_END = 1 << 30

COMING = 5.0
"""Seconds for which a ticket of a dispatch stands for a supervisor that is only starting."""


def top() -> str:
    return os.path.join(paths.dirs().state, "queue")


def _here(*parts: str) -> str:
    return os.path.join(top(), safe(processes.machine()), *parts)


def safe(name: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)[:60] or "_"


@contextlib.contextmanager
def _locked():
    lock = files.lock(_here("lock"), wait=60.0)
    if lock is None:
        raise TimeoutError(f"{_here('lock')} is held by somebody who does not go on")
    try:
        yield
    finally:
        os.close(lock)


# turns


def enter(folder: str, task: dict, settings: dict) -> tuple[list[int] | None, list[int]]:
    """(the slots to run with, []) where it is the task's turn, else (None, the pids whose ends it has to hear of).

    Under the task's lock. A slot is free again when its descriptor is closed, by whatever.
    """
    with _locked():
        mine = _ticket(folder, task)
        before = _before(mine)
        if paused() or not _turn(before, _backend(mine), settings):
            _issue(mine, folder)
            return None, _watched(before, mine) or ([] if paused() else [NOBODY])
        slots = [_take(kind) for kind in _kinds(_backend(mine), settings)]
        _forget(folder)
        return slots, []


def leave(slots: list[int]) -> None:
    """Frees the slots of a run that is over, and rings whose turn it may be."""
    for slot in slots:
        os.close(slot)
    ring()


def withdraw(folder: str) -> None:
    """Takes a task out of the queue: it waits for something else, or for nothing any more."""
    if _forget(folder):
        ring()


def ring() -> None:
    """Has the first of each backend look whether it is its turn. One that was killed hears nothing: the next, then."""
    heard: set[str] = set()
    for name in tickets():
        if _backend(name) not in heard and files.ring(tasks.bell_file(_folder(name))):
            heard.add(_backend(name))


# tickets


def _ticket(folder: str, task: dict) -> str:
    return f"{int(task['made'] * 1e6):020}~{kind(task)}~{tasks.key(folder)}"


def kind(task: dict) -> str:
    """What the queue of a task is called: by its backend here, by its launcher elsewhere."""
    launcher = task.get("launcher", "local")
    return safe(task["backend"]) if launcher == "local" else f"{AWAY}{safe(launcher)}"


def line(kind: str) -> str:
    """Who stands in one line: all that wait for this machine, and those of each launcher by themselves."""
    return kind if kind.startswith(AWAY) else MACHINE


def lines() -> list[str]:
    """The line of each ticket."""
    return [line(_backend(name)) for name in tickets()]


def tickets() -> list[str]:
    return [name for name in files.names(_here("tickets")) if name.count("~") >= 3]


def _backend(ticket: str) -> str:
    return ticket.split("~")[1]


def _key(ticket: str) -> str:
    return ticket.split("~", 2)[2]


def _folder(ticket: str) -> str:
    return tasks.by_key(_key(ticket))


def announce(folder: str, task: dict) -> None:
    """Issues a task's ticket before its supervisor comes: who is dispatched first is first, however the start goes."""
    files.write(_here("tickets", _ticket(folder, task)), "0\n")


def _issue(mine: str, folder: str) -> None:
    _forget(folder, but=mine)  # of another backend, before a retry
    files.write(_here("tickets", mine), f"{os.getpid()}\n")


def _forget(folder: str, but: str = "") -> bool:
    """Whether the task had tickets, which are gone now."""
    gone = [name for name in tickets() if _key(name) == tasks.key(folder) and name != but]
    for name in gone:
        files.remove(_here("tickets", name))
    return bool(gone)


def _before(mine: str) -> list[str]:
    """The tickets before one, those of killed supervisors cleared away: `recover` starts them again."""
    found = []
    for name in (name for name in tickets() if name < mine):
        if tasks.supervised(_folder(name)) or _coming(name):
            found.append(name)
        else:
            files.remove(_here("tickets", name))
    return found


def _coming(name: str) -> bool:
    with contextlib.suppress(OSError):
        age = time.time() - os.stat(_here("tickets", name)).st_mtime
        return 0 <= age < COMING and tasks.status(_folder(name))["state"] == "starting"
    return False


def _turn(before: list[str], backend: str, settings: dict) -> bool:
    """Whether there is a slot for it beside those of the ones before it that can start."""
    ahead: dict[str, int] = {}
    for name in before:
        ahead[_backend(name)] = ahead.get(_backend(name), 0) + 1
    if backend.startswith(AWAY):  # its engine has a queue of its own
        return _free(backend, settings) > ahead.get(backend, 0)
    theirs = sum(min(count, _free(kind, settings)) for kind, count in ahead.items() if not kind.startswith(AWAY))
    return _free(MACHINE, settings) > theirs and _free(backend, settings) > ahead.get(backend, 0)


def _watched(before: list[str], mine: str) -> list[int]:
    same = [name for name in before if _backend(name) == _backend(mine)]
    if same:
        return _pids([_here("tickets", same[-1])])
    if _backend(mine).startswith(AWAY):
        return [NOBODY]  # no end of another machine's is heard here
    slots = [_here("slots", name) for name in files.names(_here("slots")) if name.startswith(f"{MACHINE}.")]
    firsts = {_backend(name): name for name in reversed(before)}.values()
    return _pids([*(path for path in slots if files.held(path)), *(_here("tickets", name) for name in firsts)])


def _pids(of: list[str]) -> list[int]:
    """Who holds them; NOBODY for one that is just taken, or just left: then it is looked at again soon."""
    found = [files.first_line(path) for path in of]
    return [int(text) if text.isdecimal() else NOBODY for text in found]


# slots


def cap(kind: str, settings: dict) -> int | None:
    """How many may run: of a backend, or of all on this machine."""
    if kind == MACHINE:
        return settings["max_parallel"]
    if kind.startswith(AWAY):
        own = (table for name, table in settings["launchers"].items() if safe(name) == kind.removeprefix(AWAY))
        return next((table.get("max_parallel") for table in own), None)
    return next((b.get("max_parallel") for name, b in settings["backends"].items() if safe(name) == kind), None)


def _kinds(backend: str, settings: dict) -> list[str]:
    if backend.startswith(AWAY):
        return []
    return [MACHINE, *([backend] if cap(backend, settings) is not None else [])]


def _free(kind: str, settings: dict) -> int:
    """How many slots are; fewer than none where the cap has become lower than what runs."""
    most = cap(kind, settings)
    if most is None:
        return WITHOUT_END
    return most - away(kind) - sum(files.held(path) for path in _slots(kind))


def away(kind: str) -> int:
    """How many tasks an engine has; of this machine's own kinds none."""
    if not kind.startswith(AWAY):
        return 0
    return sum(safe(tasks.handed_to(folder)[1]) == kind.removeprefix(AWAY) for folder in tasks.handed_over())


def _slots(kind: str) -> list[str]:
    return [_here("slots", name) for name in files.names(_here("slots")) if name.rpartition(".")[0] == kind]


def _take(kind: str) -> int:
    n = 0
    while (slot := files.lock(_here("slots", f"{kind}.{n}"))) is None:
        n += 1
    os.ftruncate(slot, 0)
    os.pwrite(slot, f"{os.getpid()}\n".encode(), 0)
    return slot


# pause


def _paused() -> str:
    return os.path.join(top(), "paused")


def paused() -> bool:
    return os.path.lexists(_paused())


def pause() -> None:
    files.touch(_paused())


def go_on() -> None:
    files.remove(_paused())
    ring()


# for people


def before(folder: str) -> int | None:
    """How many wait before a task that waits for its turn; None for one that does not."""
    waiting = tickets()
    mine = next((name for name in waiting if _key(name) == tasks.key(folder)), None)
    same = [name for name in waiting if mine and line(_backend(name)) == line(_backend(mine))]
    return same.index(mine) if mine else None


def place(ahead: int) -> str:
    """That number in words: what it waits for."""
    return f"{ahead} before it" if ahead else "next"
