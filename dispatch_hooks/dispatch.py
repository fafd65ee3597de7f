"""From a parsed request to running supervisors: resolve, stage, commit by one rename, start.

    <state>/batches/new/<name>.json     {"name","chat","prompt","text","told","tasks":[…]}: committed, not all started
    <state>/batches/done/<name>.json    every task of it has its folder and its supervisor

A hook killed before the rename has started nothing; after it, whoever comes next (recover) starts the rest.
"""

from __future__ import annotations

import os
import time

from dispatch_hooks import backends, config, files, launchers, paths, plan, tasks, transcript

FAMILIES = {"claude": ("opus", "sonnet", "haiku", "fable", "claude-", "opusplan", "best")}
"""How the names of a CLI's models begin."""

LATER = {
    "worktree": "worktrees are not there yet; without one it works in your checkout",
    "after": "waiting for another task is not there yet; dispatch it when that one is done",
    "budget": "budgets are not there yet",
    "timeout": "time limits are not there yet",
}
"""Directives that are understood and refused, never ignored."""


def start(request: dict, origin: dict, settings: dict, env: dict) -> dict:
    """Starts what can be started of a request.

    origin: {"chat","prompt","project","cwd","transcript","text"}. Returns {"started":[task], "again":[task],
    "refused":[{"title","why"}]}; `again` are tasks of the same words whose first dispatch nobody was told of.
    """
    lock = files.lock(os.path.join(paths.dirs().state, "dispatch.lock"), wait=2.0)
    if lock is None:
        return _all_refused(request, "another dispatch holds the lock; type it again in a moment")
    try:
        before = _untold(origin)
        if before:
            launch(before, env)
            return {"started": [], "again": before["tasks"], "refused": []}
        return _commit(request, origin, settings, env)
    finally:
        os.close(lock)


def _all_refused(request: dict, why: str) -> dict:
    return {"started": [], "again": [], "refused": [{"title": t["title"], "why": why} for t in request["tasks"]]}


def _commit(request: dict, origin: dict, settings: dict, env: dict) -> dict:
    room = settings["max_parallel"] - len(tasks.active())
    ready, refused = [], []
    for item in request["tasks"]:
        task, why = _resolve(item, origin, settings, env)
        if not why and len(ready) >= room:
            why = f"{settings['max_parallel']} tasks run already (max_parallel); type it again when one has finished"
        if why:
            refused.append({"title": item["title"], "why": why})
        else:
            ready.append(task)
    if ready:
        batch = _stage(ready, origin)
        launch(batch, env)
    return {"started": ready, "again": [], "refused": refused}


def _stage(ready: list[dict], origin: dict) -> dict:
    batch = {"name": _batch_name(origin), **origin, "told": "", "tasks": ready}
    files.write_json(_batch_file("new", batch["name"]), batch)
    return batch


def _batch_name(origin: dict) -> str:
    return f"{origin['chat']}.{origin['prompt']}.{tasks.digest(origin['text'])}"


def _batch_file(where: str, name: str) -> str:
    return os.path.join(paths.dirs().state, "batches", where, f"{name}.json")


def launch(batch: dict, env: dict) -> None:
    """Makes the folders and starts the supervisors of a committed batch; what is there already is left alone."""
    for task in batch["tasks"]:
        folder = tasks.create(task)
        if tasks.status(folder)["state"] == "starting" and not files.held(tasks.lock_file(folder)):
            _launch(folder, task, env)
    files.move(_batch_file("new", batch["name"]), _batch_file("done", batch["name"]))


def _launch(folder: str, task: dict, env: dict) -> None:
    tasks.activate(folder)
    try:
        tasks.lay_out(task, plan.write(task["title"], task["text"], task["plan"], task["context"]))
    except OSError:  # the supervisor meets the same obstacle and tells of it
        pass
    launchers.get(task.get("launcher", "local")).start(folder, env)


def told(origin: dict, text: str) -> None:
    """Remembers the words that told the person of a batch: the transcript shows whether they arrived."""
    path = _batch_file("done", _batch_name(origin))
    batch = files.read_json(path)
    if batch:
        files.write_json(path, {**batch, "told": text})


def unfinished() -> list[dict]:
    """The batches that were committed and not wholly started."""
    found = (files.read_json(_batch_file("new", n[:-5])) for n in files.names(os.path.dirname(_batch_file("new", ""))))
    return [batch for batch in found if batch]


def _untold(origin: dict) -> dict | None:
    """A batch of the same chat and words that Claude Code threw the answer of away (Esc, a timeout)."""
    for where in ("new", "done"):
        folder = os.path.dirname(_batch_file(where, ""))
        for name in reversed(files.names(folder)):
            if name.startswith(f"{origin['chat']}.") and name.endswith(f".{tasks.digest(origin['text'])}.json"):
                batch = files.read_json(os.path.join(folder, name))
                if batch and batch["text"] == origin["text"] and not _arrived(batch, origin):
                    return batch
    return None


