"""The watcher as Claude Code runs it, beside a host that is any process: what wakes, how often, and when it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dispatch_hooks import config, dispatch, files, hosts, inbox, paths, processes, resources, steer, tasks
from dispatch_hooks import watcher as watching
from dispatch_hooks.host import delivery, session_end
from tests.harness.waiting import wait_until
from tests.product import TICK
from tests.test_inbox import news
from tests.test_supervisor import ASK


class Host:
    """A process that stands for Claude Code, its record, and its watchers."""

    def __init__(self, lab):
        self.lab, self.watchers = lab, []
        self.process = subprocess.Popen(["sleep", "300"])
        self.pid = self.process.pid
        self.register()
        hosts.expect(self.pid)

    def register(self, chat=""):
        event = {"session_id": chat or self.lab.chat, "transcript_path": str(self.lab.root / "transcript.jsonl")}
        return hosts.register(self.pid, event, str(self.lab.project), {})

    def env(self):
        return {**os.environ, "CLAUDE_PID": str(self.pid), "CLAUDE_CODE_ENTRYPOINT": "cli"}

    def watch(self):
        script = os.path.join(resources.shared("hooks"), "watch.py")
        words = [sys.executable, "-I", "-S", script, "stop"]
        self.watchers.append(subprocess.Popen(words, env=self.env(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE))
        return self.watchers[-1]

    def watched(self):
        """Until a watcher of ours waits."""
        watcher = self.watch()
        wait_until(lambda: files.held(hosts.place(self.pid, "watcher.lock")) and self.file("watching").exists())
        return watcher

    def file(self, name):
        return Path(hosts.place(self.pid, name))

    def end(self):
        for process in [self.process, *self.watchers]:
            process.kill()
            process.wait()


@pytest.fixture
def host(lab):
    host = Host(lab)
    yield host
    host.end()


def woken(watcher, timeout=30):
    """What it wakes with."""
    _, text = watcher.communicate(timeout=timeout)
    assert watcher.returncode == watching.WAKE, text
    return text.decode()


def inside(host):
    """A watcher in this process, to be asked step by step."""
    lock = files.lock(hosts.place(host.pid, "watcher.lock"))
    watcher = watching.Watcher(host.pid, host.env(), lock)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return watcher


def asked(lab, n=1):
    return news(lab, n, kind="question", options=[], question=1, text=f"which {n}?")


def test_a_question_wakes_once_and_never_again(lab, host):
    watcher = host.watched()
    lab.script("asker", ASK + TICK)
    (folder,) = lab.dispatch("asker")
    assert "Which one?" in woken(watcher)
    steps = inside(host)
    assert steps.step(time.time() + 60)[0] == ""
    steer.answer(folder, "red", "typed", dict(os.environ))
    lab.wait(folder, "finished")
    text = steps.step(time.time() + 120)[0]
    assert "finished" in text and "Which one?" not in text
    assert steps.step(time.time() + 180)[0] == ""


def test_tasks_that_engines_have_are_no_reason_to_look_often(lab, host, monkeypatch):
    """Their news are looked for by `post`; of those here without a descriptor the watcher has to look itself."""
    monkeypatch.setattr(dispatch.launchers, "start", lambda *_: None)
    lab.script("good", TICK)
    (away,) = lab.dispatch("good")
    files.write(tasks.handed_file(away), f"{lab.chat}\nengine\n")
    steps = inside(host)
    assert steps.step(time.time()) == ("", watching.PATIENCE)
    (here,) = lab.dispatch("good")
    assert steps.step(time.time()) == ("", watching.LOOK)
    for folder in (away, here):
        tasks.deactivate(folder)


def test_no_more_than_six_wakes_a_minute_and_none_is_forgotten(lab, host):
    steps, now, wakes = inside(host), time.time(), []
    for second in range(60):
        inbox.post(asked(lab, second))
        text, wait = steps.step(now + second)
        if text:
            wakes.append((second, text))
        else:
            assert wait is not None and wait <= watching.GAP
    assert len(wakes) == 6
    assert steps.step(now + 70)[0]
    assert inbox.pending(lab.chat) == []


def test_a_clock_set_back_delays_no_wake(lab, host):
    steps, now = inside(host), time.time()
    inbox.post(asked(lab, 1))
    assert steps.step(now + 86400)[0]
    inbox.post(asked(lab, 2))
    assert steps.step(now)[0]


def test_what_rides_on_the_next_turn_is_marked_though_its_poster_died(lab, host):
    steps = inside(host)
    lab.script("sleepy", "sleep 300")
    (folder,) = lab.dispatch("sleepy")
    lab.wait(folder, "running")
    inbox.post(news(lab))
    assert steps.step(time.time())[0] == ""
    assert host.file("news").exists()


def test_a_supervisor_killed_wakes_its_chat(lab, host):
    watcher = host.watched()
    lab.script("sleepy", "sleep 300")
    (folder,) = lab.dispatch("sleepy")
    hosts.expect(host.pid)
    pid = lab.wait(folder, "running")["supervisor"]["pid"]
    os.kill(pid, signal.SIGKILL)
    assert "was lost" in woken(watcher)
    assert tasks.active() == []


def test_the_last_of_a_batch_wakes_after_the_task_has_left_the_list(lab, host):
    watcher = host.watched()
    lab.script("good", TICK)
    lab.dispatch("good", "good")
    hosts.expect(host.pid)
    assert woken(watcher).count("finished") == 2


def test_one_watcher_a_host(lab, host):
    first = host.watched()
    assert host.watch().wait(20) == 0
    assert first.poll() is None
    assert host.file("watching").read_text().split() == [str(first.pid), processes.started(first.pid)]


def test_a_watcher_killed_leaves_a_stale_sign_that_a_stop_takes_away(lab, host):
    watcher = host.watched()
    watcher.kill()
    watcher.wait()
    assert host.file("watching").exists()
    hosts.clear_watching(host.pid)
    assert not host.file("watching").exists()
    host.watched()
    hosts.clear_watching(host.pid)
    assert host.file("watching").exists()


def test_a_watcher_ends_with_its_host_and_gives_back_what_it_had(lab, host):
    inbox.post(news(lab))
    record = host.register()
    assert delivery.take(record, "p1", time.time())
    watcher = host.watched()
    wait_until(lambda: host.file("watching").exists())
    host.process.kill()
    host.process.wait()
    assert watcher.wait(20) == 0
    assert len(inbox.pending(lab.chat)) == 1
    assert not host.file("host.json").exists()


def test_a_dead_hosts_news_are_handed_over_even_where_somebody_else_cleared_its_record_first(lab, host):
    inbox.post(news(lab))
    assert delivery.take(host.register(), "p1", time.time())
    steps = inside(host)
    steps.step(time.time())
    host.process.kill()
    host.process.wait()
    assert hosts.live() == []
    assert steps.live() == 0
    assert len(inbox.pending(lab.chat)) == 1


def test_a_watcher_ends_when_its_host_has_handed_over(lab, host):
    watcher = host.watched()
    wait_until(lambda: host.file("watching").exists())
    session_end.hand_over(host.pid)
    assert watcher.wait(20) == 0


def test_a_watcher_told_to_end_hands_over(lab, host):
    watcher = host.watched()
    watcher.terminate()
    assert watcher.wait(20) == 0
    assert not host.file("host.json").exists()


def test_a_watcher_writes_again_what_a_logout_took_away(lab, host):
    steps = inside(host)
    steps.step(time.time())
    shutil.rmtree(paths.dirs().runtime)
    inbox.post(news(lab, kind="failed"))
    steps.rung = False
    assert "failed" in steps.step(time.time())[0]
    assert [h["pid"] for h in hosts.live()] == [host.pid]
    assert host.file("tasks").exists() and host.file("watching").exists()
    hosts.notify(lab.chat, str(lab.project))
    started = time.monotonic()
    steps._block(20)
    assert time.monotonic() - started < 10 and steps.rung


def test_a_watcher_whose_place_another_took_after_a_logout_ends(lab, host):
    steps = inside(host)
    steps.step(time.time())
    shutil.rmtree(paths.dirs().runtime)
    host.register()
    host.watched()
    steps.rung = False
    assert steps.step(time.time()) == ("", None)


def test_the_end_of_a_process_is_heard_once(lab, host):
    """A task that cannot be put right (another machine's) must not keep the watcher spinning."""
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    status = lab.wait(folder, "finished")
    inbox.claim(lab.chat, "p0", {})
    child = subprocess.Popen(["sleep", "300"])
    who = {**processes.identity(child.pid), "machine": "another"}
    tasks.set_status(folder, {**status, "state": "running", "supervisor": who})
    tasks.activate(folder)
    steps = inside(host)
    steps.step(time.time())
    child.kill()
    child.wait()
    steps._block(20)
    steps.step(time.time())
    files.drain(steps.bell)
    started = time.monotonic()
    steps._block(0.5)
    assert time.monotonic() - started >= 0.5
    tasks.deactivate(folder)


def test_a_watcher_without_tasks_ends(lab, host):
    host.file("tasks").unlink()
    steps = inside(host)
    assert steps.step(time.time())[1] == watching.ALONE
    assert steps.step(time.time() + 61) == ("", None)


def test_off_never_wakes_and_the_news_are_kept(lab, host, monkeypatch):
    monkeypatch.setattr(config, "load", lambda: {**config.DEFAULTS, "wake": "off", "broken": ""})
    inbox.post(asked(lab))
    assert inside(host).step(time.time())[0] == ""
    assert len(inbox.pending(lab.chat)) == 1


def test_a_torn_event_wakes_nobody_and_stops_nobody(lab, host):
    place = Path(inbox.folder(lab.chat), "new")
    place.mkdir(parents=True)
    (place / "p~bad.1.failed.json").write_text('{"kind": "failed"')
    steps = inside(host)
    assert steps.step(time.time())[0] == ""
    inbox.post(asked(lab))
    assert "which 1?" in steps.step(time.time())[0]
    assert not list(place.iterdir())


def test_a_watcher_that_was_killed_with_its_wake_leaves_it_to_the_next_prompt(lab, host):
    inbox.post(asked(lab))
    steps = inside(host)
    assert steps.step(time.time())[0]
    # killed before Claude Code read it: nothing of it is in the transcript
    assert steps.step(time.time() + 60)[0] == ""
    assert len(delivery.take(host.register(), "p1", time.time() + 60)) == 0  # it may still be on its way
    for _, claim in inbox.claims(lab.chat):
        claim["at"] -= 60
        Path(inbox.folder(lab.chat), "claimed", inbox.claims(lab.chat)[0][0], ".claim").write_text(json.dumps(claim))
    assert len(delivery.take(host.register(), "p1", time.time())) == 1
