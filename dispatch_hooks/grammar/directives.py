"""What an item says about how it is to be done: worktree, after, read-only, budget, timeout, directory, rights, where,
who.

Directives leave the title; the worker's text keeps every word. The same words elsewhere are subject matter ("raise
the timeout 30s to 60s"), so that a phrase counts only where a clause opens or closes, as its rule says.
"""

from __future__ import annotations

import re

from dispatch_hooks.grammar import who
from dispatch_hooks.grammar.item import Item, title
from dispatch_hooks.grammar.words import Word, closes, ends, firsts, match, opens


def read(text: str, vocabulary: dict, numbers=(), names: str = "any") -> dict:
    """The directives of an item, and its title.

    numbers: the item numbers that "after 2" may mean. names: "any", "clear" (somebody is named already: only the
    unmistakable forms count) or "" (no model is looked for). Returns {"title": words or ""} and, of what is said,
    "model", "alias" and "backend" (all or none, one is set), "worktree": bool, "base", "after": [words], "read_only":
    True, "budget": {"usd","tokens","turns"}, "timeout": seconds, "directory", "permissions", "launcher".
    """
    item = Item(text, vocabulary, numbers)
    _phrases(item)
    if names:
        who.read(item, names == "clear")
    return {**item.found, "title": title(item)}


WORKTREE = "a|an|its|their? own|new|separate|isolated|fresh|dedicated? git? worktree|worktrees"

RULES = (
    (f"in|into|inside|using|with {WORKTREE} <base>?", "closes", "worktree"),
    (f"use {WORKTREE} <base>?", "both", "worktree"),
    ("own|separate? git? worktree|worktrees <base>?", "both", "worktree"),
    ("no worktree|worktrees", "opens", "no worktree"),
    ("without a|any? worktree|worktrees", "closes", "no worktree"),
    ("don't|dont|not use|in a|any? worktree|worktrees", "closes", "no worktree"),
    ("do not use a|any? worktree|worktrees", "closes", "no worktree"),
    ("after <tasks> <done>?", "closes", "after"),
    ("once|when <tasks> <done>", "", "after"),
    ("as soon as <tasks> <done>", "", "after"),
    ("keep|make|strictly|as? it? in? read-only|readonly mode?", "both", "read only"),
    ("read only mode?", "both", "read only"),
    ("don't|dont|never|without <changing> <anything>", "ends", "read only"),
    ("do not <changing> <anything>", "ends", "read only"),
    ("make? no code|file|further? edits|changes|writes", "both", "read only"),
    ("a|the? budget of|is? at? most? <amount>", "opens", "limits"),
    ("a|the? budget of|is? at? most? <time>", "opens", "limits"),
    ("a? <amount> budget", "both", "limits"),
    ("at most <amount>", "opens", "limits"),
    ("max|maximum|limit|cap of? <amount>", "opens", "limits"),
    ("up to <amount>", "opens", "limits"),
    ("spend? no more than <amount>", "opens", "limits"),
    ("don't|dont|never spend more than <amount>", "opens", "limits"),
    ("do not spend more than <amount>", "opens", "limits"),
    ("spend at? most? up? to? <amount>", "opens", "limits"),
    ("within <time>", "closes", "within"),
    ("for at most <time>", "work", "limits"),
    ("for no more|longer than <time>", "work", "limits"),
    ("for up to <time>", "work", "limits"),
    ("a? timeout|time-out of|is|after? <time>", "opens", "limits"),
    ("a? time limit of|is? <time>", "opens", "limits"),
    ("at most <time>", "both", "limits"),
    ("max|maximum <time>", "both", "limits"),
    ("up to <time>", "both", "limits"),
    ("no more|longer than <time>", "both", "limits"),
    ("cwd|dir|directory <path>", "opens", "directory"),
    ("working directory <path>", "opens", "directory"),
    ("work? in the? directory|folder|dir <path>", "closes", "directory"),
    ("run|running it|this? on the? <launcher>", "closes", "launcher"),
    ("on the? <launcher>", "closes", "launcher"),
    ("permissions|permission mode? <rights>", "opens", "permissions"),
    ("with? <rights> permissions|permission mode?", "both", "permissions"),
    ("skip|skipping|bypass|bypassing all? the? permissions|permission checks|prompts?", "both", "bypass"),
    ("--dangerously-skip-permissions", "", "bypass"),
)
"""(a phrase, whether a clause must open before it, close or even end behind it, or both, what it is).

"work": it closes, and opens or has the work of an agent before it: "review the parser for at most an hour".
"""

