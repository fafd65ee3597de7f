"""Where a prompt asks for a worker: the word dispatch as an order, with somebody to dispatch."""

from __future__ import annotations

import re

from dispatch_hooks.grammar import directives, lists, names, sentences
from dispatch_hooks.grammar.words import VERBS, Word, flat, match, words

DISPATCH = re.compile(r"(?<![\w/.@#$&'\"`~+=<>(\[{|\\*-])dispatch(?=[\s:])", re.I | re.A)

MOST = 100
"""Places with the word that are looked at."""

REACH = 600
"""How far back a sentence may begin."""

AHEAD = 240
"""How far behind the word the target ends."""

SPACE = re.compile(r"\s*")

MARK = r"(?:\d{1,3}[.):]|\(\d{1,3}\)|[-*+•])[ \t]+"

BOUNDARY = re.compile(rf"[.!?…][)\"'”’\0]*\s+|\n[ \t]*\n\s*(?:{MARK})?|\n[ \t]*{MARK}|\n[ \t]*")

UNFINISHED = frozenset(
    "a an the to of in on at for with by from and or not never don't dont can could would will should must may "
    "might i we you they he she it that which who than only always if when is are was were be do does did how "
    "why what".split()
)
"""A line that ends so goes on in the next."""

NUMBERS = {
    **dict.fromkeys("a an one 1 another".split(), 1),
    **dict.fromkeys("two 2 three 3 four 4 five 5 six 6 several multiple some few couple".split(), 2),
}
"""One worker, or several."""

WORKERS = frozenset("worker workers agent agents subagent subagents sub-agent sub-agents".split())

KINDS = frozenset("background new separate fresh parallel dedicated single more claude coding different of".split())

THESE = frozenset("this that it these those them all everything the".split())

OBJECTS = THESE | frozenset(
    "following below above of list tasks task items item work job jobs rest one ones two three four five six as "
    "a each to-do todo todos things steps checklist in order separately individually 2 3 4 5 6 next remaining".split()
)
"""What "dispatch these five tasks to sonnet" may have between its verb and its target."""

FOLLOWING = frozenset("for on with using via please now again as against here".split())
"""What may stand behind a model, besides "to do" and a verb."""

BREAKS = frozenset(",:;-–—→\n")
"""Marks behind a name that lead to its work; behind "a worker" only LEADS do so, behind "this to opus" ANY."""

LEADS = frozenset(":-–—→\n")

ANY = frozenset(",:;-–—→\n.!…")

NOUNS = frozenset(
    "the a an my our your their his her its this that these those me us them it him all every each any some no "
    "one production prod staging main master users clients subscribers listeners handlers stdout stderr disk "
    "both".split()
)
"""Behind "dispatch X to" these name a place, not work."""

HOW = (
    "now|please|again|today|asap|quickly|immediately|instead|too",
    "in the background",
    "in parallel",
    "in|into|with|using a|an|its|their? own? new|separate|fresh? git? worktree|worktrees",
    "with|using|on|via the? <name>",
)
"""What may stand between the target and its work."""

SPEAKING = frozenset("unit units engine ladder officer officers car caller copy roger over 10-4".split())
"""How words begin that a dispatcher says: "Dispatch: unit 12, respond to …"."""

CODE = ("=>", "()", "){", ") {", "={", "</", "/>", "&&", "||", "::")


def find(masked: str, vocabulary: dict) -> tuple[list[dict], str]:
    """(the beginnings of requests, why there are none).

    A beginning is {"sentence","start","end": places, "name": {"model","alias","backend"} or None, "workers": 0, 1, or
    2 for several, "refers": does it say "this" or "these"}; `end` is behind the target.
    """
    found: list[dict] = []
    why, text = "the word dispatch is quoted here, or part of a name", _text(masked)
    for _, m in zip(range(MOST), DISPATCH.finditer(masked), strict=False):
        sentence = _order(masked, m.start(), vocabulary) if m.start() < text else None
        target = _target(masked, m.end(), vocabulary) if sentence is not None else None
        if sentence is None:
            why = "what stands before the word dispatch makes it no order"
        elif target is None:
            why = "behind the word dispatch nobody is named: no model, alias, backend or worker"
        elif _asks(masked, sentence, m.end()):
            why = "it is a question about dispatching"
        else:
            found.append({"sentence": sentence, "start": m.start(), **target})
    return found, why


# before the word


