"""Tasks that come after others: with real supervisors, workers and kills."""

import os
import shutil
import signal

import pytest

from dispatch_hooks import digest, dispatch, files, overview, recover, request, steer, tasks
from dispatch_hooks.errors import FatalError
from dispatch_hooks.host import delivery
from tests.harness.waiting import wait_until
from tests.product import TICK
from tests.test_queue import GO, STARTED, env, go, pid, settings, started, state, waits


def names(folders):
    return [os.path.basename(folder) for folder in folders]


def after_it(lab, parent, worker="next", **fields):
    (child,) = lab.dispatch(worker, after=names([parent]), **fields)
    wait_until(lambda: waits(child), why=lambda: f"{tasks.status(child)} {lab.result}")
    return child


def held(lab):
    return [event for event in lab.pending() if event["kind"] == "held"]


def test_a_task_starts_when_the_one_that_it_comes_after_is_done_and_is_told_what_came_of_it(lab):
    lab.script("first", GO + 'said="the door is blue"\n' + TICK)
    lab.script("next", 'echo "$prompt" > told\n' + TICK)
    (parent,) = lab.dispatch("first")
    lab.wait(parent, "running")
    child = after_it(lab, parent)
    assert lab.result["waiting"] == {"next-2-1": "after first-1-1"}
    assert "(waiting: after first-1-1)" in dispatch.words(lab.result, "/")
    assert [r["why"] for r in overview.rows(str(lab.project)) if r["state"] == "waiting"] == ["after first-1-1"]
    go(lab, parent)
    lab.wait(child, "finished")
    told = (lab.project / "told").read_text()
    assert '- first-1-1 finished: "the door is blue"; details in' in told
    assert "first-1-1/output.md" in told


def test_one_that_is_done_already_holds_nobody_up(lab):
    lab.script("first", TICK)
    (parent,) = lab.dispatch("first")
    lab.wait(parent, "finished")
    (child,) = lab.dispatch("first", after=names([parent]))
    assert lab.result["waiting"] == {}
    lab.wait(child, "finished")


def test_it_waits_for_all_its_parents(lab):
    lab.script("first", GO + TICK)
    lab.script("next", STARTED + TICK)
    parents = lab.dispatch("first", "first")
    (child,) = lab.dispatch("next", after=names(parents))
    wait_until(lambda: waits(child))
    go(lab, parents[0])
    lab.wait(parents[0], "finished")
    wait_until(lambda: overview.row(child)["why"] == "after first-1-2")
    assert started(lab) == []
    go(lab, parents[1])
    lab.wait(child, "finished")


def test_a_chain_in_one_list_runs_in_its_order_and_a_child_needs_no_slot_while_it_waits(lab):
    settings("max_parallel = 1\n")
    lab.script("next", STARTED + GO + TICK)
    items = [("c", ["b"]), ("b", ["a"]), ("a", []), ("d", [])]
    made = [
        {"id": name, "title": name, "text": name, "backend": "next", "plan": [], "context": "", "after": parents}
        for name, parents in items
    ]
    origin = {"chat": lab.chat, "prompt": "p", "project": str(lab.project), "transcript": "", "text": "t"}
    from dispatch_hooks import config

    result = dispatch.start({"tasks": made}, origin, config.load(), env())
    assert names(task["id"] for task in result["started"]) == ["a", "b", "c", "d"]
    assert result["waiting"] == {"b": "after a", "c": "after b", "d": "next"}
    (lab.project / "all-go").touch()
    for name in "abcd":
        lab.wait(tasks.folder(str(lab.project), name), "finished")
    assert [name for name in started(lab) if name != "d"] == ["a", "b", "c"]


def test_a_failed_one_holds_it_says_so_once_and_a_retry_lets_it_go(lab):
    lab.script("first", f"[ -e better ] && {{ {TICK}; exit; }}; exit 3")
    lab.script("next", STARTED + TICK)
    parent, child = lab.dispatch("first")[0], None
    child = after_it(lab, parent)
    lab.wait(parent, "failed")
    wait_until(lambda: held(lab))
    event = held(lab)[0]
    assert (event["task"], event["text"]) == ("next-2-1", "first-1-1 failed")
    row = overview.row(child)
    assert (row["state"], row["why"]) == ("held", "first-1-1 failed")
    assert "retry first-1-1, or release next-2-1, or cancel next-2-1" in digest.for_person([event])
    recover.recover(env())
    assert len(held(lab)) == 1
    (lab.project / "better").touch()
    steer.retry(parent, {}, "typed", env())
    lab.wait(child, "finished")
    assert delivery.moot(event)


def test_a_cancelled_one_holds_it_and_the_person_can_start_it_anyway(lab):
    lab.script("first", GO)
    lab.script("next", 'echo "$prompt" > told\n' + TICK)
    (parent,) = lab.dispatch("first")
    lab.wait(parent, "running")
    child = after_it(lab, parent)
    steer.cancel(parent, env())
    wait_until(lambda: held(lab))
    assert held(lab)[0]["text"] == "first-1-1 was cancelled"
    assert not delivery.moot(held(lab)[0])
    steer.release(child)
    lab.wait(child, "finished")
    assert "- first-1-1 was cancelled" in (lab.project / "told").read_text()


