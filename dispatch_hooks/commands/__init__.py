"""One module a verb; what several of them need."""

from __future__ import annotations

import os

from dispatch_hooks import overview, recover, tasks
from dispatch_hooks.errors import FatalError


def here() -> str:
    return tasks.project_of(os.getcwd(), os.environ.get("CLAUDE_PROJECT_DIR", ""))


def find(name: str) -> str:
    """A task's folder by its id: in this project, else in the only other one that has it."""
    recover.recover(dict(os.environ))
    name = name.lower()
    own = tasks.folder(here(), name)
    if tasks.read(own):
        return own
    found = [tasks.folder(p, name) for p in overview.projects() if tasks.read(tasks.folder(p, name))]
    if len(found) == 1:
        return found[0]
    if found:
        raise FatalError(f'"{name}" is a task of {len(found)} projects; run this in the folder of the one you mean')
    raise FatalError(_unknown(name))


def _unknown(name: str) -> str:
    import difflib

    known = tasks.ids(here())
    near = difflib.get_close_matches(name, known, 3, 0.5) or known[:5]
    hint = f"do you mean {', '.join(near)}?" if near else "this project has none."
    return f'no task "{name}": {hint} To see every project\'s, type: dispatch-hooks status --all'


def spoken_budget(words: list[str]) -> dict | None:
    """ "$2", "200k tokens", "40 turns", "30 minutes", each as it would be typed in a request; None for none."""
    from dispatch_hooks.grammar import directives

    found: dict = {}
    for text in words:
        said = directives.read(f"at most {text}", {"models": [], "aliases": [], "backends": [], "tasks": []}, (), "")
        budget = {**said.get("budget", {}), **({"seconds": said["timeout"]} if "timeout" in said else {})}
        if not budget or said["title"] or min(budget.values()) <= 0:
            raise FatalError(f'"{text}" is no budget; --budget takes $2, 200k tokens, 40 turns or 30m, and repeats')
        found.update(budget)
    return found or None


def task_ids(incomplete: str) -> list[str]:
    """For shell completion."""
    return [task for task in tasks.ids(here()) if task.startswith(incomplete)]
