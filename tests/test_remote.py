"""Supervisors on other machines' engines: what the records say, what the person hears, and that nothing is left."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from dispatch_hooks import (
    config,
    conversation,
    files,
    inputs,
    launchers,
    outcome,
    overview,
    paths,
    processes,
    questions,
    recover,
    remote,
    resources,
    steer,
    supervisor,
    tasks,
)
from dispatch_hooks.doctor import away as away_probe
from dispatch_hooks.doctor import ground as doctor_ground
from dispatch_hooks.errors import FatalError
from dispatch_hooks.launchers import command
from dispatch_hooks.remote import engine, far, handover
from tests.harness.waiting import wait_until
from tests.product import TICK

ASK = """answer=$(dispatch-hooks ask "which color?" --option red --option blue)
said="it is $answer"; """


@pytest.fixture(params=launchers.KINDS)
def away(request, lab, monkeypatch):
    """The lab with a launcher "engine" of each kind."""
    return _away(request, lab, monkeypatch, request.param)


@pytest.fixture
def cluster(request, lab, monkeypatch):
    return _away(request, lab, monkeypatch, "slurm")


@pytest.fixture
def engineered(request, lab, monkeypatch):
    return _away(request, lab, monkeypatch, "command")


@pytest.fixture
def paper(lab, quick):
    """The lab with a launcher "engine" whose jobs never run: they are what paper.say says of them."""
    paper = Paper(lab)
    yield paper
    for folder in tasks.active():
        steer.cancel(folder, dict(os.environ))
    wait_until(lambda: recover.recover(dict(os.environ)) == tasks.handed_over() == [])


class Paper:
    """An engine on paper: a file for each job, with what it says of it."""

    def __init__(self, lab) -> None:
        self.lab, self.top, program = lab, lab.root / "paper", lab.root / "paper.sh"
        self.top.mkdir()
        program.write_text(PAPER.format(top=self.top))
        program.chmod(0o755)
        verbs = {"submit": "{name}", "poll": "{jobs}", "cancel": "{job}"}
        _configure({"kind": "command", **{verb: [str(program), verb, hole] for verb, hole in verbs.items()}})
        lab.script("good", TICK)

    def pending(self) -> str:
        """A task whose job waits there, and is known to."""
        folder = send(self.lab, "good")
        wait_until(lambda: remote.job(folder).get("id"), 60, lambda: _log(folder))
        return folder

    def say(self, folder: str, words: str) -> None:
        (self.top / remote.job(folder)["name"]).write_text(words)

    def submitted(self) -> list[str]:
        return (self.top / "submitted").read_text().split()

    def cancelled(self) -> list[str]:
        found = self.top / "cancelled"
        return found.read_text().split() if found.exists() else []


PAPER = """#!/bin/sh
cd {top}; verb=$1; shift; echo $verb >> asked
case $verb in
submit) cat > /dev/null; echo $1 >> submitted; while [ -e busy ]; do sleep 0.05; done; echo pending no room > $1 ;;
poll) [ ! -e silent ] || exec sleep 600; for job; do [ ! -e $job ] || echo $job $(cat $job); done ;;
cancel) echo ended cancelled > $1; echo $1 >> cancelled ;;
esac
"""


def _away(request, lab, monkeypatch, kind: str):
    bin_folder = lab.root / "data" / "bin"
    bin_folder.mkdir(parents=True)
    stub = bin_folder / "dispatch-hooks"
    stub.write_text(f'#!/bin/sh\nexec {sys.executable} -m dispatch_hooks "$@"\n')
    stub.chmod(0o755)
    table: dict = {"kind": kind}
    if kind == "slurm":
        cluster = request.getfixturevalue("slurm")
        monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
        lab.slurm = cluster
    elif kind == "ssh":
        server = request.getfixturevalue("sshd")
        table.update(host="127.0.0.1", options=server.options, export=["PATH"])
    else:
        table.update(request.getfixturevalue("engine"))
    _configure(table)
    return lab


def _configure(table: dict) -> None:
    path = Path(paths.config_file())
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = "\n".join(f"{key} = {json.dumps(value)}" for key, value in table.items())
    with open(path, "a", encoding="utf-8") as f:
        f.write(f"[launchers.engine]\n{rows}\n")


def send(lab, name: str, **fields) -> str:
    (folder,) = lab.dispatch(name, launcher="engine", **fields)
    assert lab.result["started"], lab.result
    return folder


def settled(lab, folder: str, *states: str, timeout: float = 90) -> dict:
    """As lab.wait, with somebody who looks after the tasks meanwhile, as a watcher does."""

    def look():
        recover.recover(dict(os.environ))
        return tasks.status(folder)["state"] in states and not tasks.handed(folder)

    wait_until(look, timeout, lambda: f"{tasks.status(folder)} {overview.row(folder)} {_log(folder)}")
    return tasks.status(folder)


def _log(folder: str) -> str:
    path = Path(folder) / "supervisor.log"
    known = f"{tasks.status(folder)} {remote.job(folder)} {engine.last_word(folder)} {os.listdir(folder)}\n"
    return known + (path.read_text(errors="replace") if path.exists() else "(no log)")


def supervisors(folder: str) -> list[int]:
    """The processes of a task's job that run our supervisor: pids of this machine, whatever they are called inside."""
    pids = processes.marked(launchers.JOB, remote.job(folder)["name"])
    return [pid for pid in pids if any(word.endswith("supervise.py") for word in processes.arguments(pid))]


