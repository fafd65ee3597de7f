"""Control words of the chat: answer, tell, show, cancel, retry, pause, resume, release, diff, merge, discard, status.
Pure and cheap: every prompt is looked at.

A control word counts only where it fits: the whole prompt is the phrase, and it names a task that there is. All
else is conversation; the model can still do what was meant. docs/grammar.md has the forms.
"""

from __future__ import annotations

from dispatch_hooks import request

PREFIXES = ("/dispatch-hooks:dispatch ", "/dispatch ", "dispatch ")

ORDINARY = frozenset(
    "a about after again all an and any as at back before both briefly but by each every everything first for "
    "from her him his honestly how if in it like me my nothing of on one only or our question questions short "
    "so some that the their them then these this those to us what when where which who why with without you "
    "your".split()
)
"""First words after "answer" that make an ordinary sentence of it, unless a colon says otherwise."""


def parse(prompt: str, state: dict) -> dict | None:
    """What the person asks of us by a control word, or None: conversation.

    state: {"tasks": {id: state}, "asking": [ids with an open question, oldest first], "own": this chat has tasks}.
    Returns {"verb","task","text","model","question"}, with "how" for merge, "force" for discard, and "ambiguous": [ids]
    when an answer could be for several.
    """
    if not request.typed(prompt):
        return None
    text = _bare(prompt.strip())
    if text.startswith("@"):
        return _at(text[1:], state)
    end = next((n for n, c in enumerate(text[:8]) if not c.isalpha()), len(text[:8]))
    verb, rest = text[:end].lower(), text[end:]
    if verb not in _VERBS or not (rest[:1].isspace() or rest[:1] == ":" or verb == "status"):
        return None
    return _VERBS[verb](rest, state)


def _bare(text: str) -> str:
    for prefix in PREFIXES:
        if text[: len(prefix)].lower() == prefix:
            return text[len(prefix) :].strip()
    return text


def _word(text: str) -> tuple[str, str]:
    """(the first word, what follows it), every line of it kept."""
    parts = text.split(None, 1)
    return (parts[0] if parts else ""), (parts[1] if len(parts) > 1 else "")


def _found(verb: str, task: str | None, text: str = "", **more) -> dict:
    return {"verb": verb, "task": task, "text": text, "model": None, "question": None, **more}


def _task(text: str, state: dict) -> tuple[str | None, str]:
    """(the known task that the text begins with, what follows its name, the mark behind it included)."""
    end = next((n for n, c in enumerate(text[:200]) if c.isspace() or c in ":,"), len(text[:200]))
    name = text[:end].rstrip(".!?").lower()
    known = next((task for task in state["tasks"] if task.lower() == name), None) if name else None
    return known, text[end:]


# answer, tell


def _answer(rest: str, state: dict) -> dict | None:
    if rest.startswith(":"):
        return _unnamed(rest[1:], state, True)
    task, more = _task(rest.lstrip(), state)
    if task is None:
        return _unnamed(rest, state, False)
    question, words = _question(more)
    return _found("answer", task, words, question=question) if words else _found("show", task)


def _at(rest: str, state: dict) -> dict | None:
    task, more = _task(rest, state)
    if task is None:
        return None
    question, words = _question(more)
    if not words:
        return _found("show", task)
    return _found("answer" if task in state["asking"] else "tell", task, words, question=question)


def _question(more: str) -> tuple[int | None, str]:
    """The number of the question, if it is said, and the words: "#2: text", ": text" or "text"."""
    more = _unmarked(more)
    word, rest = _word(more)
    number = word.removeprefix("#").rstrip(":")
    if word.startswith("#") and number.isdecimal() and len(number) < 5:
        return int(number), _unmarked(rest)
    return None, more


def _unmarked(text: str) -> str:
    text = text.strip()
    return text[1:].strip() if text[:1] in (":", ",") else text


def _unnamed(rest: str, state: dict, colon: bool) -> dict | None:
    """An answer that names no task: for the one that asks."""
    question, words = _question(rest)
    asking = state["asking"]
    if not words or not asking or not (colon or _short(words)):
        return None
    if len(asking) == 1:
        return _found("answer", asking[0], words, question=question)
    return _found("answer", None, words, question=question, ambiguous=list(asking)) if colon else None


