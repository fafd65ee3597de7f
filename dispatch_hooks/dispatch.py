"""From a parsed request to running supervisors: resolve, stage, commit by one rename, start.

    <state>/batches/new/<name>.json     {"name","chat","prompt","text","told","tasks":[…]}: committed, not all started
    <state>/batches/done/<name>.json    every task of it has its folder and its supervisor

A hook killed before the rename has started nothing; after it, whoever comes next (recover) starts the rest.
"""

from __future__ import annotations

import os
import time

from dispatch_hooks import (
    after,
    config,
    files,
    forecast,
    launchers,
    limits,
    own,
    paths,
    plan,
    queue,
    resolve,
    resources,
    tasks,
    transcript,
    worktrees,
)
from dispatch_hooks.worktrees import sharing


def start(request: dict, origin: dict, settings: dict, env: dict) -> dict:
    """Starts what can be started of a request.

    origin: {"chat","prompt","project","cwd","transcript","text"}. Returns {"started":[task], "again":[task],
    "refused":[{"title","why"}], "waiting": {id: for what}, "learned":[words]}; `again` are tasks of the same words
    whose first dispatch nobody was told of, `learned` says which models the configuration has from now on.
    """
    settings, learned = learn([_wanted(item, settings) for item in request["tasks"]], settings, env)
    lock = files.lock(os.path.join(paths.dirs().state, "dispatch.lock"), wait=2.0)
    if lock is None:
        return _all_refused(request, "another dispatch holds the lock; type it again in a moment")
    try:
        before = _untold(origin)
        if before:
            launch(before, env)
            return {"started": [], "again": before["tasks"], "refused": [], "waiting": {}, "learned": learned}
        return {**_commit(request, origin, settings, env), "learned": learned}
    finally:
        os.close(lock)


def _all_refused(request: dict, why: str) -> dict:
    refused = [{"title": t["title"], "why": why} for t in request["tasks"]]
    return {"started": [], "again": [], "refused": refused, "waiting": {}, "learned": []}


def _commit(request: dict, origin: dict, settings: dict, env: dict) -> dict:
    ready, refused, ahead = [], [], forecast.Forecast(settings)
    never = after.refusals(request["tasks"], tasks.ids(origin["project"]))
    for item in _parents_first(request["tasks"]):
        task, why = _resolve(item, origin, settings, env)
        why = never.get(item["id"]) or why or after.orphaned(task, never) or ahead.add(task)
        if why:
            never[item["id"]] = why
            refused.append({"title": item["title"], "why": why})
        else:
            ready.append(task)
    if ready:
        batch = _stage(ready, origin)
        launch(batch, env)
    return {"started": ready, "again": [], "refused": refused, "waiting": ahead.waiting}


def _parents_first(items: list[dict]) -> list[dict]:
    """In their order, but for those that come after a later one."""
    placed: dict[str, dict] = {}
    left = {item["id"]: item for item in items}
    while left:
        free = [i for i in left.values() if not left.keys() & set(i.get("after") or [])] or list(left.values())
        placed[free[0]["id"]] = left.pop(free[0]["id"])
    return list(placed.values())


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
    if not task.get("after"):
        queue.announce(folder, task)
    try:
        tasks.lay_out(task, plan.write(task["title"], task["text"], task["plan"], task["context"]))
    except OSError:  # the supervisor meets the same obstacle and tells of it
        pass
    launchers.start(folder, env)


def failed(origin: dict, error: OSError) -> str:
    """What the person reads when the disk would not take it: what was committed is started by whoever comes next."""
    why = f"{error.filename or 'the state folder'}: {error.strerror}"
    if os.path.exists(_batch_file("new", _batch_name(origin))):
        return f"Dispatched, and not started yet ({why}); it starts by itself as soon as that is mended."
    return f"Not dispatched: {why}. Mend that, then type it again; dispatch-hooks doctor says more."


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


def asked(folder: str) -> dict | None:
    """A task's record as its batch has it, for one whose own cannot be read."""
    for where in ("done", "new"):
        for name in files.names(os.path.dirname(_batch_file(where, ""))):
            batch = files.read_json(_batch_file(where, name.removesuffix(".json"))) or {}
            for task in batch.get("tasks") or []:
                if tasks.folder(task["project"], task["id"]) == folder:
                    return task
    return None


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
    found, why = resolve.meaning(_wanted(item, settings), settings, env.get("PATH", ""))
    if why:
        return {}, why
    task = {**_plain(item, origin, settings), **found}
    why = worktrees.refusal(task["project"], bool(item.get("worktree"))) if task["worktree"] else ""
    if why:
        return {}, why
    task["permissions"] = item.get("permissions") or found["permissions"] or settings["permissions"]
    task["budget"] = limits.budget(item, _wanted(item, settings), settings)
    task["launcher"] = item.get("launcher") or found["launcher"] or settings["launcher"]
    return _placed(task, settings, env)


