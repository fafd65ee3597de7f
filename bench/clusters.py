"""Tasks on other machines' engines: their start beside a plain submission, their news beside those of one at home, and
what many of them cost the host.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import measure
from bench.measure import Row, alternate, percentile
from bench.spawn import heard
from bench.wake import WORKER, wake
from bench.world import CHAT, World
from dispatch_hooks import files, recover, tasks, worker
from dispatch_hooks.remote import post
from tests.engines import write_engine
from tests.harness import slurm, sshd

MANY = (1, 100, 10_000)


def rows(times: int) -> Iterator[str | Row]:
    yield "Clusters: prompt to the worker's first instruction, as a ratio to the engine's plain submission"
    times = min(times, 9)
    with contextlib.ExitStack() as stack:
        for kind, why, table, env, plain in engines(stack):
            if why:
                yield Row(kind, None, note=why)
                continue
            yield starts(kind, table, env, plain, times)
    yield "Clusters: from a worker's exit to the wake's text"
    with contextlib.ExitStack() as stack:
        table = write_engine(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dh-bench-"))))
        for name, head in (("here", ""), ("on an engine", 'launcher = "engine"\n')):
            yield from wakes(name, head, table, times)
    yield "Clusters: what a host pays while engines have so many of its tasks"
    for count in MANY:
        yield from costs(count)


def engines(stack: contextlib.ExitStack) -> Iterator[tuple]:
    """(kind, "" or why not, the launcher's table, more environment, a plain submission of a shell command)."""
    top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dh-bench-")))
    if why := slurm.missing():
        yield "slurm", why, {}, {}, None
    else:
        (top / "slurm").mkdir()
        cluster = slurm.Slurm(top / "slurm").start()
        stack.callback(cluster.stop)
        yield "slurm", "", {"kind": "slurm"}, cluster.env, lambda act: _run(
            ["sbatch", "--output=/dev/null", f"--wrap={act}"], {**os.environ, **cluster.env}
        )
    if why := sshd.missing():
        yield "ssh", why, {}, {}, None
    else:
        (top / "sshd").mkdir()
        server = sshd.Sshd(top / "sshd", {}).start()
        stack.callback(server.stop)
        table = {"kind": "ssh", "host": "127.0.0.1", "options": server.options, "export": ["PATH"]}
        yield "ssh", "", table, {}, lambda act: _run(["ssh", *server.options, "127.0.0.1", act], dict(os.environ))


def _run(argv: list[str], env: dict) -> None:
    subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True)


def launcher(table: dict) -> str:
    return "[launchers.engine]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items()) + "\n"


def starts(kind: str, table: dict, env: dict, plain: Callable[[str], None], times: int) -> Row:
    with World() as world:
        world.config += launcher(table)
        world.env |= env
        os.environ.update(env)
        path, bell = world.fifo("first")
        act = f"echo . >{shlex.quote(str(path))}"
        world.backend("clock", f"#!/bin/sh\n{act}\nexec sleep 3600\n")

        def base() -> float:
            begun = time.perf_counter()
            plain(act)
            return heard(bell) - begun

        def thing() -> float:
            begun = time.perf_counter()
            world.say("dispatch clock to review the auth module, on engine")
            took = heard(bell) - begun
            over(world)
            return took

        thing_s, base_s = alternate(times, base, thing)
    return Row(f"{kind} ({base_s * 1000:.0f} ms plain)", thing_s / base_s, "x", None, thing_s * 1000)


def over(world: World) -> None:
    """Ends what runs on the engine, and forgets it."""

    def none_left() -> bool:
        for folder in tasks.active():
            for run in range(1, tasks.status(folder)["run"] + 1):
                worker.leave_none(worker.mark(folder, run))
        recover.recover(dict(os.environ))
        return not tasks.active() and not tasks.handed_over()

    measure.until(none_left, world.log, timeout=60)
    world.forget()


def wakes(name: str, head: str, table: dict, times: int) -> Iterator[Row]:
    with World() as world:
        world.config = head + world.config + launcher(table)
        path, go = world.fifo("go")
        gone = str(world.root / "gone")
        os.mkfifo(gone)
        world.backend("patient", WORKER.format(go=path, gone=gone))
        took = [wake(world, go, gone) for _ in range(times + 1)][1:]
        over(world)
    yield Row(f"{name}, median of {times}", statistics.median(took) * 1000, "ms")
    yield Row(f"{name}, 95th percentile", percentile(took, 0.95) * 1000, "ms")


def costs(count: int) -> Iterator[Row]:
    """CPU of a look at the inboxes (one a second) and of a round (one in 15 s), by an engine of one quick command."""
    with World() as world:
        world.config += launcher({"kind": "command", "submit": ["true"], "poll": ["true", "x"], "cancel": ["true"]})
        world.backend("none", "#!/bin/sh\n")
        for n in range(count):
            hand_over(str(world.project), n)
        watched = post.Post()
        watched.moved()
        time.sleep(post.BLUR)
        yield Row(f"{count:,} tasks: a look, CPU", cpu(watched.moved, 100), "ms")
        yield Row(f"{count:,} tasks: a round, CPU", cpu(_round, 3), "ms")
        world.forget()


def _round() -> None:
    files.clear(os.path.join(os.path.dirname(tasks.handed_file("x/y")), ".engines"))
    recover.recover({"PATH": os.defpath})


def cpu(act: Callable[[], object], times: int) -> float:
    begun = os.times()
    for _ in range(times):
        act()
    ended = os.times()
    return sum(ended[:4]) * 1000 / times - sum(begun[:4]) * 1000 / times


def hand_over(project: str, n: int) -> None:
    """The records of a task that an engine has."""
    plain = {"id": f"task-{n}", "title": "t", "text": "t", "plan": [], "context": "", "directory": None, "check": ""}
    who = {"model": "", "alias": "", "alias_prompt": "", "backend": "none", "permissions": "ask", "read_only": False}
    origin = {"project": project, "chat": CHAT, "prompt": "p", "made": time.time(), "launcher": "engine"}
    folder = tasks.create({**plain, **who, **origin})
    tasks.set_status(folder, {"state": "running", "run": 1, "why": ""})
    files.write_json(os.path.join(folder, "job.json"), {"launcher": "engine", "name": f"j{n}", "id": f"{n}", "run": 1})
    files.write(tasks.handed_file(folder), f"{CHAT}\nengine\n")
    tasks.activate(folder)
