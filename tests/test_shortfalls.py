"""Small ways to lose something that were found by looking for them."""

import json
import os
import time
from pathlib import Path

import pytest

from dispatch_hooks import (
    check,
    config,
    digest,
    files,
    hosts,
    inbox,
    ledger,
    overview,
    plan,
    processes,
    recover,
    tasks,
    transcript,
    worker,
)
from dispatch_hooks.commands import clean
from dispatch_hooks.host import delivery, read
from tests.harness.waiting import wait_until
from tests.product import TICK
from tests.test_attack import env, settled
from tests.test_hook_processes import answer, context, prompt, turn
from tests.test_inbox import news, register, take
from tests.test_watcher import Host, asked, inside


@pytest.fixture
def host(lab):
    host = Host(lab)
    yield host
    host.end()


# who is who


def test_a_machine_whose_name_changes_is_the_same_machine(lab, monkeypatch):
    me = processes.identity(os.getpid())

    class Named:
        nodename = "another-name"

    monkeypatch.setattr(os, "uname", lambda: Named)
    known = processes._line("/etc/machine-id")
    assert processes.alive(me) and (processes.here(me) or not known or processes._container())
    assert not processes.alive({**me, "started": "0"}) or not known


def test_records_with_the_host_name_of_an_earlier_version_are_this_machines():
    me = {**processes.identity(os.getpid()), "machine": os.uname().nodename}
    assert processes.here(me) and processes.alive(me)
    assert not processes.alive({**me, "started": "0"})


def test_two_containers_of_one_image_are_two_machines(monkeypatch):
    monkeypatch.setattr(processes, "_container", lambda: " pid:[4026532001]")
    one = processes.machine()

    class Named:
        nodename = "another-name"

    monkeypatch.setattr(os, "uname", lambda: Named)
    assert processes.machine() != one


# records that cannot be read


@pytest.mark.parametrize("batch", ["kept", "gone"])
def test_a_task_whose_record_is_torn_is_told_of_and_stays_on_the_list(lab, batch):
    lab.script("sleepy", "sleep 300")
    (folder,) = lab.dispatch("sleepy")
    pid = lab.wait(folder, "running")["supervisor"]["pid"]
    os.kill(pid, 9)
    wait_until(lambda: not tasks.supervised(folder))
    Path(folder, "task.json").write_text('{"id": "sle')
    if batch == "gone":
        for path in Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[1]).glob("batches/done/*"):
            path.unlink()
    recover.recover(env())
    assert settled(folder, "lost")
    row = overview.row(folder)
    assert (row["state"], row["id"]) == ("lost", os.path.basename(folder))
    assert Path(folder, "task.json.unreadable").exists()
    chat = lab.chat if batch == "kept" else "none"
    assert [event["kind"] for event in inbox.pending(chat)] == ["lost"]
    assert [e["kind"] for e in delivery.take(register(lab), "p1", time.time())] == ["lost"]


def test_what_is_nested_without_end_is_no_record_no_entry_no_event_and_no_configuration(tmp_path):
    deep = tmp_path / "deep"
    deep.write_text('{"a": ' + "[" * 100_000)
    assert files.read_json(str(deep)) is None
    assert transcript._entry(deep.read_bytes()) == {}
    with deep.open("rb") as f:
        assert read(f, "Stop") is None
    deep.write_text("a = " + "[" * 100_000)
    assert config.read(str(deep))[1].startswith(f"{deep}: maximum recursion depth")


def test_a_tool_result_nested_without_end_holds_no_news_up(lab):
    host = register(lab)
    inbox.post(news(lab))
    take(host, "p1", time.time())
    turn(lab, (None, "a", {"type": "user"}), ("a", "b", context(inbox.claims(lab.chat)[0][1]["text"])))
    with open(lab.root / "transcript.jsonl", "a") as f:
        f.write('{"parentUuid":"b","uuid":"c","type":"user","toolUseResult":' + "[" * 3000 + "]" * 3000 + "}\n")
    inbox.post(news(lab, 2))
    assert len(answer(prompt(lab, "hello", prompt_id="p2"))["systemMessage"].splitlines()) == 2


# notes in a plan


def test_a_tick_and_a_note_at_the_same_moment_are_both_kept(lab):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    task = tasks.read(folder)
    lab.wait(folder, "finished")
    book = ledger.Ledger(folder, task, tasks.status(folder))
    place = Path(lab.project, tasks.place(task), "plan.md")
    read = place.read_text()
    assert book.note("be quick\nand short")
    assert "> Note from the person: be quick\n> and short" in place.read_text()
    place.write_text(read + "- [x] what a worker ticked meanwhile\n")  # from what it had read before
    book._mind_notes()
    assert "> Note from the person: be quick" in place.read_text()
    assert "ticked meanwhile" in place.read_text()
    assert plan.count(plan.read(place.read_text())) == (1, 1)


# a digest that did not arrive


def test_the_news_of_a_hook_that_died_after_its_claim_are_not_delivered_by_its_turns_end(lab):
    host = register(lab)
    inbox.post(news(lab))
    assert delivery.take(host, "p1", time.time())  # and here it is killed: Claude Code goes on with the prompt
    delivery.settle(lab.chat, host, ended="p1")
    assert len(take(host, "p2", time.time())) == 1
    delivery.settle(lab.chat, host, ended="p2")
    assert not inbox.anything(lab.chat)