def node_of(folder: str) -> str:
    """The machine that the worker runs on, as its own supervisor calls it."""
    return remote.lease(folder)["node"]


def kill(folder: str, number: int = signal.SIGKILL) -> None:
    processes.signal_all(wait_until(lambda: supervisors(folder)), number)


class TestEveryEngine:
    def test_a_task_runs_there_asks_is_answered_and_finishes(self, away):
        away.script("painter", ASK + TICK)
        folder = send(away, "painter")
        wait_until(lambda: questions.waiting(folder), 90, lambda: _log(folder))
        assert tasks.handed(folder)
        assert overview.row(folder)["where"] == f"engine {node_of(folder)}" != "engine "
        steer.answer(folder, "blue", "typed", dict(os.environ))
        status = settled(away, folder, "finished")
        assert status["summary"].endswith("blue")
        assert [event["kind"] for event in away.pending()] == ["question", "finished"]
        assert tasks.active() == [] and tasks.handed_over() == []
        assert not (Path(folder) / "lease").exists()

    def test_it_is_cancelled_while_it_runs(self, away):
        away.script("slow", "touch begun; exec sleep 600")
        folder = send(away, "slow")
        wait_until(lambda: tasks.status(folder)["state"] == "running", 90, lambda: _log(folder))
        assert steer.cancel(folder, dict(os.environ)).startswith("cancel")  # it may be so meanwhile
        settled(away, folder, "cancelled")
        assert tasks.active() == [] and away.pending() == []

    def test_a_job_that_is_killed_is_told_with_the_engines_words(self, away, monkeypatch):
        monkeypatch.setattr(engine, "SETTLE", 0.5)
        monkeypatch.setattr(engine, "FRESH", 0.2)
        away.script("slow", "exec sleep 600")
        folder = send(away, "slow")
        wait_until(lambda: tasks.status(folder)["state"] == "running", 90, lambda: _log(folder))
        kill(folder)
        status = settled(away, folder, "failed")
        assert status["why"]
        assert [event["kind"] for event in away.pending()] == ["failed"]

    def test_told_after_its_end_it_goes_on_in_a_new_job(self, away):
        away.script("good", TICK)
        folder = send(away, "good")
        settled(away, folder, "finished")
        first = remote.job(folder)["name"]
        steer.tell(folder, "and polish it", "typed", dict(os.environ))
        wait_until(lambda: tasks.status(folder)["run"] == 2 and remote.job(folder)["name"] != first, 90)
        assert settled(away, folder, "finished")["run"] == 2


RUN_TWICE = """echo begun >> "$folder/begun"
[ $(wc -l < "$folder/begun") -gt 1 ] || exec sleep 600
"""


@pytest.fixture
def quick(monkeypatch):
    """An engine's word is asked for at every look, and believed soon."""
    monkeypatch.setattr(engine, "SETTLE", 0.5)
    monkeypatch.setattr(engine, "FRESH", 0.2)


def running(folder: str) -> dict:
    wait_until(lambda: tasks.status(folder)["state"] == "running", 60, lambda: _log(folder))
    return tasks.status(folder)


