"""From the beginnings of a prompt's requests to their items: how far each reaches, its list, the words around."""

from __future__ import annotations

import re

from dispatch_hooks.grammar import directives, lists, quoted, sentences
from dispatch_hooks.grammar.words import Word, closes, flat, match, words

PLAN = (
    "steps|checklist|sequentially",
    "one by one",
    "one after the? other|another",
    "in this|that|the order",
    "as one|a single? task|job|piece",
    "one|single worker|agent",
)
"""Phrases before a list that make it the plan of one task."""

FILLER = frozenset(
    "do these this the following below list tasks task items things all of them please in parallel at same time "
    "for me and to with it now work on handle order steps step checklist one by worker agent single as a an "
    "sequentially".split()
)
"""Such words alone say nothing that the workers should know, nor what is to be done."""

SPACE = re.compile(r"\s*")

BLOCKS = 200
"""Paragraphs of a list, and quoted blocks, that a request takes along."""

LEAD = re.compile(r"""[*_~`"')]*[ \t]*(?:[,:.!;–—>→-]+[ \t]*)*(?:to:?(?:[ \t]+(?=\S)|\s+(?=[^\W\d])))?""")
"""What stands between a target and what it is to do."""

GAP = re.compile(r"\n[ \t\r]*\n")


def whole(body: str, vocabulary: dict) -> dict:
    """The request that a whole text is: what follows /dispatch."""
    return group(body, quoted.mask(body, vocabulary), {}, 0, vocabulary)


def group(body: str, masked: str, name: dict, workers: int, vocabulary: dict) -> dict:
    """A request's words, taken apart.

    name: whom its order names, {} or {"model","alias","backend"}; workers: 1 for "a worker", 2 for several. Returns
    {"items": [{"number","text","plan"}], "said": the directives for all, "context": words for all, "listed": bool}.
    """
    found = lists.split(body, masked)
    if not found["items"]:
        return _single(body, [], {}, name)
    before, after = found["before"], found["after"]
    opening, ending = directives.read(before, vocabulary), directives.read(after, vocabulary)
    known = _known(before, opening["title"])
    if known and not found["plain"]:
        return _single(body, [], {}, name)
    said = {**name, **_fields(opening), **_fields(ending)}
    if is_plan(before, workers):
        return _single(body, found["items"], opening, said)
    return {"items": found["items"], "said": said, "context": join(known, after), "listed": True}


def _single(body: str, steps: list[dict], opening: dict, said: dict) -> dict:
    """The request of one task, whose list, if it has one, is its plan."""
    plan = [" ".join(step["text"].split()) for step in steps]
    title = opening.get("title", "")
    if plan and is_filler(title):
        title = directives.read(plan[0], {}, names="")["title"]
    item = {"number": 1, "text": body.strip(), "plan": plan, "title": title}
    return {"items": [item], "said": said, "context": "", "listed": False}


def _fields(said: dict) -> dict:
    return {field: value for field, value in said.items() if field != "title"}


def _known(before: str, title: str) -> str:
    """What of an introduction the workers should read: nothing where it only names a model or points at the list."""
    return "" if is_filler(title) else before.strip().rstrip(":").rstrip()


def is_filler(title: str) -> bool:
    return FILLER.issuperset(word.low for word in words(title))


def is_plan(before: str, workers: int) -> bool:
    """Do the words before a list make it the steps of one task?"""
    found = words(before[-400:])
    if any(word.low == "each" for word in found):
        return False
    return workers == 1 or any(_plan(found, n) for n in range(len(found)))


def _plan(found: list[Word], place: int) -> bool:
    ordered = match(found, place, "in order", {}) is not None and closes(found, place + 2)
    return ordered or any(match(found, place, phrase, {}) for phrase in PLAN)