def test_the_news_of_a_hook_that_printed_them_and_did_not_end_in_time_come_again(lab):
    """As Claude Code writes it down: the prompt, and that its hook was cancelled."""
    host = register(lab)
    inbox.post(news(lab))
    take(host, "p1", time.time())
    asked_for = {"type": "user", "promptId": "p1"}
    cancelled = {"type": "attachment", "attachment": {"type": "hook_cancelled", "timedOut": True}}
    turn(lab, (None, "a", asked_for), ("a", "b", cancelled), ("b", "c", {"type": "assistant"}))
    delivery.settle(lab.chat, host, ended="p1")
    assert len(take(host, "p2", time.time())) == 1
    told = context(inbox.claims(lab.chat)[0][1]["text"])
    turn(lab, ("c", "d", {"type": "user", "promptId": "p2"}), ("d", "e", told))  # its answer is not written yet
    delivery.settle(lab.chat, host, ended="p2")
    assert not inbox.anything(lab.chat)


def test_what_claude_code_says_itself_after_a_killed_turn_is_no_answer(lab):
    host = register(lab)
    inbox.post(news(lab))
    take(host, "p1", time.time())
    told = context(inbox.claims(lab.chat)[0][1]["text"])
    own = {"type": "assistant", "message": {"model": "<synthetic>", "content": "No response requested."}}
    turn(lab, (None, "a", {"type": "user"}), ("a", "b", told), ("b", "c", own))
    assert len(take(host, "p2", time.time())) == 1
    turn(lab, ("c", "d", told), ("d", "e", {"type": "assistant", "message": {"model": "m"}}))
    assert take(host, "p3", time.time()) == [] and not inbox.anything(lab.chat)


def test_no_digest_is_long_enough_for_claude_code_to_put_a_file_in_its_place(lab):
    options = [f"{n} " + "o" * 500 for n in range(20)]
    events = [asked(lab, n) | {"text": f"<b>{n} " * 1000, "options": options} for n in range(30)]
    for text in (digest.for_model(events), digest.for_person(events)):
        assert 1000 < len(text) < 10_000
    shown = digest.for_model(events).count("asks the person")
    assert 0 < shown < 8 and f"and {30 - shown} more" in digest.for_model(events)


# what grows


def test_the_record_of_what_a_cli_said_is_bounded(lab, monkeypatch):
    monkeypatch.setattr(ledger, "JOURNAL", 1000)
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    lab.wait(folder, "finished")
    book = ledger.Ledger(folder, tasks.read(folder), tasks.status(folder))
    for n in range(100):
        book.journal([b"line %d " % n + b"x" * 100])
    kept = Path(folder, "events.1.jsonl").read_bytes() + Path(folder, "events.jsonl").read_bytes()
    assert len(kept) < 2500 and b"line 99 " in kept


LOUD = "for n in 1 2 3 4 5 6; do head -c 90000 /dev/zero | tr '\\0' x >&2; sleep 0.2; done; echo the end >&2"


def test_what_a_cli_and_a_check_complain_of_is_bounded_and_the_last_words_are_kept(lab, monkeypatch):
    monkeypatch.setattr(ledger, "JOURNAL", 100_000)
    monkeypatch.setattr(ledger, "EVERY", 0.0)
    monkeypatch.setattr(check, "LARGEST", 100_000)
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    lab.wait(folder, "finished")
    book = ledger.Ledger(folder, tasks.read(folder), tasks.status(folder))
    errors, log = Path(folder, "stderr.txt"), lab.root / "check.log"
    loud = worker.Worker(["sh", "-c", LOUD], env(), "/", str(errors))
    wait_until(lambda: book.show() or loud.ended())
    assert check.run(LOUD, env(), "/", str(log), 30, lambda: False) == ""
    for path in (errors, log):
        assert 60_000 < path.stat().st_size < 300_000 and path.read_bytes().endswith(b"xthe end\n")


def test_clean_leaves_no_empty_inbox_and_no_old_temporary_file(lab):
    host = register(lab)
    inbox.post(news(lab))
    take(host, "p1", time.time())
    delivery.settle(lab.chat, host, ended="p1")
    stale, fresh = Path(inbox.top(), ".x.json.17.1"), Path(inbox.top(), ".y.json.17.2")
    folder = Path(inbox.folder(lab.chat), "claimed", ".p2.17.1")
    folder.mkdir()
    for path in (stale, fresh, folder / ".claim"):
        path.touch()
    for path in (stale, folder):
        os.utime(path, (0, 0))
    clean.forget_delivered(time.time() - 86400)
    assert os.path.isdir(inbox.folder(lab.chat)) and fresh.exists() and not (stale.exists() or folder.exists())
    clean.forget_delivered(time.time() + 1)
    assert not os.path.isdir(inbox.folder(lab.chat))
    assert inbox.post(news(lab))


# a watcher killed in the middle of a wake


def test_a_wake_that_a_killed_watcher_never_gave_away_wakes_again_and_one_that_it_gave_does_not(lab, host):
    inbox.post(asked(lab))
    killed = inside(host)
    assert killed.step(time.time())[0]
    os.close(killed.lock)
    again = inside(host)
    assert "which 1?" in again.step(time.time() + 20)[0]
    delivery.handed(again.host, again.token)
    os.close(again.lock)
    assert inside(host).step(time.time() + 40)[0] == ""
    assert len(files.names(os.path.join(inbox.folder(lab.chat), "claimed"))) == 1
    assert json.loads(Path(inbox.folder(lab.chat), "claimed", again.token, ".claim").read_text())["handed"] is True
    assert hosts.live()
