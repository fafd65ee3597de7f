"""SessionEnd: a host that ends hands its news to who comes after it. A /clear is no end."""

from __future__ import annotations

from dispatch_hooks import hosts, inbox, tasks
from dispatch_hooks.host import delivery

EVENT = "SessionEnd"


def handle(event: dict, env: dict, now: float) -> dict | None:
    if event.get("reason") != "clear":
        hand_over(hosts.host_pid(env))
    return None


def hand_over(pid: int, known: dict | None = None) -> None:
    """Acknowledges what arrived, gives back what did not, and rings the heirs. known: the host's record as a watcher
    has seen it, for whoever finds a host dead clears its record away.
    """
    from dispatch_hooks import files

    host = files.read_json(hosts.place(pid, "host.json")) or known
    if host is None:
        return
    mine = hosts.chats_of(host)
    for chat in mine:
        for token, claim in inbox.claims(chat):
            if (claim.get("host") or {}).get("pid") == pid:
                arrived = delivery.arrived(claim)
                (inbox.deliver if arrived else inbox.give_back)(chat, token)
    hosts.forget(pid)
    for chat in mine:
        if inbox.anything(chat):
            hosts.notify(chat, host["project"])
            tasks.remember_outstanding()
