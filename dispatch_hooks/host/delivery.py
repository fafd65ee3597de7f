"""Bringing the news of its chats to a host: what is claimed, and what became of earlier claims."""

from __future__ import annotations

import time

from dispatch_hooks import after, digest, files, hosts, inbox, processes, questions, tasks, transcript

WAKE = "wake-"
"""How the token of a wake's claim begins."""


def take(host: dict, token: str, now: float) -> list[dict]:
    """Claims all news of the host's chats under one token, a prompt's id or "wake-…"; what is no news any more is put
    aside as delivered.
    """
    chats = hosts.chats_of(host)
    taken = []
    for chat in chats:
        settle(chat, host, prompt="" if token.startswith(WAKE) else token)
        taken += _claim(chat, token, host, now)
    mark(host, chats)
    return sorted(taken, key=inbox.urgency)


def mark(host: dict, chats: list[str]) -> None:
    """The gate's marker stands as long as anything is not delivered. It goes last, and comes back for what came
    meanwhile: a hook that is killed on the way leaves a marker too many, never one too few.
    """
    path = hosts.place(host["pid"], "news")
    if not any(inbox.anything(chat) for chat in chats):
        files.remove(path)
    if any(inbox.anything(chat) for chat in chats):
        files.touch(path)


def _claim(chat: str, token: str, host: dict, now: float) -> list[dict]:
    events = inbox.pending(chat)
    inbox.tidy(chat, events)
    old, fresh = [], []
    for event in events:
        (old if moot(event) else fresh).append(event)
    if old and inbox.claim(chat, f"moot-{token}", {}, old):
        inbox.deliver(chat, f"moot-{token}")
    return inbox.claim(chat, token, about(host, fresh, now), fresh) if fresh else []


def moot(event: dict) -> bool:
    """Whether an event is no news any more: a question that has its answer, a task that is held no more."""
    folder = tasks.by_key(event["key"])
    if event["kind"] == "held":
        task = tasks.read(folder)
        return not task or tasks.status(folder)["state"] in tasks.ENDED or not after.holding(folder, task)
    if event["kind"] == "silent":
        return tasks.status(folder)["state"] != "running"
    if not event.get("question"):
        return False
    return questions.answer_of(folder, event["question"]) is not None


def about(host: dict, events: list[dict], now: float) -> dict:
    """What a later hook needs to see whether the claim arrived."""
    line = digest.for_model(events).split("\n")[1]
    who = {k: host[k] for k in ("pid", "started", "boot", "machine")}
    chat = {"transcript": host["transcript"], "size": transcript.size(host["transcript"])}
    return {"host": who, **chat, "text": line, "at": now, "handed": False}


def settle(chat: str, host: dict | None, ended: str = "", prompt: str = "") -> None:
    """Acknowledges the claims that arrived and takes back those that did not.

    ended: the prompt whose turn has just ended; its claim arrived, if it was handed over at all, and Claude Code did
    not discard it. prompt: one that has just come, which shows that an earlier one without an answer was thrown away;
    while a turn runs, nothing else shows that. A claim of another host that lives is its own; one that died gives all
    back.
    """
    for token, claim in inbox.claims(chat):
        if (token == ended and _handed_over(token, claim)) or arrived(claim):
            inbox.deliver(chat, token)
        elif not processes.alive(claim.get("host")) or (prompt and _thrown_away(token, claim, host, prompt)):
            inbox.give_back(chat, token)


def _handed_over(prompt: str, claim: dict) -> bool:
    """Whether the words of a claim went with its prompt, as far as the transcript is written by now."""
    text = claim.get("text")
    discarded = text and transcript.discarded(claim["transcript"], claim["size"], text, prompt)
    return claim.get("handed") is not False and not discarded


def _thrown_away(token: str, claim: dict, host: dict | None, prompt: str) -> bool:
    """Whether the claim was of an earlier prompt of this host, or of another machine's, whose chat this host has now. A
    prompt that is queued while a turn runs comes with the id of that turn.
    """
    own = host is not None and (claim["host"]["pid"] == host["pid"] or not processes.here(claim["host"]))
    return own and token != prompt and not _on_its_way(token, claim)


def arrived(claim: dict) -> bool:
    return bool(claim.get("text")) and transcript.answered(claim["transcript"], claim["size"], claim["text"])


def _on_its_way(token: str, claim: dict) -> bool:
    """A wake that was handed over a moment ago, or that Claude Code keeps until the turn that runs is over."""
    if not token.startswith(WAKE):
        return False
    fresh = 0 <= time.time() - claim.get("at", 0) < 5.0
    return fresh or transcript.queued(claim["transcript"], claim["text"])


def handed(host: dict, token: str) -> None:
    """Notes that a watcher or a hook has given the words of its claim away; all that is left for it is to end."""
    for chat in hosts.chats_of(host):
        inbox.note(chat, token, {"handed": True})


def take_back_wakes(host: dict) -> None:
    """The wakes of a watcher that was killed before it gave their words away. For the host's next watcher, which is
    the only one: it holds the lock.
    """
    for chat in hosts.chats_of(host):
        for token, claim in inbox.claims(chat):
            own = token.startswith(WAKE) and (claim.get("host") or {}).get("pid") == host["pid"]
            if own and claim.get("handed") is False:
                inbox.give_back(chat, token)


def joined(host: dict, prompt: str, token: str) -> list[dict]:
    """The events of the wake that became this prompt, in all chats; their claims now belong to it."""
    chats = hosts.chats_of(host)
    waking = [(wake, claim) for chat in chats for wake, claim in inbox.claims(chat) if wake.startswith(WAKE)]
    woken = {wake for wake, claim in waking if claim.get("text") and claim["text"] in prompt}
    events = [event for wake in woken for chat in chats for event in inbox.claimed(chat, wake)]
    for wake in woken:
        for chat in chats:
            inbox.retoken(chat, wake, token)
    return sorted(events, key=inbox.urgency)
