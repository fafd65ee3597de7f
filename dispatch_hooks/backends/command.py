"""Any CLI that takes a prompt, from the person's config:

    [backends.mycli]
    command = ["mycli", "--model", "{model}", "--prompt", "{prompt}"]     # without {prompt} it comes on stdin

Its output is its log; it asks with `dispatch-hooks ask`, ticks its plan, and its end is the end of the work.
"""

from __future__ import annotations

from dispatch_hooks import backends


def program(task: dict, config: dict) -> str:
    return argv_of(task, config)[0]


def argv_of(task: dict, config: dict) -> list[str]:
    return [str(word) for word in config["backends"][task["backend"]]["command"]]


def resumes(task: dict, config: dict) -> bool:
    return False


class Talk(backends.Talk):
    ends_by_itself = True

    def __init__(self, task: dict, run: dict, config: dict) -> None:
        words = argv_of(task, config)
        holes = {"{prompt}": run["prompt"], "{model}": task["model"] or "", "{folder}": run["folder"]}
        super().__init__([_filled(word, holes) for word in words])
        self.stdin = None if any("{prompt}" in word for word in words) else run["prompt"]

    def read(self, line: bytes) -> list[dict]:
        text = line.decode(errors="replace").strip()
        return [{"kind": "activity", "text": text, "files": []}] if text else []


talk = Talk


def _filled(word: str, holes: dict) -> str:
    for hole, value in holes.items():
        if hole in word:
            return word.replace(hole, value)  # one a word: what a prompt says is never filled in again
    return word
