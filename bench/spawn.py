"""From a typed dispatch to the worker CLI's first instruction, and what twenty supervisors weigh."""

from __future__ import annotations

import os
import select
import statistics
import time
import uuid
from collections.abc import Iterator

from bench import measure
from bench.measure import Row, alternate, ratio
from bench.world import World, listed
from dispatch_hooks import files, processes, queue, steer, tasks

ALIKE = 20


def rows(times: int) -> Iterator[str | Row]:
    yield "Spawning"
    with World() as world:
        bell = clocks(world)
        what = "prompt to the worker CLI's exec"
        yield ratio(f"{what}, command backend", to_exec(world, times, "clock", bell), 5.0)
        yield ratio(f"{what}, claude backend", to_exec(world, times, "opus", bell), 5.0)
        yield ratio(f"{what}, a watcher starting beside it", to_exec(world, times, "clock", bell, True))
        yield ratio("prompt to the end of its hook", to_end(world, times))
    with World() as world:
        world.backend("sleeper", "#!/bin/sh\nexec sleep 3600\n")
        folders = world.run_tasks(ALIKE, "sleeper")
        weights = [proportional(tasks.status(folder)["supervisor"]["pid"]) for folder in folders]
        what = f"a supervisor's proportional memory, {ALIKE} running"
        known = None not in weights
        yield Row(what, statistics.median(weights) if known else None, "MiB", 6.0, note="" if known else "Linux only")
        weights = waiting(world)
        what = f"a waiting supervisor's, {ALIKE} beside them"
        yield Row(what, statistics.median(weights) if known else None, "MiB", 4.0, note="" if known else "Linux only")


def waiting(world: World) -> list[float | None]:
    """What those weigh that are not let start."""
    queue.pause()
    before = set(tasks.active())
    world.say(listed("weigh part", ALIKE, "sleeper"))
    new = lambda: [folder for folder in tasks.active() if folder not in before]  # noqa: E731
    pids = lambda: [(tasks.status(folder).get("supervisor") or {}).get("pid", 0) for folder in new()]  # noqa: E731
    asleep = lambda: [any(w.endswith("wait.py") for w in processes.arguments(pid)) for pid in pids()]  # noqa: E731
    measure.until(lambda: asleep().count(True) == ALIKE, f"{ALIKE} that wait")
    found = [proportional(pid) for pid in pids()]
    for folder in new():
        steer.cancel(folder, dict(os.environ))
    measure.until(lambda: not new(), "the end of those that wait")
    queue.go_on()
    return found


def clocks(world: World) -> int:
    """Two workers whose first act is to ring, a command's and one that is called claude; the bell they ring."""
    path, bell = world.fifo("first")
    world.backend("clock", f"#!/bin/sh\necho . >{path}\nexec sleep 3600\n")
    world.program("claude", f"#!/bin/sh\necho . >{path}\nexec sleep 3600\n")
    return bell


def prompt(who: str) -> dict:
    return {"prompt": f"dispatch {who} to review the auth module", "prompt_id": str(uuid.uuid4())}


def clean(world: World) -> None:
    """Every run finds what the first one found."""
    world.end_watcher()
    world.end_workers()
    world.forget()


def to_exec(world: World, times: int, who: str, bell: int, beside: bool = False) -> measure.Measured:
    def thing() -> float:
        clean(world)
        begun = time.perf_counter()
        pid = world.begin("UserPromptSubmit.plain", **prompt(who))
        if beside:
            world.watcher = world.begin("UserPromptSubmit.plain", watch=True, **prompt(who))
        took = heard(bell) - begun
        os.waitpid(pid, 0)
        if beside:
            world.wait_watching()
        return took

    return alternate(times, lambda: world.base().wall, thing)


def heard(bell: int) -> float:
    """When the bell rang."""
    if not select.select([bell], [], [], 30.0)[0]:
        raise TimeoutError("the worker did not start")
    now = time.perf_counter()
    files.drain(bell)
    return now


def to_end(world: World, times: int) -> measure.Measured:
    def thing() -> float:
        clean(world)
        return world.run("UserPromptSubmit.plain", **prompt("clock")).wall

    return alternate(times, lambda: world.base().wall, thing)


def proportional(pid: int) -> float | None:
    """MiB of a process, what it shares with others divided among them; None where the system does not say."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024
    except OSError:
        return None