def start_now(lab, folder: str) -> None:
    """A requeued job waits two minutes before Slurm starts it again, unless somebody says otherwise; in the second of
    its requeue slurmd would take it for the start that was revoked.
    """
    job = remote.job(folder)["id"]
    wait_until(lambda: lab.slurm.jobs().get(job) == "PENDING" and not supervisors(folder), 90)
    wait_until(lambda: not set(lab.slurm.nodes_are()) - {"idle", "down", "down*"}, 90)  # the first start is over
    assert lab.slurm("scontrol", "update", f"JobId={job}", "StartTime=now+2").returncode == 0


class TestSlurm:
    """What only an engine with a queue of its own does."""

    def test_a_requeued_job_goes_on_as_another_run_and_tells_nobody(self, cluster):
        cluster.script("twice", RUN_TWICE + TICK)
        folder = send(cluster, "twice")
        running(folder)
        done = cluster.slurm("scontrol", "requeue", remote.job(folder)["id"])
        assert done.returncode == 0, done.stderr
        start_now(cluster, folder)
        status = settled(cluster, folder, "finished", timeout=120)
        assert status["run"] == 2
        assert [event["kind"] for event in cluster.pending()] == ["finished"]

    def test_a_job_over_its_time_is_told_so(self, cluster, quick):
        cluster.script("slow", "exec sleep 600")
        folder = send(cluster, "slow")
        running(folder)
        cluster.slurm("scontrol", "update", f"JobId={remote.job(folder)['id']}", "EndTime=now")
        assert "time limit" in settled(cluster, folder, "failed", timeout=120)["why"]

    def test_a_job_that_somebody_cancelled_is_told_so(self, cluster, quick):
        cluster.script("slow", "exec sleep 600")
        folder = send(cluster, "slow")
        running(folder)
        cluster.slurm("scancel", remote.job(folder)["id"])
        assert "somebody cancelled its job" in settled(cluster, folder, "failed")["why"]
        assert [event["kind"] for event in cluster.pending()] == ["failed"]

    def test_what_waits_says_why_and_is_cancelled_without_having_run(self, cluster, quick):
        cluster.script("good", TICK)
        set_key(cluster, "options", ["--nodelist=n1", "--begin=now+3600"])
        folder = send(cluster, "good")
        wait_until(lambda: remote.job(folder).get("id"), 60, lambda: _log(folder))

        def reason() -> bool:
            recover.recover(dict(os.environ))
            return "BeginTime" in overview.row(folder)["why"]

        wait_until(reason, 60, lambda: str(overview.row(folder)))
        assert overview.row(folder)["state"] == "waiting"
        assert steer.cancel(folder, dict(os.environ)) == "cancelled"
        assert tasks.status(folder)["run"] == 0 and not tasks.handed(folder)
        wait_until(lambda: cluster.slurm.jobs()[remote.job(folder)["id"]] == "CANCELLED", 30)

    def test_a_job_that_the_engine_refuses_has_failed_with_its_words(self, cluster):
        cluster.script("good", TICK)
        set_key(cluster, "partition", "nowhere")
        folder = send(cluster, "good")
        assert "Invalid partition" in cluster.wait(folder, "failed")["why"]
        assert [event["kind"] for event in cluster.pending()] == ["failed"]

    def test_an_engine_that_does_not_answer_is_waited_for(self, cluster):
        cluster.script("good", TICK)
        cluster.slurm.kill("slurmctld")
        try:
            folder = send(cluster, "good")
            wait_until(lambda: "engine does not answer" in overview.row(folder)["why"], 90, lambda: _log(folder))
            assert overview.row(folder)["state"] == "waiting"
        finally:
            cluster.slurm.start_controller()
        assert settled(cluster, folder, "finished")["run"] == 1
        assert [event["kind"] for event in cluster.pending()] == ["finished"]

    def test_it_works_under_another_name_of_the_shared_folder(self, cluster, tmp_path, monkeypatch):
        """The far side sees the project and our folders at another path; its records speak of the host's."""
        if not cluster.slurm.apart:
            pytest.skip("this machine makes no mount namespaces: both sides see the same names")
        top = cluster.slurm.top
        theirs = top / "elsewhere" / tmp_path.name
        move(cluster, top / "shared" / tmp_path.name, monkeypatch)
        cluster.script("where", f'case $folder in {theirs}/*) : ;; *) exit 9 ;; esac; pwd -P > "$folder/pwd"; {TICK}')
        set_map(cluster, {str(top / "shared"): str(top / "elsewhere")})
        folder = send(cluster, "where")
        assert settled(cluster, folder, "finished")
        (event,) = cluster.pending()
        assert event["project"] == str(cluster.project)
        place = cluster.project / ".dispatch/tasks" / Path(folder).name
        assert (place / "pwd").read_text().strip() == str(theirs / "project")

    def test_a_job_whose_node_is_lost_goes_on_elsewhere(self, cluster, quick):
        cluster.script("twice", RUN_TWICE + TICK)
        folder = send(cluster, "twice")
        running(folder)
        node = wait_until(lambda: engine.word(folder, config.load(), time.time())["where"], 30)
        cluster.slurm.kill(node)
        try:
            start_now(cluster, folder)
            status = settled(cluster, folder, "finished", timeout=180)
        finally:
            cluster.slurm.start_node(node)
        assert status["run"] == 2
        assert [event["kind"] for event in cluster.pending()] == ["finished"]

    def test_a_controller_that_is_down_changes_nothing_until_it_is_back(self, cluster, quick):
        cluster.script("painter", ASK + TICK)
        folder = send(cluster, "painter")
        wait_until(lambda: questions.waiting(folder), 60, lambda: _log(folder))
        cluster.slurm.kill("slurmctld")
        try:
            recover.recover(dict(os.environ))
            assert tasks.status(folder)["state"] == "running"
            steer.answer(folder, "red", "typed", dict(os.environ))
            wait_until(lambda: tasks.status(folder)["state"] == "finished", 60)
        finally:
            cluster.slurm.start_controller()
        assert settled(cluster, folder, "finished")["summary"].endswith("red")


