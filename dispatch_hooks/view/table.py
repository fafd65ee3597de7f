"""The table of `status`: a line of figures a task, and beneath it (beside it, where there is room) what is going on.
What is asked always stands beneath, where options have room.

It fits the width that it is given, from 30 columns on: the bar goes first, then who, the cost and the time.
"""

from __future__ import annotations

from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from dispatch_hooks.view import words

WIDE = 130
"""Columns from which on what is going on stands beside the figures."""

GAP = "  "

ASKED = 3
"""Lines of a question that are shown; `show` has all of it."""

LEAST = 12
"""Columns of a task's name, however narrow the terminal."""


class Column(NamedTuple):
    name: str
    most: int  # columns; longer ones are cut
    right: bool
    cells: list[Text]

    def width(self) -> int:
        return min(self.most, max(cell_len(self.name), *(cell.cell_len for cell in self.cells), 0))


def lines(rows: list[dict], width: int | None, everywhere: bool = False, plain: bool = False) -> list[Text]:
    """The table. width None: every task in one line of whatever length, for other programs; plain: ASCII only."""
    if not rows:
        return []
    figures = _figures(rows, everywhere, plain, width is not None)
    if width is None:
        whole = [figures[0]._replace(most=200), *figures[1:]]
        return [_beside(whole, n, r, None) for n, r in enumerate(rows)]
    beside = width >= WIDE
    figures = _fitting(figures, width // 2 if beside else width)
    out = [_line(figures, [Text(column.name, "dim") for column in figures])]
    for n, r in enumerate(rows):
        one_line = beside and not r["questions"]
        out += [_beside(figures, n, r, width)] if one_line else [_row(figures, n), *_beneath(r, width)]
    return out


def _figures(rows: list[dict], everywhere: bool, plain: bool, bars: bool) -> list[Column]:
    """Every column, the most needed first in `_fitting`'s sense: see DROPPED."""
    state = [Text(r["state"], words.COLOURS.get(r["state"], "")) for r in rows]
    bar = [Text(words.bar(r["ticked"], r["items"], 6, plain), words.COLOURS.get(r["state"], "")) for r in rows]
    return [
        Column("task", 32, False, [Text(words.name(r, everywhere)) for r in rows]),
        Column("state", 10, False, state),
        *([Column("", 6, False, bar)] if bars else []),
        Column("steps", 7, False, [Text(f"{r['ticked']}/{r['items']}") for r in rows]),
        Column("who", 16, False, [Text(words.who(r)) for r in rows]),
        Column("took", 6, True, [Text(words.took(r)) for r in rows]),
        Column("cost", 8, True, [Text(words.cost(r)) for r in rows]),
    ]


DROPPED = ("", "who", "cost", "took", "steps")
"""What a narrow terminal does without, in this order."""


def _fitting(columns: list[Column], width: int) -> list[Column]:
    """The columns that fit; the names of tasks are cut before anything is dropped, but not below twice LEAST."""
    for least, names in [(2 * LEAST, DROPPED[:n]) for n in range(len(DROPPED) + 1)] + [(LEAST, DROPPED)]:
        kept = [column for column in columns if column.name not in names]
        room = width - _width(kept[1:]) - len(GAP)
        if room >= min(least, kept[0].width()):
            return [kept[0]._replace(most=min(kept[0].most, room)), *kept[1:]]
    return [kept[0]._replace(most=max(room, 1)), *kept[1:]]


def _width(columns: list[Column]) -> int:
    return sum(column.width() for column in columns) + len(GAP) * (len(columns) - 1)


def _row(columns: list[Column], n: int) -> Text:
    return _line(columns, [column.cells[n] for column in columns])


def _line(columns: list[Column], cells: list[Text]) -> Text:
    pairs = zip(columns, cells, strict=True)
    out = Text(GAP).join(_fit(cell, column.width(), column.right) for column, cell in pairs)
    out.rstrip()
    return out


def _fit(cell: Text, width: int, right: bool) -> Text:
    if cell.cell_len > width:
        return Text(set_cell_size(cell.plain, width - 1).rstrip() + "…", cell.style)
    pad = " " * (width - cell.cell_len)
    return Text.assemble(pad, cell) if right else Text.assemble(cell, pad)


def _beside(columns: list[Column], n: int, r: dict, width: int | None) -> Text:
    out = _row(columns, n)
    said = [(words.question(asked), "yellow") for asked in r["questions"]] + [(words.now(r), "dim")]
    out.append(" " * (_width(columns) - out.cell_len))
    for text, style in said:
        out.append(GAP).append(text, style)
    out.rstrip()
    if width is not None:
        out.truncate(width, overflow="ellipsis")
    return out


def _beneath(r: dict, width: int) -> list[Text]:
    """What a task asks, whole where three lines hold it; else what it does or came to."""
    out = []
    for asked in r["questions"]:
        out += _wrapped(words.question(asked), width, "yellow", ASKED)
    said = words.now(r)
    return out + (_wrapped(said, width, "dim", 1) if said else [])


def _wrapped(said: str, width: int, style: str, most: int) -> list[Text]:
    from rich.console import Console

    inner = max(width - len(GAP), 10)
    folded = list(Text(said, style).wrap(Console(width=inner), inner))
    for line in folded:
        line.rstrip()
    if len(folded) > most:
        last = Text(" ").join([folded[most - 1], folded[most]])
        last.truncate(inner - 1, overflow="crop")
        last.rstrip()
        folded = [*folded[: most - 1], last.append("…")]
    return [Text.assemble(GAP, line) for line in folded]
