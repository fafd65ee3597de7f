"""Posts events as a supervisor does at its end (the event, then marker and bell): poster.py CHAT PROJECT KIND NAME…

Killed in the middle and run again, it posts each once, as `recover` does it.
"""

import sys
import time

from dispatch_hooks import outcome


def event(chat: str, project: str, kind: str, name: str) -> dict:
    return {
        "key": f"torture~{name}", "task": name, "project": project, "chat": chat, "run": 1, "kind": kind,
        "text": f"token {name} told", "model": "m", "made": time.time(), "path": "", "ticked": 1, "items": 1,
        "cost_usd": None, "seconds": 1,
    }  # fmt: skip


if __name__ == "__main__":
    chat, project, kind, *names = sys.argv[1:]
    for name in names:
        outcome.tell(event(chat, project, kind, name))
