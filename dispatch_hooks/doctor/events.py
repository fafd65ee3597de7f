"""Our hooks, really run: on sample events in folders of their own, and as the settings have them."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from functools import partial

from dispatch_hooks import files, gate, inbox, paths, resources, settings
from dispatch_hooks import tasks as records
from dispatch_hooks.doctor import installation
from dispatch_hooks.doctor.ground import AGAIN, Finding, Ground, run, short
from dispatch_hooks.paths import Dirs

CHAT = "doctor"

SAMPLES = {
    "SessionStart": ("session_start.py", True, {"source": "startup"}),
    "UserPromptSubmit": ("user_prompt_submit.py", True, {"prompt": "Look at the auth module", "prompt_id": "sample"}),
    "Stop": ("stop.py", False, {"stop_hook_active": False, "prompt_id": "sample"}),
    "Notification": ("notification.py", True, {"notification_type": "idle_prompt", "message": "Claude waits"}),
    "SessionEnd": ("session_end.py", False, {"reason": "other"}),
}
"""Claude Code's event -> our script, whether it has something to say in the sample world, the event's own fields."""

SLOW = 1.0
"""Seconds from which a hook is noticed in a chat."""


def samples(ground: Ground) -> list[Finding]:
    """Each hook on a sample event, in a world with one task that asks; nothing of the person's is touched."""
    words = installation.baked(ground)
    python, hooks = words.get("python", sys.executable), words.get("hooks", resources.shared("hooks"))
    with tempfile.TemporaryDirectory(prefix="dispatch-hooks-") as root:
        dirs, project = world(os.path.realpath(root), ground.now)
        env = {k: v for k, v in ground.env.items() if not k.startswith("DISPATCH_HOOKS_")}
        env |= {paths.ENV: paths.join(dirs), "CLAUDE_PID": str(os.getpid()), "CLAUDE_PROJECT_DIR": project}
        return [_sample(event, [python, "-I", "-S", hooks], env, dirs, project) for event in SAMPLES]


def world(root: str, now: float) -> tuple[Dirs, str]:
    """Folders with one task that waits for an answer, and the news of that; nothing runs in it."""
    dirs, project = Dirs(*(os.path.join(root, name) for name in Dirs._fields)), os.path.join(root, "project")
    os.mkdir(project)
    name = records.project_name(project)
    folder = os.path.join(dirs.state, "projects", name, "tasks", "sample")
    asked = {"kind": "question", "text": "Is this a sample?", "options": ["yes", "no"]}
    news = {"key": f"{name}~sample", "task": "sample", "project": project, "chat": CHAT, "run": 1, "model": "none"}
    news |= {**asked, "question": 1, "made": now}
    task = {"id": "sample", "title": "sample", "project": project, "chat": CHAT}
    files.write_json(os.path.join(folder, "task.json"), task)
    files.write_json(os.path.join(folder, "status.json"), {"state": "parked", "run": 1})
    files.write_json(os.path.join(folder, "questions", "001.json"), {**asked, "n": 1, "asked": now, "run": 1})
    files.write_json(os.path.join(dirs.state, "inbox", CHAT, "new", inbox.event_name(news)), news)
    files.touch(os.path.join(dirs.state, "asking", f"{name}~sample"))
    files.touch(os.path.join(dirs.state, "outstanding"))
    return dirs, project


def event_of(name: str, project: str) -> str:
    common = {"session_id": CHAT, "transcript_path": os.path.join(project, "none.jsonl"), "cwd": project}
    return json.dumps({**common, "hook_event_name": name, **SAMPLES[name][2]})


def _sample(event: str, start: list[str], env: dict, dirs: Dirs, project: str) -> Finding:
    say = partial(Finding, f"{event} hook")
    script, speaks, _ = SAMPLES[event]
    argv = [*start[:-1], os.path.join(start[-1], script)]
    begun = time.monotonic()
    code, said, why = run(argv, env, project, event_of(event, project), 30.0)
    took = time.monotonic() - begun
    fault = _fault(event, speaks, code, said, why) or _logged(dirs)
    if fault:
        return say("fail", f"{argv[-1]} on a sample event: {fault}", "dispatch-hooks install")
    if took > SLOW:
        text = f"it takes {took:.1f} s, which is felt in a chat"
        return say("warn", text, AGAIN, partial(gate.compile_hooks, start[0]))
    return say("ok", f"{took * 1000:.0f} ms, {'prints what its schema says' if speaks else 'prints nothing'}")


def _fault(event: str, speaks: bool, code: int | None, said: str, why: str) -> str:
    from dispatch_hooks import schemas

    if code != 0 or why:
        return f"exit status {code}, {why}"
    if bool(said) != speaks:
        return f"printed {said[:200]!r}" if said else "printed nothing of the news that was there"
    try:
        return schemas.wrong(f"{event}.output", json.loads(said)) if said else ""
    except ValueError:
        return f"printed what is no JSON: {said[:200]!r}"


def _logged(dirs: Dirs) -> str:
    """What a hook wrote into its log, which a sample that went well leaves empty; the log is cleared."""
    path = os.path.join(dirs.state, "log.txt")
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            lines = f.read().strip().splitlines()
    except OSError:
        return ""
    files.remove(path)
    return f"it logged {lines[-1][:200]}" if lines else ""


def entries(ground: Ground) -> list[Finding]:
    """The installed commands, as a shell runs them: whatever happens they must end with 0 and say nothing.

    They are told that they run inside a worker, where hooks stand aside. Only commands that install itself would
    write are run: a file in a repository starts nothing through us, and what is different `hooks` tells of.
    """
    expected = {hook["command"] for group in settings.groups(ground.dirs).values() for hook in group["hooks"]}
    env = {**ground.env, "DISPATCH_HOOKS_TASK": CHAT, "CLAUDE_PID": "0"}
    findings = []
    for scope in installation.scopes(ground):
        there = {_command(scope, place): place[1] for place in scope.entries}
        known = {command: event for command, event in there.items() if command in expected}
        if known:
            findings.append(_entries(short(scope.place.settings, ground.home), known, env))
    return findings


def _command(scope: installation.Scope, place: tuple) -> str:
    found = scope.value
    for step in place:
        found = found[step]
    return str(found["command"])


def _entries(path: str, known: dict[str, str], env: dict) -> Finding:
    say, slowest = partial(Finding, "entries"), 0.0
    for command, event in known.items():
        begun = time.monotonic()
        code, said, why = run(["/bin/sh", "-c", command], env, "/", event_of(event, "/"))
        slowest = max(slowest, time.monotonic() - begun)
        if code != 0 or said or why:
            text = f"{path}, {event}: its command ended with {code} and said {(said or why)[:200]!r}"
            return say("fail", text, "dispatch-hooks install")
    return say("ok", f"{path}: {len(known)} commands end with 0 and say nothing, within {slowest * 1000:.0f} ms")
