"""What a run begins with: a new conversation or the one before, and the words that open it."""

from __future__ import annotations

import os

from dispatch_hooks import briefing, inputs, tasks


def follow_orders(task: dict, status: dict, said: dict) -> None:
    """A retry may name another model, which then stays, and always starts a new conversation."""
    orders = [note["retry"] for note in said["notes"] if "retry" in note]
    status["changed"] = {**(status.get("changed") or {}), **(orders[-1] if orders else {})}
    task.update(status["changed"])
    if orders:
        status["session"] = None


def begin(folder: str, task: dict, status: dict, said: dict, backend) -> dict:
    """The run as Backend.start takes it: {"n","prompt","session","resume","folder"}."""
    resume = bool(status.get("session")) and not backend.ends_by_itself
    if not resume:
        status.update(session=_uuid(), cost_before=status.get("cost_usd") or 0)
    place = os.path.join(task["project"], tasks.place(task))
    prompt = briefing.news(**said) if resume else _from_the_start(folder, task, status, place)
    return {"n": status["run"], "prompt": prompt, "session": status["session"], "resume": resume, "folder": place}


def _from_the_start(folder: str, task: dict, status: dict, place: str) -> str:
    """A worker without a memory of the earlier ones is told all that the person ever said."""
    before = tasks.status(folder)
    if status["run"] == 1:
        return briefing.first(task, place)
    done = before.get("why") or before["state"]
    return briefing.again(task, place, done) + "\n" + briefing.news(**inputs.everything(folder))


def _uuid() -> str:
    bits = bytearray(os.urandom(16))
    bits[6], bits[8] = bits[6] & 0x0F | 0x40, bits[8] & 0x3F | 0x80
    text = bits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
