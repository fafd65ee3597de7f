"""How a task is put into words, colours and bars: the same in the table and on the screen of top."""

from __future__ import annotations

import os
import time

from dispatch_hooks import digest

COLOURS = {
    "asks": "bold yellow", "held": "bold yellow", "failed": "bold red", "lost": "bold red", "stopped": "yellow",
    "running": "cyan", "starting": "cyan", "waiting": "blue", "parked": "yellow", "finished": "green",
    "checked": "bold green", "cancelled": "dim",
}  # fmt: skip
"""They only repeat what the words say."""


def bar(ticked: int, items: int, length: int, plain: bool = False) -> str:
    """A checklist as a bar of so many characters; one item of many still shows."""
    full, empty = ("#", "-") if plain else ("█", "░")
    done = length * ticked // items if items else 0
    if ticked and not done:
        done = 1
    return full * done + empty * (length - done)


def name(r: dict, everywhere: bool) -> str:
    return f"{os.path.basename(r['project'])}/{r['id']}" if everywhere else r["id"]


def who(r: dict) -> str:
    return digest.clean(r["who"], 60) + (" bypass" if r["permissions"] == "bypass" else "")


def took(r: dict) -> str:
    return "" if r["seconds"] is None else digest.age(r["seconds"])


def cost(r: dict) -> str:
    """Dollars, else tokens, as far as its CLI tells either."""
    return digest.spent({"cost_usd": r["cost_usd"]}) or (tokens(r["tokens"]) if r["tokens"] else "")


def tokens(count: int) -> str:
    return f"{digest.count(count)} tok"


def now(r: dict) -> str:
    """What a task does or came to, in one line; what it asks is in its questions."""
    said = r["last"] if r["state"] in ("running", "asks") else r["why"] or r["summary"]
    parts = [digest.clean(said, 300), f"branch {r['branch']}" if r["branch"] else "", shares(r), ago(r)]
    return " · ".join(part for part in parts if part)


def shares(r: dict) -> str:
    return f"in the same folder as {', '.join(r['shares'][:3])}" if r["shares"] else ""


def ago(r: dict) -> str:
    """When something ended, or since when it asks."""
    if r["questions"]:
        return f"asks for {digest.age(time.time() - r['questions'][0]['asked'])}"
    return f"{digest.age(time.time() - r['ended'])} ago" if r["ended"] and r["state"] != "running" else ""


def question(q: dict) -> str:
    """A question with its options, as one text."""
    options = "  ".join(f"{n}. {digest.clean(option, 80)}" for n, option in enumerate(q["options"], 1))
    asked = digest.clean(q["text"], digest.QUESTION)
    return f"{asked}  {options}" if options else asked
