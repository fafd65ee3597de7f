"""What a task may use up, and how long its worker may be silent: told, stopped, and gone on with. Seconds in tests."""

import json
import os
import time

import pytest

from dispatch_hooks import config, digest, limits, overview, questions, steer, tasks
from dispatch_hooks.errors import FatalError
from tests.harness.modelserver import host, tool, worker
from tests.harness.waiting import wait_until
from tests.product import TICK, alive
from tests.test_attack import AGAIN, stream
from tests.test_queue import GO, env, go, settings
from tests.test_supervisor import ASK

# pure


def status(**figures):
    return {"state": "running", "started": 100.0, **figures}


@pytest.mark.parametrize(
    ("budget", "figures", "words"),
    [
        ({"usd": 2}, {"cost_usd": 2.1}, "over its budget: $2.10 of $2"),
        ({"usd": 2}, {"cost_usd": 1.99}, ""),
        ({"usd": 2}, {"cost_usd": None}, ""),
        ({"usd": 2}, {"cost_usd": 3.1, "granted": {"usd": 2.1}}, ""),
        ({"usd": 2}, {"cost_usd": 4.2, "granted": {"usd": 2.1}}, "over its budget: $2.10 of $2"),
        ({"usd": 0.002}, {"cost_usd": 0.0021}, "over its budget: $0.0021 of $0.0020"),
        ({"tokens": 200_000}, {"tokens": 201_000}, "over its budget: 201k tokens of 200k tokens"),
        ({"turns": 40}, {"turns": 40}, "over its budget: 40 turns of 40 turns"),
        ({"seconds": 1800}, {"worked": 1500.0}, "over its budget: 30m of 30m"),
        ({"seconds": 1800}, {"worked": 1000.0}, ""),
        ({"usd": 9, "turns": 3}, {"cost_usd": 1, "turns": 4}, "over its budget: 4 turns of 3 turns"),
        (None, {"cost_usd": 1e9}, ""),
    ],
)
def test_a_budget_is_over_when_something_of_it_is_used_up(budget, figures, words):
    assert limits.over(budget, status(**figures), 400.0) == words


def view(**more):
    plain = {"status": status(), "budget": None, "heard": 100.0, "asks": False, "told": False, "retries": 0}
    return {**plain, **more}


@pytest.mark.parametrize(
    ("now", "more", "what"),
    [
        (129.0, {}, ""),
        (130.0, {}, "silent"),
        (130.0, {"told": True}, ""),
        (130.0, {"asks": True}, ""),
        (160.0, {"told": True}, "error"),
        (160.0, {"asks": True}, ""),
        (101.0, {"retries": 3}, "error"),
        (101.0, {"retries": 2}, ""),
        (129.0, {"budget": {"seconds": 20}}, "over"),
    ],
)
def test_silence_is_told_of_once_and_then_ended(now, more, what):
    settings = {"silence_seconds": 30, "max_retries": 3}
    assert limits.look(view(**more), now, settings)[0] == what
    assert limits.look(view(**{**more, "retries": 0, "budget": None}), now, {**settings, "silence_seconds": 0})[0] == ""


def test_the_words_of_a_task_come_before_those_of_its_alias_its_model_and_the_config():
    settings = {
        "budget": {"usd": 1, "minutes": 10, "turns": 9},
        "models": {"opus": {"budget": {"usd": 2, "tokens": 5}}},
        "aliases": {"reviewer": {"model": "opus", "budget": {"usd": 3}}},
    }
    assert limits.budget({}, "sonnet", settings) == {"usd": 1, "seconds": 600, "turns": 9}
    assert limits.budget({}, "opus", settings) == {"usd": 2, "tokens": 5, "seconds": 600, "turns": 9}
    assert limits.budget({}, "reviewer", settings)["usd"] == 3
    own = {"budget": {"usd": 4}, "timeout": 60.0}
    assert limits.budget(own, "reviewer", settings) == {"usd": 4, "tokens": 5, "seconds": 60.0, "turns": 9}
    assert limits.budget({}, "x", {"budget": {}, "models": {}, "aliases": {}}) is None


