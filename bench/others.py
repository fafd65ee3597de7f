"""The neighbours, in the same run: another hook library, a shell with jq, a polling monitor, two job spoolers."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import measure
from bench.measure import Row, alternate, ratio
from bench.spawn import heard
from bench.world import CHECKOUT, PROMPT, World

CACHE = CHECKOUT / ".cache" / "bench"

CCHOOKS = "cchooks==0.1.5"

CCHOOKS_HOOK = """\
from cchooks import create_context
context = create_context()
if "dispatch" in context.prompt:
    context.output.add_context("dispatched")
"""

JQ_HOOK = """case $(jq -r .prompt) in *dispatch*) echo '{"continue": false}' ;; esac"""

MONITORS, PERIOD = 20, 3.0

MONITOR = "while [ ! -e {news} ]; do sleep 3; done"
"""How a chat without hooks is told to wait for its workers."""


def rows(times: int) -> Iterator[str | Row]:
    yield "For comparison"
    with World() as world:
        yield hook(world, times, "an idle UserPromptSubmit hook with cchooks 0.1.5", cchooks)
        yield hook(world, times, "an idle UserPromptSubmit hook of bash and jq", bash_and_jq)
        yield from monitor(world)
        yield from spooled(world, times, "task-spooler", "tsp", "TS_SOCKET")
        yield from spooled(world, times, "nq", "nq", "NQDIR")


# hooks


def hook(world: World, times: int, what: str, find: Callable[[World], list[str] | None]) -> Row:
    argv = find(world)
    if argv is None:
        return Row(what, None, note="not available")
    event = world.event("UserPromptSubmit.plain", prompt=PROMPT)
    return ratio(what, alternate(times, lambda: world.base().wall, lambda: measure.run(argv, world.env, event).wall))


def cchooks(world: World) -> list[str] | None:
    venv = CACHE / "cchooks"
    python = venv / "bin/python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-cache-dir", CCHOOKS]
    if not (venv / "made").exists():
        shutil.rmtree(venv, ignore_errors=True)
        if not done([sys.executable, "-m", "venv", venv]) or not done(install):
            return None
        (venv / "made").touch()
    program = world.root / "hook.py"
    program.write_text(CCHOOKS_HOOK)
    return [str(python), str(program)]


def bash_and_jq(world: World) -> list[str] | None:
    return ["/bin/bash", "-c", JQ_HOOK] if shutil.which("jq") and os.path.exists("/bin/bash") else None


def done(argv: list, cwd: Path = CHECKOUT) -> bool:
    return subprocess.run(list(map(str, argv)), cwd=cwd, capture_output=True, check=False).returncode == 0


# a polling monitor


def monitor(world: World) -> Iterator[Row]:
    """Many monitors that began at different moments, one piece of news."""
    news, pids = world.root / "news", {}
    for _ in range(MONITORS):
        pid, pipe = measure.start(["/bin/sh", "-c", MONITOR.format(news=news)], world.env)
        os.close(pipe)
        pids[pid] = time.perf_counter()
        time.sleep(PERIOD / MONITORS)
    time.sleep(PERIOD)
    news.touch()
    made, late, cpu = time.perf_counter(), [], 0.0
    while pids:
        pid, _, used = os.wait4(-1, 0)
        late.append(time.perf_counter() - made)
        cpu += (used.ru_utime + used.ru_stime) / (time.perf_counter() - pids.pop(pid))
    yield Row("a 3-second polling monitor: mean time to its wake", statistics.mean(late) * 1000, "ms")
    yield Row("a 3-second polling monitor: its CPU, an hour", cpu / MONITORS * 3600 * 1000, "ms")


# spoolers


def spooled(world: World, times: int, package: str, name: str, folder: str) -> Iterator[Row]:
    """How long the launcher takes, and how long until its job's first instruction."""
    program = spooler(package, name)
    if program is None:
        yield Row(package, None, note="not available")
        return
    path, bell = world.fifo(f"{name}.first")
    env = {**world.env, "TMPDIR": str(world.root), folder: str(world.root / f"{name}.here")}
    argv = [program, "/bin/sh", "-c", f"echo . >{path}"]

    def launcher() -> float:
        took = measure.run(argv, env).wall
        heard(bell)
        time.sleep(0.02)  # it strikes the job off its list
        return took

    def job() -> float:
        begun = time.perf_counter()
        pid, pipe = measure.start(argv, env)
        os.close(pipe)
        took = heard(bell) - begun
        os.waitpid(pid, 0)
        time.sleep(0.02)
        return took

    yield ratio(f"{package}: its launcher", alternate(times, lambda: world.base().wall, launcher))
    yield ratio(f"{package}: to its job's first instruction", alternate(times, lambda: world.base().wall, job))
    if name == "tsp":
        measure.run([program, "-K"], env)


def spooler(package: str, name: str) -> str | None:
    """The program on PATH, else out of its Debian package in our cache: nothing is installed on the machine."""
    found = shutil.which(name)
    if found or not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return found
    folder = CACHE / package
    program = folder / "usr/bin" / name
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        done(["apt-get", "download", package], cwd=folder)
        for file in folder.glob("*.deb"):
            done(["dpkg-deb", "-x", file, folder])
    return str(program) if program.exists() else None
