"""The ways that other systems than Linux take, walked on Linux by selecting them: `ps` for /proc, a tick for pidfd."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from dispatch_hooks import processes, questions, resources, steer, tasks
from tests.harness.waiting import wait_until
from tests.product import TICK, alive
from tests.test_supervisor import ASK

ELSEWHERE = """
import os, sys
del os.pidfd_open
sys.path.append({root!r})
from dispatch_hooks import processes
processes.LINUX = False
from dispatch_hooks import supervisor
sys.exit(supervisor.main(*sys.argv[1:]))
"""


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """This process and its supervisors believe that they are not on Linux."""
    hooks = tmp_path / "elsewhere"
    hooks.mkdir()
    (hooks / "supervise.py").write_text(ELSEWHERE.format(root=str(Path(resources.HERE).parent)))
    monkeypatch.setattr(resources, "shared", lambda name: str(hooks))
    monkeypatch.setattr(processes, "LINUX", False)
    monkeypatch.delattr(os, "pidfd_open")


def test_ps_and_proc_tell_the_same_of_a_process(monkeypatch):
    child = subprocess.Popen(["sleep", "100"], env={**os.environ, "MARK_OF_TEST": "here"})
    try:
        wait_until(lambda: processes.arguments(child.pid) == ["sleep", "100"])  # the very first moment of exec is bare
        here = processes.identity(child.pid)
        found = processes.parent(child.pid), processes.marked("MARK_OF_TEST", "here"), processes.arguments(child.pid)
        monkeypatch.setattr(processes, "LINUX", False)
        there = processes.parent(child.pid), processes.marked("MARK_OF_TEST", "here"), processes.arguments(child.pid)
        assert found == there == (os.getpid(), [child.pid], ["sleep", "100"])
        assert processes.alive(processes.identity(child.pid))
        assert here["started"] and not processes.alive({**here, "started": "0"})
        assert processes.terminal(child.pid) is False
    finally:
        child.kill()
        child.wait()
    assert processes.started(child.pid) == ""


def test_a_task_runs_and_asks_without_linux(lab, elsewhere):
    lab.script("asker", ASK + TICK)
    (folder,) = lab.dispatch("asker")
    lab.wait(folder, "running")
    wait_until(lambda: questions.waiting(folder), why="the question")
    steer.answer(folder, "blue", "typed", dict(os.environ))
    assert lab.wait(folder, "finished")["summary"] == "I took blue"


def test_cancel_leaves_no_process_without_linux(lab, elsewhere):
    lab.script("parent", "sleep 300 & sleep 301")
    (folder,) = lab.dispatch("parent")
    lab.wait(folder, "running")
    steer.cancel(folder, dict(os.environ))
    lab.wait(folder, "cancelled")
    assert alive(folder) == []
    assert tasks.active() == []


def test_a_start_that_fails_is_an_error_with_the_programs_name(tmp_path):
    from dispatch_hooks import worker

    bad = tmp_path / "bad"
    bad.write_text("#!/nonexistent/interpreter\n")
    bad.chmod(0o755)
    with pytest.raises(OSError) as error:
        worker.Worker([str(bad)], {"PATH": os.environ["PATH"]}, "/", str(tmp_path / "err"))
    assert error.value.filename == str(bad)


def test_tasks_wait_their_turn_without_linux_and_hear_of_a_kill_by_looking(lab, elsewhere):
    from tests.test_queue import GO, go, pid, settings, state

    settings("max_parallel = 1\n")
    lab.script("held", GO + TICK)
    first, second, third = lab.dispatch("held", "held", "held")
    wait_until(lambda: [state(folder) for folder in (first, second, third)] == ["running", "waiting", "waiting"])
    go(lab, first)
    wait_until(lambda: state(second) == "running")
    os.kill(pid(second), signal.SIGKILL)
    wait_until(lambda: state(third) == "running")
    go(lab, third)
    lab.wait(third, "finished")