@pytest.mark.parametrize(
    ("backend", "said"),
    [
        ("claude", ""),
        ("codex", "codex tells no cost: $2 is no limit"),
        ("opencode", "opencode tells no tokens: 9 tokens is no limit"),
        ("plain", "plain tells no cost and no tokens: $2, 9 tokens are no limit"),
        ("costly", "costly tells no tokens: 9 tokens is no limit"),
        ("agent", ""),
    ],
)
def test_what_a_cli_does_not_tell_is_said_to_be_no_limit(backend, said):
    own = {
        "plain": {"command": ["plain"]},
        "costly": {"command": ["costly"], "fields": {"cost": "usd"}},
        "agent": {"protocol": "acp", "command": ["agent"]},
    }
    assert limits.untold({"usd": 2, "tokens": 9, "turns": 3}, backend, {**config.DEFAULTS, "backends": own}) == said
    assert limits.untold({"turns": 3}, backend, config.DEFAULTS) == ""


# with real workers


def test_a_worker_over_its_time_is_stopped_and_told_to_go_on_has_as_much_again(lab):
    lab.script("slow", AGAIN + "trap '' TERM; sleep 300 & wait; wait")
    (folder,) = lab.dispatch("slow", timeout=1.0)
    assert lab.result["started"][0]["budget"] == {"seconds": 1.0}
    found = lab.wait(folder, "stopped", timeout=40)
    assert found["why"].startswith("over its budget: ")
    assert found["why"].endswith("s of 1s")
    assert alive(folder) == []
    (event,) = lab.pending()
    assert (event["kind"], event["text"]) == ("stopped", found["why"])
    assert f"tell {event['task']} to go on" in digest.for_person([event])
    steer.tell(folder, "go on", "typed", env())
    assert lab.wait(folder, "finished")["run"] == 2


def test_a_budget_is_said_where_the_dispatch_is_and_where_the_task_is_shown(lab):
    from dispatch_hooks import dispatch

    lab.script("held", GO + TICK)
    (folder,) = lab.dispatch("held", budget={"usd": 2.0, "turns": 40})
    untold = "held tells no cost: $2 is no limit"
    assert f"(held, 1 step, at most $2, 40 turns ({untold}))" in dispatch.words(lab.result, "/")
    assert f"  budget: $2, 40 turns; left: $2, 40 turns; {untold}" in overview.task_text(folder)
    go(lab, folder)
    lab.wait(folder, "finished")


def test_a_worker_that_spends_too_much_is_stopped_with_what_it_spent(lab):
    settings("[budget]\nusd = 0.03\n")
    folder = stream(lab, """
for n in range(100):
    out(type="assistant", message=dict(id=f"m{n}", usage=dict(input_tokens=90, output_tokens=10), content=[]))
    out(type="result", subtype="success", is_error=False, result="more", total_cost_usd=0.02 * (n + 1), usage={})
    if not read(): break
""")
    found = lab.wait(folder, "stopped")
    assert found["why"] == "over its budget: $0.04 of $0.03"
    assert (found["turns"], found["tokens"]) == (2, 200)
    (event,) = lab.pending()
    assert "$0.04" in digest.for_model([event])


def test_turns_and_tokens_count_in_the_middle_of_a_turn(lab):
    settings("[budget]\nturns = 5\n")
    folder = stream(lab, """
for n in range(100):
    out(type="assistant", message=dict(id=f"m{n}", usage=dict(input_tokens=90, output_tokens=10), content=[]))
    if n == 4: time.sleep(300)
""")
    found = lab.wait(folder, "stopped")
    assert found["why"] == "over its budget: 5 turns of 5 turns"
    assert found["tokens"] == 500


def test_a_finished_task_is_finished_whatever_it_used(lab):
    settings("[budget]\nusd = 0.001\n")
    folder = stream(lab, "tick(); result()\n")
    assert lab.wait(folder, "finished", "stopped")["state"] == "finished"


def test_a_worker_that_says_nothing_is_told_of_and_then_stopped(lab):
    settings("silence_seconds = 2\n")
    lab.script("mute", "sleep 300")
    (folder,) = lab.dispatch("mute")
    wait_until(lambda: [event["kind"] for event in lab.pending()] == ["silent"])
    (event,) = lab.pending()
    assert event["text"].startswith("has said nothing for ")
    assert f"tell {event['task']} to …, or cancel {event['task']}" in digest.for_person([event])
    assert tasks.status(folder)["state"] == "running"
    found = lab.wait(folder, "failed")
    assert found["why"].startswith("it said nothing for ")
    assert [event["kind"] for event in lab.pending()] == ["failed", "silent"]