class TestLease:
    def test_a_supervisor_whose_lease_another_took_gives_up_and_writes_nothing(self, engineered):
        engineered.script("slow", "exec sleep 600")
        folder = send(engineered, "slow")
        running(folder)
        other = {"who": {**processes.identity(os.getpid()), "machine": "another"}, "beat": 1}
        files.write_json(os.path.join(folder, "lease"), other)
        pids = supervisors(folder)
        wait_until(lambda: not any(processes.started(pid) for pid in pids), 60)
        assert tasks.status(folder)["state"] == "running" and engineered.pending() == []
        assert files.read_json(os.path.join(folder, "lease")) == other
        remote.take_back(folder)

    @pytest.mark.parametrize("how", ["another took its lease", "its job was taken back"])
    def test_a_supervisor_that_counts_no_more_writes_no_end(self, engineered, how):
        engineered.script("slow", f"while [ ! -e {engineered.root}/go ]; do sleep 0.1; done; {TICK}; sleep 2")
        folder = send(engineered, "slow")
        status = running(folder)
        pids = supervisors(folder)
        if how == "another took its lease":
            files.write_json(os.path.join(folder, "lease"), {"who": {"machine": "another"}, "beat": 1})
        else:
            remote.take_back(folder)
        tasks.set_status(folder, {**status, "state": "lost"})
        (engineered.root / "go").touch()
        wait_until(lambda: not any(processes.started(pid) for pid in pids), 60)
        assert tasks.status(folder)["state"] == "lost" and engineered.pending() == []
        assert os.path.exists(os.path.join(folder, "lease")) == (how == "another took its lease")
        remote.take_back(folder)

    def test_a_job_that_its_engine_forgot_is_lost_when_nobody_renews(self, engineered, quick, monkeypatch):
        monkeypatch.setattr(engine, "SILENT", 3.0)
        engineered.script("slow", "exec sleep 600")
        folder = send(engineered, "slow")
        running(folder)
        kill(folder)
        os.remove(engineered.root / "engine" / remote.job(folder)["id"])
        assert "does not know its job" in settled(engineered, folder, "lost")["why"]


    @pytest.mark.parametrize("ahead", [-3600, 3600])
    def test_a_cancelled_worker_has_its_time_whatever_the_clock_here_says(self, engineered, quick, ahead):
        engineered.script("slow", "exec sleep 600")
        folder = send(engineered, "slow")
        pids = running(folder) and supervisors(folder)
        processes.signal_all(pids, signal.SIGSTOP)
        try:
            inputs.cancel(folder)
            assert not handover.cancel(folder, config.load(), time.time() + ahead)
        finally:
            processes.signal_all(pids, signal.SIGCONT)
        settled(engineered, folder, "cancelled")


