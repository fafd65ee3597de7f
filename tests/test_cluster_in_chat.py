"""Workers on a real Slurm, dispatched from the real Claude Code: the chat does not notice."""

import json
import re

import pytest

from dispatch_hooks import launchers, processes
from tests.harness.modelserver import hold, host, worker
from tests.harness.waiting import wait_until
from tests.test_loop import ask, ticks

QUESTION = "Which solver, dense or sparse?"


@pytest.fixture
def on_cluster(product, slurm):
    """dispatch-hooks with a launcher "cluster"; the worker CLI is in the home that both sides share."""
    product.sandbox.variables.update(slurm.env)
    product.configure('permissions = "auto"\n[launchers.cluster]\nkind = "slurm"\nmemory = "1G"\n')
    return product


def digest_of(server, task: str) -> str:
    """What the host's model was told of a task's end."""
    wanted = rf"{task} finished [^\n]*"

    def seen() -> list[str]:
        return [text for request in server.matching(host()) for text in re.findall(wanted, request.all_text)]

    return wait_until(seen, why=f"no digest of {task}")[-1]


def plain(line: str) -> str:
    """A line of a digest without how long it took and what it cost."""
    return re.sub(r"\d+ ?(s|min|h)\b|\$[\d.]+", "#", line)


def job(product, task: str) -> dict:
    return json.loads((product.records(task) / "job.json").read_text())


def test_a_task_on_the_cluster_asks_is_requeued_and_finishes_as_one_at_home(chat, on_cluster, server, slurm):
    product = on_cluster
    server.rule(worker("profile the solver"), ask(QUESTION, "dense", "sparse"), hold("never", "working"))
    server.rule(worker("profile the parser"), ticks("profile-parser", "it is sparse"), "done")
    server.rule(host("task-notification"), "A worker has a question.", repeat=True)
    here = chat()
    here.say("dispatch opus to profile the solver, on the cluster")
    here.wait_for("Dispatched profile-solver (opus, 1 step, on cluster).")
    here.wait_for(QUESTION, timeout=90)
    (row,) = product.tasks().values()
    assert row["state"] == "asks" and row["where"].startswith("cluster n")
    here.say("answer profile-solver: 2")
    here.wait_for("answered profile-solver: sparse.")
    server.wait_for(worker("profile the solver"), nth=2)
    session = product.status("profile-solver")["session"]

    server.rule(worker("profile the solver"), ticks("profile-solver", "it is sparse"), "done")
    assert slurm("scontrol", "requeue", job(product, "profile-solver")["id"]).returncode == 0
    start_now(slurm, product, "profile-solver")
    last = product.wait("profile-solver", "finished", timeout=120)
    assert (last["run"], last["session"], last["summary"]) == (2, session, "it is sparse")
    resumed = server.matching(lambda request: "Go on from where you stopped" in request.last_user_text)[-1]
    assert QUESTION in json.dumps(resumed.raw), "the conversation was resumed, not begun again"
    here.wait_for("profile-solver finished", timeout=60)

    here.say("dispatch opus to profile the parser")
    product.wait("profile-parser", "finished")
    here.wait_for("profile-parser finished", timeout=60)
    away, home = (digest_of(server, task) for task in ("profile-solver", "profile-parser"))
    assert plain(away.replace(" on cluster", "")) == plain(home.replace("parser", "solver"))
    assert "opus on cluster" in away


def start_now(slurm, product, task: str) -> None:
    """As soon as the first start is over, but in another second, or slurmd takes it for the one that was revoked; Slurm
    by itself would wait two minutes.
    """
    known = job(product, task)
    wait_until(lambda: slurm.jobs().get(known["id"]) == "PENDING", 60)
    wait_until(lambda: not processes.marked(launchers.JOB, known["name"]) and slurm.nodes_are() == ["idle"], 60)
    slurm("scontrol", "update", f"JobId={known['id']}", "StartTime=now+2")