def _short(words: str) -> bool:
    """Can these words be an answer, and nothing that the host model is asked to answer?"""
    first, *more = words.lower().split()
    if "\n" in words or words.endswith(("?", ":")) or len(more) > 5 or first.strip(",.!") in ORDINARY:
        return False
    return not (more and ("-" in first or first.endswith(":")))


def _tell(rest: str, state: dict) -> dict | None:
    task, more = _task(rest.lstrip(), state)
    if task is None:
        return None
    word, words = _word(more.strip())
    if more.startswith(":"):
        words = more[1:].strip()
    elif word.lower() not in ("to", "that"):
        return None
    return _found("tell", task, words.strip()) if words.strip() else None


# the rest


def _alone(verb: str):
    def read(rest: str, state: dict) -> dict | None:
        task, more = _task(rest.lstrip(), state)
        return _found(verb, task) if task and more.strip(" ,.!").lower() in ("", "please") else None

    return read


def _retry(rest: str, state: dict) -> dict | None:
    """ "retry x", "retry x with opus", "retry x with opus and a budget of $5, within 20 minutes"."""
    task, more = _task(rest.lstrip(), state)
    words = more.strip(" .!,:").split(None, 2)
    change: dict = {}
    if len(words) > 1 and words[0].lower() in ("with", "using", "on") and _named(words):
        change, words = {"model": words[1].rstrip(",")}, words[2:]
    said = _limits(" ".join(words)) if words else {}
    return _found("retry", task, **change, **said) if task and said is not None else None


def _named(words: list[str]) -> bool:
    """Is the second word a name, with nothing behind it, or with more that is wanted?"""
    return len(words) == 2 or words[1].endswith(",") or words[2].lower().startswith("and ")


def _limits(text: str) -> dict | None:
    """ "with a budget of $5", "within 30 minutes": what it may use; None for words that say anything else."""
    from dispatch_hooks.grammar import directives

    said = directives.read(text, {"models": [], "aliases": [], "backends": [], "tasks": [], "default": None}, (), "")
    budget = {**said.get("budget", {}), **({"seconds": said["timeout"]} if "timeout" in said else {})}
    return {"budget": budget} if budget and not said["title"] else None


HOW = {
    "": "", "please": "",
    "--ff": "ff", "fast-forward": "ff", "as a fast-forward": "ff",
    "--merge": "merge", "with a merge commit": "merge",
    "--squash": "squash", "squashed": "squash", "as one commit": "squash", "with squash": "squash",
}  # fmt: skip
"""What may follow "merge x", and how it then merges; "" as the config says."""


def _merge(rest: str, state: dict) -> dict | None:
    task, more = _task(rest.lstrip(), state)
    how = HOW.get(" ".join(more.lower().split()).strip(" ,.!"))
    return _found("merge", task, how=how) if task and how is not None else None


def _discard(rest: str, state: dict) -> dict | None:
    task, more = _task(rest.lstrip(), state)
    words = " ".join(more.lower().split()).strip(" ,.!")
    known = words in ("", "please", "anyway", "--force")
    return _found("discard", task, force=words in ("anyway", "--force")) if task and known else None


def _status(rest: str, state: dict) -> dict | None:
    """ "status"; "status add-auth" is what show says."""
    return _found("status", None) if state["own"] and not rest.strip(" ?!.") else _alone("show")(rest, state)


def _all_or_one(verb: str):
    """ "pause all", "pause add-auth"."""
    one = _alone(verb)

    def read(rest: str, state: dict) -> dict | None:
        if rest.strip(" .!:").lower().removesuffix(" please") in ("all", "everything", "all tasks"):
            return _found(verb, None)
        return one(rest, state)

    return read


def _start(rest: str, state: dict) -> dict | None:
    """ "start add-tests anyway": without what it comes after."""
    task, more = _task(rest.lstrip(), state)
    return _found("release", task) if task and more.strip(" .!").lower() in ("anyway", "now") else None


_VERBS = {
    "answer": _answer,
    "tell": _tell,
    "show": _alone("show"),
    "cancel": _alone("cancel"),
    "stop": _alone("cancel"),
    "retry": _retry,
    "pause": _all_or_one("pause"),
    "resume": _all_or_one("resume"),
    "release": _alone("release"),
    "start": _start,
    "diff": _alone("diff"),
    "merge": _merge,
    "discard": _discard,
    "status": _status,
}
