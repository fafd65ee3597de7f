"""What our hooks do at each event of a host (a running Claude Code): one module an event.

Each has EVENT, Claude Code's name of it, and `handle(event, env, now) -> dict | None`: what to print, as the hook
protocol has it. `handed(event, env, now)`, where there is one, is called when that was printed.
"""

from __future__ import annotations

import json
import os
import sys
import time

from dispatch_hooks import files, paths, processes

LIMIT = 32 << 20
"""Bytes of an event that are read; a longer one is not ours to judge."""


def run(module) -> None:
    """A hook's whole life: one event in, one JSON document or nothing out, exit 0 whatever happens."""
    try:
        event = None if worker(os.environ) else read(sys.stdin.buffer, module.EVENT)
        env, now = dict(os.environ), time.time()
        said = module.handle(event, env, now) if event else None
        if said:
            os.write(1, json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
            if hasattr(module, "handed"):
                module.handed(event, env, now)
    except Exception:  # our fault is never the chat's
        log_fault()
    os._exit(0)


def read(stream, name: str) -> dict | None:
    """The event of this name on a stream; None, and a line in the log, for anything else."""
    data = stream.read(LIMIT + 1)
    if not data.strip() or len(data) > LIMIT:
        log(f"an event of {len(data)} bytes was not read")
        return None
    try:
        event = json.loads(data)
    except (ValueError, RecursionError) as error:
        log(f"an event that is no JSON: {error}")
        return None
    if not _sound(event):
        log("an event of an unknown shape was left alone")
    elif event["hook_event_name"] != name:
        log(f"an event {event['hook_event_name'][:80]!r} where {name} was expected was left alone")
    else:
        return event
    return None


def _sound(event: object) -> bool:
    """The fields that every handler leans on have the type that Claude Code gives them, and ids can name files."""
    if not isinstance(event, dict):
        return False
    strings = ("session_id", "transcript_path", "cwd", "hook_event_name", "prompt_id", "prompt", "source", "reason")
    if not all(isinstance(event.get(key, ""), str) for key in strings) or "hook_event_name" not in event:
        return False
    return _id(event.get("session_id", "")) and _id(event.get("prompt_id", "none"))


def _id(text: str) -> bool:
    return 0 < len(text) <= 100 and text.isascii() and text.replace("-", "").replace("_", "x").isalnum()


def worker(env) -> bool:
    """Whether this runs inside a worker, with its mark or without: there our hooks stand aside."""
    return bool(env.get("DISPATCH_HOOKS_TASK")) or processes.SUPERVISOR in processes.parents(os.getpid()).values()


def log(text: str) -> None:
    try:
        head = f"{time.strftime('%Y-%m-%d %H:%M:%S')} {os.path.basename(sys.argv[0])}"
        files.append(paths.log_file(), f"{head}: {text}\n", paths.LOG)
    except OSError:
        pass


def log_fault() -> None:
    import traceback

    log(traceback.format_exc().rstrip())