def test_a_worker_that_waits_for_an_answer_is_not_silent_and_uses_no_time(lab):
    settings("silence_seconds = 2\n")
    lab.script("asker", ASK + TICK)
    (folder,) = lab.dispatch("asker", timeout=5.0)
    wait_until(lab.pending)
    begun = tasks.status(folder)["started"]
    wait_until(lambda: time.time() > begun + 6)
    assert [event["kind"] for event in lab.pending()] == ["question"]
    steer.answer(folder, "red", "typed", env())
    found = lab.wait(folder, "finished", "stopped")
    assert (found["state"], found["run"]) == ("finished", 1)
    assert found["worked"] < found["ended"] - found["started"] - 2


def test_an_answer_and_a_resume_are_refused_where_the_budget_is_used_up(lab):
    settings("ask_seconds = 0\n")
    lab.script("asker", 'case $prompt in *"answers: red"*) ' + TICK + "; exit;; esac\n" + ASK)
    (folder,) = lab.dispatch("asker", budget={"usd": 2.0})
    name = os.path.basename(folder)
    tasks.set_status(folder, {**lab.wait(folder, "parked"), "cost_usd": 2.1})
    with pytest.raises(FatalError) as refused:
        steer.answer(folder, "red", "typed", env())
    assert str(refused.value) == (
        f"{name} is over its budget: $2.10 of $2; "
        f"tell {name} to go on grants as much again, retry {name} with a budget of … another"
    )
    assert questions.waiting(folder)
    tasks.set_status(folder, {**tasks.status(folder), "state": "stopped"})
    with pytest.raises(FatalError, match=f"dispatch-hooks retry {name} --budget '…' another"):
        steer.resume(folder, "terminal", env())
    steer.tell(folder, "go on", "typed", env())
    lab.wait(folder, "parked")
    steer.answer(folder, "red", "typed", env())
    assert lab.wait(folder, "finished")["granted"]["usd"] == 2.1


def test_a_resume_grants_nothing(lab):
    lab.script("slow", 'case $prompt in *"Go on."*) ' + TICK + "; exit;; esac")
    (folder,) = lab.dispatch("slow", budget={"usd": 2.0})
    tasks.set_status(folder, {**lab.wait(folder, "stopped"), "cost_usd": 1.5})
    steer.resume(folder, "terminal", env())
    assert lab.wait(folder, "finished")["granted"]["usd"] == 0


def test_a_cli_that_tries_its_model_without_end_is_stopped(lab):
    settings("max_retries = 4\n")
    folder = stream(lab, """
for n in range(1000):
    out(type="system", subtype="api_retry", error_status=529, attempt=n + 1)
    time.sleep(0.02)
""")
    found = lab.wait(folder, "failed")
    assert found["why"].startswith("its model did not answer, ")


def test_a_retry_may_have_another_budget(lab):
    lab.script("slow", 'case $prompt in *"Earlier work"*) sleep 2; ' + TICK + "; exit;; esac\nsleep 300")
    (folder,) = lab.dispatch("slow", timeout=1.0)
    lab.wait(folder, "stopped")
    steer.retry(folder, {"budget": {"seconds": 60}}, "typed", env())
    assert lab.wait(folder, "finished")["changed"] == {"budget": {"seconds": 60}}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[budget]\nusd = -1\n", "budget.usd should be a number above 0, it is -1"),
        ("budget = 3\n", "budget should be a dict, it is 3"),
        ("[models.a]\nbudget = { usd = 'much' }\n", "models.a.budget.usd should be a number above 0, it is 'much'"),
        ("silence_seconds = -1\n", "silence_seconds should be 0 or more, it is -1"),
    ],
)
def test_a_budget_that_is_none_leaves_the_defaults_in_force(lab, text, wrong):
    settings(text)
    assert config.load()["broken"].endswith(wrong)
    assert config.load()["budget"] == {}


# the real CLI


def test_claude_is_stopped_at_a_cap_in_dollars_in_the_middle_of_its_work(product, server):
    """By its own cap, which knows the cost of every call; we hear of it at the end of its turn only."""
    step = tool("Bash", command="dispatch-hooks flag 'x'", description="x")
    server.rule(worker("count the words"), *[step] * 40, "done", repeat=True)
    product("dispatch", "-m", "opus", "--budget", "$0.03", "--id", "count-words", "count the words")
    found = product.wait("count-words", "stopped", "failed", "finished", timeout=60)
    assert found["state"] == "stopped", product.logs()
    assert found["why"].startswith("over its budget: $0.0")
    assert found["why"].endswith(" of $0.03")
    assert server.calls(worker("count the words")) < 10
    assert server.calls(host()) == 0
    assert json.loads(product("show", "count-words", "--json").stdout)["cost_usd"] >= 0.03