class TestHandingOver:
    @pytest.mark.parametrize("nth", range(1, 8))
    def test_killed_at_any_rename_it_is_handed_over_once(self, engineered, quick, nth):
        """The supervisor here is killed at its n-th rename; somebody recovers; one job, one end."""
        engineered.script("good", f"echo x >> {engineered.root}/runs; {TICK}")
        folder = send_killed(engineered, "good", nth)
        settled(engineered, folder, "finished")
        assert (engineered.root / "runs").read_text() == "x\n"
        assert [event["kind"] for event in engineered.pending()] == ["finished"]


def test_what_its_engine_puts_back_into_its_queue_waits_and_is_told_again_what_it_was_told(paper):
    folder = paper.pending()
    begun = time.time() + 3600  # by the clock of a machine that is ahead
    questions.add(folder, {"kind": "question", "text": "Which?", "options": [], "asked": begun, "run": 1})
    questions.answer(folder, 1, "the dense one", "typed", time.time())
    status = {"state": "running", "run": 1, "why": "", "started": begun, "session": "s"}
    tasks.set_status(folder, {**status, "taken": {"answers": [1], "notes": []}})
    files.write_json(remote.lease_file(folder), {"who": {}, "beat": 1, "node": "n7"})
    row = overview.row(folder)
    assert (row["state"], row["where"], row["seconds"]) == ("running", "engine n7", 0)

    paper.say(folder, "pending BeginTime")
    wait_until(lambda: (recover.recover(dict(os.environ)), engine.last_word(folder)["why"] == "BeginTime")[1])
    row = overview.row(folder)
    assert (row["state"], row["why"], row["where"]) == ("waiting", "for engine again (BeginTime)", "engine")
    begins = conversation.begin(folder, tasks.read(folder), {**status, "run": 2}, inputs.NOTHING, resumes=True)
    assert "the dense one" in begins["prompt"]

    files.write_json(remote.lease_file(folder), {"who": {}, "beat": 2, "node": "n8"})
    row = overview.row(folder)
    assert (row["state"], row["where"]) == ("running", "engine n8")


def test_an_engine_that_is_silent_holds_nobody_up_for_long_nor_everybody(paper, monkeypatch):
    folder = paper.pending()
    (paper.top / "silent").touch()
    (paper.top / "asked").unlink()
    files.clear(os.path.join(paths.dirs().state, "remote", ".engines"))
    monkeypatch.setattr(engine, "patience", 0.5)
    for _ in range(3):
        recover.recover(dict(os.environ))
    assert (paper.top / "asked").read_text() == "poll\n", "who comes later reads what the first was told"
    assert "did not answer" in overview.row(folder)["why"]
    monkeypatch.setattr(engine, "patience", 1.0)
    recover.recover(dict(os.environ))
    assert (paper.top / "asked").read_text() == "poll\npoll\n", "a watcher, which waits longer, asks all the same"
    (paper.top / "silent").unlink()
    monkeypatch.setattr(engine, "SILENCE", 0.2)


def test_what_is_the_same_for_all_tasks_is_read_once(paper, monkeypatch):
    for _ in range(3):
        paper.pending()
    loads = []
    monkeypatch.setattr(config, "load", lambda load=config.load: loads.append(1) or load())
    recover.recover(dict(os.environ))
    assert len(loads) == 1


def test_the_far_side_needs_no_lock_and_no_fifo_on_the_shared_folder(engineered):
    """But the bell of a worker's questions, in the project: where that cannot be, its questions are looked for."""
    top, asked = engineered.root, "flock,mknodat,mknod"
    python = top / "python"
    python.write_text(f'#!/bin/sh\nexec strace -f -y -o {top}/calls -e trace={asked} {sys.executable} "$@"\n')
    python.chmod(0o755)
    set_key(engineered, "python", str(python))
    engineered.script("good", TICK)
    folder = send(engineered, "good")
    settled(engineered, folder, "finished")
    calls = [line for line in (top / "calls").read_text().splitlines() if "/ipc>" not in line]
    assert any("flock(" in line for line in calls) and any("mknod" in line for line in calls)
    assert not [line for line in calls if str(top) in line]
    own = set(re.findall(rf"/[^<>\"]*/{far.PREFIX}\w+(?=/)", "\n".join(calls)))
    wait_until(lambda: len(own) == 1 and not any(map(os.path.exists, own)), why=lambda: str(own))


