"""What a sentence is: an order, a condition, a question, something for the host model, or something to know."""

from __future__ import annotations

import re

from dispatch_hooks.grammar.words import VERBS, flat, impolite, polite_end, polite_start, words

JOINTS = frozenset(", ; and then so but also plus – — -".split())

BLOCKING = frozenset(
    "if unless when whenever once until till after should whether assuming provided suppose imagine otherwise "
    "else or don't dont do-not never not without avoid stop tomorrow tonight later how why cannot can't won't "
    "wouldn't shouldn't didn't doesn't isn't no who".split()
)
"""A clause that begins so makes what follows a condition, a ban, a plan for later or a question."""

TOLD = frozenset(
    "said say says saying told tell tells asked asks wrote writes writing suggested suggests recommended "
    "recommends example examples e.g i.e eg type typed types typing command commands prompt prompts called "
    "named message messages reads quote quotes like phrase sentence string text".split()
)
"""With one of these before it, an order is somebody's words or an example."""

STRANGE = tuple("|/+>→#$%=<{}[]()@&^~\\")
"""A sentence with one of these at an end is a line of a table, a diff, a comment, a shell."""

SUBORDINATE = frozenset("while since because as given considering before although though whilst with for to".split())
"""These begin a clause that says when or why, and needs its comma."""

PREPOSITIONS = frozenset("in on at during upon by per inside within from under over".split())

HOST = frozenset(
    "what how why when where which who whose is are does do did should can could would will explain i'd you "
    "what's how's where's who's let's lets".split()
)
"""A sentence that begins so wants something of the host model."""

TO_ME = frozenset("tell show give help let walk remind answer".split())
"""With "me" behind them, so do these."""

WONDER = frozenset("wonder know understand".split())
"""With one of these behind "I", a sentence does, too."""

WORKER = frozenset(
    "ask flag make keep focus use report don't dont do be prioritise prioritize remember note include avoid "
    "stop no never only all each every commit always take everything nothing work".split()
)
"""A sentence that begins so tells the workers how to work, although it may look like an order to the host."""


def orders(lead: str) -> bool:
    """Do the words before `dispatch`, from the start of its sentence, leave it an order?"""
    bare = lead.strip()
    if bare[:1] in STRANGE or bare[-1:] in STRANGE or bare.startswith("--"):
        return False
    low = flat(words(lead))
    rest, joint = _before(low)
    if not rest:
        return True
    return joint != "" and TOLD.isdisjoint(rest) and _clauses(rest, joint)


def _before(low: list[str]) -> tuple[list[str], str]:
    """(the words without politeness and joints at their end, the strongest joint there: a comma, a word, "")."""
    joint, low = "", list(low)
    while low:
        if low[-1] == ":":
            return (low, "") if impolite(low[:-1]) else ([], "")
        if low[-1] in JOINTS:
            joint = "," if joint == "," or low[-1] in ",;–—-" else low[-1]
        count = 1 if low[-1] in JOINTS else polite_end(low)
        if not count:
            break
        del low[-count:]
    return low, joint


def without_tail(masked: str, start: int, end: int) -> int:
    """Where the words of a stretch end when politeness and joints at its end do not count."""
    found = words(masked, start, end)
    while found:
        count = polite_end([word.low for word in found[-5:]])
        if not count and found[-1].low not in JOINTS:
            return found[-1].end
        del found[-(count or 1) :]
    return start


def _clauses(low: list[str], joint: str) -> bool:
    """Do these clauses of the sentence leave the order behind them one?"""
    heads = [_head(clause) for clause in _split(low)]
    if not heads or not BLOCKING.isdisjoint(heads) or "not" in low[:2] + low[-2:]:
        return False
    if heads[0] in SUBORDINATE:
        return joint == ","
    if joint in ("and", "then", "also", "plus"):
        return heads[-1] in VERBS or heads[-1] == "dispatch"
    said = len(low) >= 3 or low[0].endswith(("'m", "'s", "'re", "'ve")) or (len(low) == 2 and heads[-1] in VERBS)
    return said and heads[-1] not in PREPOSITIONS


def _split(low: list[str]) -> list[list[str]]:
    clauses: list[list[str]] = [[]]
    for word in low:
        if word in JOINTS:
            clauses.append([])
        else:
            clauses[-1].append(word)
    return [clause for clause in clauses if clause]


def _head(clause: list[str]) -> str:
    """The first word that is not politeness."""
    first = 0
    while count := polite_start(clause[first : first + 5]):
        if first + count >= len(clause):
            break
        first += count
    return clause[first]


# the words around a request


def around(text: str, masked: str) -> tuple[bool, str]:
    """(does something here want an answer of the host, what the workers should know of it)."""
    asks, kept = False, []
    for start, end in _sentences(masked):
        said = words(masked, start, end)
        if all(word.low.isdecimal() for word in said) or polite(flat(said)):
            kept += [text[start:end]] * ("\0" in masked[start:end])
        elif for_host(masked[start:end], flat(said)):
            asks = True
        else:
            whole = text[start:end].rstrip().endswith((".", "!"))
            kept.append(text[start : end if whole else without_tail(masked, start, end)])
    return asks, "".join(kept).strip()


def _sentences(masked: str) -> list[tuple[int, int]]:
    ends = [m.end() for m in re.finditer(r"[.!?][)\"'”’]*\s+|\n\s*", masked)]
    return [(a, b) for a, b in zip([0, *ends], [*ends, len(masked)], strict=True) if b > a]


def polite(low: list[str]) -> bool:
    return not _before([word for word in low if word not in (".", "!", "…")])[0]


def for_host(sentence: str, low: list[str]) -> bool:
    """Does this sentence want something of the host model itself?"""
    if sentence.rstrip().endswith("?"):
        return True
    low = [word for word in low if word not in JOINTS]
    if not low:
        return False
    head = _head(low)
    following = low[low.index(head) + 1 : low.index(head) + 5]
    if (head in TO_ME and following[:1] in (["me"], ["us"])) or (head == "i" and not WONDER.isdisjoint(following)):
        return True
    if head in WORKER:
        return False
    return head in HOST or head in VERBS
