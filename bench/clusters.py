"""Tasks on other machines' engines: their start beside a plain submission, their news beside those of one at home, and
what many of them cost the host.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shlex
import signal
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
from bench.world import CHAT, World, listed
from dispatch_hooks import config, files, forecast, hosts, paths, recover, resources, tasks, watcher, worker
from tests.engines import write_engine
from tests.harness import slurm, sshd

MANY = (1, 100, 10_000)

ALIKE = 20


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
        yield "Clusters: what a host pays while engines have so many of its tasks; CPU"
        for count in MANY:
            yield from costs(count)
        yield from room(table)


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
            world.forget()
            return took

        thing_s, base_s = alternate(times, base, thing)
    return Row(f"{kind} ({base_s * 1000:.0f} ms plain)", thing_s / base_s, "x", None, thing_s * 1000)


def over(world: World, end: bool = True) -> None:
    """Until no engine has anything; what runs is ended."""

    def none_left() -> bool:
        for folder in tasks.active() if end else []:
            for run in range(1, tasks.status(folder)["run"] + 1):
                worker.leave_none(worker.mark(folder, run))
        recover.recover(dict(os.environ))
        return not tasks.active() and not tasks.handed_over()

    measure.until(none_left, world.log, timeout=60)


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


ALL_RUN = ["sh", "-c", 'for job; do echo "$job running"; done', "-", "{jobs}"]
"""An engine that runs whatever it is asked after."""


def costs(count: int) -> Iterator[Row]:
    """CPU of what a host does while engines have so many of its tasks: its watcher's looks, a round of questions to an
    engine of one quick command, a prompt's forecast, and one more task handed over.
    """
    with World() as world:
        world.config += launcher({"kind": "command", "submit": ["true"], "poll": ALL_RUN, "cancel": ["true"]})
        world.backend("none", "#!/bin/sh\n")
        folders = [handed_over(str(world.project), n) for n in range(count)]
        hosts.register(os.getpid(), {"session_id": CHAT, "transcript_path": ""}, str(world.project), {})
        watching = a_watcher(world)
        look(watching)
        more = iter(range(count, count + 1000))

        def after_a_change() -> None:
            folders.append(handed_over(str(world.project), next(more)))
            begun = used()
            look(watching)
            spent.append(used() - begun)

        spent: list[float] = []
        yield Row(f"{count:,} tasks: a look, nothing new", cpu(lambda: quiet(watching), 1000), "ms")
        for _ in range(10):
            after_a_change()
        yield Row(f"{count:,} tasks: a look after a change", statistics.median(spent) * 1000, "ms")
        yield Row(f"{count:,} tasks: a round", cpu(_round, 3), "ms")
        foresee = lambda: forecast.Forecast(config.load())  # noqa: E731
        yield Row(f"{count:,} tasks: the forecast of a dispatch", cpu(foresee, 5), "ms")
        yield Row(f"{count:,} tasks: one more is handed over", hand_over(world, more), "ms")
        for folder in tasks.active():
            tasks.deactivate(folder)


def a_watcher(world: World) -> watcher.Watcher:
    """In this process, which is its own host."""
    files.touch(world.marker("tasks"))
    lock = files.lock(world.marker("watcher.lock"))
    assert lock is not None
    before = signal.getsignal(signal.SIGTERM)
    try:
        return watcher.Watcher(os.getpid(), {**world.env, **os.environ, "CLAUDE_PID": str(os.getpid())}, lock)
    finally:
        signal.signal(signal.SIGTERM, before)


def quiet(watching: watcher.Watcher) -> None:
    """As it looks once a second."""
    watching.post.expected()
    watching.post.expected()
    watching.post.moved()


def look(watching: watcher.Watcher) -> None:
    """As it looks when something has moved."""
    quiet(watching)
    watching.step(time.time())


def hand_over(world: World, more: Iterator[int]) -> float:
    """CPU of a supervisor here from its start to its end: the engine has its task then."""
    script = os.path.join(resources.shared("hooks"), "supervise.py")
    spent = []
    for n in more:
        folder = tasks.create(record(str(world.project), n))
        tasks.activate(folder)
        done = measure.run([world.python, "-I", "-S", script, folder], {**world.env, paths.ENV: os.environ[paths.ENV]})
        assert tasks.handed(folder), done
        spent.append(done.cpu)
        if len(spent) == 5:
            break
    return statistics.median(spent) * 1000


QUICK = """\
#!/bin/sh
cd "$DISPATCH_HOOKS_FOLDER" && sed -i 's/\\[ \\]/[x]/' plan.md && echo done >output.md
"""


def room(table: dict) -> Iterator[Row]:
    """What a task that has ended leaves: of a worker that says nothing but its one line."""
    with World() as world:
        world.config = 'launcher = "engine"\nmax_waiting = 1000\n' + world.config + launcher(table)
        world.backend("quick", QUICK)
        world.say(listed("weigh part", ALIKE, "quick"))
        measure.until(lambda: len(os.listdir(tasks.project_folder(str(world.project)) + "/tasks")) == ALIKE, "tasks")
        over(world, end=False)
        tops = (world.dirs.state, str(world.project / ".dispatch"))
        walked = (step for top in tops for step in os.walk(top))
        found = [os.lstat(os.path.join(at, name)) for at, inner, names in walked for name in [*inner, *names]]
        yield Row("a task that has ended: files and folders", len(found) / ALIKE, "calls")
        yield Row("a task that has ended: on the disk", sum(one.st_blocks for one in found) / 2 / ALIKE, "KiB")
        world.forget()


def _round() -> None:
    files.clear(os.path.join(os.path.dirname(tasks.handed_file("x/y")), ".engines"))
    recover.recover({"PATH": os.defpath})


def cpu(act: Callable[[], object], times: int) -> float:
    begun = used()
    for _ in range(times):
        act()
    return (used() - begun) * 1000 / times


def used() -> float:
    """Seconds of CPU of this process and of its children that have ended; finer than os.times."""
    spent = [resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def record(project: str, n: int) -> dict:
    plain = {"id": f"task-{n}", "title": "t", "text": "t", "plan": [], "context": "", "directory": None, "check": ""}
    who = {"model": "", "alias": "", "alias_prompt": "", "backend": "none", "permissions": "ask", "read_only": False}
    origin = {"project": project, "chat": CHAT, "prompt": "p", "made": time.time(), "launcher": "engine", "after": []}
    return {**plain, **who, **origin}


def handed_over(project: str, n: int) -> str:
    """The records of a task that an engine has; its folder."""
    folder = tasks.create(record(project, n))
    tasks.set_status(folder, {"state": "running", "run": 1, "why": ""})
    files.write_json(os.path.join(folder, "job.json"), {"launcher": "engine", "name": f"j{n}", "id": f"{n}", "run": 1})
    files.write(tasks.handed_file(folder), f"{CHAT}\nengine\n")
    tasks.activate(folder)
    return folder
