"""How a run ends, in the order that others lean on: no process left, what became of it, status, event, off the list.

Every step may be done again: a full disk interrupts them, and after a kill `recover` does the rest.
"""

from __future__ import annotations

import os

from dispatch_hooks import after, check, config, inputs, launchers, limits, outcome, tasks, worker, worktrees
from dispatch_hooks.remote import handover
from dispatch_hooks.worktrees import sharing


def close(run, now: float) -> None:
    """Ends a run of the supervisor (whose lock is held until after this)."""
    worker.leave_none(run.mark, os.getpid())
    if run.end.get("interrupted") or (run.lease and not run.lease.holds()):
        return  # the engine says what became of it, or starts it again, or has done so already
    try:
        state, why = _judge(run, now)
    except Exception as error:
        run.own_fault(error)
        state, why = outcome.judge(run.end, [])
    worktrees.tidy(run.task, run.status, state)
    sharing.end(run.task, run.status)
    run.status["worked"] = limits.used(run.status, now)["seconds"]
    run.status.update(state=state, why=why, ended=now, worker=None)
    run.ledger.end(lambda: _close_questions(run), run.ledger.write, lambda: _announce(run), lambda: _leave(run))


def hand_over(folder: str, task: dict, status: dict, now: float, again: bool) -> str:
    """Has an engine of another machine start the supervisor there, under the task's lock. Why it is not known to have
    taken it yet, or "". again: whether it may have taken it before.
    """
    settings = config.load()
    try:
        handover.send(folder, task, status, launchers.table(task["launcher"], settings), again)
    except OSError as error:
        if isinstance(error, BlockingIOError) or tasks.handed(folder):
            return f"{task['launcher']} does not answer: {error.strerror}"
        why = f"{task['launcher']} did not take it: {error.strerror or error}"
        status.update(state="failed", why=why, ended=now, run=status["run"] + 1, supervisor=None)
        tasks.set_status(folder, status)
        outcome.announce(folder, task, status)
        tasks.deactivate(folder)
        after.ring(folder)
    return ""


def _judge(run, now: float) -> tuple[str, str]:
    _judge_exit(run)
    if run.worker:
        run.asks.last(now)
    if run.worker and not run.end:
        run.asks.marked(now)
    if run.worker and run.asks.waiting() and not run.end.get("paused"):
        run.end["parked"] = True
    run.ledger.update()
    run.status["output"] = bool(tasks.read_text(run.task, "output.md", 1))
    run.status["summary"] = outcome.summary(run.task, run.last_words)
    state, why = outcome.judge(run.end, run.ledger.items())
    if state == "failed" and run.end.get("error") and not run.end.get("by_itself"):
        state, why = _excused(run, now)
    worktrees.settle(run.task, run.status, state)
    return _checked(run) if state == "finished" else (state, why)


def _excused(run, now: float) -> tuple[str, str]:
    """A failure that was the CLI's or its account's may not be the end of the task."""
    from dispatch_hooks import fallback

    error = {"text": run.end["error"], "about": run.trouble}
    path = os.environ.get("PATH", os.defpath)
    return fallback.judge(run.task, run.status, error, config.load(), path, now, patient=not run.lease)


def _judge_exit(run) -> None:
    """An end that nobody asked for: before its turn was over, or with a status that says failure.

    The last words of a CLI that ends with its work are its work's (a failed test, say): nothing is concluded from them.
    """
    code = run.worker.code if run.worker else None
    by_itself = run.worker and run.talk.ends_by_itself
    if run.end or code is None or (code == 0 and by_itself) or (run.turn_over and not by_itself):
        return
    how = f"ended with exit status {code}" if code >= 0 else f"was killed by signal {-code}"
    said = worker.tail(os.path.join(run.folder, "stderr.txt")) or (run.last_words if by_itself else "")
    run.end["by_itself"] = by_itself
    run.end["error"] = f"{run.task['backend']} {how}" + (f": {said.splitlines()[-1][:200]}" if said else "")


def _checked(run) -> tuple[str, str]:
    """What the person's check makes of a finished task."""
    command = run.task.get("check") or run.config["check"]
    if not command:
        return "finished", ""
    log, limit = os.path.join(run.folder, "check.log"), run.config["check_seconds"]
    how = check.run(command, run.env, run.cwd(), log, limit, run.unwanted)
    worker.leave_none(run.mark, os.getpid())
    worktrees.checked(run.task, run.status)
    if inputs.cancelled(run.folder):
        return "cancelled", ""
    return ("failed", f"check failed: {command} ({how})") if how else ("checked", "")


def _close_questions(run) -> None:
    """What was asked by a task that is over needs no answer; what is said to a cancelled one counts no more."""
    if run.status["state"] == "cancelled":
        inputs.close(run.folder, run.status, "cancelled", run.status["ended"])
    elif run.status["state"] in ("finished", "checked"):
        inputs.withdraw(run.folder, "it was done without", run.status["ended"])


def _announce(run) -> None:
    if run.status["state"] in tasks.ENDED:  # a parked one is still to be cancelled
        inputs.forget_cancel(run.folder)
        inputs.unpause(run.folder)
    outcome.announce(run.folder, run.task, run.status)


def _leave(run) -> None:
    """Off the active list, and on again for what was said at this very moment. A paused one stays: it waits."""
    if run.status["state"] == "waiting":
        return
    tasks.deactivate(run.folder)
    after.ring(run.folder)
    if inputs.since(run.folder, run.said):
        tasks.activate(run.folder)
