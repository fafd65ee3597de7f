"""Inbox and delivery: each event once, to whom it belongs, whoever is killed or comes at the same time."""

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from dispatch_hooks import files, hosts, inbox, recover, tasks
from dispatch_hooks.host import delivery, session_end, stop
from tests.conftest import needs_strace
from tests.test_hook_processes import answer, context, hook, prompt, turn

CALLS = "rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,mkdir"


def news(lab, n=1, chat="", **fields):
    return {
        "key": f"p~task-{n}", "task": f"task-{n}", "project": str(lab.project), "chat": chat or lab.chat, "run": 1,
        "kind": "finished", "text": f"done {n}", "model": "m", "made": float(n), "path": "", "ticked": 1, "items": 1,
        "cost_usd": None, "seconds": 1, **fields,
    }  # fmt: skip


@pytest.fixture
def other():
    """Another living host than this process."""
    child = subprocess.Popen(["sleep", "300"])
    yield child.pid
    child.kill()
    child.wait()


def register(lab, pid=0, chat=""):
    event = {"session_id": chat or lab.chat, "transcript_path": str(lab.root / "transcript.jsonl")}
    return hosts.register(pid or os.getpid(), event, str(lab.project), {})


def take(host, token, now):
    """What a hook does that comes to its end: the news are claimed and printed."""
    events = delivery.take(host, token, now)
    delivery.handed(host, token)
    return events


def marked(pid=0):
    return os.path.exists(hosts.place(pid or os.getpid(), "news"))


def places(lab, name):
    found = Path(inbox.folder(lab.chat)).rglob(name)
    return sorted(path.relative_to(inbox.folder(lab.chat)).parts[0] for path in found)


# machines and containers that share our folders, and number their processes alike


def elsewhere(lab, pid, chat):
    """A record that a host of another machine left; nobody here can know whether it lives."""
    here = hosts.register(os.getpid(), {"session_id": chat, "transcript_path": ""}, "/elsewhere", {})
    hosts.forget(os.getpid())
    there = {**here, "pid": pid, "machine": "another-box"}
    files.write_json(hosts.place(pid, "host.json"), there)
    return there


def test_a_host_is_not_taken_for_another_machines_of_the_same_number(lab):
    elsewhere(lab, os.getpid(), "the-others")
    inbox.post(news(lab, chat="the-others", project="/elsewhere"))
    assert answer(prompt(lab, "hello")) is None
    assert register(lab)["former"] == []


def test_a_chat_that_is_resumed_in_another_container_is_told_what_the_first_was_not(lab):
    there = elsewhere(lab, 1, lab.chat)
    inbox.post(news(lab))
    assert delivery.take(there, "p0", time.time())
    inbox.post(news(lab, 2))
    said = answer(prompt(lab, "hello"))["systemMessage"]
    assert "task-1 finished" in said and "task-2 finished" in said


# one event is in one place


