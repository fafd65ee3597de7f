"""Who is to do an item: the model, alias or backend that it names in a directive, and not as its subject matter."""

from __future__ import annotations

from dispatch_hooks.grammar import names
from dispatch_hooks.grammar.item import Item
from dispatch_hooks.grammar.words import VERBS, closes, match, opens

FOLLOWING = frozenset("to for in and on at as with please instead here this but so then".split())
"""What may stand behind "use opus"."""

MEANS = frozenset("use using with via on".split())

MAKING = frozenset("have ask let get".split())

AIMING = frozenset("dispatch delegate assign hand give".split())

THING = frozenset(
    "api and or as is are was were has codec data model's key keys pricing prices support access credentials".split()
)
"""Behind "ask opus …" these make opus a thing, not somebody."""

ABOUT = frozenset(
    "compare comparing compares comparison integrate integrates integration integrating replace replacing "
    "migrate migrating switch switching connect connecting work works working compatible compatibility support "
    "supports supporting versus vs talk talks deal deals interact interacts problem problems issue issues bug "
    "bugs error errors familiar how trained encode encoded encoding decode compress compressed calls client "
    "wrapper adapter plugin chat chatbot".split()
)
"""With one of these before it, "with gemini" at a clause's end is what the item is about."""


def read(item: Item, clear: bool) -> None:
    """Takes the names in directive forms; the last one wins, in item.found["model"|"alias"|"backend"].

    clear: somebody is named already, so that only the unmistakable forms count.
    """
    begins, place = names.begins(item.vocabulary), 0
    while place < len(item.words):
        count = 1
        if item.words[place].low.startswith(begins) and not item.taken(place):
            name, found = names.read(_bare(item, place), item.vocabulary)
            first = _directive(item, place, place + found, clear) if name else None
            if first is not None:
                item.take(first, _role(item, place + found), **name)
            count = found or 1
        place += count


def _bare(item: Item, place: int) -> list[str]:
    """At most four words, up to the first with a mark behind it."""
    found = item.words[place : place + 4]
    end = next((n for n, word in enumerate(found, 1) if word.after), len(found))
    return [word.low for word in found[:end]]


def _role(item: Item, behind: int) -> int:
    """Takes along "model" or "agent" behind a name."""
    role = not item.words[behind - 1].after and match(item.words, behind, "model|worker|agent|subagent", {})
    return behind + 1 if role else behind


def _directive(item: Item, place: int, behind: int, clear: bool) -> int | None:
    """Where the directive begins that a name stands in, None where the name is subject matter."""
    first = place
    while first and not _parted(item, first) and item.words[first - 1].low in ("the", "a", "an", "model", "our"):
        first -= 1
    before = item.words[first - 1].low if first and not _parted(item, first) else ""
    if before in MEANS:
        return _means(item, first - 1, _role(item, behind), before, clear)
    if before in MAKING:
        return _made_to(item, first - 1, behind)
    if before in ("dispatch", "to"):
        return _aimed(item, first - 1, behind)
    if first != place and item.words[first].low == "model" and opens(item.words, first):
        return first
    return _alone(item, place, behind)


def _parted(item: Item, place: int) -> bool:
    """Does a mark, other than a colon, stand before this word?"""
    return bool(item.words[place].before or item.words[place - 1].after not in ("", ":", "="))


def _means(item: Item, first: int, behind: int, before: str, clear: bool) -> int | None:
    """ "use opus", "run it on opus", "with sonnet"."""
    first -= 2 * (first > 1 and match(item.words, first - 2, "do|run it|this|that", {}) is not None)
    if opens(item.words, first):
        return first if _goes_on(item, behind) else None
    if before in ("use", "on") or clear:
        return None
    ended = behind == len(item.words) or bool(item.words[behind - 1].after) or item.taken(behind)
    return first if ended and not _about(item, first) else None


def _goes_on(item: Item, behind: int) -> bool:
    """May this stand behind a directive's name? "use opus codec" is about a codec."""
    if closes(item.words, behind) or item.taken(behind):
        return True
    return item.words[behind].low in FOLLOWING or item.words[behind].low in VERBS


def _about(item: Item, place: int) -> bool:
    """Is the sentence before this word about models, rather than for one?"""
    for word in reversed(item.words[:place]):
        if word.low in ABOUT:
            return True
        if set(word.after) & set(".;!?\n"):
            return False
    return False


def _made_to(item: Item, first: int, behind: int) -> int | None:
    """ "have opus review", "ask sonnet to"."""
    if not opens(item.words, first) or behind >= len(item.words) or item.words[behind - 1].after:
        return None
    return None if item.words[behind].low in THING else first


def _aimed(item: Item, first: int, behind: int) -> int | None:
    """ "dispatch sonnet", "dispatch to codex", "give this to opus"."""
    start = first
    if item.words[start].low == "to" and start:
        start -= item.words[start - 1].low in ("it", "this", "that", "these", "those", "them")
        start -= start > 0 and item.words[start - 1].low in AIMING
    aims = item.words[start].low in AIMING or start == first
    return start if aims and opens(item.words, start) and _goes_on(item, behind) else None


def _alone(item: Item, place: int, behind: int) -> int | None:
    """ "opus: review …", "…, sonnet, worktree", "have opus review and sonnet test"."""
    following = item.words[behind].low if behind < len(item.words) else ""
    if place == 0:
        leads = item.words[behind - 1].after or not following or following == "to" or following in VERBS
        return 0 if leads else None
    if following in VERBS and item.words[place - 1].low in ("and", "then") and _made_before(item, place):
        return place
    if not _parted(item, place) or _enumerated(item, place):
        return None
    rest = [item.words[n].low for n in range(behind, len(item.words)) if not item.taken(n)]
    if all(word in ("and", "please", "thanks", "too") for word in rest):
        return place
    return place if _by_itself(item, place, behind) else None


def _made_before(item: Item, place: int) -> bool:
    return any(word.low in MAKING and opens(item.words, n) for n, word in enumerate(item.words[:place]))


def _enumerated(item: Item, place: int) -> bool:
    """ "compare haiku, sonnet, opus": the word before is a name, too, and in no directive."""
    before = item.words[place - 1]
    return "," in before.after and not item.taken(place - 1) and names.known(before.low, item.vocabulary) is not None


def _by_itself(item: Item, place: int, behind: int) -> bool:
    """Is the name, with directives behind it, a sentence of its own: "…. sonnet in a worktree. …"?"""
    while item.taken(behind) and item.words[behind - 1].after in ("", ","):
        behind += 1
    opened = set(item.words[place - 1].after + item.words[place].before)
    return bool(opened & set(".;!?(\n") and set(item.words[behind - 1].after) & set(".;!)\n"))
