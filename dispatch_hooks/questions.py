"""Questions of workers, their answers, and notes to workers. A question without an answer is waiting.

    questions/001.json   {"n","kind","text","options","asked","run", "tool","input","request","ref"}   by the supervisor
    answers/001.json     {"n","text","by","at"}     by whoever was first: created once, never changed
    notes/001.json       {"n","text","by","at"}     likewise

kind is "question" or "permission"; by is "typed" (in the chat), "relayed" (by the host's model) or "terminal". An
answer that is "moot" was given by nobody: its question was withdrawn.
"""

from __future__ import annotations

import os

from dispatch_hooks import files, tasks

YES = ("yes", "y", "yep", "allow", "ok", "okay", "sure", "go ahead", "approve", "approved", "allowed")


def _path(folder: str, kind: str, n: int) -> str:
    return os.path.join(folder, kind, f"{n:03}.json")


def _all(folder: str, kind: str, but: set[int] = frozenset()) -> list[dict]:
    """The records of a kind in their order, without those of some numbers: a worker may have asked a thousand times."""
    numbers = sorted(_numbers(folder, kind) - but)
    found = (files.read_json(_path(folder, kind, n)) for n in numbers)
    return [record for record in found if record and isinstance(record.get("n"), int)]


def _numbers(folder: str, kind: str) -> set[int]:
    names = (name.removesuffix(".json") for name in files.names(os.path.join(folder, kind)))
    return {int(name) for name in names if name.isdecimal()}


def add(folder: str, question: dict) -> dict:
    """Records a question under the next number and returns it with `n`. One supervisor writes here at a time."""
    n = max(_numbers(folder, "questions"), default=0) + 1
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
    return _all(folder, "questions", but=_numbers(folder, "answers"))


def answer(folder: str, n: int, text: str, by: str, now: float) -> bool:
    """True for the first answer to a question, whoever else answers at the same time."""
    return _close(folder, n, {"n": n, "text": text, "by": by, "at": now})


def withdraw(folder: str, n: int, why: str, now: float) -> bool:
    """Closes a question that needs no answer any more. False where the person was faster."""
    record = {"n": n, "text": f"({why})", "by": "terminal", "at": now, "moot": True}
    return _close(folder, n, record)


def _close(folder: str, n: int, record: dict) -> bool:
    first = files.create_json(_path(folder, "answers", n), record)
    files.stamp(tasks.changed_file())
    return first


def answers(folder: str, but: set[int] = frozenset()) -> list[dict]:
    """What was answered, by people only."""
    return [answer for answer in _all(folder, "answers", but) if not answer.get("moot")]


def note(folder: str, text: str, by: str, now: float, **more: object) -> int:
    """Leaves a note for the worker; its number."""
    n = max(_numbers(folder, "notes"), default=0)
    while True:
        n += 1
        if files.create_json(_path(folder, "notes", n), {"n": n, "text": text, "by": by, "at": now, **more}):
            return n


def notes(folder: str, but: set[int] = frozenset()) -> list[dict]:
    return _all(folder, "notes", but)


def choice(text: str, options: list[str]) -> str:
    """The option that an answer means: its number ("1, 3": several), its words or their beginning; else the answer."""
    said = text.strip()
    low = said.lower().rstrip(".!")
    numbers = low.replace(" and ", ",").replace(",", " ").split()
    if numbers and all(n.isdecimal() and 1 <= int(n) <= len(options) for n in numbers):
        return ", ".join(options[int(n) - 1] for n in numbers)
    same = [o for o in options if o.lower() == low] or [o for o in options if low and o.lower().startswith(low)]
    return same[0] if len(same) == 1 else said


def misses(question: dict, text: str) -> bool:
    """Whether an answer is a bare number that no option has, where no option speaks of numbers itself."""
    said, options = text.strip(), question["options"]
    wordy = bool(options) and not any(c.isdecimal() for option in options for c in option)
    return wordy and said.rstrip(".!").isdecimal() and choice(said, options) == said


def listed(question: dict) -> str:
    """ "1. red, 2. blue" """
    return ", ".join(f"{n}. {option}" for n, option in enumerate(question["options"], 1))


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