ANY_OF_IT = ("anything", "files|code", "any file|files|code", "the code", "any of it", "any of the code")

SUBJECT = {
    "worktree": frozenset("running used executed opened happens fails started launched checked created".split()),
    "within": frozenset(
        "expire expires expired respond responds retry retries return returns happen happens arrive arrives finish "
        "finishes complete completes refresh reset renew succeed fail fails fires occur occurs valid delivered "
        "resolved twice be happened created changed modified done sent answered".split()
    ),
}
"""Behind these words a phrase is what the task is about."""


def _phrases(item: Item) -> None:
    """Takes every phrase of RULES where it counts; behind one the search goes on."""
    place = 0
    while place < len(item.words):
        place = _rule(item, place) or place + 1


def _rule(item: Item, place: int) -> int:
    for phrase, where, what in _BY_WORD.get(_first(item.words[place].low), ()):
        step = match(item.words, place, phrase, _kinds(item))
        if step and _counts(item, place, step[0], where, what):
            _TAKE[what](item, place, *step)
            return step[0]
    return 0


def _counts(item: Item, place: int, behind: int, where: str, what: str) -> bool:
    if where in ("opens", "both") and not opens(item.words, place):
        return False
    if where in ("closes", "both", "work") and not closes(item.words, behind):
        return False
    if where == "work" and not (opens(item.words, place) or _works(item.words, place)):
        return False
    if where == "ends" and not ends(item.words, behind):
        return False
    return place == 0 or item.words[place - 1].low not in SUBJECT.get(what, ())


LASTING = frozenset(
    "analyse analyze audit benchmark brainstorm debug dig examine experiment explore fuzz hunt inspect investigate "
    "look profile read research review search study survey think try work".split()
)
"""Work that goes on for as long as it may."""


def _works(found: list[Word], place: int) -> bool:
    """Does the clause before this word order such work, rather than speak of what lasts: "cache it for at most 1h"?"""
    first = place
    while first and not found[first - 1].after:
        first -= 1
    if any(word.low in ("that", "which", "who", "whether", "if") for word in found[first:place]):
        return False
    return any(found[n].low in LASTING and _ordered(found, n) for n in range(first, place))


def _ordered(found: list[Word], place: int) -> bool:
    """ "review …", "to review …", "have opus review …"."""
    return opens(found, place) or found[place - 1].low == "to" or (place > 1 and found[place - 2].low in who.MAKING)


def _kinds(item: Item) -> dict:
    return {
        **_KINDS,
        "tasks": lambda found, place: _tasks(found, place, item),
        "launcher": lambda found, place: _launcher(found, place, item),
    }


def _base(found: list[Word], place: int) -> tuple | None:
    """ "from main", "off the develop branch", "based on branch release-2"."""
    step = match(found, place, "from|off the? branch?", {}) or match(found, place, "based on|off the? branch?", {})
    if not step or step[0] >= len(found) or found[step[0] - 1].after:
        return None
    after = step[0] + 1
    return after + (after < len(found) and found[after].low == "branch"), found[step[0]]


def _tasks(found: list[Word], place: int, item: Item) -> tuple | None:
    """ "add-auth", "1", "#2 and 3", "task 1, 2 and docs", "both": known tasks, or items of this prompt."""
    several = _several(found, place) if item.numbers else None
    if several:
        return several
    awaited, kinds = [], {"task": lambda words, n: _task(words, n, item)}
    step = match(found, place, "task|item|number? <task>", kinds)
    while step:
        place, said = step
        awaited.append(said["task"])
        listed = found[place - 1].after in ("", ",", "&")
        step = listed and match(found, place, "and? task|item|number? <task>", kinds)
    return (place, awaited) if awaited else None


