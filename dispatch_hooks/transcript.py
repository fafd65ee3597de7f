"""What a chat's transcript says happened: was a text followed by an answer, did a schedule send a prompt?

Claude Code appends one JSON object a line, late (up to 0.1 s) and as a tree: an entry names what it follows in
`parentUuid`. After Esc the next prompt hangs on an earlier entry, so the order of lines says nothing. A text of
ours stands in an attachment (`hook_additional_context`, or `queued_command` for a wake in mid-turn) or in the
user entry that a wake became; queue entries repeat it and count for nothing (docs/claude-code.md).
"""

from __future__ import annotations

import json
import os
import time

LIMIT = 32 << 20
"""Bytes read at most: beyond, the last ones count."""

SCHEDULERS = ("CronCreate", "ScheduleWakeup")
"""The tools by which the host's model has a prompt sent later."""

LATE = 0.3
"""Seconds after which what happened stands there."""


def size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def since(path: str, start: int) -> bytes:
    """What was written after the first `start` bytes; all of it if the file is shorter now; b"" if there is none."""
    try:
        with open(path, "rb") as f:
            end = os.fstat(f.fileno()).st_size
            f.seek(max(start if start <= end else 0, end - LIMIT))
            return f.read(LIMIT)
    except OSError:
        return b""


def _written(text: str) -> bytes:
    """A text as it stands in a line."""
    return json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8", "replace")


def answered(path: str, start: int, text: str) -> bool:
    """Whether, since start, an answer of the model descends from an entry that brought it the text."""
    brought = _written(text)
    after: set[str] = set()
    for line in since(path, start).split(b"\n"):
        if b'"parentUuid"' not in line or not (after or brought in line):
            continue
        entry = _entry(line)
        if entry.get("parentUuid") in after:
            if _answer(entry):
                return True
            after.add(entry.get("uuid"))
        elif brought in line and _carrier(entry):
            after.add(entry.get("uuid"))
    return False


def discarded(path: str, start: int, text: str, prompt: str) -> bool:
    """Whether, since start, the prompt with this id stands without the text that its hook had for it: Claude Code
    writes both at once, and drops what a hook has printed whose time is over before it ends.
    """
    found = since(path, start)
    return f'"promptId":"{prompt}"'.encode() in found and _written(text) not in found


def _entry(line: bytes) -> dict:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):  # the last line may be half written; a tool may answer with anything
        return {}
    return entry if isinstance(entry, dict) else {}


def _answer(entry: dict) -> bool:
    """Whether the model says it. Claude Code writes answers of its own: where a request failed, and at a resume after
    a turn that was killed before its request.
    """
    message = entry.get("message")
    own = isinstance(message, dict) and message.get("model") == "<synthetic>"
    return entry.get("type") == "assistant" and not entry.get("isSidechain") and not own


def _carrier(entry: dict) -> bool:
    """Whether the entry is of the kinds that put a text before the model."""
    if entry.get("type") == "user":
        return True
    attachment = entry.get("attachment")
    return isinstance(attachment, dict) and attachment.get("type") in ("hook_additional_context", "queued_command")


def queued(path: str, text: str) -> bool:
    """Whether a wake with the text waits in Claude Code's queue, which is first in, first out."""
    queue: list[bytes] = []
    for line in since(path, 0).split(b"\n"):
        what = _entry(line).get("operation") if b'"queue-operation"' in line else None
        if what == "enqueue":
            queue.append(line)
        elif what == "dequeue":
            queue = queue[1:]
        elif what:  # taken back by the person, or absorbed in mid-turn
            content = _entry(line).get("content")
            queue = [item for item in queue if content and _entry(item).get("content") != content]
    return any(_written(text) in line for line in queue)


def scheduled(path: str, words: str, wait: float = LATE) -> bool:
    """Whether a schedule sends these words now: a fire with them stands there that has not become a prompt yet.

    Where the model had the words put by, the fire may be on its way.
    """
    said, end = _written(words.strip()), time.monotonic() + wait
    while True:
        data = since(path, 0)
        entries = [_entry(line) for line in data.split(b"\n") if said in line] if said in data else []
        fires = [entry.get("uuid") for entry in entries if _says(entry, words) and _fire(entry)]
        if any(f'"scheduledFireId":"{fire}"'.encode() not in data for fire in fires):
            return True
        if time.monotonic() >= end or not any(_puts_by(entry, words) for entry in entries):
            return False
        time.sleep(0.03)


def _fire(entry: dict) -> bool:
    return entry.get("subtype") == "scheduled_task_fire"


def _puts_by(entry: dict, words: str) -> bool:
    message = entry.get("message")
    blocks = message.get("content") if isinstance(message, dict) else None
    calls = [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    return any(call.get("name") in SCHEDULERS and _says(call.get("input"), words) for call in calls)


def _says(what: object, words: str) -> bool:
    said = what.get("prompt") if isinstance(what, dict) else None
    return isinstance(said, str) and said.strip() == words.strip()


def holds(path: str, text: str) -> bool:
    return _written(text) in since(path, 0)