def join(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


# requests in a larger prompt


def spoken(text: str, masked: str, begins: list[dict], vocabulary: dict) -> tuple[list[dict], bool]:
    """(the requests of a prompt, as group() gives them; is nothing else in it)."""
    groups, asks, before, place = [], False, "", 0
    for begin, end in reaches(masked, begins):
        asked, known = sentences.around(text[place : begin["start"]], masked[place : begin["start"]])
        found = _own(text, masked, begin, end, vocabulary)
        if not found and begin["refers"] and asked and begin["sentence"] > place:
            found = whole(text[place : begin["sentence"]].strip(), vocabulary)
            found["said"] |= _fields(directives.read(text[begin["start"] : end], vocabulary))
            asked, known = False, ""
        if found:
            groups.append(found)
            asks, before, place = asks or asked, join(before, known), end
    asked, after = sentences.around(text[place:], masked[place:])
    for found in groups:
        found["said"] = _fields(directives.read(join(before, after), vocabulary, names="")) | found["said"]
        found["context"] = join(before, found["context"], after)
    return groups, not (asks or asked)


def _own(text: str, masked: str, begin: dict, end: int, vocabulary: dict) -> dict | None:
    """The request that begins here, if it says what is to be done."""
    first = LEAD.match(text, begin["end"], end).end()
    if not says(text[first:end]):
        return None
    found = group(text[first:end], masked[first:end], begin["name"] or {}, begin["workers"], vocabulary)
    if found["listed"] or found["items"][0]["plan"]:
        return found
    return None if is_filler(directives.read(text[first:end], vocabulary, names="clear")["title"]) else found


def says(text: str) -> bool:
    """Is there more in it than marks and politeness?"""
    found = words(text[:2000])
    return any(len(word.low) > 1 for word in found) and not sentences.polite(flat(found))


def reaches(masked: str, begins: list[dict]) -> list[tuple[dict, int]]:
    """Each request with its end; a dispatch in another's list, or with nothing behind it, belongs to that other."""
    found: list[tuple[dict, int]] = []
    behind = 0
    for n, begin in enumerate(begins):
        if begin["start"] < behind:
            continue
        behind, listing = reach(masked, begin["sentence"], begin["end"])
        other = next((b for b in begins[n + 1 :] if b["start"] < listing and _speaks(masked, b["end"])), None)
        behind = _cut(masked, begin, other) if other else behind
        found.append((begin, behind))
    return found


def _speaks(masked: str, place: int) -> bool:
    """Do words follow here, before the paragraph ends?"""
    return says(masked[place : _paragraph(masked, place)].replace("\0", "xx"))


def _cut(masked: str, begin: dict, other: dict) -> int:
    """Where a request ends because another begins, without the words that lead to that: ", and can you also"."""
    if other["sentence"] > begin["end"]:
        return other["sentence"]
    return sentences.without_tail(masked, begin["end"], other["start"])


def reach(masked: str, sentence: int, place: int) -> tuple[int, int]:
    """(where a request ends, where its list begins, which is that end if there is none).

    It ends with its paragraph, or with the one that a colon leads to, and the lists and quoted blocks that follow. In
    an item of a list that is not its own it ends with the item.
    """
    if own := lists.item_end(masked, sentence):
        return own, own
    end = _paragraph(masked, place)
    listing = _list(masked, place, end)
    led = masked[place:end].rstrip().endswith(":")
    for _ in range(BLOCKS):
        start = SPACE.match(masked, end).end()
        line = masked.rfind("\n", 0, start) + 1
        block = masked[start : start + 1] == "\0" or lists.MARKER.match(masked, line) or (start > line and listing)
        if start >= len(masked) or not (led or block):
            break
        end, led = _paragraph(masked, start), False
        listing = listing or _list(masked, line, end)
    return end, listing or end


def _list(masked: str, place: int, end: int) -> int:
    mark = lists.FIRST.search(masked, place, end)
    return mark.start() if mark else 0


def _paragraph(masked: str, place: int) -> int:
    gap = GAP.search(masked, place)
    return gap.start() if gap else len(masked)
