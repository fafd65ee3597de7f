"""What a person does with a task that exists: answer, tell, cancel, retry. The chat and the terminal share this.

Each writes its record first, then rings the supervisor, or starts one where none lives.
"""

from __future__ import annotations

import os
import time

from dispatch_hooks import after, config, files, inputs, launchers, limits, questions, queue, tasks
from dispatch_hooks.errors import FatalError
from dispatch_hooks.remote import handover
from dispatch_hooks.ways import way


def answer(folder: str, text: str, by: str, env: dict, n: int | None = None) -> dict:
    """Answers a task's open question (the oldest, or number n) and returns it. by: typed, relayed or terminal."""
    task = os.path.basename(folder)
    waiting = questions.waiting(folder)
    question = next((q for q in waiting if n in (None, q["n"])), None)
    if question is None:
        raise FatalError(_nothing_open(task, n, folder, by))
    if question["kind"] == "permission" and by == "relayed":
        raise FatalError(
            f"{task} asks for a permission, which only the person can give; they type: answer {task}: yes (or no)"
        )
    if not text.strip():
        raise FatalError(f"the answer to {task} is empty; type: {way(by, 'answer', task, 'your words')}")
    if questions.misses(question, text):
        raise FatalError(f"{task} has no option {text.strip()}: {questions.listed(question)}; or answer in words")
    _refuse_spent(folder, by)
    tasks.activate(folder)  # first, so that recover finds an answer that nobody was woken for
    if not questions.answer(folder, question["n"], text.strip(), by, time.time()):
        raise FatalError(f"{task} was answered by somebody else in the meantime; {way(by, 'show', task)} says what")
    wake(folder, env)
    return question


def _nothing_open(task: str, n: int | None, folder: str, by: str) -> str:
    if n is not None and questions.get(folder, n):
        said = questions.answer_of(folder, n)
        return f"question {n} of {task} has its answer already: {said['text'] if said else ''}"
    state = tasks.status(folder)["state"]
    return f"{task} asks nothing (it is {state}); to speak to it, type: {way(by, 'tell', task, '…')}"


def _refuse_spent(folder: str, by: str) -> None:
    """FatalError where the task's next run would be stopped at once: its budget is used up."""
    task, status = tasks.read(folder) or {}, tasks.status(folder)
    budget = (status.get("changed") or {}).get("budget") or task.get("budget")
    why = "" if status["state"] in tasks.RUNNING else limits.over(budget, status, time.time())
    if why and not inputs.grants(inputs.pending(folder, status)):
        name = os.path.basename(folder)
        more, other = way(by, "tell", name, "go on"), way(by, "retry", name, "…")
        raise FatalError(f"{name} is {why}; {more} grants as much again, {other} another")


def tell(folder: str, text: str, by: str, env: dict, **more: object) -> str:
    """Gives a worker a note; one that has ended goes on, in its own conversation. Returns how it will be heard."""
    if not text.strip():
        raise FatalError(f"there is nothing to tell {os.path.basename(folder)}; add the words")
    inputs.forget_cancel(folder)
    running, waits = tasks.supervised(folder), tasks.status(folder)["state"] == "waiting"
    tasks.activate(folder)
    questions.note(folder, text.strip(), by, time.time(), **more)
    wake(folder, env)
    return "told; it hears it when it starts" if waits else "told" if running else "told; it goes on"


def retry(folder: str, change: dict, by: str, env: dict) -> None:
    """Starts the task again in a new conversation, from its first item without a tick. change: {"model"…} or {}."""
    if tasks.supervised(folder) and not tasks.status(folder).get("until"):
        how = "waiting" if tasks.status(folder)["state"] == "waiting" else "running"
        raise FatalError(f"{os.path.basename(folder)} is {how}; cancel it first, or tell it something")
    inputs.forget_cancel(folder)
    tasks.activate(folder)
    inputs.withdraw(folder, "started again", time.time())
    questions.note(folder, "", by, time.time(), retry=change)
    wake(folder, env)


def release(folder: str) -> str:
    """Starts a task without the ones that it comes after, in words. FatalError where it does not wait for any."""
    task, status = tasks.read(folder), tasks.status(folder)
    names = after.unmet(folder, task)
    if not names:
        how = "waits for its turn" if status["state"] == "waiting" else f"is {status['state']}"
        raise FatalError(f"{task['id']} waits for no other task (it {how})")
    after.release(folder)
    return f"{task['id']} starts without {', '.join(names)}"


