"""flag, inside a worker: a word to the person that does not wait. A file in the task's folder, as a question is."""

from __future__ import annotations

import json
import os

from dispatch_hooks import asking


def main(words: list[str], env: dict) -> int:
    """`dispatch-hooks flag …` without typer, as `ask`."""
    return flag(" ".join(words), env)


def flag(text: str, env: dict) -> int:
    from dispatch_hooks.errors import FatalError

    folder = env.get("DISPATCH_HOOKS_FOLDER", "")
    if not folder:
        raise FatalError("flag works only inside a worker: it is how one reaches you at once")
    if not text.strip():
        raise FatalError('flag what? for example: dispatch-hooks flag "the dump holds real card numbers"')
    asking.put(os.path.join(folder, "ipc"), "flag", json.dumps({"text": text}, ensure_ascii=False) + "\n")
    print("The person is told. Go on.")
    return 0
