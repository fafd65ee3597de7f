"""Questions of workers, their answers, and notes to workers. A question without an answer is waiting.

    questions/001.json   {"n","kind","text","options","asked","run", "tool","input","ref"}   by the supervisor
    answers/001.json     {"n","text","by","at"}     by whoever was first: created once, never changed
    notes/001.json       {"n","text","by","at"}     likewise

kind is "question" or "permission"; by is "typed" (in the chat), "relayed" (by the host's model) or "terminal".
"""

from __future__ import annotations

import os

from dispatch_hooks import files, tasks

YES = ("yes", "y", "yep", "allow", "ok", "okay", "sure", "go ahead", "approve", "approved", "allowed")


def _path(folder: str, kind: str, n: int) -> str:
    return os.path.join(folder, kind, f"{n:03}.json")


def _all(folder: str, kind: str) -> list[dict]:
    found = (files.read_json(os.path.join(folder, kind, n)) for n in files.names(os.path.join(folder, kind)))
    return [record for record in found if record and isinstance(record.get("n"), int)]


def add(folder: str, question: dict) -> dict:
    """Records a question under the next number and returns it with `n`. One supervisor writes here at a time."""
    n = max((q["n"] for q in _all(folder, "questions")), default=0) + 1
    question = {**question, "n": n}
    files.write_json(_path(folder, "questions", n), question)
    tasks.note_asking(folder)
    return question


def every(folder: str) -> list[dict]:
    return _all(folder, "questions")


def get(folder: str, n: int) -> dict | None:
    return files.read_json(_path(folder, "questions", n))


def answer_of(folder: str, n: int) -> dict | None:
    return files.read_json(_path(folder, "answers", n))


def waiting(folder: str) -> list[dict]:
    """The open questions, oldest first. A question that was withdrawn (its run ended, it is moot) has an answer."""
    if not files.names(os.path.join(folder, "questions")):
        return []
    answered = {a["n"] for a in _all(folder, "answers")}
    return [q for q in _all(folder, "questions") if q["n"] not in answered]


def answer(folder: str, n: int, text: str, by: str, now: float) -> bool:
    """True for the first answer to a question, whoever else answers at the same time."""
    return files.create_json(_path(folder, "answers", n), {"n": n, "text": text, "by": by, "at": now})


def answers(folder: str) -> list[dict]:
    return _all(folder, "answers")


def note(folder: str, text: str, by: str, now: float) -> int:
    """Leaves a note for the worker; its number."""
    n = len(files.names(os.path.join(folder, "notes")))
    while True:
        n += 1
        if files.create_json(_path(folder, "notes", n), {"n": n, "text": text, "by": by, "at": now}):
            return n


def notes(folder: str) -> list[dict]:
    return _all(folder, "notes")


def choice(text: str, options: list[str]) -> str:
    """The option that an answer means: its number, its letter, its words or their beginning; else the answer."""
    said = text.strip()
    low = said.lower().rstrip(".!")
    if low.isdigit() and 1 <= int(low) <= len(options):
        return options[int(low) - 1]
    same = [o for o in options if o.lower() == low] or [o for o in options if low and o.lower().startswith(low)]
    return same[0] if len(same) == 1 else said


def meant(question: dict, text: str) -> str:
    """What an answer means to its question: a permission's words as they are, else the option or the words."""
    return text.strip() if question["kind"] == "permission" else choice(text, question["options"])


def allowed(text: str) -> tuple[bool, str]:
    """What an answer to a permission ask says: (granted, the words after a no)."""
    low = text.strip().lower().rstrip(".!")
    if low in YES:
        return True, ""
    first, _, rest = text.strip().partition(" ")
    return False, rest.strip() if first.lower().strip(",.:;") in ("no", "n", "nope", "deny") else text.strip()