def cancel(folder: str, env: dict) -> str:
    """Ends a task; "cancelled" at once where no worker runs (or how it ended this moment), else "cancelling".

    FatalError where it has ended.
    """
    task, status = tasks.read(folder), tasks.status(folder)
    if status["state"] in tasks.ENDED and not tasks.supervised(folder):
        raise FatalError(f"{task['id']} has ended already (it is {status['state']})")
    tasks.activate(folder)  # first, so that recover finds a mark that nobody was woken for
    inputs.cancel(folder)
    files.ring(tasks.bell_file(folder))
    if tasks.handed(folder) and handover.cancel(folder, config.load(), time.time()):
        return tasks.status(folder)["state"]
    lock = None if tasks.supervised(folder) else files.lock(tasks.lock_file(folder))
    if lock is None:  # its supervisor finds the mark, at its next look or at its last
        return "cancelling"
    try:
        inputs.end_cancelled(folder, tasks.status(folder), time.time())
    finally:
        os.close(lock)
    return tasks.status(folder)["state"]  # it may have ended by itself, a moment before


def pause(folder: str, by: str = "terminal") -> str:
    """Has a task do nothing until it is resumed, in words. FatalError where it has ended."""
    name, state = os.path.basename(folder), tasks.status(folder)["state"]
    if state in tasks.ENDED:
        raise FatalError(f"{name} has ended already (it is {state})")
    if inputs.paused(folder):
        raise FatalError(f"{name} is paused already; to have it go on, type: {way(by, 'resume', name)}")
    inputs.pause(folder)
    files.ring(tasks.bell_file(folder))
    runs = state == "running"
    return f"pausing {name}; {way(by, 'resume', name)} has it go on where it was" if runs else f"paused {name}"


def resume(folder: str, by: str, env: dict) -> str:
    """Has a paused task go on, and one that ended before it was done: in its own conversation. In words."""
    name, state = os.path.basename(folder), tasks.status(folder)["state"]
    if inputs.paused(folder):
        _refuse_spent(folder, by)
        inputs.unpause(folder)
        tasks.activate(folder)
        wake(folder, env)
        return f"{name} goes on" + (f"; but everything is paused: {way(by, 'resume', 'all')}" if queue.paused() else "")
    if state in ("stopped", "failed", "cancelled", "lost"):
        _refuse_spent(folder, by)
        tell(folder, "Go on.", by, env, resumes=True)
        return f"{name} goes on"
    raise FatalError(_not_paused(name, state, folder, by))


def _not_paused(name: str, state: str, folder: str, by: str) -> str:
    if questions.waiting(folder) and state != "cancelled":
        return f"{name} asks you something; it goes on when you type: {way(by, 'answer', name, '…')}"
    if state in tasks.ENDED:
        return f"{name} has {state}; for more, type: {way(by, 'tell', name, '…')}"
    return f"{name} is not paused (it is {state})"


def pause_all(by: str = "terminal") -> str:
    """Nothing of this user's starts any more; what runs goes on to its end. In words."""
    queue.pause()
    counts = _counts()
    going = f"{counts[0]} running to their end, {counts[1]} waiting"
    return f"paused: nothing new starts; {going}. {way(by, 'resume', 'all')} lets them go"


def resume_all(by: str = "terminal") -> str:
    if not queue.paused():
        raise FatalError(f"nothing is paused as a whole; to have one task go on, type: {way(by, 'resume', 'ID')}")
    queue.go_on()
    return f"going on; {_counts()[1]} waiting"


def _counts() -> tuple[int, int]:
    """(how many run, how many wait) of all tasks of this user."""
    states = [tasks.status(folder)["state"] for folder in tasks.active()]
    return sum(state in tasks.RUNNING for state in states), states.count("waiting")


def wake(folder: str, env: dict) -> None:
    """Has the task's supervisor look, or starts one. A supervisor looks once more after it has let its lock go."""
    files.ring(tasks.bell_file(folder))
    if not tasks.supervised(folder):
        launchers.start(folder, env)


def asking(project: str) -> list[tuple[str, dict]]:
    """(task folder, question) of every open question in a project, the oldest first."""
    found = [(folder, question) for folder in tasks.asking(project) for question in _open(folder)]
    return sorted(found, key=lambda pair: pair[1]["asked"])


def _open(folder: str) -> list[dict]:
    """A task's open questions; one without any goes off the list, and on again if it asked at this moment."""
    found = questions.waiting(folder) if tasks.status(folder)["state"] != "cancelled" else []
    if not found:
        tasks.forget_asking(folder)
        if questions.waiting(folder):
            tasks.note_asking(folder)
    return found


def held(folder: str) -> bool:
    """Whether a task waits for the person: one that it comes after has ended, and not well."""
    waits = tasks.status(folder)["state"] == "waiting" and not inputs.paused(folder)
    return waits and bool(after.holding(folder, tasks.read(folder) or {}))


def state(folder: str) -> str:
    """The word for how a task is, as people read it: "asks" covers running and parked with a question open."""
    found = tasks.status(folder)["state"]
    if found in ("running", "parked") and questions.waiting(folder):
        return "asks"
    return found


