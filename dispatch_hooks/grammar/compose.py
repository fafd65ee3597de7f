"""From the beginnings of a prompt's requests to their items: how far each reaches, its list, the words around."""

from __future__ import annotations

import re

from dispatch_hooks.grammar import directives, lists, quoted, sentences
from dispatch_hooks.grammar.words import flat, match, words

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
    "for me and to with it now work on handle".split()
)
"""An introduction of such words says nothing that the workers should know."""

SPACE = re.compile(r"\s*")

BLOCKS = 200
"""Paragraphs of a list, and quoted blocks, that a request takes along."""

GAP = re.compile(r"\n[ \t\r]*\n")


def whole(body: str, vocabulary: dict) -> dict:
    """The request that a whole text is: what follows /dispatch."""
    return group(body, quoted.mask(body, vocabulary), {}, 0, vocabulary)


def group(body: str, masked: str, name: dict, workers: int, vocabulary: dict) -> dict:
    """A request's words, taken apart: {"items": [{"number","text","plan"}], "said": directives for all, "context": words}.

    name: whom its imperative names, {} or {"model","alias","backend"}; workers: 1 for "a worker", 2 for several.
    """
    found = lists.split(body, masked)
    if not found["items"]:
        item = {"number": 1, "text": body.strip(), "plan": []}
        return {"items": [item], "said": name, "context": "", "listed": False}
    before, after = found["before"], found["after"]
    opening, ending = directives.read(before, vocabulary), directives.read(after, vocabulary)
    said = {**name, **_fields(opening), **_fields(ending)}
    if is_plan(before, workers):
        item = {"number": 1, "text": body.strip(), "plan": [_line(i["text"]) for i in found["items"]], "title": opening["title"]}
        return {"items": [item], "said": said, "context": "", "listed": False}
    shared = join(_known(before, opening["title"]), after)
    return {"items": found["items"], "said": said, "context": shared, "listed": True}


def _fields(said: dict) -> dict:
    return {field: value for field, value in said.items() if field != "title"}


def _known(before: str, title: str) -> str:
    """What of an introduction the workers should read: nothing where it only names a model or points at the list."""
    low = [word.low for word in words(title)]
    return "" if FILLER.issuperset(low) else before.strip().rstrip(":").rstrip()


def is_plan(before: str, workers: int) -> bool:
    """Do the words before a list make it the steps of one task?"""
    found = words(before[-400:])
    if any(word.low == "each" for word in found):
        return False
    return workers == 1 or any(match(found, n, phrase, {}) for n in range(len(found)) for phrase in PLAN)


def _line(text: str) -> str:
    return " ".join(text.split())


def join(*texts: str) -> str:
    return "\n\n".join(text for text in texts if text)


# requests in a larger prompt


def spoken(text: str, masked: str, begins: list[dict], vocabulary: dict) -> tuple[list[dict], bool]:
    """(the requests of a prompt, as group() gives them; is nothing else in it)."""
    groups, asks, shared, place = [], False, "", 0
    for begin, end in reaches(masked, begins):
        asked, known = sentences.around(text[place : begin["start"]], masked[place : begin["start"]])
        first = _body(text, begin["end"], end)
        if says(text[first:end]):
            found = _group(text, masked, first, end, begin, vocabulary)
        elif begin["refers"] and says(text[place : begin["sentence"]]):
            asked, known = False, ""
            found = whole(text[place : begin["start"]].strip(), vocabulary)
            found["said"] = {**found["said"], **(begin["name"] or {})}
        else:
            continue
        asks, shared, place = asks or asked, join(shared, known), end
        groups.append(found)
    asked, known = sentences.around(text[place:], masked[place:])
    shared = join(shared, known)
    for found in groups:
        found["context"] = join(shared, found["context"])
        found["said"] = {**_fields(directives.read(shared, vocabulary, names="")), **found["said"]}
    return groups, not (asks or asked)


def _group(text: str, masked: str, first: int, end: int, begin: dict, vocabulary: dict) -> dict:
    return group(text[first:end], masked[first:end], begin["name"] or {}, begin["workers"], vocabulary)


def says(text: str) -> bool:
    """Is there more in it than marks and politeness?"""
    found = words(text[:2000])
    return any(len(word.low) > 1 for word in found) and not sentences.polite(flat(found))


def _body(text: str, place: int, end: int) -> int:
    """Where a request's own words begin: behind marks and a "to", but before the marker of a list."""
    lead = re.compile(r"[ \t]*(?:[,:.!;–—>→-]+[ \t]*)*(?:to\s+(?=\w))?").match(text, place, end)
    return lead.end()


def reaches(masked: str, begins: list[dict]) -> list[tuple[dict, int]]:
    """Each request with its end; a dispatch inside another's list, or with nothing behind it, belongs to that other."""
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

    It ends with its paragraph, or with the one that a colon leads to, and the lists and quoted blocks that follow. In an
    item of a list that is not its own it ends with the item.
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
