"""Putting right what a kill left behind. Run by watcher, SessionStart and every command; never by an idle hook.

Rules, for each task on the active list, or handed to an engine, that no supervisor holds:
- never started, or waiting: its supervisor is started (it was promised; nothing runs yet).
- ended on record: what was not announced is announced, and it leaves the list.
- parked or ended, and an answer or note is waiting for it: its supervisor is started.
- running on record: what bears the run's mark is ended first, then it is lost, resumable, and said so.
  Nothing is run again by itself.
- to be cancelled: as if the cancel came now.
- a record that cannot be read: written again from its batch, or from what its folder tells.
A run of another machine or boot: another machine's is left alone; another boot's is lost. What an engine has is alive
as long as the engine believes in it; when it is over without a record of its end, the engine's words are the record.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable

from dispatch_hooks import (
    after,
    config,
    dispatch,
    files,
    inbox,
    inputs,
    launchers,
    outcome,
    plan,
    processes,
    queue,
    remote,
    salvage,
    tasks,
    worker,
    worktrees,
)
from dispatch_hooks.remote import engine, handover


def recover(env: dict, now: float | None = None) -> list[str]:
    """Puts everything right that can be; returns the keys of the tasks that were found lost."""
    now = time.time() if now is None else now
    for batch in dispatch.unfinished():
        _each(batch["name"], lambda batch=batch: dispatch.launch(batch, env))
    settings = functools.cache(config.load)  # read once, and not at all where no engine has a task
    lost = [
        tasks.key(folder)
        for folder in dict.fromkeys([*tasks.active(), *tasks.handed_over()])
        if _each(tasks.key(folder), lambda folder=folder: _recover(folder, env, now, settings)) == "lost"
    ]
    _outstanding()
    return lost


def one(folder: str, env: dict, now: float) -> None:
    """Puts one task right, for somebody who waits for it."""
    _each(tasks.key(folder), lambda: _recover(folder, env, now, config.load))


def _each(name: str, act) -> str | None:
    """One task's fault is no other's."""
    try:
        return act()
    except Exception as error:
        print(f"cannot put {name} right: {type(error).__name__}: {error}", file=sys.stderr)
        return "fault"


def _recover(folder: str, env: dict, now: float, settings: Callable[[], dict]) -> str:
    task = salvage.task(folder)
    if task is None and os.path.isdir(folder) and tasks.supervised(folder):
        return "alive"
    if task is None:
        tasks.deactivate(folder)
        return "gone"
    if tasks.handed(folder):
        return _of_engine(folder, task, env, now, settings)
    status = tasks.status(folder)
    if tasks.supervised(folder) or _elsewhere(status):
        return "alive"
    if status["state"] in tasks.UNSTARTED and not inputs.cancelled(folder):
        return _start_late(folder, task, env, now)
    lock = files.lock(tasks.lock_file(folder))
    if lock is None:
        return "alive"
    try:
        was = _bury(folder, task, tasks.status(folder), now)
    finally:
        os.close(lock)
    if was != "lost" and inputs.pending(folder, tasks.status(folder)):
        tasks.activate(folder)
        launchers.start(folder, env)
        return "started"
    return was


def _of_engine(folder: str, task: dict, env: dict, now: float, settings: Callable[[], dict]) -> str:
    """A task that was handed to an engine: alive as long as that believes in it.

    What its far supervisor recorded goes before the engine's words, and the record before the marker is taken away:
    whoever is killed between, somebody does the rest.
    """
    if files.held(tasks.lock_file(folder)):
        return "alive"  # it is being handed over
    if inputs.cancelled(folder):
        return "cancelled" if handover.cancel(folder, settings(), now) else "alive"
    if not remote.job(folder).get("id"):
        launchers.start(folder, env)  # nobody knows whether the engine took it: it is asked
        return "started"
    over = engine.verdict(folder, settings(), now)
    lock = files.lock(tasks.lock_file(folder)) if over else None
    if lock is None:
        return "alive"
    try:
        fell = not remote.recorded(folder)
        if fell:
            _record(folder, task, tasks.status(folder), now, *over)
        remote.take_back(folder)
        if fell:
            _announce(folder, task, tasks.status(folder))
            return "lost"
    finally:
        os.close(lock)
        queue.ring()
    return _recover(folder, env, now, settings)


def _elsewhere(status: dict) -> bool:
    who = status.get("supervisor")
    return bool(who) and status["state"] in tasks.SUPERVISED and not processes.here(who)


def _start_late(folder: str, task: dict, env: dict, now: float) -> str:
    if tasks.status(folder)["state"] == "starting" and 0 <= now - task["made"] < 2.0:
        return "alive"  # its dispatch may be starting it this very moment
    launchers.start(folder, env)
    return "started"


def _bury(folder: str, task: dict, status: dict, now: float) -> str:
    """Under the task's lock: the true state, announced, and the task off the active list."""
    lost = status["state"] in tasks.RUNNING
    if inputs.cancelled(folder):
        inputs.end_cancelled(folder, status, now)
        return "cancelled"
    if lost:
        _record(folder, task, status, now, "lost", "its supervisor was killed")
    if worktrees.go_on(task, status):
        tasks.set_status(folder, status)
    _announce(folder, task, status)
    return "lost" if lost else "announced"


def _record(folder: str, task: dict, status: dict, now: float, state: str, why: str) -> None:
    """The end of a run that its supervisor could not record; one that its engine ended before it began counts, too."""
    worker.leave_none(worker.mark(folder, status["run"]))
    status["run"] = max(status["run"], remote.job(folder).get("run", 0) if remote.elsewhere(task) else 0)
    items = plan.read(tasks.read_text(task, "plan.md"))
    ticked, total = plan.count(items)
    output = bool(tasks.read_text(task, "output.md", 1))
    status.update(state=state, why=why, ended=now, ticked=ticked, items=total)
    status.update(output=output, worker=None)
    worktrees.settle(task, status, state)
    worktrees.tidy(task, status, state)
    tasks.set_status(folder, status)


def _announce(folder: str, task: dict, status: dict) -> None:
    outcome.announce(folder, task, status)
    tasks.deactivate(folder)
    after.ring(folder)


def _outstanding() -> None:
    """Takes the gate's marker away when nothing runs and every inbox is empty, and back if that changed between."""
    if _anything():
        files.touch(tasks.outstanding_file())
        return
    files.remove(tasks.outstanding_file())
    if _anything():
        files.touch(tasks.outstanding_file())


def _anything() -> bool:
    return bool(tasks.active()) or any(inbox.anything(chat) for chat in inbox.chats())
