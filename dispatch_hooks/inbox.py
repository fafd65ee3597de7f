"""Events not yet delivered, one inbox a chat: claim, deliver, acknowledge.

    <state>/inbox/<chat>/new/<event>.json
                         claimed/<token>/<event>.json      token: a prompt's id, or "wake-…"
                         claimed/<token>/.claim            {"host","transcript","size","text","at"}
                         delivered/<event>.json

An event's name says what it is about, so that writing it twice is one event. Every step is one rename: an event
is in exactly one of the three, whoever is killed whenever.
"""

from __future__ import annotations

import json
import os

from dispatch_hooks import files, paths

URGENT = ("question", "permission", "failed", "lost", "flag")
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
    if _known(inbox, name):
        return False
    return files.create_json(os.path.join(inbox, "new", name), event)


def event_name(event: dict) -> str:
    number = f".{event['question']}" if event.get("question") else ""
    return f"{event['key']}.{event['run']}.{event['kind']}{number}.json"


def _known(inbox: str, name: str) -> bool:
    claimed = os.path.join(inbox, "claimed")
    places = ["new", "delivered", *(os.path.join("claimed", token) for token in files.names(claimed))]
    return any(os.path.lexists(os.path.join(inbox, place, name)) for place in places)


def chats() -> list[str]:
    return files.names(top())


def pending(chat: str) -> list[dict]:
    """The events that nobody has claimed, the most urgent first, then the oldest."""
    return _events(os.path.join(folder(chat), "new"))


def _events(place: str) -> list[dict]:
    found = (files.read_json(os.path.join(place, name)) for name in files.names(place))
    return sorted((event for event in found if event and "kind" in event), key=urgency)


def urgency(event: dict) -> tuple:
    kind = event["kind"]
    return (URGENT.index(kind) if kind in URGENT else len(URGENT), event.get("made", 0))


def anything(chat: str) -> bool:
    """Whether an inbox holds an event that is not delivered: new, or claimed and not acknowledged."""
    inbox = folder(chat)
    return bool(files.names(os.path.join(inbox, "new")) or files.names(os.path.join(inbox, "claimed")))


def claim(chat: str, token: str, about: dict, wanted: list[dict] | None = None) -> list[dict]:
    """Takes the events of a chat (all, or the wanted ones) for one delivery. Each goes to one claimer only."""
    inbox = folder(chat)
    place = os.path.join(inbox, "claimed", token)
    taken = []
    for event in pending(chat) if wanted is None else wanted:
        name = event_name(event)
        if not taken:
            files.write(os.path.join(place, ".claim"), json.dumps(about) + "\n")
        if files.move(os.path.join(inbox, "new", name), os.path.join(place, name)):
            taken.append(event)
    if not taken and os.path.isdir(place):
        _drop(place)
    return taken


def claims(chat: str) -> list[tuple[str, dict]]:
    """(token, what is known about the claim) of every delivery that nobody has acknowledged."""
    place = os.path.join(folder(chat), "claimed")
    return [(token, files.read_json(os.path.join(place, token, ".claim")) or {}) for token in files.names(place)]


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


def _drop(place: str) -> None:
    files.remove(os.path.join(place, ".claim"))
    try:
        os.rmdir(place)
    except OSError:  # another hook put something there between, or it is gone
        pass
