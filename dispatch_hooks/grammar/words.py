"""Words of a text, phrases over them, and the word lists of the grammar."""

from __future__ import annotations

import re

OPENING, CLOSING = "([{<", ".,;:!?)}>"

EMPHASIS = "*_~"

DASHES = frozenset(("-", "--", "–", "—", "->", "-->", "→", "+", "&", "/", "|"))

JOINING = frozenset("and but then also so please with".split())
"""Behind these a clause begins."""

PARTING = frozenset("and but then please from to for using use with within on as so in at after".split())
"""Before these one may end."""

VERBS = frozenset(
    "add analyse analyze answer apply ask assess audit benchmark brainstorm bring build bump call change check "
    "clean cleanup close collect commit compare compute configure convert count cover create cut debug define "
    "delete deploy describe design determine diagnose do document draft drop enable ensure enumerate estimate "
    "evaluate examine expand explain explore extend extract figure fill find finish fix flag format generate "
    "get give go handle harden help identify implement import improve inspect install instrument integrate "
    "investigate keep lint list load locate look make map measure merge migrate minify modernize move optimise "
    "optimize organize outline parse plan polish port prepare profile proofread propose prototype prove publish "
    "pull push read rebase reduce refactor remove rename reorganize replace reply report reproduce research "
    "resolve restart restructure revert review revise rewrite run scaffold scan search secure see send set "
    "setup shorten show simplify sketch solve sort speed split spot start stress study suggest summarise "
    "summarize survey sweep take tell test think tidy trace track translate triage try tune tweak type "
    "understand undo unify update upgrade use validate verify wait wire work write".split()
)
"""What people ask of an agent, and of the host model."""

POLITE = frozenset(
    "please pls plz kindly just now ok okay alright right well so then also and next first finally meanwhile "
    "actually hey hi hello claude again simply quickly immediately great good nice perfect thanks thx cool sure "
    "yes yep yeah hmm additionally plus lastly second third too but oh separately btw afterwards".split()
) | {
    "can you", "could you", "would you", "will you", "i'd like you to", "i would like you to", "i want you to",
    "i need you to", "i'd love you to", "go ahead and", "go ahead", "let's", "lets", "let us", "thank you",
    "thanks a lot", "many thanks", "thank you very much", "next task", "in the background", "in parallel",
    "at the same time", "in the meantime", "on the side", "one more thing", "next up", "new task", "by the way",
    "in addition", "as a next step", "right now", "if you can", "for now", "while you're at it", "for me",
}  # fmt: skip
"""Words before an order that leave it one."""


MARKS = 8
"""Marks behind a word that are kept."""

SOLID = re.compile(r"\S+")


class Word:
    """A word of a text: low (bare, lower case), its place [start, end), and the marks around it.

    before and after hold the punctuation on either side, dashes that stand alone and line ends included; capital:
    does it begin with one?
    """

    __slots__ = ("after", "before", "capital", "end", "low", "start")

    def __init__(self, text: str, start: int):
        bare = text.lstrip(OPENING + EMPHASIS)
        self.before = text[: len(text) - len(bare)].strip(EMPHASIS)
        core = bare.rstrip(CLOSING + EMPHASIS + ("" if "[" in bare else "]"))
        self.after = bare[len(core) :][:MARKS].strip(EMPHASIS)
        self.low = core.lower().replace("’", "'")
        self.capital = core[:1].isupper()
        self.start = start + len(text) - len(bare)
        self.end = self.start + len(core)


def words(text: str, start: int = 0, stop: int | None = None) -> list[Word]:
    """The words of text[start:stop]; a mark that stands alone, and a line's end, belong to the word before."""
    found: list[Word] = []
    for m in SOLID.finditer(text, start, len(text) if stop is None else stop):
        word = Word(m[0], m.start())
        if m[0] in DASHES or not word.low:
            if found and len(found[-1].after) < MARKS:
                found[-1].after += m[0]
            continue
        if found and "\n" in text[found[-1].end : m.start()]:
            found[-1].after += "\n"
        found.append(word)
    return found


def flat(found: list[Word]) -> list[str]:
    """The words and, as words of their own, the marks behind them: ["ok", ",", "now"]."""
    return [part for word in found for part in (word.low, *word.after.replace("\n", ""))]


def opens(found: list[Word], place: int) -> bool:
    """Does a clause begin with this word?"""
    if place == 0 or found[place].before or found[place - 1].after or found[place - 1].low in JOINING:
        return True
    start = place - 1
    while start > 0 and place - start < 8 and not found[start - 1].after:
        start -= 1
    return not impolite([word.low for word in found[start:place]])


def closes(found: list[Word], place: int) -> bool:
    """Does a clause end before this place?"""
    return place >= len(found) or bool(found[place - 1].after or found[place].before) or found[place].low in PARTING


def ends(found: list[Word], place: int) -> bool:
    """Does a clause end before this place, by a mark or by "and" or "but"?"""
    return place >= len(found) or bool(found[place - 1].after or found[place].before) or found[place].low in JOINING


def impolite(low: list[str]) -> list[str]:
    """The words without the polite ones at their end."""
    low = list(low)
    while count := polite_end(low):
        del low[-count:]
    return low


def polite_end(low: list[str]) -> int:
    return next((n for n in (5, 4, 3, 2, 1) if n <= len(low) and " ".join(low[-n:]) in POLITE), 0)


def polite_start(low: list[str]) -> int:
    return next((n for n in (5, 4, 3, 2, 1) if n <= len(low) and " ".join(low[:n]) in POLITE), 0)


# phrases


def match(found: list[Word], place: int, phrase: str, kinds: dict) -> tuple[int, dict] | None:
    """(the place behind the phrase, {kind: what it read}) if it stands here.

    A phrase is words between spaces: `a|b` either, `a?` or nothing, `<kind>` what kinds[kind](words, place) reads;
    that returns (the place behind, value) or None. Inside a phrase no mark stands but a colon.
    """
    read = {}
    first = place
    for element in phrase.split():
        optional, names = element.endswith("?"), element.removesuffix("?")
        step = _step(found, place, names, kinds, place > first)
        if step:
            place = step[0]
            if names[0] == "<":
                read[names[1:-1]] = step[1]
        elif not optional:
            return None
    return place, read


def _step(found: list[Word], place: int, names: str, kinds: dict, inside: bool) -> tuple | None:
    if place >= len(found) or (inside and (found[place - 1].after not in ("", ":") or found[place].before)):
        return None
    if names[0] == "<":
        return kinds[names[1:-1]](found, place)
    return (place + 1, None) if found[place].low in names.split("|") else None


def firsts(phrase: str) -> list[str]:
    """The words that the phrase can begin with."""
    found: list[str] = []
    for element in phrase.split():
        found += element.removesuffix("?").split("|")
        if not element.endswith("?"):
            break
    return found