def test_each_event_goes_to_one_of_many_claimers(lab):
    for n in range(40):
        inbox.post(news(lab, n))
    barrier, taken = threading.Barrier(8), []

    def claim(name):
        barrier.wait()
        taken.extend(e["task"] for e in inbox.claim(lab.chat, name, {}))

    threads = [threading.Thread(target=claim, args=(f"p{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(f"task-{n}" for n in range(40))


def test_posted_again_at_any_moment_it_is_one_event(lab):
    event = news(lab)
    done = threading.Event()

    def move():
        for n in range(200):
            inbox.claim(lab.chat, f"p{n}", {})
            inbox.give_back(lab.chat, f"p{n}")
        inbox.claim(lab.chat, "last", {})
        inbox.deliver(lab.chat, "last")
        done.set()

    inbox.post(event)
    mover = threading.Thread(target=move)
    mover.start()
    while not done.is_set():
        inbox.post(event)
    mover.join()
    assert places(lab, inbox.event_name(event)) == ["delivered"]


def test_an_empty_handed_claim_takes_no_other_claim_of_its_token_away(lab):
    inbox.post(news(lab))
    inbox.claim(lab.chat, "p1", {"text": "x"})
    assert inbox.claim(lab.chat, "p1", {"text": "y"}, [news(lab, 2)]) == []
    assert inbox.claims(lab.chat)[0][1]
    assert len(inbox.claimed(lab.chat, "p1")) == 1


TORN = ("", "{", "[]", "{}", '{"kind": "finished"}', '{"kind": 3, "key": "x", "run": "y"}', "\xff")


@pytest.mark.parametrize("torn", TORN)
def test_what_is_no_event_keeps_no_news_back_and_is_no_news_itself(lab, torn):
    host = register(lab)
    bad = Path(inbox.folder(lab.chat), "new", "p~bad.1.finished.json")
    bad.parent.mkdir(parents=True)
    bad.write_bytes(torn.encode("latin-1"))
    inbox.post(news(lab))
    assert [e["task"] for e in take(host, "p1", time.time())] == ["task-1"]
    delivery.settle(lab.chat, host, ended="p1")
    assert not inbox.anything(lab.chat)


def test_ten_thousand_events_are_one_digest(lab):
    host = register(lab)
    place = Path(inbox.folder(lab.chat), "new")
    place.mkdir(parents=True)
    for n in range(10_000):
        event = news(lab, n)
        (place / inbox.event_name(event)).write_text(json.dumps(event))
    started = time.process_time()
    assert len(take(host, "p1", time.time())) == 10_000
    assert time.process_time() - started < 20  # it was quadratic once
    delivery.settle(lab.chat, host, ended="p1")
    assert not inbox.anything(lab.chat)


# who takes back what


def test_what_a_running_turn_carries_is_not_taken_by_the_watcher(lab):
    host = register(lab)
    inbox.post(news(lab, 1))
    assert take(host, "p1", time.time())
    inbox.post(news(lab, 2))
    assert [e["task"] for e in take(host, "wake-1", time.time())] == ["task-2"]


def test_a_prompt_queued_in_a_turn_does_not_bring_the_turns_news_again(lab):
    host = register(lab)
    inbox.post(news(lab, 1))
    assert take(host, "p1", time.time())
    assert take(host, "p1", time.time()) == []
    inbox.post(news(lab, 2))
    assert [e["task"] for e in take(host, "p1", time.time())] == ["task-2"]
    delivery.settle(lab.chat, host, ended="p1")
    assert not inbox.anything(lab.chat)


def test_a_stop_without_a_prompts_id_takes_nothing_back(lab):
    host = register(lab)
    inbox.post(news(lab))
    take(host, "p1", time.time())
    stop.handle({"session_id": lab.chat, "cwd": str(lab.project)}, {"CLAUDE_PID": str(os.getpid())}, time.time())
    assert [token for token, _ in inbox.claims(lab.chat)] == ["p1"]


def test_a_wake_that_waits_for_the_turns_end_is_not_told_by_a_prompt_too(lab):
    host = register(lab)
    inbox.post(news(lab))
    assert take(host, "wake-1", time.time() - 60)
    told = inbox.claims(lab.chat)[0][1]["text"]
    line = {"type": "queue-operation", "operation": "enqueue", "content": f"<task-notification>{told}"}
    own, out = {**line, "content": "the person's own"}, {"type": "queue-operation", "operation": "dequeue"}
    log = lab.root / "transcript.jsonl"
    log.write_text("".join(json.dumps(entry) + "\n" for entry in (own, line, out)))
    assert take(host, "p2", time.time()) == []
    with log.open("a") as f:
        f.write(json.dumps(out) + "\n")
    assert len(take(host, "p2", time.time())) == 1


def test_a_wake_of_the_future_is_taken_back_when_the_clock_was_set_back(lab):
    host = register(lab)
    inbox.post(news(lab))
    take(host, "wake-1", time.time() + 86400)
    assert len(take(host, "p2", time.time())) == 1


def test_a_wake_that_told_of_two_chats_belongs_to_its_prompt_in_both(lab):
    register(lab, chat="before-clear")
    host = register(lab)
    inbox.post(news(lab, 1, chat="before-clear"))
    inbox.post(news(lab, 2))
    assert len(take(host, "wake-1", time.time())) == 2
    claim = inbox.claims(lab.chat)[0][1]
    assert len(delivery.joined(host, f"<task-notification>\n{claim['text']}", "p9")) == 2
    for chat in ("before-clear", lab.chat):
        assert [token for token, _ in inbox.claims(chat)] == ["p9"]
        delivery.settle(chat, host, ended="p9")
        assert not inbox.anything(chat)


def test_the_claim_of_a_living_host_is_left_to_it_and_of_a_dead_one_is_taken(lab, other):
    theirs, mine = register(lab, other), register(lab, chat="mine")
    inbox.post(news(lab))
    assert take(theirs, "p1", time.time())
    delivery.settle(lab.chat, mine, prompt="p2")
    assert inbox.claims(lab.chat)
    os.kill(other, 9)
    os.waitpid(other, 0)
    assert len(take(mine, "p2", time.time())) == 1


def test_a_host_that_ends_hands_over_what_did_not_arrive_and_rings_its_heir(lab, other):
    theirs, mine = register(lab, other), register(lab, chat="mine")
    inbox.post(news(lab))
    take(theirs, "p1", time.time())
    assert not marked()
    session_end.hand_over(other)
    assert marked()
    assert [e["task"] for e in take(mine, "p2", time.time())] == ["task-1"]


def test_news_of_a_chat_without_a_host_go_to_one_of_two_hosts(lab, other):
    one, two = register(lab, other, chat="one"), register(lab, chat="two")
    inbox.post(news(lab, chat="gone"))
    hosts.notify("gone", str(lab.project))
    assert marked() and marked(other)
    assert [len(take(h, "p1", time.time())) for h in (one, two)] == [1, 0]
    delivery.settle("gone", one, ended="p1")
    take(two, "p2", time.time())
    assert not marked()


def test_clear_while_a_claim_is_open(lab):
    before = register(lab)
    inbox.post(news(lab))
    assert take(before, "p1", time.time())
    after = register(lab, chat="after-clear")
    assert [e["task"] for e in take(after, "p2", time.time())] == ["task-1"]
    delivery.settle(lab.chat, after, ended="p2")
    delivery.mark(after, hosts.chats_of(after))
    assert not marked() and not inbox.anything(lab.chat)


# the marker


@needs_strace
@pytest.mark.parametrize("name", ["user_prompt_submit", "stop"])
@pytest.mark.parametrize("nth", range(1, 16))
def test_a_hook_killed_at_its_nth_change_leaves_the_marker_while_there_are_news(lab, name, nth):
    register(lab)
    inbox.post(news(lab))
    hosts.mark(os.getpid())
    kill = ("strace", "-o", "/dev/null", "-e", f"inject={CALLS}:signal=KILL:when={nth}")
    if name == "stop":
        answer(prompt(lab, "hello"))
    hook(lab, name, *kill, prompt="hello", prompt_id="p1")
    assert marked() or not inbox.anything(lab.chat)
    answer(prompt(lab, "hello again", prompt_id="p2"))
    answer(hook(lab, "stop", prompt_id="p2"))
    assert places(lab, inbox.event_name(news(lab))) == ["delivered"]
    assert not marked()


@needs_strace
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_claim_says_whose_it_is_from_its_first_moment_on(lab, nth):
    register(lab)
    inbox.post(news(lab))
    hosts.mark(os.getpid())
    kill = ("strace", "-o", "/dev/null", "-e", f"inject=rename:signal=KILL:when={nth}")
    hook(lab, "user_prompt_submit", *kill, prompt="hello", prompt_id="p1")
    assert all(claim for _, claim in inbox.claims(lab.chat))


def test_the_marker_goes_when_all_is_delivered_and_stays_until_then(lab):
    host = register(lab)
    inbox.post(news(lab))
    hosts.notify(lab.chat, str(lab.project))
    take(host, "p1", time.time())
    assert marked()
    answer(hook(lab, "stop", prompt_id="p1"))
    assert not marked()


def test_the_gates_sign_of_anything_at_all_goes_when_all_is_delivered(lab):
    host = register(lab)
    inbox.post(news(lab))
    tasks.remember_outstanding()
    take(host, "p1", time.time())
    recover.recover(dict(os.environ))
    assert os.path.exists(tasks.outstanding_file())
    delivery.settle(lab.chat, host, ended="p1")
    recover.recover(dict(os.environ))
    assert not os.path.exists(tasks.outstanding_file())


def test_a_hosts_registration_seen_twice_is_one_host(lab):
    barrier = threading.Barrier(6)

    def one():
        barrier.wait()
        register(lab)

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [h["pid"] for h in hosts.live()] == [os.getpid()]


def test_a_pid_that_was_another_process_is_another_host(lab):
    register(lab)
    files.touch(hosts.place(os.getpid(), "tasks"))
    files.write_json(hosts.place(os.getpid(), "host.json"), {**hosts.live()[0], "started": "0", "chat": "old"})
    host = register(lab)
    assert host["former"] == [] and not os.path.exists(hosts.place(os.getpid(), "tasks"))


# the transcript


def test_news_with_half_a_surrogate_pair_are_told_all_the_same(lab):
    register(lab)
    inbox.post(news(lab, text="cut \ud83d here"))
    said = answer(prompt(lab, "hello"))["hookSpecificOutput"]["additionalContext"]
    turn(lab, (None, "a", {"type": "user"}), ("a", "b", context(said)), ("b", "c", {"type": "assistant"}))
    assert answer(prompt(lab, "again", prompt_id="p2")) is None