def _order(masked: str, place: int, vocabulary: dict) -> int | None:
    """Where the sentence begins whose order stands at this place; None if it is no order."""
    window = max(place - REACH, 0)
    start = window + _boundary(masked[window:place])
    if (start == window > 0) or _introduced(masked, start) or _indented(masked, place):
        return None
    lead = masked[start:place]
    return start if sentences.orders(lead) or _awaits(lead, vocabulary) else None


def _awaits(lead: str, vocabulary: dict) -> bool:
    """Is it nothing but "once add-auth is done", with a task that there is?"""
    said = directives.read(lead, vocabulary, names="") if len(lead) < 200 and vocabulary.get("tasks") else {}
    return "after" in said and sentences.orders(said["title"])


def _boundary(before: str) -> int:
    start = re.match(rf"\s*(?:{MARK})?", before).end()
    for m in BOUNDARY.finditer(before):
        wrapped = m[0].count("\n") == 1 and not m[0].strip()
        if not wrapped or _ends(before[: m.start()]):
            start = max(start, m.end())
    return start


def _ends(before: str) -> bool:
    """Does the line end a sentence? A long one without a mark was wrapped."""
    line = before[before.rfind("\n") + 1 :].rstrip()
    if not line or line[-1] in ".!?;:,\0":
        return True
    *before, last = line.lower().split()
    return len(line) < 60 and last not in UNFINISHED and (bool(before) or last not in VERBS)


def _introduced(masked: str, start: int) -> bool:
    """Is what follows introduced as somebody's words? "The docs say:", "e.g.", a list of commands."""
    before = masked[max(start - REACH, 0) : start]
    if re.search(rf"(?:^|\n)[ \t]*{MARK}$", before):
        lines = [line for line in before.split("\n") if line.strip() and not re.match(rf"\s+|{MARK}", line)]
        before = lines[-1] if lines else ""
    return before.rstrip().lower().endswith((":", "e.g.", "i.e.", "ex."))


def _text(masked: str) -> int:
    """Where a text begins that something is to be done to, "Proofread this email:"; its end if there is none.

    Quoted blocks and lists are such texts, too, and are seen to elsewhere: they have an end.
    """
    place = masked.find(":\n")
    while place >= 0:
        start = SPACE.match(masked, place + 1).end()
        line = masked[max(masked.rfind("\n", 0, place), place - 200) + 1 : place]
        block = masked[start : start + 1] in ("", "\0") or lists.MARKER.match(masked, start)
        if not block and sentences.for_host(line, flat(words(line))):
            return start
        place = masked.find(":\n", place + 1)
    return len(masked)


def _indented(masked: str, place: int) -> bool:
    """Is its line indented as code is?"""
    start = masked.rfind("\n", 0, place) + 1
    return start > 0 and masked[start:].startswith(("    ", "\t"))


# behind the word


def _target(masked: str, place: int, vocabulary: dict) -> dict | None:
    """Who is dispatched: {"end","name","workers","refers"}, or None."""
    if masked[place : place + 1] == ":":
        plain = {"end": place + 1, "name": None, "workers": 0, "refers": False}
        return plain if _spoken_to(masked, place) else None
    found = words(masked, place, place + AHEAD)
    if not found or "\n" in masked[place : found[0].start]:
        return None
    first, refers = _object(found)
    target = _workers(found, first, refers, vocabulary) or _person(found, first, vocabulary, refers)
    return target and {**target, "refers": refers}


def _spoken_to(masked: str, place: int) -> bool:
    """ "dispatch: review the auth module", and no code, key of a file or talk on the radio."""
    line = masked[place + 1 :].lstrip(" \t").split("\n", 1)[0]
    first = line.split(" ", 1)[0].lower().strip(",.")
    if line[:1] in ("(", "{", "[", "<", "|", "\0") or line.rstrip().endswith((";", "{", ",")) or first in SPEAKING:
        return False
    if any(sign in line for sign in CODE) or first[:1].isdigit() or len(line.split()) == 1:
        return False
    return not re.search(r"(?m)^[ \t]*(?!dispatch\b)\w+(?: \d+)?: ", masked, re.I)


def _object(found: list[Word]) -> tuple[int, bool]:
    """(the place behind "these tasks to", does it refer to something)."""
    if found[0].low in ("to", "with", "using", "via"):
        return 1, False
    if found[0].low not in THESE:
        return 0, False
    for place, word in enumerate(found[1:8], 1):
        if word.low in ("to", "with", "using", "via", "on"):
            return place + 1, True
        if word.low not in OBJECTS:
            break
    return (1 if found[0].low == "the" else 0), False