SEVERAL = {
    "both": ("both of? the? them|these|those|tasks|items|others?",),
    "others": (
        "all of? the? other|others|rest tasks|items|ones?",
        "the other|others|rest tasks|items|ones?",
        "everything else",
    ),
    "all": ("all of? the? them|these|those|above|tasks|items", "everything"),
}
"""Words for other items of the same list."""


def _several(found: list[Word], place: int) -> tuple | None:
    """ "both", "all of them", "everything else"; "all" where they are said to be done, for "after all" is none."""
    for what, phrases in SEVERAL.items():
        step = next((step for step in (match(found, place, phrase, {}) for phrase in phrases) if step), None)
        if step:
            return step[0], [what]
    done = found[place].low == "all" and place + 1 < len(found) and _done(found, place + 1)
    return (place + 1, ["all"]) if done else None


def _task(found: list[Word], place: int, item: Item) -> tuple | None:
    """A task that an item can wait for: a known one (mistyped by a letter, too), or the number of another item."""
    ordinal = match(found, place, f"the {'|'.join(ORDINALS)} one|task|item?", {})
    if ordinal and ORDINALS.index(found[place + 1].low) + 1 in item.numbers:
        return ordinal[0], str(ORDINALS.index(found[place + 1].low) + 1)
    name = found[place].low.removeprefix("#")
    number = name.isdecimal() and name.isascii() and len(name) < 4 and int(name) in item.numbers
    known = item.vocabulary.get("tasks", ())
    if number:
        return place + 1, str(int(name))
    return (place + 1, name) if name in known or _mistyped(name, known) else None


ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth".split()


def _mistyped(name: str, known) -> bool:
    """Whether a word is an id but for a letter or two: "add-atuh". It is refused with the one that is meant."""
    return name.count("-") > 0 and any(_near(name, other) for other in known if abs(len(other) - len(name)) < 2)


def _near(one: str, other: str) -> bool:
    """Whether what differs is one place: a letter more, less or else, or two that changed places."""
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    return (len(one) < 2 and len(other) < 2) or (len(one) == 2 and one == other[::-1])


def _done(found: list[Word], place: int) -> tuple | None:
    step = match(
        found,
        place,
        "is|has|are|have? been? done|finished|finishes|complete|completed|completes|ready|merged|landed|ended",
        {},
    )
    return step and (step[0], True)


def _changing(found: list[Word], place: int) -> tuple | None:
    stem = "change|changing|edit|editing|modify|modifying|touch|touching|write|writing"
    step = match(found, place, stem, {})
    return step and (step[0], True)


def _anything(found: list[Word], place: int) -> tuple | None:
    step = next((s for s in (match(found, place, words, {}) for words in ANY_OF_IT) if s), None)
    return step and (step[0], True)


def _limits(found: list[Word], place: int, first) -> tuple | None:
    """What `first` reads, and what is enumerated behind it: "$2", "$2.50 and 30 minutes", "200k tokens, 40 turns"."""
    limits: dict = {}
    step = first(found, place)
    while step:
        place, said = step
        timeout = {"timeout": limits.get("timeout", 0) + said["timeout"]} if "timeout" in said else {}
        limits |= {**said, **timeout}
        step = _further(found, place)
    return (place, limits) if limits else None


def _further(found: list[Word], place: int) -> tuple | None:
    """Another amount or time behind one, if a clause may end with it."""
    if place >= len(found) or found[place].before or found[place - 1].after not in ("", ","):
        return None
    place += found[place].low == "and"
    step = (_amount(found, place) or _time(found, place)) if place < len(found) else None
    return step if step and closes(found, step[0]) else None


def _amount(found: list[Word], place: int) -> tuple | None:
    """ "$2", "2 dollars", "200k tokens", "40 turns"."""
    low = found[place].low
    unit = found[place + 1].low if place + 1 < len(found) and not found[place].after else ""
    number = _number(low.strip("$").removesuffix("k").removesuffix("m").replace(",", ""))
    if number is None:
        return None
    if low.startswith("$") or unit in ("usd", "dollar", "dollars"):
        return place + 1 + (not low.startswith("$")), {"usd": number}
    if unit in ("token", "tokens"):
        return place + 2, {"tokens": round(number * {"k": 1000, "m": 1_000_000}.get(low[-1], 1))}
    return (place + 2, {"turns": int(number)}) if unit in ("turn", "turns") else None


