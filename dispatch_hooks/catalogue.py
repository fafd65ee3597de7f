"""What models the worker CLIs say they have, kept for a day, because asking starts every one of them.

    <state>/models.json   {backend: {"at": when it was asked, "models": [...], "default": str, "why": "" or why none}}

A hook reads what is kept. For a name that nobody knows it has a detached process ask, and waits a few seconds.
"""

from __future__ import annotations

import os
import time

from dispatch_hooks import config, files, listing, paths, processes, resolve

DAY = 86400.0
"""Seconds for which a list is believed."""

RECENT = 600.0
"""Seconds within which nobody is asked again for a name that was not on the list."""

PATIENCE = 5.0
"""Seconds that a person who typed an unknown name waits for the CLIs."""


def kept() -> dict[str, dict]:
    """The lists as they were last told, whatever their age."""
    found = files.read_json(_file()) or {}
    return {name: told for name, told in found.items() if name in listing.ORDER and _sound(told)}


def _sound(told: object) -> bool:
    if not isinstance(told, dict):
        return False
    models = told.get("models")
    return isinstance(told.get("at"), int | float) and isinstance(models, list) and all(map(_word, models))


def _word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 200 and value.isprintable()


def _file() -> str:
    return os.path.join(paths.dirs().state, "models.json")


def having(name: str, told: dict[str, dict]) -> list[tuple[str, str]]:
    """(backend, what it calls the model) of all that list a name; `kimi-k2` is also what follows a provider's slash."""
    low = name.lower()
    found = [(backend, model) for backend, one in told.items() for model in one["models"] if _same(low, model.lower())]
    return sorted(found, key=lambda pair: (listing.ORDER.index(pair[0]), pair[1].count("/"), len(pair[1])))


def _same(name: str, model: str) -> bool:
    return model == name or ("/" not in name and model.endswith(f"/{name}"))


def able(settings: dict, path: str) -> dict[str, str]:
    """{backend: the file of its CLI} of those on PATH that can tell their models."""
    known = [name for name in listing.ORDER if name in {*config.CLI, *settings["backends"]}]
    found = {name: resolve.program(name, settings, path)[1] for name in known}
    return {name: file for name, file in found.items() if file}


def stale(settings: dict, path: str, age: float) -> dict[str, str]:
    """Those of `able` whose list is older than so many seconds, or not there."""
    told, now = kept(), time.time()
    return {name: file for name, file in able(settings, path).items() if not _fresh(told.get(name), now, age)}


def _fresh(told: dict | None, now: float, age: float) -> bool:
    return told is not None and 0 <= now - told["at"] < age


# asking


def look(settings: dict, env: dict, age: float = RECENT) -> bool:
    """Has the CLIs asked whose list is not of the last minutes; whether anything was asked and answered by now."""
    wanted = stale(settings, env.get("PATH", os.defpath), age)
    if not wanted:
        return False
    before = kept()
    processes.detach(lambda: refresh(wanted, env, settings), os.path.join(paths.dirs().state, "models.log"))
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and any(kept().get(name) == before.get(name) for name in wanted):
        time.sleep(0.05)
    return kept() != before


def refresh(wanted: dict[str, str], env: dict, settings: dict, heard=lambda backend, told: None) -> dict[str, dict]:
    """Asks these CLIs, all at once, and keeps what each says the moment it says it. One process asks at a time."""
    lock = files.lock(os.path.join(paths.dirs().state, "models.lock"), wait=listing.LIMIT)
    if lock is None:
        return kept()
    try:
        for backend, told in listing.ask(wanted, env, settings):
            before = kept()
            old = {} if told["models"] else before.get(backend, {})  # what it said before is better than nothing
            now = {"at": time.time(), "why": told["why"]}
            files.write_json(_file(), {**before, backend: {**told, **old, **now}})
            heard(backend, told)
    finally:
        os.close(lock)
    return kept()
