"""What can be done from the screen of top. Each returns what came of it in words; FatalError says why it did not."""

from __future__ import annotations

import os
import subprocess

from dispatch_hooks import authority, digest, inputs, questions, steer, tasks, worktrees
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import finishing


def question(deed: str, folder: str) -> str:
    """What a person is asked before a deed is done; FatalError where it cannot be done."""
    name, status = os.path.basename(folder), tasks.status(folder)
    state, worktree = status["state"], worktrees.live(status)
    over = state in tasks.ENDED
    if deed in ("cancel", "pause") and over:
        raise FatalError(f"{name} has ended already (it is {state})")
    if deed == "release" and state != "waiting":
        raise FatalError(f"{name} waits for no other task (it is {state})")
    if deed in ("merge", "discard") and not (over and worktree):
        why = f"it is {state}; {deed} it when it has ended" if worktree else "there is no work in a worktree of its own"
        raise FatalError(f"{name}: {why}")
    if deed == "discard":
        return f"Throw away what {name} did in its worktree ({worktrees.figures(worktree)})?"
    return QUESTIONS["resume" if deed == "pause" and inputs.paused(folder) else deed].format(name)


QUESTIONS = {
    "cancel": "Cancel {}?",
    "retry": "Start {} again, from its first item without a tick, in a new conversation?",
    "pause": "Pause {}? Its worker is interrupted, its conversation kept.",
    "resume": "Have {} go on?",
    "release": "Start {} without the tasks that it waits for?",
    "merge": "Merge what {} did in its worktree into the branch that is checked out?",
}


def say(folder: str, env: dict, text: str) -> str:
    """Answers the oldest open question, else tells the worker."""
    task = os.path.basename(folder)
    if not questions.waiting(folder):
        authority.refuse_worker(env, "tell another one something")
        return f"{task}: {steer.tell(folder, text, _voice(), env)}"
    asked = steer.answer(folder, text, authority.voice(env), env)
    return f"answered {task}: {digest.clean(questions.meant(asked, text), 200)}"


def cancel(folder: str, env: dict) -> str:
    authority.refuse_worker(env, "cancel a task")
    return f"{steer.cancel(folder, env)} {os.path.basename(folder)}"


def retry(folder: str, env: dict) -> str:
    authority.refuse_worker(env, "start a task again")
    steer.retry(folder, {}, "terminal", env)
    return f"started {os.path.basename(folder)} again"


def pause(folder: str, env: dict) -> str:
    """Pauses a task, or has a paused one go on."""
    authority.refuse_worker(env, "pause a task")
    return steer.resume(folder, _voice(), env) if inputs.paused(folder) else steer.pause(folder)


def release(folder: str, env: dict) -> str:
    authority.refuse_worker(env, "start another task")
    return steer.release(folder)


def merge(folder: str, env: dict) -> str:
    authority.refuse_worker(env, "merge")
    return finishing.merge(folder, "", env)


def discard(folder: str, env: dict) -> str:
    authority.refuse_worker(env, "discard anything")
    return finishing.discard(folder, True, env)


def _voice() -> str:
    return "relayed" if authority.host_above(authority.chain()) else "terminal"


def shell(folder: str, env: dict) -> None:
    """The person's shell where the task works, until they leave it."""
    authority.refuse_worker(env, "open a shell for the person")
    task = tasks.read(folder)
    if task is None:
        raise FatalError(f"{os.path.basename(folder)} was removed")
    place = workplace(task, tasks.status(folder))
    print(f"{place}: a shell where {task['id']} works; exit leads back to top", flush=True)
    try:
        subprocess.run([env.get("SHELL") or "/bin/sh"], cwd=place, check=False)
    except OSError as error:
        raise FatalError(f"cannot open a shell in {place}: {error.strerror}") from None


def workplace(task: dict, status: dict) -> str:
    """The worktree of a task that has one, else the directory that it works in."""
    return os.path.join(worktrees.root(task, status), task.get("directory") or "")
