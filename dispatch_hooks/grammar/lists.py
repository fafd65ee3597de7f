"""Numbered and bulleted lists in a person's text: the items, what is nested in them, and the words around."""

from __future__ import annotations

import re

MARKER = re.compile(r"([ \t]{0,40})(?:(\d{1,3})[.):]|\((\d{1,3})\)|[-*+•–])[ \t]+(?:\[ \][ \t]+)?(?=\S)")
INLINE = re.compile(r"(?:(?<=\s)|^)\(?(\d{1,2})\)[ \t]+(?=\S)")

FIRST = re.compile(rf"^{MARKER.pattern}", re.M)


def item_end(masked: str, place: int) -> int:
    """Where the item ends whose words begin at this place; 0 if no item does."""
    line = masked.rfind("\n", 0, place) + 1
    mark = MARKER.match(masked, line)
    if not mark or mark.end() != place:
        return 0
    end = masked.find("\n", place)
    while 0 < end < len(masked):
        following = masked[end + 1 : masked.find("\n", end + 1) + 1 or len(masked)]
        again = MARKER.match(following)
        if not following.strip() or (again and len(again[1]) < len(mark[1]) + 2):
            return end
        end = masked.find("\n", end + 1)
    return len(masked)


def split(text: str, masked: str) -> dict:
    """The first list of a text: {"before", "items": [{"number","text","plan": [words]}], "after", "plain": bool}.

    plain: it has two items or more, on lines of their own; another is a list only with nothing before it. An item
    goes on over lines until the next marker or, behind a blank line, until a line that is not indented. Markers that
    are indented, or of another kind than the first, are nested: they become the item's plan. In masked, which is as
    long as the text, quoted stretches are NUL: nothing in them is a marker.
    """
    items, start, end = _items(text, masked)
    if len(items) < 2:
        inline = _inline(text, masked)
        if inline["items"] or not items:
            return inline
    return {"before": text[:start].strip(), "items": items, "after": text[end:].strip(), "plain": len(items) > 1}


def _items(text: str, masked: str) -> tuple[list[dict], int, int]:
    items, place, start, end, base, blank = [], 0, 0, 0, None, False
    for line in masked.splitlines(keepends=True):
        real = text[place : place + len(line)]
        mark = MARKER.match(line)
        if base is None and mark:
            base, start = (len(mark[1]), _kind(mark)), place
        if base is not None:
            if not line.strip():
                blank = True
            elif mark and len(mark[1]) < base[0] + 2 and _kind(mark) == base[1]:
                items.append({"number": _number(mark, items), "lines": [real[mark.end() :]], "plan": []})
                end, blank = place + len(line), False
            elif mark or not blank or line[:1] in " \t":
                _more(items[-1], real, mark, blank)
                end, blank = place + len(line), False
            else:
                break
        place += len(line)
    return [_item(i) for i in items], start, end


def _kind(mark: re.Match) -> str:
    return "number" if mark[2] or mark[3] else "bullet"


def _number(mark: re.Match, items: list) -> int:
    return int(mark[2] or mark[3] or len(items) + 1)


def _more(item: dict, line: str, mark: re.Match | None, blank: bool) -> None:
    if mark:
        item["plan"].append(line[mark.end() :].strip())
    elif item["plan"]:
        item["plan"][-1] += " " + line.strip()
    item["lines"] += ["\n"] * blank + [line]


def _item(found: dict) -> dict:
    lines = [line.rstrip("\r\n") for line in found["lines"]]
    indents = [len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()]
    cut = min(indents, default=0)
    text = "\n".join([lines[0], *(line[cut:] for line in lines[1:])]).strip()
    return {"number": found["number"], "text": text, "plan": found["plan"]}


def _inline(text: str, masked: str) -> dict:
    """A list within a line: "1) … 2) …", numbered from one."""
    marks = list(INLINE.finditer(masked[:20000]))
    if len(marks) < 2 or [int(m[1]) for m in marks] != list(range(1, len(marks) + 1)):
        return {"before": text.strip(), "items": [], "after": "", "plain": False}
    ends = [*(m.start() for m in marks[1:]), len(text)]
    items = [
        {"number": int(m[1]), "text": text[m.end() : end].strip().rstrip(",;"), "plan": []}
        for m, end in zip(marks, ends, strict=True)
    ]
    return {"before": text[: marks[0].start()].strip(), "items": items, "after": "", "plain": False}