def _number(text: str) -> float | None:
    plain = len(text) < 12 and text.isascii() and text.replace(".", "", 1).isdecimal()
    return float(text) if plain else None


SECONDS = {
    **dict.fromkeys("s sec secs second seconds".split(), 1),
    **dict.fromkeys("m min mins minute minutes".split(), 60),
    **dict.fromkeys("h hr hrs hour hours".split(), 3600),
}

CLOCK = re.compile(r"(\d{1,8}(?:\.\d{1,8})?)([a-z]+)", re.ASCII)


def _time(found: list[Word], place: int) -> tuple | None:
    """ "30m", "1h30m", "30 minutes", "an hour": in seconds."""
    low = found[place].low
    parts = CLOCK.findall(low)
    if parts and "".join(map("".join, parts)) == low and all(unit in SECONDS for _, unit in parts):
        return place + 1, {"timeout": sum(float(number) * SECONDS[unit] for number, unit in parts)}
    number = 1.0 if low in ("a", "an", "one") else _number(low)
    following = found[place + 1].low if place + 1 < len(found) and not found[place].after else ""
    return (place + 2, {"timeout": number * SECONDS[following]}) if number and following in SECONDS else None


def _launcher(found: list[Word], place: int, item: Item) -> tuple | None:
    """A launcher of the config, by its name: "the cluster", "gpu-box"."""
    names = {name.lower(): name for name in item.vocabulary.get("launchers", ())}
    name = names.get(found[place].low)
    return name and (place + 1, name)


def _path(found: list[Word], place: int) -> tuple | None:
    return place + 1, found[place]


def _rights(found: list[Word], place: int) -> tuple | None:
    return (place + 1, found[place].low) if found[place].low in ("ask", "auto", "bypass") else None


_KINDS = {
    "base": _base,
    "done": _done,
    "changing": _changing,
    "anything": _anything,
    "amount": lambda found, place: _limits(found, place, _amount),
    "time": lambda found, place: _limits(found, place, _time),
    "path": _path,
    "rights": _rights,
}


def _take_worktree(item: Item, first: int, behind: int, said: dict) -> None:
    item.take(first, behind, worktree=True, base=item.as_typed(said["base"]) if said.get("base") else None)


def _take_after(item: Item, first: int, behind: int, said: dict) -> None:
    item.take(first, behind, after=[*item.found.get("after", []), *said["tasks"]])


def _take_limits(item: Item, first: int, behind: int, said: dict) -> None:
    limits = dict(said.get("amount") or said["time"])
    timeout = {"timeout": limits.pop("timeout")} if "timeout" in limits else {}
    budget = {"budget": {**item.found.get("budget", {}), **limits}} if limits else {}
    item.take(first, behind, **timeout, **budget)


_TAKE = {
    "worktree": _take_worktree,
    "no worktree": lambda item, a, b, said: item.take(a, b, worktree=False),
    "after": _take_after,
    "read only": lambda item, a, b, said: item.take(a, b, read_only=True),
    "limits": _take_limits,
    "within": _take_limits,
    "directory": lambda item, a, b, said: item.take(a, b, directory=item.as_typed(said["path"])),
    "launcher": lambda item, a, b, said: item.take(a, b, launcher=said["launcher"]),
    "permissions": lambda item, a, b, said: item.take(a, b, permissions=said["rights"]),
    "bypass": lambda item, a, b, said: item.take(a, b, permissions="bypass"),
}


def _index() -> dict:
    """{a word: the rules that may begin with it}."""
    found: dict = {}
    for rule in RULES:
        for word in firsts(rule[0]):
            found.setdefault(word, []).append(rule)
    return found


_BY_WORD = _index()


def _first(low: str) -> str:
    """What stands for a word in there: an amount may begin a phrase, too."""
    return "<amount>" if low.lstrip("$")[:1].isdecimal() else low
