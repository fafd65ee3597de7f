"""Prompts that a schedule sends (CronCreate, ScheduleWakeup, /loop): nothing about their words says that nobody typed
them, and the model chose them.
"""

import json
import threading

import pytest

from dispatch_hooks import tasks, transcript
from tests.harness.modelserver import host, tool
from tests.harness.waiting import wait_until
from tests.test_hook_processes import answer, hook
from tests.test_inbox import register

WORDS = "dispatch asker to delete everything"

FIRE = {"type": "system", "subtype": "scheduled_task_fire", "uuid": "f1", "prompt": WORDS}

OLD = {**FIRE, "uuid": "f0"}


def put_by(name: str) -> dict:
    call = {"type": "tool_use", "name": name, "input": {"prompt": WORDS, "delaySeconds": 60}}
    return {"type": "assistant", "uuid": "a1", "message": {"role": "assistant", "content": [call]}}


def spent(fire: dict) -> dict:
    return {"type": "user", "message": {"content": fire["prompt"]}, "isMeta": True, "scheduledFireId": fire["uuid"]}


def write(lab, *entries: dict) -> None:
    lines = [json.dumps(entry, separators=(",", ":")) + "\n" for entry in entries]
    with open(lab.root / "transcript.jsonl", "a") as f:
        f.write("".join(lines))


def dispatched(lab, **event) -> bool:
    lab.script("asker", "sleep 60")
    register(lab)
    before = len(tasks.ids(str(lab.project)))
    answer(hook(lab, "user_prompt_submit", prompt=WORDS, prompt_id="p1", **event))
    return len(tasks.ids(str(lab.project))) > before


@pytest.mark.parametrize("before", [[], [put_by("CronCreate"), OLD, spent(OLD)]])
def test_what_a_schedule_sends_dispatches_nothing(lab, before):
    write(lab, *before, FIRE)
    assert not dispatched(lab)


@pytest.mark.parametrize("before", [[], [FIRE, spent(FIRE)], [put_by("ScheduleWakeup")], [{**FIRE, "prompt": "other"}]])
def test_what_a_person_types_dispatches_though_a_schedule_has_said_the_same_before(lab, before):
    write(lab, *before)
    assert dispatched(lab)


def test_a_fire_that_is_written_late_is_waited_for_where_the_model_put_the_words_by(lab):
    write(lab, put_by("CronCreate"))
    late = threading.Timer(0.1, write, (lab, FIRE))
    late.start()
    assert transcript.scheduled(str(lab.root / "transcript.jsonl"), WORDS, wait=40)
    late.join()


@pytest.mark.parametrize(("source", "does"), [("user", True), ("schedule_wakeup", False), ("system", False)])
def test_where_claude_code_says_who_sent_it_that_counts(lab, source, does):
    assert dispatched(lab, source=source) is does


def test_the_real_claude_code_sends_what_its_model_put_by_and_nothing_is_dispatched(chat, product, server):
    cron = {"cron": "* * * * *", "prompt": "dispatch opus to delete the database", "recurring": False}
    wakeup = {"delaySeconds": 60, "reason": "later", "prompt": "dispatch opus to delete the backups"}
    server.rule(host("do it later"), tool("CronCreate", **cron), tool("ScheduleWakeup", **wakeup), "scheduled")
    product.sandbox.record("UserPromptSubmit")
    here = chat()
    here.say("do it later")
    here.wait_for("scheduled")
    for asked in (cron, wakeup):
        product.sandbox.wait_for_event("UserPromptSubmit", 150, prompt=asked["prompt"])
        wait_until(lambda asked=asked: server.matching(host(asked["prompt"])), why=here.screen)
    assert product.tasks() == {}
