"""Engines to hand supervisors to: a real Slurm, a real sshd, and commands that stand for an engine of the person's."""

import os
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from tests.harness import slurm as slurm_harness
from tests.harness import sshd as sshd_harness

ENGINE = '''\
#!{python}
"""An engine in a folder: jobs are processes, their names are their ids."""
import os, signal, subprocess, sys
top, (verb, *words) = {top!r}, sys.argv[1:]
def path(job): return os.path.join(top, job)
def alive(job):
    try:
        with open(path(job)) as f: pid = int(f.read())
        with open(f"/proc/{{pid}}/stat") as f: return pid if f.read().rpartition(")")[2].split()[0] not in "ZX" else 0
    except (OSError, ValueError): return 0
if verb == "submit":
    name, log = words
    script = path(name + ".sh")
    with open(script, "w") as f: f.write(sys.stdin.read())
    with open(log, "ab") as out:
        streams = dict(stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        child = subprocess.Popen(["/bin/sh", script], start_new_session=True, **streams)
    with open(path(name), "w") as f: f.write(str(child.pid))
elif verb == "poll":
    for job in words:
        if os.path.exists(path(job)): print(job, "running" if alive(job) else "ended its process is gone")
elif verb == "cancel":
    if alive(words[0]): os.kill(alive(words[0]), signal.SIGTERM)
'''


def _needed(why: str) -> None:
    if why and os.environ.get("CI"):
        pytest.fail(f"{why}; a build machine must have it")
    if why:
        pytest.skip(why)


@pytest.fixture(scope="session")
def slurm():
    """A Slurm of this test process's own: about two seconds to start."""
    _needed(slurm_harness.missing())
    top = Path(tempfile.mkdtemp(prefix="dh-slurm-"))
    cluster = slurm_harness.Slurm(top)
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def sshd():
    _needed(sshd_harness.missing())
    top = Path(tempfile.mkdtemp(prefix="dh-sshd-"))
    server = sshd_harness.Sshd(top, {"FAR_SIDE": "yes"})
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def engine(tmp_path) -> dict:
    """The table of a command launcher whose engine is a script."""
    return write_engine(tmp_path)


def write_engine(folder: Path) -> dict:
    """Writes the script into a folder; the launcher's table that uses it."""
    top = folder / "engine"
    top.mkdir()
    program = folder / "engine.py"
    program.write_text(ENGINE.format(python=sys.executable, top=str(top)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    word = str(program)
    return {"kind": "command", "submit": [word, "submit", "{name}", "{log}"], "poll": [word, "poll", "{jobs}"],
            "cancel": [word, "cancel", "{job}"]}  # fmt: skip
