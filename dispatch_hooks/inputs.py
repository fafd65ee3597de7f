"""What the person said to a task and no worker has heard: answers, notes, and that it be cancelled."""

from __future__ import annotations

import os

from dispatch_hooks import after, files, questions, queue, tasks, worker, worktrees

NOTHING = {"answers": [], "notes": []}


def pending(folder: str, status: dict) -> dict | None:
    """{"answers": [(question, answer)], "notes": [note]} of what is to be passed on, or None.

    An ask of several questions is answered when all of them are: half of it starts no worker.
    """
    taken = status.get("taken") or NOTHING
    given = questions.answers(folder, but=set(taken["answers"]))
    half = _asks(questions.waiting(folder)) if given else set()
    pairs = ((questions.get(folder, answer["n"]), answer) for answer in given)
    answers = [(question, answer) for question, answer in pairs if question and not _asks([question]) & half]
    notes = questions.notes(folder, but=set(taken["notes"]))
    return {"answers": answers, "notes": notes} if answers or notes else None


def grants(said: dict | None) -> bool:
    """Whether its budget begins anew with this: an answer and a resume leave it as it is."""
    return any("resumes" not in note for note in (said or NOTHING)["notes"])


def _asks(asked: list[dict]) -> set[tuple]:
    return {(question["run"], question["request"]) for question in asked if question.get("request")}


def everything(folder: str) -> dict:
    """All that the person ever said to the task: for a worker without a memory of it."""
    pairs = ((questions.get(folder, answer["n"]), answer) for answer in questions.answers(folder))
    return {"answers": [pair for pair in pairs if pair[0]], "notes": questions.notes(folder)}


def told(folder: str, status: dict) -> dict:
    """What of the person's words the last run was told while it ran."""
    found, taken, before = everything(folder), status.get("taken") or NOTHING, status.get("opened") or NOTHING
    new = {kind: set(taken[kind]) - set(before[kind]) for kind in NOTHING}
    answers = [pair for pair in found["answers"] if pair[1]["n"] in new["answers"]]
    return {"answers": answers, "notes": [note for note in found["notes"] if note["n"] in new["notes"]]}


def numbers(said: dict | None) -> set[tuple[str, int]]:
    """What stands for what was said, to compare it."""
    said = said or NOTHING
    return {("answers", answer["n"]) for _, answer in said["answers"]} | {("notes", n["n"]) for n in said["notes"]}


def take(status: dict, said: dict | None) -> None:
    """Marks in a status that a worker has been told."""
    taken = {kind: list(ns) for kind, ns in (status.get("taken") or NOTHING).items()}
    for kind, n in sorted(numbers(said)):
        if n not in taken[kind]:
            taken[kind].append(n)
    status["taken"] = taken


def since(folder: str, said: dict) -> bool:
    """Whether the person said more than a run was given; what none could be started with waits for the next word."""
    later = numbers(pending(folder, tasks.status(folder)))
    return bool(later - numbers(said)) or cancelled(folder)


# cancelled


def _mark(folder: str) -> str:
    return os.path.join(folder, "cancel")


def cancel(folder: str) -> None:
    files.touch(_mark(folder))


def cancelled(folder: str) -> bool:
    """Whether the person wants it ended and it has not been."""
    return os.path.lexists(_mark(folder))


def cancelled_for(folder: str) -> float:
    """For how many seconds the person has wanted it ended."""
    return files.age(_mark(folder))


def forget_cancel(folder: str) -> None:
    files.remove(_mark(folder))


# paused


def _pause(folder: str) -> str:
    return os.path.join(folder, "paused")


def pause(folder: str) -> None:
    files.touch(_pause(folder))


def paused(folder: str) -> bool:
    """Whether the person wants it to do nothing until it is resumed."""
    return os.path.lexists(_pause(folder))


def unpause(folder: str) -> None:
    files.remove(_pause(folder))


# ends without a supervisor


def close(folder: str, status: dict, why: str, now: float) -> None:
    """Nothing is asked any more, and what was said before counts for nothing: for a task that the person ended."""
    withdraw(folder, why, now)
    take(status, pending(folder, status))


def withdraw(folder: str, why: str, now: float) -> None:
    for question in questions.waiting(folder):
        questions.withdraw(folder, question["n"], why, now)


def end_cancelled(folder: str, status: dict, now: float) -> None:
    """Ends what the person cancelled where no supervisor lives. Under the task's lock."""
    if status["state"] not in tasks.ENDED:
        worker.leave_none(worker.mark(folder, status["run"]))
        close(folder, status, "cancelled", now)
        worktrees.settle(tasks.read(folder), status, "cancelled")
        worktrees.tidy(tasks.read(folder), status, "cancelled")
        status.update(state="cancelled", why="", ended=now, worker=None)
        tasks.set_status(folder, status)
    forget_cancel(folder)
    unpause(folder)
    tasks.deactivate(folder)
    queue.withdraw(folder)
    after.ring(folder)
