"""ask: a worker's question to the person. Writes it into the task's folder and waits for the answer there.

Only files in that folder are used, because that is all that a sandboxed worker may reach. It returns before the
shortest limit that a worker CLI puts on a command, and says how to go on waiting.
"""

from __future__ import annotations

import json
import os
import sys
import time

import typer

WAIT = 540
"""Seconds after which it gives the shell back: the shortest hard limit of a worker CLI is ten minutes."""

HEARTBEAT = 20
"""Seconds between lines that show the worker's CLI that it is alive."""


def ask(
    question: str = typer.Argument("", help="The question, as the person should read it."),
    option: list[str] = typer.Option([], "--option", "-o", help="An answer to choose from; repeat it."),
    again: str = typer.Option("", help="Go on waiting for the question of this number."),
    wait: int = typer.Option(WAIT, help="Seconds to wait before giving the shell back."),
) -> None:
    """Ask the person a question from inside a worker, and print the answer.

    Example: dispatch-hooks ask "Which OpenAPI version?" --option 3.0 --option 3.1
    """
    raise typer.Exit(_ask(question, option, again, wait, dict(os.environ)))


def main(words: list[str], env: dict) -> int:
    """The same without typer, which costs a worker a tenth of a second at every question."""
    import getopt

    from dispatch_hooks.errors import FatalError

    try:
        given, rest = getopt.gnu_getopt(words, "o:", ["option=", "again=", "wait="])
    except getopt.GetoptError as error:
        raise FatalError(f'ask: {error}; for example: dispatch-hooks ask "Which one?" --option A --option B') from error
    options = [value for name, value in given if name in ("-o", "--option")]
    named = dict(given)
    wait = named.get("--wait", str(WAIT))
    if not wait.isdecimal():
        raise FatalError(f"ask: --wait takes seconds, not {wait!r}; for example: dispatch-hooks ask --wait 60 …")
    return _ask(" ".join(rest), options, named.get("--again", ""), int(wait), env)


def _ask(question: str, options: list[str], again: str, wait: int, env: dict) -> int:
    from dispatch_hooks.errors import FatalError

    folder = env.get("DISPATCH_HOOKS_FOLDER", "")
    if not folder:
        raise FatalError("ask works only inside a worker; in a chat or terminal, `dispatch-hooks answer` answers one")
    ipc = os.path.join(folder, "ipc")
    if not again and not question.strip():
        raise FatalError('ask what? for example: dispatch-hooks ask "Which one?" --option A --option B')
    number = again.zfill(3) if again else _write(ipc, question, options)
    if not os.path.exists(os.path.join(ipc, f"{number}.question")):
        raise FatalError(f"there is no question {number} to wait for; ask it first")
    return _wait(ipc, number, wait)


def _write(ipc: str, question: str, options: list[str]) -> str:
    """Puts the question under the next free number, whole or not at all, and rings."""
    from dispatch_hooks import files

    taken = [name[:3] for name in os.listdir(ipc) if name[:3].isdigit()]
    number = int(max(taken, default="000")) + 1
    body = json.dumps({"text": question, "options": options}, ensure_ascii=False) + "\n"
    while not files.create(os.path.join(ipc, f"{number:03}.question"), body, 0o644):
        number += 1
    files.ring(os.path.join(ipc, "bell"))
    return f"{number:03}"


def _wait(ipc: str, number: str, wait: int) -> int:
    begun = told = time.monotonic()
    path = os.path.join(ipc, f"{number}.answer")
    while not os.path.exists(path):
        now = time.monotonic()
        if now - begun >= wait:
            print(f"Still waiting for the person. Run it again: dispatch-hooks ask --again {number}")
            return 0
        if now - told >= HEARTBEAT:
            told = now
            print("waiting for the person's answer …", flush=True)
        time.sleep(0.1)
    with open(path, encoding="utf-8", errors="replace") as f:
        sys.stdout.write(f"The person answers: {f.read()}")
    return 0
