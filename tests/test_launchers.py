"""One contract for every launcher, on real engines: a slurmctld with two slurmd, an sshd, a person's commands."""

import os
import re
import signal
import sys
import uuid
from pathlib import Path

import pytest

from dispatch_hooks import launchers, processes
from dispatch_hooks.launchers import command, slurm
from tests.harness.waiting import wait_until

SECRET = "sk-not-a-real-secret"


@pytest.fixture(params=launchers.KINDS)
def table(request, monkeypatch, tmp_path) -> dict:
    """A launcher's settings, its engine running."""
    monkeypatch.setenv("A_SECRET", SECRET)
    if request.param == "slurm":
        cluster = request.getfixturevalue("slurm")
        monkeypatch.setenv("SLURM_CONF", str(cluster.conf))
        return {"launcher": "cluster", "kind": "slurm", "memory": "50M"}
    if request.param == "ssh":
        server = request.getfixturevalue("sshd")
        greets = tmp_path / "python"
        greets.write_text(f'#!/bin/sh\necho "Welcome to box|1"\nexec {sys.executable} "$@"\n')
        greets.chmod(0o755)
        way = {"host": "127.0.0.1", "options": server.options, "export": ["A_SECRET"], "python": str(greets)}
        return {"launcher": "box", "kind": "ssh", **way}
    return {"launcher": "own", **request.getfixturevalue("engine")}


@pytest.fixture
def module(table):
    return launchers.get(table["kind"])


@pytest.fixture
def job(tmp_path, table, module):
    """job(python code) -> the engine's name for a job that runs it; ended afterwards."""
    begun = []

    def start(code: str, name: str = "") -> str:
        name = name or f"dispatch-test-{uuid.uuid4().hex[:8]}"
        begun.append(module.start(table, spec(tmp_path, name, code)))
        return begun[-1]

    yield start
    for one in begun:
        module.end(table, one)


def spec(folder: Path, name: str, code: str) -> dict:
    environment = {"DISPATCH_HOOKS_JOB": name, "DISPATCH_HOOKS_DIRS": "/a\n/b with space\n/c'd\n/e"}
    argv = [sys.executable, "-I", "-S", "-c", code]
    where = {"folder": str(folder), "log": str(folder / "job.log")}
    return {"name": name, **where, "environment": environment, "argv": argv}


def state(module, table: dict, one: str) -> str:
    return module.look(table, [one]).get(one, {"state": "unknown"})["state"]


def waits(until: Path) -> str:
    begun = f"import os, time\nopen({str(until)!r} + '.begun', 'w').close()\n"
    return f"{begun}while not os.path.exists({str(until)!r}): time.sleep(0.05)"


class TestContract:
    def test_a_job_runs_and_ends(self, table, module, job, tmp_path):
        one = job(waits(tmp_path / "go"))
        wait_until((tmp_path / "go.begun").exists, 60, lambda: str(module.look(table, [one])))
        wait_until(lambda: state(module, table, one) == "running", 60)
        (tmp_path / "go").touch()
        wait_until(lambda: state(module, table, one) == "ended", 60)
        assert module.look(table, [one])[one]["why"]

    def test_it_has_what_the_far_side_needs_and_the_secret_stands_nowhere(self, table, module, job, tmp_path):
        out = tmp_path / "environment"
        code = (
            "import os, json, time\n"
            f"new = {str(out)!r} + '.new'\n"
            "json.dump(dict(os.environ), open(new, 'w'))\n"
            f"os.rename(new, {str(out)!r})\n"
        ) + waits(tmp_path / "go")
        one = job(code, "dispatch-secret-name")
        import json

        wait_until(out.exists, 60)
        found = json.loads(out.read_text())
        assert found["DISPATCH_HOOKS_DIRS"] == "/a\n/b with space\n/c'd\n/e"
        assert found["DISPATCH_HOOKS_JOB"] == "dispatch-secret-name"
        assert found["A_SECRET"] == SECRET
        assert not any(SECRET in line for line in _command_lines())
        (tmp_path / "go").touch()
        wait_until(lambda: state(module, table, one) == "ended", 60)

    def test_it_is_ended(self, table, module, job, tmp_path):
        one = job(waits(tmp_path / "never"))
        wait_until((tmp_path / "never.begun").exists, 60)
        module.end(table, one)
        wait_until(lambda: state(module, table, one) == "ended", 60)
        module.end(table, one)  # and once more is no error

    def test_it_is_found_by_its_name(self, table, module, job, tmp_path):
        name = f"dispatch-find-{uuid.uuid4().hex[:8]}"
        one = job(waits(tmp_path / "never"), name)
        assert wait_until(lambda: module.find(table, name), 60) == one
        assert module.find(table, "dispatch-nobody-has-this") == ""

    def test_thousands_are_looked_at_in_one_question(self, table, module):
        jobs = [f"{'0' * 36}.{n}.1" for n in range(4000)]
        assert {one["state"] for one in module.look(table, jobs).values()} <= {"ended"}

    def test_many_are_looked_at_at_once_and_the_unknown_is_left_out(self, table, module, job, tmp_path):
        some = [job(waits(tmp_path / "never")) for _ in range(3)]
        found = module.look(table, [*some, "987654321"])
        assert set(some) <= set(found)
        assert found.get("987654321", {"state": "ended"})["state"] == "ended"

    def test_an_engine_that_does_not_answer_is_an_error_with_words(self, table, module, monkeypatch, tmp_path):
        if table["kind"] == "slurm":
            conf = tmp_path / "slurm.conf"
            text = Path(os.environ["SLURM_CONF"]).read_text()
            conf.write_text(re.sub(r"SlurmctldPort=\d+", "SlurmctldPort=1", text))
            monkeypatch.setenv("SLURM_CONF", str(conf))
        broken = {**table, "options": ["-F", "none", "-p", "1"], "poll": ["false", "{jobs}"]}
        with pytest.raises(OSError) as caught:
            module.look(broken, ["1"])
        assert caught.value.strerror

    def test_a_job_that_the_engine_refuses_is_an_error_with_its_words(self, table, module, tmp_path):
        nowhere = ["-F", "none", "-p", "1"] if table["kind"] == "ssh" else []
        refused = {**table, "partition": "nowhere", "options": nowhere}
        with pytest.raises(OSError) as caught:
            module.start({**refused, "submit": ["sh", "-c", "echo quota exceeded >&2; exit 3"]},
                         spec(tmp_path, "dispatch-x", "pass"))  # fmt: skip
        words = {"slurm": "Invalid partition", "ssh": "refused", "command": "quota exceeded"}[table["kind"]]
        assert words in caught.value.strerror