def test_a_killed_one_is_found_lost_by_the_task_that_waits_for_it_with_nobody_else_there(lab):
    lab.script("first", GO)
    lab.script("next", TICK)
    (parent,) = lab.dispatch("first")
    lab.wait(parent, "running")
    child = after_it(lab, parent)
    os.kill(pid(parent), signal.SIGKILL)
    wait_until(lambda: [event["kind"] for event in lab.pending()] == ["lost", "held"], why=lambda: str(lab.pending()))
    assert state(parent) == "lost"
    assert overview.row(child)["why"] == "first-1-1 was lost"


def test_a_killed_waiting_child_is_started_again_and_waits_on(lab):
    lab.script("first", GO + TICK)
    lab.script("next", STARTED + TICK)
    (parent,) = lab.dispatch("first")
    child = after_it(lab, parent)
    killed = pid(child)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(child))
    recover.recover(env())
    wait_until(lambda: waits(child) and pid(child) != killed)
    go(lab, parent)
    lab.wait(child, "finished")
    assert started(lab) == ["next-2-1"]


def test_the_digest_of_a_failure_tells_of_what_it_holds(lab):
    """Both in one: a second wake would cost a turn."""
    from tests.test_attack import here

    here(lab)
    lab.script("first", GO + "exit 3")
    lab.script("next", TICK)
    (parent,) = lab.dispatch("first")
    after_it(lab, parent)
    posted = []
    go(lab, parent)
    wait_until(lambda: posted.append([e["kind"] for e in lab.pending()]) or "failed" in posted[-1])
    assert posted[-1] == ["failed", "held"]


def test_a_parent_whose_record_is_gone_holds_it(lab):
    lab.script("first", "exit 3")
    lab.script("next", TICK)
    (parent,) = lab.dispatch("first")
    child = after_it(lab, parent)
    lab.wait(parent, "failed")
    shutil.rmtree(parent)
    files.ring(tasks.bell_file(child))
    wait_until(lambda: overview.row(child)["why"] == "first-1-1 is gone")


# refused


def refused(lab, text, taken=()):
    from dispatch_hooks import config

    if not (lab.root / "next.sh").exists():
        lab.script("next", TICK)
    known = tasks.ids(str(lab.project))
    parsed = request.parse(text, config.vocabulary(config.load(), known), known)
    origin = {"chat": lab.chat, "prompt": "p", "project": str(lab.project), "transcript": "", "text": text}
    lab.result = dispatch.start(parsed, origin, config.load(), env())
    return {item["title"]: item["why"] for item in lab.result["refused"]}


def test_a_cycle_is_refused_with_the_cycle_in_the_message(lab):
    why = refused(lab, "/dispatch use next\n1. paint the door after 3\n2. buy paint after 1\n3. choose colour after 2")
    cycle = "paint-door after choose-colour after buy-paint after paint-door"
    assert why["paint the door"] == f'it would wait for itself: {cycle}; leave one "after" out'
    assert len(why) == 3
    assert tasks.active() == []


def test_a_task_after_itself_is_refused(lab):
    why = refused(lab, "/dispatch use next\n1. paint the door after 1\n2. buy paint")
    assert "it would wait for itself: paint-door after paint-door" in why["paint the door"]
    assert [task["id"] for task in lab.result["started"]] == ["buy-paint"]


def test_a_mistyped_parent_is_refused_with_the_one_that_is_meant(lab):
    lab.script("next", TICK)
    lab.dispatch("next", id="add-auth")
    lab.wait(tasks.folder(str(lab.project), "add-auth"), "finished")
    why = refused(lab, "dispatch next to add tests after add-atuh")
    assert why == {"add tests": 'it is to start after "add-atuh", and there is no such task; do you mean add-auth?'}


def test_what_comes_after_a_refused_one_is_refused_too(lab):
    why = refused(lab, "/dispatch use next\n1. paint the door, cwd: nowhere\n2. buy paint after 1")
    assert why["buy paint"] == "it is to start after paint-door, which was not dispatched"


def test_clean_keeps_what_another_task_waits_for(lab, monkeypatch):
    from dispatch_hooks.commands import clean

    lab.script("first", "exit 3")
    lab.script("next", TICK)
    (parent,) = lab.dispatch("first")
    child = after_it(lab, parent)
    lab.wait(parent, "failed")
    assert clean.old(9e9) == []
    with pytest.raises(FatalError, match="next-2-1 waits for first-1-1"):
        clean._remove(parent, False)
    steer.release(child)
    lab.wait(child, "finished")
    monkeypatch.setattr(clean.inbox, "pending", lambda chat: [])
    assert set(clean.old(9e9)) == {parent, child}
