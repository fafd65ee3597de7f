"""Any CLI that takes a prompt, from the person's config:

    [backends.mycli]
    command = ["mycli", "--model", "{model}", "--prompt", "{prompt}"]     # without {prompt} it comes on stdin

Its output is its log; it asks with `dispatch-hooks ask`, ticks its plan, and its end is the end of the work.
"""

from __future__ import annotations

ends_by_itself = True


def program(task: dict, config: dict) -> str:
    return argv_of(task, config)[0]


def argv_of(task: dict, config: dict) -> list[str]:
    return [str(word) for word in config["backends"][task["backend"]]["command"]]


def start(task: dict, run: dict, config: dict) -> dict:
    words = argv_of(task, config)
    holes = {"{prompt}": run["prompt"], "{model}": task["model"] or "", "{folder}": run["folder"]}
    argv = [_filled(word, holes) for word in words]
    return {"argv": argv, "env": {}, "stdin": None if any("{prompt}" in w for w in words) else run["prompt"]}


def _filled(word: str, holes: dict) -> str:
    for hole, value in holes.items():
        if hole in word:
            return word.replace(hole, value)  # one a word: what a prompt says is never filled in again
    return word


def read(line: bytes) -> list[dict]:
    text = line.decode(errors="replace").strip()
    return [{"kind": "activity", "text": text, "files": []}] if text else []


def reply(ask: dict, answers: list[str]) -> str | None:
    return None


def refuse(ask: dict, why: str) -> str | None:
    return None


def note(text: str) -> str | None:
    return None


def interrupt() -> str | None:
    return None
