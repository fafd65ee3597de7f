"""Bringing the news of its chats to a host: what is claimed, and what became of earlier claims."""

from __future__ import annotations

import os

from dispatch_hooks import digest, files, hosts, inbox, paths, processes, questions, transcript


def take(host: dict, token: str, now: float) -> list[dict]:
    """Claims all news of the host's chats under one token; what is no news any more is put aside as delivered."""
    files.remove(hosts.place(host["pid"], "news"))
    everyone = hosts.live()
    taken = []
    for chat in hosts.chats_of(host, everyone):
        settle(chat, host)
        taken += _claim(chat, token, host, now)
    if taken or any(inbox.claims(chat) for chat in hosts.chats_of(host, everyone)):
        files.touch(hosts.place(host["pid"], "news"))
    return sorted(taken, key=inbox.urgency)


def _claim(chat: str, token: str, host: dict, now: float) -> list[dict]:
    events = inbox.pending(chat)
    old = [event for event in events if moot(event)]
    fresh = [event for event in events if event not in old]
    if old and inbox.claim(chat, f"moot-{token}", {}, old):
        inbox.deliver(chat, f"moot-{token}")
    return inbox.claim(chat, token, about(host, fresh, now), fresh) if fresh else []


def moot(event: dict) -> bool:
    """Whether an event is no news any more: a question that has its answer."""
    if not event.get("question"):
        return False
    project, _, task = event["key"].partition("~")
    folder = os.path.join(paths.dirs().state, "projects", project, "tasks", task)
    return questions.answer_of(folder, event["question"]) is not None


def about(host: dict, events: list[dict], now: float) -> dict:
    """What a later hook needs to see whether the claim arrived."""
    line = digest.for_model(events).split("\n")[1]
    who = {k: host[k] for k in ("pid", "started", "boot", "machine")}
    chat = {"transcript": host["transcript"], "size": transcript.size(host["transcript"])}
    return {"host": who, **chat, "text": line, "at": now}


def settle(chat: str, host: dict | None, ended: str = "") -> None:
    """Acknowledges the claims that arrived and takes back those that did not.

    ended: the prompt whose turn has just ended; its claim arrived. A claim of another host that lives is its own.
    """
    for token, claim in inbox.claims(chat):
        if (ended and token == ended) or arrived(claim):
            inbox.deliver(chat, token)
        elif not ended and not _anothers(claim, host) and not _fresh_wake(token, claim):
            inbox.give_back(chat, token)


def arrived(claim: dict) -> bool:
    return bool(claim.get("text")) and transcript.answered(claim["transcript"], claim["size"], claim["text"])


def _anothers(claim: dict, host: dict | None) -> bool:
    who = claim.get("host")
    return bool(who) and processes.alive(who) and (host is None or who["pid"] != host["pid"])


def _fresh_wake(token: str, claim: dict) -> bool:
    """A wake that was handed over a moment ago is still on its way through Claude Code."""
    import time

    return token.startswith("wake-") and time.time() - claim.get("at", 0) < 5.0