def _person(found: list[Word], first: int, vocabulary: dict, refers: bool) -> dict | None:
    """ "opus", "the security-reviewer", "opus and sonnet": the last one."""
    name, count = _name(found, first, vocabulary)
    if name is None:
        return None
    place = first + count
    while place < len(found):
        step = place + (found[place].low in ("and", "or"))
        other, count = _name(found, step, vocabulary) if step > place or "," in found[place - 1].after else (None, 0)
        if other is None:
            break
        name, place = other, step + count
    if place < len(found) and not found[place - 1].after and found[place].low in (*WORKERS, "model"):
        place += 1
    marks = ANY if refers else BREAKS
    fits = _goes_on(found, place, vocabulary, marks)
    return {"end": found[place - 1].end, "name": name, "workers": 0} if fits else None


def _name(found: list[Word], place: int, vocabulary: dict) -> tuple[dict | None, int]:
    end = next((n for n in range(place, len(found)) if found[n].after), len(found)) + 1
    return names.read([word.low for word in found[place : min(end, place + 4)]], vocabulary)


def _workers(found: list[Word], first: int, refers: bool, vocabulary: dict) -> dict | None:
    """ "a worker", "two sonnet agents", "the security-reviewer agent"."""
    number, name, place = 0, None, first
    while place < min(len(found), first + 7):
        low = found[place].low
        other, size = _name(found, place, vocabulary)
        if low in WORKERS and (number or refers):
            fits = _goes_on(found, place + 1, vocabulary, BREAKS if name else LEADS)
            return {"end": found[place].end, "name": name, "workers": number or 1} if fits else None
        if other and low not in KINDS:
            name, place = other, place + size - 1
        elif low in NUMBERS:
            number = max(number, NUMBERS[low])
        elif low not in KINDS:
            return None
        place += 1
    return None


def _goes_on(found: list[Word], place: int, vocabulary: dict, marks: frozenset) -> bool:
    """May the rest follow the target? "dispatch opus packets to the decoder" is about packets."""
    kinds = {"name": lambda words, n: _kind(words, n, vocabulary)}
    while place < len(found) and not found[place - 1].after:
        if found[place].before:
            return "(" in found[place].before and marks is not LEADS
        step = next((s for s in (match(found, place, how, kinds) for how in HOW) if s), None)
        if not step:
            return _follows(found, place, marks is LEADS)
        place = step[0]
    return place >= len(found) or found[place - 1].after[0] in marks


def _follows(found: list[Word], place: int, nameless: bool) -> bool:
    low = found[place].low
    if low == "to":
        return ":" in found[place].after or _work(found, place + 1, nameless)
    if low == "and":
        return _and(found, place + 1, nameless)
    if nameless:
        return _each(found, place)
    return low in FOLLOWING or low in VERBS


def _and(found: list[Word], place: int, nameless: bool) -> bool:
    """ "and have it review …", "and review …"; "and tell me" is for somebody else."""
    if match(found, place, "have|ask|let|get|make|tell it|them", {}):
        return True
    mine = place + 1 < len(found) and found[place + 1].low in ("me", "us")
    return not (nameless or mine or place >= len(found)) and found[place].low in VERBS


def _each(found: list[Word], place: int) -> bool:
    """ "for each of these:", with the list behind it."""
    phrase = "for each|every? of? the? these|those|them|following|item|task|point|bullet below?"
    step = match(found, place, phrase, {})
    return step is not None and ":" in found[step[0] - 1].after


def _kind(found: list[Word], place: int, vocabulary: dict) -> tuple | None:
    name, count = _name(found, place, vocabulary)
    return (place + count, name) if name else None


def _work(found: list[Word], place: int, nameless: bool) -> bool:
    """Is it work that follows "to", and no place or receiver?"""
    if place >= len(found) or found[place].low in NOUNS or found[place].low[0].isdigit():
        return False
    return found[place].low in VERBS or not (nameless and found[place].capital)


def _asks(masked: str, sentence: int, place: int) -> bool:
    """Is the sentence a question about dispatching, and no polite order?"""
    end = re.search(rf"[.!?](?:\s|$)|\n\s*\n|\n\s*{MARK}", masked[place : place + 1000])
    if not end or end[0][0] != "?":
        return False
    if re.search(r"\b(?:can|could|would|will) you\b", masked[sentence : place + end.start()].lower()):
        return False
    within = {word.low for word in words(masked, place, place + end.start())}
    return within.isdisjoint(("why", "whether", "how", "what", "where", "which", "who", "if"))
