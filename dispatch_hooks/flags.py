"""Flags: what a worker wants the person to know at once. Records, one writer: its supervisor.

    flags/001.json     {"n","text","at","run","ref"}
"""

from __future__ import annotations

import os

from dispatch_hooks import files

AT_ONCE, EVERY = 5, 300.0
"""So many flags within so many seconds; more wait in the worker's folder, so that a loop of it floods nobody."""


def every(folder: str) -> list[dict]:
    place = os.path.join(folder, "flags")
    found = (files.read_json(os.path.join(place, name)) for name in files.names(place) if name[:-5].isdecimal())
    return [flag for flag in found if flag and isinstance(flag.get("n"), int)]


def add(folder: str, text: str, now: float, run: int, ref: str) -> dict:
    n = max((flag["n"] for flag in every(folder)), default=0) + 1
    flag = {"n": n, "text": text, "at": now, "run": run, "ref": ref}
    files.write_json(os.path.join(folder, "flags", f"{n:03}.json"), flag)
    return flag


def room(folder: str, now: float) -> int:
    """How many more may be raised at this moment."""
    return AT_ONCE - sum(now - flag["at"] < EVERY for flag in every(folder))
