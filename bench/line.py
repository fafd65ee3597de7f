"""What Claude Code's status line costs each time it is drawn, and the Tab key; beside them what was not chosen."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

from bench.measure import Row, alternate, ratio, run
from bench.world import World
from dispatch_hooks import files, hosts, statusbar, tasks


def rows(times: int) -> Iterator[str | Row]:
    with World() as world:
        command = ["/bin/sh", "-c", statusbar.command(world.dirs, "", True)]

        def draw() -> float:
            return run(command, world.env, b"{}").wall

        def change() -> float:
            files.stamp(tasks.changed_file())
            return draw()

        def program(*args: str) -> float:
            return run([sys.executable, "-m", "dispatch_hooks", *args], world.env).wall

        def measured(thing):
            return alternate(times, lambda: world.base().wall, thing)

        yield "Status line"
        yield ratio("no task of this user's", measured(draw), 0.3)
        world.backend("sleeper", "#!/bin/sh\nexec sleep 3600\n")
        world.run("SessionStart.startup")
        world.run_tasks(5, "sleeper")
        hosts.expect(os.getpid())
        yield ratio("five tasks running, nothing changed since", measured(draw), 1.0)
        yield ratio("five tasks running, a record changed", measured(change), 5.0)
        yield ratio("not chosen: the command itself as the status line", measured(lambda: program("statusline")))
        yield "Tab"
        yield ratio("the ids of tasks", measured(lambda: program("completion", "tasks", "show")), 8.0)
        yield ratio("not chosen: a start of the whole program", measured(lambda: program("--version")))