def test_a_far_supervisor_removes_what_killed_ones_left_and_nothing_else(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, alive, new, gone = (tmp_path / f"{far.PREFIX}{name}" for name in ("left", "alive", "new", "gone"))
    for one in (left, alive, new):
        (one / "runs").mkdir(parents=True)
        (one / "runs" / "x").touch()
    (tmp_path / f"{far.PREFIX}link").symlink_to(lab.project)
    lock = files.lock(str(alive / far.ALIVE))
    for one in (left, alive):
        os.utime(one, (1e9, 1e9))
    seen = [*os.scandir(tmp_path), SimpleNamespace(name=gone.name, path=str(gone))]  # another was faster with that one
    with monkeypatch.context() as patch:
        scandir = os.scandir
        patch.setattr(os, "scandir", lambda top: seen if top == str(tmp_path) else scandir(top))
        own = Path(far._runtime())
    assert {one.name for one in tmp_path.glob("dispatch-*")} == {alive.name, new.name, f"{far.PREFIX}link", own.name}
    assert lab.project.exists() and files.held(str(own / far.ALIVE))
    os.close(lock)


def test_the_time_of_a_run_that_its_engine_ended_counts_for_the_budget(paper):
    folder = paper.pending()
    files.write_json(remote.lease_file(folder), {"who": {}, "beat": 7, "at": 160.0})
    lease = far.Lease(folder)
    killed = {"state": "running", "run": 1, "started": 100.0, "worked": 5.0, "supervisor": {"pid": 1}}
    assert lease.worked(killed) == 65.0
    assert lease.worked({**killed, "state": "parked"}) == 5.0


class Killed(BaseException):
    """Whoever looks after the tasks is killed here."""


def killed(monkeypatch, module, name: str) -> None:
    """Looks after the tasks until it is killed at its first call of a function."""

    def die(*_) -> None:
        raise Killed

    def look() -> bool:
        try:
            recover.recover(dict(os.environ))
        except Killed:
            return True
        return False

    with monkeypatch.context() as patch:
        patch.setattr(module, name, die)
        wait_until(look)


class TestTakingBack:
    """Whoever takes a task back from its engine may be killed at any moment."""

    @pytest.mark.parametrize(
        ("module", "name"), [(tasks, "set_status"), (remote, "take_back"), (outcome, "announce")]
    )
    def test_a_pending_job_that_its_engine_ended_has_failed_once(self, paper, monkeypatch, module, name):
        folder = paper.pending()
        paper.say(folder, "ended somebody cancelled it")
        killed(monkeypatch, module, name)
        assert settled(paper.lab, folder, "failed")["why"] == "somebody cancelled it"
        recover.recover(dict(os.environ))
        assert len(paper.submitted()) == 1 and tasks.active() == []
        assert [(event["kind"], event["run"]) for event in paper.lab.pending()] == [("failed", 1)]

    def test_one_that_fails_again_is_told_again_and_by_another_name(self, paper):
        folder = paper.pending()
        paper.say(folder, "ended no such partition")
        settled(paper.lab, folder, "failed")
        steer.retry(folder, {}, "typed", dict(os.environ))
        wait_until(lambda: len(paper.submitted()) == 2 and remote.job(folder).get("id"))
        assert len(set(paper.submitted())) == 2
        paper.say(folder, "ended no such partition")
        settled(paper.lab, folder, "failed")
        assert [event["run"] for event in paper.lab.pending()] == [1, 2]

    @pytest.mark.parametrize(("module", "name"), [(inputs, "end_cancelled"), (remote, "take_back")])
    def test_a_cancelled_one_is_cancelled(self, paper, monkeypatch, module, name):
        folder = paper.pending()
        elsewhere = {**processes.identity(os.getpid()), "machine": "another"}
        tasks.set_status(folder, {"state": "running", "run": 1, "why": "", "supervisor": elsewhere})
        inputs.cancel(folder)
        killed(monkeypatch, module, name)
        settled(paper.lab, folder, "cancelled")
        assert tasks.active() == tasks.handed_over() == [] and paper.lab.pending() == []

    def test_one_whose_far_supervisor_was_killed_at_its_last_act_is_taken_back(self, paper, monkeypatch):
        folder = paper.pending()
        tasks.set_status(folder, {"state": "finished", "run": 1, "why": "", "started": 1.0, "ended": 2.0})
        tasks.deactivate(folder)
        files.write_json(os.path.join(folder, "lease"), {"who": {"machine": "another"}, "beat": 1})
        paper.say(folder, "ended its process is gone")
        settled(paper.lab, folder, "finished")
        assert not os.path.exists(os.path.join(folder, "lease"))
        steer.retry(folder, {}, "typed", dict(os.environ))
        wait_until(lambda: len(paper.submitted()) == 2)

    def test_an_answer_that_came_meanwhile_is_used(self, paper):
        folder = paper.pending()
        questions.add(folder, {"kind": "question", "text": "Which?", "options": [], "asked": 1.0, "run": 1})
        tasks.set_status(folder, {"state": "parked", "run": 1, "why": "", "started": 1.0, "ended": 2.0})
        tasks.deactivate(folder)
        steer.answer(folder, "blue", "typed", dict(os.environ))
        paper.say(folder, "ended its process is gone")

        def again() -> bool:
            recover.recover(dict(os.environ))
            return len(paper.submitted()) == 2

        wait_until(again, 40, lambda: _log(folder))


    def test_one_that_is_cancelled_while_it_is_submitted_does_not_run(self, paper):
        (paper.top / "busy").touch()
        folder = send(paper.lab, "good")
        wait_until((paper.top / "submitted").exists)
        assert steer.cancel(folder, dict(os.environ)) == "cancelling"
        recover.recover(dict(os.environ))
        (paper.top / "busy").unlink()
        settled(paper.lab, folder, "cancelled")
        assert paper.cancelled() == paper.submitted()

    def test_one_whose_submission_was_killed_may_be_cancelled(self, paper):
        set_key(paper.lab, "max_parallel", 1)
        folder = paper.pending()
        remote.set_job(folder, {**remote.job(folder), "id": ""})
        assert steer.cancel(folder, dict(os.environ)) == "cancelled"
        assert paper.cancelled() == paper.submitted()

    @pytest.mark.parametrize(
        ("module", "name"), [(tasks, "read"), (tasks, "status"), (config, "load"), (command, "find")]
    )
    def test_one_that_ends_while_its_submission_is_looked_for_runs_once(self, paper, monkeypatch, module, name):
        folder = paper.pending()
        remote.set_job(folder, {**remote.job(folder), "id": ""})
        really = getattr(module, name)

        def ends(*given, **more):
            said = really(*given, **more)
            if tasks.handed(folder):
                tasks.set_status(folder, {"state": "finished", "run": 1, "why": "", "started": 1.0, "ended": 2.0})
                tasks.deactivate(folder)
                remote.take_back(folder)
            return said

        monkeypatch.setattr(module, name, ends)
        supervisor.main(folder)
        assert not tasks.handed(folder) and len(paper.submitted()) == 1

    def test_one_whose_submission_was_killed_goes_on_when_it_is_the_only_one_that_may_run(self, paper):
        set_key(paper.lab, "max_parallel", 1)
        folder = paper.pending()
        remote.set_job(folder, {**remote.job(folder), "id": ""})
        recover.recover(dict(os.environ))
        wait_until(lambda: remote.job(folder)["id"], 40, lambda: _log(folder))
        assert len(paper.submitted()) == 1

    def test_one_that_the_engine_took_and_said_no_is_found_by_its_name(self, engineered, quick):
        """Slurm's controller may take a job and answer too late."""
        top = engineered.root
        engineered.script("slow", f"echo x >> {top}/runs; while [ ! -e {top}/go ]; do sleep 0.1; done; {TICK}")
        late, configured = top / "late.sh", Path(paths.config_file())
        late.write_text(LATE.format(program=top / "engine.py", top=top))
        late.chmod(0o755)
        configured.write_text(configured.read_text().replace(f'submit = ["{top}/engine.py', f'submit = ["{late}'))
        folder = send(engineered, "slow")
        running(folder)
        (top / "running").touch()

        def known() -> str:
            files.ring(tasks.bell_file(folder))  # it would look again in a quarter of a minute
            return remote.job(folder)["id"]

        wait_until(known, 40, lambda: _log(folder))
        assert tasks.status(folder)["state"] == "running"
        (top / "go").touch()
        assert settled(engineered, folder, "finished")["run"] == 1
        assert (top / "runs").read_text() == "x\n"


LATE = """#!/bin/sh
{program} "$@"
while [ ! -e {top}/running ]; do sleep 0.05; done
echo 'Socket timed out on send/recv operation' >&2
exit 1
"""


def send_killed(lab, name: str, nth: int) -> str:
    """Sends a task whose supervisor here is killed at its n-th rename."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launchers, "start", lambda folder, env: None)
        folder = send(lab, name)
    script = os.path.join(resources.shared("hooks"), "supervise.py")
    calls = "rename,renameat,renameat2"
    trace = ["strace", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:signal=KILL:when={nth}"]
    subprocess.run([*trace, sys.executable, "-I", "-S", script, folder], env=dict(os.environ), check=False)
    return folder


def set_key(lab, key: str, value) -> None:
    path = Path(paths.config_file())
    head = "[launchers.engine]\n"
    path.write_text(path.read_text().replace(head, f"{head}{key} = {json.dumps(value)}\n"))


def set_map(lab, names: dict) -> None:
    rows = "\n".join(f"{json.dumps(ours)} = {json.dumps(theirs)}" for ours, theirs in names.items())
    with open(paths.config_file(), "a", encoding="utf-8") as f:
        f.write(f"[launchers.engine.map]\n{rows}\n")


def move(lab, top: Path, monkeypatch) -> None:
    """The lab's folders, as they are, in another place."""
    names = ("config", "state", "runtime", "data")
    for name in ("project", *names):
        if (lab.root / name).exists():
            shutil.copytree(lab.root / name, top / name)
        else:
            (top / name).mkdir(parents=True)
    lab.root, lab.project = top, top / "project"
    monkeypatch.setenv(paths.ENV, "\n".join(str(top / name) for name in names))


class TestDoctor:
    def look(self, lab, name: str = "engine", patience: float = 60) -> tuple[dict[str, str], list[str]]:
        """({check: state}, the findings in words) of a probe."""
        said: list[str] = []
        ground = doctor_ground.here(dict(os.environ))._replace(project=str(lab.project), dirs=paths.dirs())
        found = away_probe.examine(ground, name, said.append, patience)
        return {f.check: f.state for f in found}, [f.text for f in found]

    def test_a_probe_tells_what_is_there_and_what_is_missing(self, away):
        away.script("mine", TICK)
        with open(paths.config_file(), "a", encoding="utf-8") as f:
            f.write('[backends.absent]\ncommand = ["no-such-agent"]\n')
        states, words = self.look(away)
        assert states["launcher"] == states["python there"] == states["project there"] == "ok", words
        assert any(str(away.root / "mine.sh") in text for text in words)
        assert "absent is not on PATH there" in words
        assert not os.listdir(os.path.join(paths.dirs().state, "remote", ".probe"))

    def test_a_far_side_without_our_python_is_told_with_what_to_set(self, engineered):
        set_key(engineered, "python", "/no/such/python")
        states, (text,) = self.look(engineered)
        assert states == {"launcher": "fail"}
        assert "/no/such/python" in text and "python and map of [launchers.engine]" in text

    def test_a_probe_that_does_not_get_its_turn_is_given_up_and_its_job_ended(self, cluster):
        set_key(cluster, "options", ["--begin=now+3600"])
        _, (text,) = self.look(cluster, patience=2)
        assert "no report after 2 s; the engine says: pending" in text
        wait_until(lambda: "PENDING" not in cluster.slurm.jobs().values(), 30)

    def test_an_engine_that_cannot_end_the_probe_takes_nothing_from_its_report(self, engineered):
        known = Path(paths.config_file())
        known.write_text(known.read_text().replace('"cancel", "{job}"', '"cancel"'))
        states, _ = self.look(engineered)
        assert states["launcher"] == "ok"

    def test_an_unknown_name_is_an_error_that_names_the_known_ones(self, engineered):
        with pytest.raises(FatalError, match="there are: engine"):
            self.look(engineered, "cloud")