def _arrived(batch: dict, origin: dict) -> bool:
    line = (batch["told"].splitlines() or [""])[0]
    return bool(line) and transcript.holds(origin["transcript"], line)


# one task


def _resolve(item: dict, origin: dict, settings: dict, env: dict) -> tuple[dict, str]:
    """(the task's record, "") or ({}, why it cannot be started and what to type)."""
    later = next((why for name, why in LATER.items() if item.get(name)), "")
    if later:
        return {}, later
    named = item.get("alias") or item.get("model") or item.get("backend") or settings["default"]
    found, why = resolve(named, settings)
    if why:
        return {}, why
    task = {**_plain(item, origin, settings), **found}
    task["permissions"] = item.get("permissions") or found["permissions"] or settings["permissions"]
    return task, _missing(task, settings, env)


def _plain(item: dict, origin: dict, settings: dict) -> dict:
    return {
        **{k: item.get(k) for k in ("id", "title", "text", "plan", "context", "directory")},
        "read_only": bool(item.get("read_only")),
        "project": origin["project"],
        "chat": origin["chat"],
        "prompt": origin["prompt"],
        "check": settings["check"],
        "made": time.time(),
    }


def resolve(named: str, settings: dict) -> tuple[dict, str]:
    """What a name means: {"model","alias","alias_prompt","backend","permissions"}, or why it means nothing here.

    In this order: a model of the config, an alias, a backend, a known family.
    """
    plain = {"model": "", "alias": "", "alias_prompt": "", "permissions": None}
    model, alias = settings["models"].get(named), settings["aliases"].get(named)
    if model is not None:
        backend = model.get("backend") or _family(named) or "claude"
        told = {"model": model.get("name", named), "permissions": model.get("permissions")}
        return {**plain, **told, "backend": backend}, ""
    if alias is not None:
        inner, why = resolve(alias.get("model") or "claude", {**settings, "aliases": {}})
        extra = {"alias": named, "alias_prompt": alias.get("prompt", "")}
        return {**inner, **extra, "permissions": alias.get("permissions") or inner.get("permissions")}, why
    if named in config.CLI or named in settings["backends"]:
        return {**plain, "backend": named, "permissions": settings["backends"].get(named, {}).get("permissions")}, ""
    backend = _family(named)
    if backend:
        return {**plain, "model": named, "backend": backend}, ""
    return {}, _unknown(named, settings)


def _family(name: str) -> str | None:
    return next((backend for backend, starts in FAMILIES.items() if name.lower().startswith(starts)), None)


def _unknown(named: str, settings: dict) -> str:
    known = [*settings["aliases"], *settings["models"], *settings["backends"], "opus", "sonnet", "haiku"]
    return f'"{named}" is not available here; there are {", ".join(dict.fromkeys(known))}'


def _missing(task: dict, settings: dict, env: dict) -> str:
    """Why the task's CLI cannot run, "" if it can."""
    if task["directory"] and not os.path.isdir(os.path.join(task["project"], task["directory"])):
        return f"there is no folder {task['directory']} in {task['project']}"
    try:
        program = backends.get(task["backend"], settings).program(task, settings)
    except (KeyError, IndexError, TypeError):
        return f'backend "{task["backend"]}" has no command in your config.toml; see dispatch-hooks config path'
    if backends.which(program, env.get("PATH", os.defpath)) is None:
        return f"{program} is not on PATH; install it, or see dispatch-hooks doctor"
    return ""


def words(result: dict) -> str:
    """What the person reads after a dispatch; it follows Claude Code's own "Operation stopped by hook: "."""
    lines = []
    if result["started"]:
        lines += _listed("Dispatched", result["started"])
    if result["again"]:
        lines += _listed("Already dispatched, still the same:", result["again"])
    for item in result["refused"]:
        lines.append(f"Not dispatched: {item['title']}: {item['why']}.")
    return "\n".join(lines)


def _listed(verb: str, found: list[dict]) -> list[str]:
    if len(found) == 1:
        return [f"{verb} {_named(found[0])}.", *_steps(found[0])]
    return [f"{verb} {len(found)} tasks:", *(f"  {_named(task)}" for task in found)]


def _named(task: dict) -> str:
    steps = len(task["plan"]) or 1
    who = task["alias"] or task["model"] or task["backend"]
    more = f", {task['permissions']}" if task["permissions"] == "bypass" else ""
    more += ", read-only" if task["read_only"] else ""
    return f"{task['id']} ({who}, {steps} step{'s' if steps > 1 else ''}{more})"


def _steps(task: dict) -> list[str]:
    return [f"  {n}. {step}" for n, step in enumerate(task["plan"], 1)]
