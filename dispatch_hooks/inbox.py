"""Events not yet delivered, one inbox a chat: claim, deliver, acknowledge.

    <state>/inbox/<chat>/new/<event>.json
                         claimed/<token>/<event>.json      token: a prompt's id, or "wake-…"
                         claimed/<token>/.claim            {"host","transcript","size","text","at","handed"}
                         delivered/<event>.json

An event's name says what it is about, so that writing it twice is one event. Every step is one rename: an event
is in exactly one of the three, whoever is killed whenever.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from dispatch_hooks import files, paths

URGENT = ("question", "permission", "flag", "failed", "lost", "held", "silent")
"""What a person is needed for, the most urgent first."""


def top() -> str:
    return os.path.join(paths.dirs().state, "inbox")


def folder(chat: str) -> str:
    safe = "".join(c for c in chat if c.isascii() and (c.isalnum() or c in "-_"))
    return os.path.join(top(), safe[:100] or "none")


def post(event: dict) -> bool:
    """Puts an event into its chat's inbox, unless it is or was there. True when it is new."""
    name = event_name(event)
    inbox = folder(event["chat"])
    if any(os.path.lexists(os.path.join(place, name)) for place in _places(inbox)):
        return False
    return files.create_json(os.path.join(inbox, "new", name), event)


def waits(event: dict) -> bool:
    """Whether nobody has claimed it."""
    return os.path.lexists(os.path.join(folder(event["chat"]), "new", event_name(event)))


def event_name(event: dict) -> str:
    about = event.get("question") or event.get("about")
    number = f".{about}" if about else ""
    return f"{event['key']}.{event['run']}.{event['kind']}{number}.json"


def _places(inbox: str) -> Iterator[str]:
    """Where an event can be, in the order in which it moves: one that moves on meanwhile is met all the same."""
    yield os.path.join(inbox, "new")
    claimed = os.path.join(inbox, "claimed")
    yield from (os.path.join(claimed, token) for token in files.names(claimed))
    yield os.path.join(inbox, "delivered")


def chats() -> list[str]:
    return files.names(top())


def pending(chat: str) -> list[dict]:
    """The events that nobody has claimed, the most urgent first, then the oldest."""
    return _events(os.path.join(folder(chat), "new"))


def _events(place: str) -> list[dict]:
    found = ((name, files.read_json(os.path.join(place, name))) for name in files.names(place))
    return sorted((event for name, event in found if event and _sound(name, event)), key=urgency)


def every(chat: str) -> list[dict]:
    """All that is known to have happened to a chat's tasks, delivered or not."""
    return [event for place in _places(folder(chat)) for event in _events(place)]


NEEDED = {"key": str, "task": str, "project": str, "chat": str, "kind": str, "text": str, "run": int}


def _sound(name: str, event: dict) -> bool:
    return all(isinstance(event.get(key), kind) for key, kind in NEEDED.items()) and event_name(event) == name


def urgency(event: dict) -> tuple:
    kind = event["kind"]
    return (URGENT.index(kind) if kind in URGENT else len(URGENT), event.get("made") or 0)


def anything(chat: str) -> bool:
    """Whether an inbox holds an event that is not delivered: new, or claimed and not acknowledged."""
    inbox = folder(chat)
    return bool(files.names(os.path.join(inbox, "new")) or files.names(os.path.join(inbox, "claimed")))


def claim(chat: str, token: str, about: dict, wanted: list[dict] | None = None) -> list[dict]:
    """Takes the events of a chat (all, or the wanted ones) for one delivery. Each goes to one claimer only."""
    inbox = folder(chat)
    place = os.path.join(inbox, "claimed", token)
    wanted = pending(chat) if wanted is None else wanted
    # Who claims stands there from the first moment on: a claim of nobody is taken back. The token may have one already.
    if wanted and not files.create_folder(place, ".claim", about):
        files.write_json(os.path.join(place, ".claim"), about)
    names = [(event, event_name(event)) for event in wanted]
    taken = [e for e, name in names if files.move(os.path.join(inbox, "new", name), os.path.join(place, name))]
    if wanted and not taken:
        _drop(place)
    return taken


def tidy(chat: str, known: list[dict]) -> None:
    """Puts aside what is no event (torn by a lost disk, or of another version), or it would be news for ever."""
    inbox = folder(chat)
    for name in set(files.names(os.path.join(inbox, "new"))) - {event_name(event) for event in known}:
        path = os.path.join(inbox, "new", name)
        if os.path.exists(path) and not _sound(name, files.read_json(path) or {}):  # it may have come this moment
            files.move(path, os.path.join(inbox, "delivered", name))


def claims(chat: str) -> list[tuple[str, dict]]:
    """(token, what is known about the claim) of every delivery that nobody has acknowledged."""
    place = os.path.join(folder(chat), "claimed")
    return [(token, files.read_json(os.path.join(place, token, ".claim")) or {}) for token in files.names(place)]


def note(chat: str, token: str, more: dict) -> None:
    """Adds to what is known about a claim, where it still stands."""
    path = os.path.join(folder(chat), "claimed", token, ".claim")
    known = files.read_json(path)
    if known:
        files.write_json(path, {**known, **more})


def claimed(chat: str, token: str) -> list[dict]:
    return _events(os.path.join(folder(chat), "claimed", token))


def retoken(chat: str, token: str, new: str) -> None:
    """Turns a wake's claim into the claim of the prompt that it became, or that it joined in mid-turn."""
    place = os.path.join(folder(chat), "claimed")
    if not os.path.isdir(os.path.join(place, new)) and files.move(os.path.join(place, token), os.path.join(place, new)):
        return
    _empty(chat, token, os.path.join("claimed", new))


def deliver(chat: str, token: str) -> None:
    """Acknowledges a claim: its events are delivered, for good."""
    _empty(chat, token, "delivered")


def give_back(chat: str, token: str) -> None:
    """Undoes a claim whose delivery did not happen: its events are new again."""
    _empty(chat, token, "new")


def _empty(chat: str, token: str, to: str) -> None:
    inbox = folder(chat)
    place = os.path.join(inbox, "claimed", token)
    for name in files.names(place):
        files.move(os.path.join(place, name), os.path.join(inbox, to, name))
    _drop(place)


def clear(chat: str) -> bool:
    """Takes an inbox away that holds nothing any more, not even the names of what was delivered."""
    inbox = folder(chat)
    for place in ("new", "claimed", "delivered", ""):
        with contextlib.suppress(OSError):  # not empty, or not there
            os.rmdir(os.path.join(inbox, place))
    return not os.path.isdir(inbox)


def _drop(place: str) -> None:
    if files.names(place):  # an earlier claim under the same token
        return
    files.remove(os.path.join(place, ".claim"))
    try:
        os.rmdir(place)
    except OSError:  # another hook put something there between, or it is gone
        pass
