"""A worker's question to the person: written into the task's folder, waited for there.

Only files in that folder are used, because that is all that a sandboxed worker may reach, and only the standard
library: a worker waits for it. It returns before the shortest limit that a worker CLI puts on a command, and says how
to go on waiting.
"""

from __future__ import annotations

import json
import os
import sys
import time

WAIT = 540
"""Seconds after which it gives the shell back: most worker CLIs let a command run for ten minutes. The environment
of a worker whose CLI does not has DISPATCH_HOOKS_ASK_WAIT.
"""

HEARTBEAT = 20
"""Seconds between lines that show the worker's CLI that it is alive."""

UNANSWERED = 75
"""The exit status while nobody has answered (EX_TEMPFAIL: try again)."""


def main(words: list[str], env: dict) -> int:
    """`dispatch-hooks ask …` without typer, which costs a worker a tenth of a second at every question."""
    import getopt

    from dispatch_hooks.errors import FatalError

    try:
        given, rest = getopt.gnu_getopt(words, "o:", ["option=", "again=", "wait="])
    except getopt.GetoptError as error:
        raise FatalError(f'ask: {error}; for example: dispatch-hooks ask "Which one?" --option A --option B') from error
    options = [value for name, value in given if name in ("-o", "--option")]
    named = dict(given)
    wait = named.get("--wait")
    if wait is not None and not wait.isdecimal():
        raise FatalError(f"ask: --wait takes seconds, not {wait!r}; for example: dispatch-hooks ask --wait 60 …")
    return ask(" ".join(rest), options, named.get("--again", ""), None if wait is None else int(wait), env)


def ask(question: str, options: list[str], again: str, wait: int | None, env: dict) -> int:
    from dispatch_hooks.errors import FatalError

    folder = env.get("DISPATCH_HOOKS_FOLDER", "")
    if not folder:
        raise FatalError("ask works only inside a worker; in a chat or terminal, `dispatch-hooks answer` answers one")
    ipc = os.path.join(folder, "ipc")
    if not again and not question.strip():
        raise FatalError('ask what? for example: dispatch-hooks ask "Which one?" --option A --option B')
    number = (_last(ipc) if again == "last" else again.zfill(3)) if again else _write(ipc, question, options)
    if not os.path.exists(os.path.join(ipc, f"{number}.question")):
        raise FatalError(f"there is no question {number} to wait for; ask it first")
    return _wait(ipc, number, int(env.get("DISPATCH_HOOKS_ASK_WAIT") or WAIT) if wait is None else wait)


def _last(ipc: str) -> str:
    """The number of the latest question."""
    return max((name[:3] for name in os.listdir(ipc) if name.endswith(".question")), default="")


def _write(ipc: str, question: str, options: list[str]) -> str:
    return put(ipc, "question", json.dumps({"text": question, "options": options}, ensure_ascii=False) + "\n")


def put(ipc: str, kind: str, body: str) -> str:
    """Puts a file under the next free number, whole or not at all, and rings."""
    from dispatch_hooks import files

    taken = [name[:3] for name in os.listdir(ipc) if name[:3].isdigit()]
    number = int(max(taken, default="000")) + 1
    while not files.create(os.path.join(ipc, f"{number:03}.{kind}"), body, 0o644):
        number += 1
    files.ring(os.path.join(ipc, "bell"))
    return f"{number:03}"


def _wait(ipc: str, number: str, wait: int) -> int:
    """Prints the answer and nothing else: what is said while there is none goes to stderr."""
    begun = told = time.monotonic()
    path = os.path.join(ipc, f"{number}.answer")
    while not os.path.exists(path):
        now = time.monotonic()
        if now - begun >= wait:
            again = f"dispatch-hooks ask --again {number}"
            print(f"Still waiting for the person; nothing failed. To go on waiting, run: {again}", file=sys.stderr)
            return UNANSWERED
        if now - told >= HEARTBEAT:
            told = now
            print("waiting for the person's answer …", file=sys.stderr, flush=True)
        time.sleep(0.1)
    with open(path, encoding="utf-8", errors="replace") as f:
        sys.stdout.write(f"The person answers: {f.read()}")
    return 0