def _placed(task: dict, settings: dict, env: dict) -> tuple[dict, str]:
    """The task where it can run: with its own CLI, else with its fallback's."""
    why = _no_place(task, settings)
    if why or not (why := _no_program(task, settings, env)):
        return task, why
    from dispatch_hooks import fallback

    other, _ = fallback.substitute(task, settings, env.get("PATH", os.defpath))
    if not other:
        return task, why
    was = task["alias"] or task["model"] or task["backend"]
    return {**task, **other, "instead_of": {"who": was, "why": why}}, ""


def _wanted(item: dict, settings: dict) -> str:
    return item.get("alias") or item.get("model") or item.get("backend") or settings["default"]


def learn(names: list[str], settings: dict, env: dict) -> tuple[dict, list[str]]:
    """(the settings, what is told of them): models that only a CLI knows are looked for, and go into the config."""
    path, told = env.get("PATH", os.defpath), []
    unknown = any(resolve.meaning(name, settings, path)[1] for name in names)
    if unknown or any(resolve.adoptable(name, settings, path) for name in names):
        from dispatch_hooks import catalogue

        catalogue.look(settings, env, catalogue.RECENT if unknown else catalogue.DAY)
    for name in dict.fromkeys(names):
        found = resolve.adoptable(name, settings, path)
        if found and own.ran(["config", "add-model", name, *_flags(found)], env)[0]:
            told.append(f"{name} is a model of {found['backend']}; it is in your configuration now.")
    return (config.load() if told else settings), told


def _flags(found: dict) -> list[str]:
    return ["--backend", found["backend"], "--name", found["model"]]


def _plain(item: dict, origin: dict, settings: dict) -> dict:
    return {
        **{k: item.get(k) for k in ("id", "title", "text", "plan", "context", "directory")},
        "read_only": bool(item.get("read_only")),
        "project": origin["project"],
        "chat": origin["chat"],
        "prompt": origin["prompt"],
        "check": settings["check"],
        "worktree": {"base": item.get("base")} if worktrees.wanted(item, settings) else None,
        "made": time.time(),
        "after": list(dict.fromkeys(item.get("after") or [])),
    }


def _no_place(task: dict, settings: dict) -> str:
    """Why it has nowhere to run, "" if it has."""
    if task["launcher"] not in ("local", *settings["launchers"]):
        known = ", ".join(settings["launchers"]) or "none yet"
        where = resources.page("clusters")
        return f'there is no launcher "{task["launcher"]}" in your config.toml ({known}); see {where}'
    if task["directory"] and not os.path.isdir(os.path.join(task["project"], task["directory"])):
        return f"there is no folder {task['directory']} in {task['project']}"
    return ""


def _no_program(task: dict, settings: dict, env: dict) -> str:
    """Why the task's CLI cannot run, "" if it can."""
    program, file = resolve.program(task["backend"], settings, env.get("PATH", os.defpath))
    if not program:
        return f'backend "{task["backend"]}" has no command in your config.toml; see dispatch-hooks config path'
    if file or task["launcher"] != "local":
        return ""
    from dispatch_hooks import failures

    return failures.missing(task["backend"], program)


def words(result: dict, cwd: str) -> str:
    """What the person reads after a dispatch; it follows Claude Code's own "Operation stopped by hook: ".

    cwd: where the person is.
    """
    lines, started = [], result["started"]
    if started:
        lines += _listed("Dispatched", started, result["waiting"])
    if result["again"]:
        lines += _listed("Already dispatched, still the same:", result["again"], {})
    for item in result["refused"]:
        lines.append(f"Not dispatched: {item['title']}: {_sentence(item['why'])}")
    about = [*worktrees.elsewhere(started, cwd), *sharing.words(started, result["waiting"])]
    return "\n".join([*lines, *about, *result["learned"]])


def _sentence(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def _listed(verb: str, found: list[dict], waiting: dict) -> list[str]:
    lines = [_named(task) + _wait(waiting.get(task["id"])) for task in found]
    if len(found) == 1:
        return [f"{verb} {lines[0]}.", *_steps(found[0])]
    return [f"{verb} {len(found)} tasks:", *(f"  {line}" for line in lines)]


def _wait(why: str | None) -> str:
    return f" (waiting: {why})" if why else ""


def _named(task: dict) -> str:
    steps = len(task["plan"]) or 1
    who = task["alias"] or task["model"] or task["backend"]
    more = f", {task['permissions']}" if task["permissions"] == "bypass" else ""
    more += ", read-only" if task["read_only"] else ""
    more += _limit(task) if task.get("budget") else ""
    more += ", worktree" if task["worktree"] else ""
    more += f", on {task['launcher']}" if task["launcher"] != "local" else ""
    if task.get("instead_of"):
        more += f", instead of {task['instead_of']['who']}: {task['instead_of']['why'].partition(';')[0]}"
    return f"{task['id']} ({who}, {steps} step{'s' if steps > 1 else ''}{more})"


def _limit(task: dict) -> str:
    untold = limits.untold(task["budget"], task["backend"], config.load())
    return f", at most {limits.words(task['budget'])}{f' ({untold})' if untold else ''}"


def _steps(task: dict) -> list[str]:
    return [f"  {n}. {step}" for n, step in enumerate(task["plan"], 1)]
