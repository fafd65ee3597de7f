"""What our hooks do at each event of a host (a running Claude Code): one module an event.

Each has `handle(event, env, now) -> dict | None`: what to print, as Claude Code's hook protocol has it.
"""

from __future__ import annotations

import json
import os
import sys
import time

from dispatch_hooks import paths

LIMIT = 32 << 20
"""Bytes of an event that are read; a longer one is not ours to judge."""


def run(handle) -> None:
    """A hook's whole life: one event in, one JSON document or nothing out, exit 0 whatever happens."""
    try:
        event = read(sys.stdin.buffer)
        said = handle(event, dict(os.environ), time.time()) if event and not worker(os.environ) else None
        if said:
            os.write(1, json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
    except Exception:  # our fault is never the chat's
        log_fault()
    os._exit(0)


def read(stream) -> dict | None:
    data = stream.read(LIMIT + 1)
    if not data.strip() or len(data) > LIMIT:
        log(f"an event of {len(data)} bytes was not read")
        return None
    try:
        event = json.loads(data)
    except ValueError as error:
        log(f"an event that is no JSON: {error}")
        return None
    return event if _sound(event) else None


def _sound(event: object) -> bool:
    """The fields that every handler leans on have the type that Claude Code gives them."""
    strings = ("session_id", "transcript_path", "cwd", "hook_event_name", "prompt_id", "prompt", "source", "reason")
    if isinstance(event, dict) and all(isinstance(event.get(k, ""), str) for k in strings) and event.get("session_id"):
        return True
    log("an event of an unknown shape was left alone")
    return False


def worker(env) -> bool:
    """Whether this runs inside a worker: there our hooks stand aside."""
    return bool(env.get("DISPATCH_HOOKS_TASK"))


def log(text: str) -> None:
    try:
        path = paths.log_file()
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(fd, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {os.path.basename(sys.argv[0])}: {text}\n".encode())
        os.close(fd)
    except OSError:
        pass


def log_fault() -> None:
    import traceback

    log(traceback.format_exc().rstrip())
