"""What an event of a chat costs when there is nothing to say, and what three news cost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from bench.measure import Row, alternate, ratio
from bench.world import CHAT, PROMPT, World
from dispatch_hooks import files, hosts, inbox, tasks

HUGE = PROMPT * 171
"""A pasted prompt of 100 KB."""

IDLE = [
    ("Stop", "Stop.plain", {}, 0.2),
    ("Notification", "Notification.idle_prompt", {}, 0.2),
    ("SessionEnd", "SessionEnd.other", {}, 0.2),
    ("UserPromptSubmit, 600 bytes", "UserPromptSubmit.plain", {"prompt": PROMPT}, 0.5),
    ("UserPromptSubmit, 100 KB", "UserPromptSubmit.plain", {"prompt": HUGE}, 1.5),
]

WATCHERS = [
    ("SessionStart's watcher entry, CPU", "SessionStart.startup", {}),
    ("Stop's watcher entry, CPU", "Stop.plain", {}),
    ("UserPromptSubmit's watcher entry, 600 bytes, CPU", "UserPromptSubmit.plain", {"prompt": PROMPT}),
    ("UserPromptSubmit's watcher entry, 100 KB, CPU", "UserPromptSubmit.plain", {"prompt": HUGE}),
]

OLD = 10_000


def rows(times: int) -> Iterator[str | Row]:
    for state, project, prepare in STATES:
        with World(project) as world:
            prepare(world)
            yield f"Idle, {state}"
            yield from idle(world, times)
    with World() as world:
        world.plugged()
        yield "Idle, as a plugin of Claude Code"
        yield from idle(world, times)
    yield "News"
    with World() as world:
        yield digest(world, times, "UserPromptSubmit with three news")
        grow_old(world)
        yield digest(world, times, f"UserPromptSubmit with three news, beside {OLD:,} old tasks")


# states


def as_it_is(world: World) -> None:
    pass


def five_running(world: World) -> None:
    world.backend("sleeper", "#!/bin/sh\nexec sleep 3600\n")
    world.run("SessionStart.startup")
    world.run_tasks(5, "sleeper")
    world.watch()


def grow_old(world: World) -> None:
    """Tasks that ended long ago and were delivered, as many as a few years leave behind."""
    for n in range(OLD):
        key = {"task": f"old-task-{n}", "key": f"{tasks.project_name(str(world.project))}~old-task-{n}"}
        folder = tasks.folder(str(world.project), key["task"])
        os.makedirs(folder)
        task = {"id": key["task"], "title": "old", "project": str(world.project), "chat": CHAT, "made": 0.0}
        files.write_json(os.path.join(folder, "task.json"), task)
        files.write_json(os.path.join(folder, "status.json"), {"state": "finished", "run": 1, "ended": 1.0})
        name = inbox.event_name({**key, "run": 1, "kind": "finished"})
        files.write_json(os.path.join(inbox.folder(CHAT), "delivered", name), key)


STATES: list[tuple[str, str, Callable[[World], None]]] = [
    ("no task", "shop", as_it_is),
    ("five tasks running, a watcher beside them", "shop", five_running),
    (f"{OLD:,} old tasks in the state folder", "shop", grow_old),
    ("in a project whose path contains the word dispatch", "dispatch-service", as_it_is),
]


# rows


def idle(world: World, times: int) -> Iterator[Row]:
    keep = kept_host()
    for what, sample, fields, bound in IDLE:

        def thing(sample=sample, fields=fields) -> float:
            keep()
            return world.run(sample, **fields).wall

        yield ratio(what, alternate(times, lambda: world.base().wall, thing), bound)
    for what, sample, fields in WATCHERS:

        def cpu(sample=sample, fields=fields) -> float:
            return world.run(sample, watch=True, **fields).cpu

        yield ratio(what, alternate(times, lambda: world.base().cpu, cpu))


def kept_host() -> Callable[[], None]:
    """Gives back what SessionEnd takes away: the host's record and markers as they are now."""
    folder = hosts.place(os.getpid())
    paths = [os.path.join(folder, name) for name in files.names(folder)]
    before = [(path, open(path, "rb").read()) for path in paths if os.path.isfile(path)]  # noqa: SIM115

    def keep() -> None:
        for path, data in before:
            if not os.path.exists(path):
                files.write(path, data)

    return keep


def digest(world: World, times: int, what: str) -> Row:
    out = os.open(world.root / "answer.json", os.O_RDWR | os.O_CREAT)

    def thing() -> float:
        three_news(world)
        os.ftruncate(out, 0)
        return world.run("UserPromptSubmit.plain", out=out, prompt=PROMPT).wall

    measured = alternate(times, lambda: world.base().wall, thing)
    said = os.pread(out, 65536, 0).decode()
    os.close(out)
    assert {"part-question", "part-failed", "part-finished"} <= set(said.replace(":", " ").split()), said
    return ratio(what, measured, 3.0)


def three_news(world: World) -> None:
    """A finished task, a failed one and a question, in the inbox of this chat; nothing of an earlier run."""
    where = inbox.folder(CHAT)
    files.clear(os.path.join(where, "claimed"))
    files.clear(hosts.place(os.getpid()))
    common = {"project": str(world.project), "chat": CHAT, "run": 1, "model": "opus", "made": 1.0, "options": []}
    ended = {"path": "", "ticked": 3, "items": 3, "cost_usd": 0.12, "seconds": 240}
    for kind, more in (("finished", ended), ("failed", ended), ("question", {"question": 1})):
        name = f"part-{kind}"
        key = f"{tasks.project_name(str(world.project))}~{name}"
        event = {**common, **more, "key": key, "task": name, "kind": kind, "text": f"what came of {name}"}
        files.write_json(os.path.join(where, "new", inbox.event_name(event)), event)
    files.touch(world.marker("news"))
