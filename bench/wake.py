"""From a worker's last breath to the text that wakes the chat."""

from __future__ import annotations

import os
import select
import statistics
import time
from collections.abc import Iterator

from bench.measure import Row, percentile
from bench.world import World

WORKER = """\
#!/bin/sh
exec 3>{gone}
read -r _ <{go}
sed -i 's/\\[ \\]/[x]/' "$DISPATCH_HOOKS_FOLDER/plan.md" 3>&-
echo 'two weak spots, both in the login' >"$DISPATCH_HOOKS_FOLDER/output.md"
"""
"""Works until it is let go; the kernel closes `gone` when it has exited."""


def rows(times: int) -> Iterator[str | Row]:
    yield "Waking an idle chat"
    with World() as world:
        path, go = world.fifo("go")
        gone = str(world.root / "gone")
        os.mkfifo(gone)
        world.backend("patient", WORKER.format(go=path, gone=gone))
        took = [wake(world, go, gone) for _ in range(times + 1)][1:]
    name = f"worker's exit to the wake's text, 95th percentile of {times}"
    yield Row(name, percentile(took, 0.95) * 1000, "ms", 50.0)
    yield Row("worker's exit to the wake's text, median", statistics.median(took) * 1000, "ms")


def wake(world: World, go: int, gone: str) -> float:
    """One task from its dispatch to its wake; a host of its own, so nothing was sent in the last ten seconds."""
    world.settle()
    world.forget()
    end = os.open(gone, os.O_RDONLY | os.O_NONBLOCK)
    text = os.open(world.root / "wake.txt", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    world.run_tasks(1, "patient")
    watcher = world.watch(err=text)
    time.sleep(0.2)  # it waits by now
    os.write(go, b"\n")
    exited = hung_up(end)
    _, status = os.waitpid(watcher, 0)
    took, world.watcher = time.perf_counter() - exited, 0
    said = os.pread(text, 65536, 0)
    os.close(end)
    os.close(text)
    assert os.waitstatus_to_exitcode(status) == 2, (status, said)
    assert b"two weak spots" in said, said
    return took


def hung_up(end: int) -> float:
    """When the last writer of a FIFO has gone."""
    poll = select.poll()
    poll.register(end, 0)  # POLLHUP is always told
    if not poll.poll(30_000):
        raise TimeoutError("the worker does not end")
    return time.perf_counter()