def _command_lines() -> list[str]:
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("table", ["ssh"], indirect=True)
@pytest.mark.parametrize("how", ["end", "look"])
def test_nothing_of_a_job_outlives_it_on_a_machine_behind_ssh(table, module, job, tmp_path, how):
    pids = tmp_path / "pids"
    child = f"subprocess.Popen(['sleep', '600'], start_new_session=True).pid, file=open({str(pids)!r}, 'w'), flush=True"
    one = job(f"import os, subprocess\nprint(os.getpid(), {child})\n{waits(tmp_path / 'never')}")
    wait_until((tmp_path / "never.begun").exists, 60)
    supervisor, other = map(int, pids.read_text().split())
    if how == "end":
        module.end(table, one)
    else:
        os.kill(supervisor, signal.SIGKILL)
        wait_until(lambda: state(module, table, one) == "ended", 60)
    assert not processes.started(supervisor) and not processes.started(other)


class TestWordsOfSlurm:
    @pytest.mark.parametrize(
        ("state", "reason", "expected"),
        [
            ("PENDING", "Resources", ("pending", "Resources")),
            ("PENDING", "None", ("pending", "pending")),
            ("REQUEUED", "BeginTime", ("pending", "BeginTime")),
            ("RUNNING", "None", ("running", "")),
            ("COMPLETING", "None", ("running", "")),
            ("TIMEOUT", "TimeLimit", ("ended", "it ran into its time limit (Slurm: TIMEOUT, TimeLimit)")),
            ("OUT_OF_MEMORY", "OutOfMemory", ("ended", "it ran out of memory (Slurm: OUT_OF_MEMORY, OutOfMemory)")),
            ("OUT_OF_ME+", "", ("ended", "its job ended (Slurm: OUT_OF_ME+)")),
            ("NODE_FAIL", "NodeDown", ("ended", "its node was lost (Slurm: NODE_FAIL, NodeDown)")),
            ("CANCELLED by 1000", "", ("ended", "somebody cancelled its job (Slurm: CANCELLED by 1000)")),
            ("", "", ("ended", "its job ended (Slurm: )")),
        ],
    )
    def test_states(self, state, reason, expected):
        found = slurm.verdict(state, "n1", reason)
        assert (found["state"], found["why"]) == expected

    def test_the_script_quotes_what_a_shell_would_read(self, tmp_path):
        script = slurm.script(spec(tmp_path, "x", "print('$(id)')"))
        assert script.startswith("#!/bin/sh\nexport DISPATCH_HOOKS_JOB=x\n")
        assert "'print('\"'\"'$(id)'\"'\"')'" in script


class TestWordsOfACommand:
    def test_a_word_that_is_none_is_an_error(self):
        with pytest.raises(OSError, match="Bananas"):
            command.look({"poll": ["echo", "{job}", "Bananas"]}, ["j"])

    @pytest.mark.parametrize("more", ["NAME STATE", "Warning: deprecated flag", "other Bananas", "\\377\\376 \\377"])
    def test_what_is_said_beside_the_jobs_is_not_heard(self, more):
        poll = ["sh", "-c", f"printf '{more}\\nj running on \\377\\n'", "-", "{jobs}"]
        assert command.look({"poll": poll}, ["j"])["j"]["state"] == "running"

    def test_nothing_said_is_not_known(self):
        assert command.look({"poll": ["true", "{job}"]}, ["j"]) == {}

    def test_each_job_is_asked_after_where_the_template_takes_one(self):
        found = command.look({"poll": ["echo", "{job}", "pending", "no", "room"]}, ["a", "b"])
        assert found == {job: {"state": "pending", "why": "no room", "where": ""} for job in ("a", "b")}


@pytest.mark.parametrize("said", [
    "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
    "slurm_load_jobs error: Unable to contact slurm controller (connect failure)",
    "sbatch: error: Batch job submission failed: Protocol authentication error",
    "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates accounting",
])  # fmt: skip
def test_what_passes_by_itself_is_told_from_a_refusal(said):
    with pytest.raises(BlockingIOError):
        launchers.ask(["sh", "-c", 'echo "$0" >&2; exit 1', said])


def test_a_place_that_nobody_configured_starts_nothing_and_is_told(bare):
    done = bare("dispatch", "--on", "mars", "look around")
    assert done.returncode == 1 and 'there is no launcher "mars"' in done.stderr
    assert bare.tasks() == {}
