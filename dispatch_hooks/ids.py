"""A task's id, from its title: short, kebab-case, unique, never a word that the chat understands by itself."""

from __future__ import annotations

LONGEST = 32

WORDS = 3

RESERVED = frozenset(
    "answer all anyway ask cancel clean config dispatch flag help logs models now pause release resume retry show "
    "start status tell".split()
)

DROPPED = frozenset(
    "a an the and or of for to in on at by with from into as is are be it its this that these those my our your "
    "their all any every each some please pls can could would you i we me do does use using via worktree "
    "dispatch worker agent task opus sonnet haiku gemini gpt codex top new now just also then so if".split()
)
"""Words that tell two tasks apart the least."""


def slug(title: str, taken=()) -> str:
    """A new id for a task: ascii kebab-case, at most 32 characters and three words of the title, else "task".

    A lone word gets "-task", so that no id is a word of ordinary speech; a taken id gets "-2", "-3" and so on.
    """
    words = _head(title) or _kept(title)
    return unique(_fitted(words), taken)


def unique(name: str, taken) -> str:
    """The name, or the name with the first free number behind it."""
    taken, found, number = set(taken), name, 2
    while found in taken:
        end = f"-{number}"
        found, number = name[: LONGEST - len(end)].rstrip("-") + end, number + 1
    return found


def _head(title: str) -> list[str]:
    """The words before a colon or dash, where they name the task: "frontend audit - accessibility, bundle size"."""
    for mark in (" - ", " – ", " — ", ": "):
        head, found, _ = title[:200].partition(mark)
        words = _kept(head)
        if found and 2 <= len(words) <= WORDS:
            return words
    return []


def _kept(title: str) -> list[str]:
    words = _words(title[:400])
    return ([w for w in words if w not in DROPPED] or [w for w in words if w not in RESERVED])[:WORDS]


def _words(text: str) -> list[str]:
    plain = _ascii(text).lower().replace("'", "").replace("+", "")
    return "".join(c if c.isalnum() else " " for c in plain).split()


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    import unicodedata  # only where it is needed: a hook pays for every import

    text = text.replace("’", "").replace("ß", "ss")
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _fitted(words: list[str]) -> str:
    while len(words) > 1 and len("-".join(words)) > LONGEST:
        words = words[:-1]
    if not words:
        return "task"
    if len(words) == 1:
        words = [words[0][: LONGEST - 5], "task"]
    return "-".join(words)
