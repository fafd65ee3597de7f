"""One item of a request, or one stretch of words, while its directives are read: and the title that they leave."""

from __future__ import annotations

from dispatch_hooks.grammar import lists, quoted
from dispatch_hooks.grammar.words import Word, polite_start, words

READ = 8000
"""Characters of an item that are looked at."""

QUOTES = ("`", '"', "'")

LONGEST = 100
"""Characters of a title."""


class Item:
    """A text, its words, and what was found: {field: value} in found, (first word, word behind) in spans.

    numbers: the item numbers that "after 2" may mean.
    """

    def __init__(self, text: str, vocabulary: dict, numbers=()):
        self.text, masked = _joined(text[:READ], quoted.mask(text[:READ], vocabulary))
        self.words = words(masked)
        self.vocabulary, self.numbers = vocabulary, numbers
        self.found: dict = {}
        self.spans: list[tuple[int, int]] = []
        self._taken: set[int] = set()

    def take(self, first: int, behind: int, **found) -> None:
        """Notes a directive: its words leave the title."""
        self.spans.append((first, behind))
        self._taken.update(range(first, behind))
        self.found.update(found)

    def taken(self, place: int) -> bool:
        return place in self._taken

    def as_typed(self, word: Word) -> str:
        """The word with its capitals."""
        return self.text[word.start : word.end]

    def edges(self, first: int, behind: int) -> tuple[int, int]:
        """Where a span of words begins and ends in the text, quotes around a name included."""
        start, end = self.words[first].start, self.words[behind - 1].end
        quoted_before, quoted_behind = self.text[:start].endswith(QUOTES), self.text.startswith(QUOTES, end)
        return start - quoted_before, end + quoted_behind


def _joined(text: str, masked: str) -> tuple[str, str]:
    """The text and its masked twin with wrapped lines joined; the ends of paragraphs, blocks and items stay."""
    found, hidden, place, apart = [], [], 0, False
    for line in masked.split("\n"):
        bare = line.strip()
        block = bare.startswith("\0") or lists.MARKER.match(bare) is not None
        if bare:
            mark = ("\n" if block or apart else " ") if found else ""
            start = place + len(line) - len(line.lstrip())
            found += [mark, text[start : start + len(bare)]]
            hidden += [mark, bare]
        place, apart = place + len(line) + 1, block or not bare
    return "".join(found), "".join(hidden)


# the title

TRAILING = ("do it", "do this", "do that", "run it", "and", "but", "then", "please", "work", "each", "with", "in")

LEADING = ("to", "and", "but", "then", "please", "have it", "to have it")

BLOCKS = ("```", "~~~", ">", "<")


def title(item: Item) -> str:
    """The first sentence without its directives, at most 100 characters; "" if nothing else is said."""
    pieces, place = [], 0
    for first, behind in sorted(item.spans):
        start, end = item.edges(first, behind)
        if start >= place:
            pieces.append(_trimmed(item.text[place:start], True))
        place = max(place, end)
    pieces.append(_trimmed(item.text[place:], False))
    return _short(_sentence(" ".join(piece for piece in pieces if piece)))


def _trimmed(piece: str, before: bool) -> str:
    """Without the marks and connecting words that directives leave; before: does a directive follow?"""
    last = None
    while last != piece:
        last = piece
        piece = piece.strip(" ,;:–—-").lstrip(".!?)]").rstrip("([ ")
        piece = " ".join(piece.split(" ")[polite_start(piece[:80].lower().split()[:5]) :])
        piece = next((piece[len(w) + 1 :] for w in LEADING if piece.lower().startswith(f"{w} ")), piece)
        if before:
            piece = next((piece[: -len(w)] for w in TRAILING if f" {piece.lower()}".endswith(f" {w}")), piece)
    return piece


def _sentence(text: str) -> str:
    """The first sentence of the first line that is no quoted block."""
    lines = [line for line in text.split("\n") if any(c.isalnum() for c in line)]
    line = next((line for line in lines if not line.lstrip().startswith(BLOCKS)), "") or "".join(lines[:1])
    for place in range(3, len(line) - 1):
        if line[place] in ".!?" and line[place + 1] == " " and line[place - 2 : place].strip(")").isalpha():
            return line[:place].strip()
    return line.strip().rstrip(".?!:, ")


def _short(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return text[:LONGEST].rsplit(" ", 1)[0].rstrip(" ,;:-(") + "…"
