"""What can be done from the screen of top. Each returns what came of it in words; FatalError says why it did not."""

from __future__ import annotations

import os
import subprocess

from dispatch_hooks import authority, digest, questions, steer, tasks, worktrees
from dispatch_hooks.errors import FatalError


def say(folder: str, env: dict, text: str) -> str:
    """Answers the oldest open question, else tells the worker."""
    task = os.path.basename(folder)
    if not questions.waiting(folder):
        authority.refuse_worker(env, "tell another one something")
        by = "relayed" if authority.host_above(authority.chain()) else "terminal"
        return f"{task}: {steer.tell(folder, text, by, env)}"
    asked = steer.answer(folder, text, authority.voice(env), env)
    return f"answered {task}: {digest.clean(questions.meant(asked, text), 200)}"


def cancel(folder: str, env: dict) -> str:
    authority.refuse_worker(env, "cancel a task")
    return f"{steer.cancel(folder, env)} {os.path.basename(folder)}"


def retry(folder: str, env: dict) -> str:
    authority.refuse_worker(env, "start a task again")
    steer.retry(folder, {}, "terminal", env)
    return f"started {os.path.basename(folder)} again"


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
