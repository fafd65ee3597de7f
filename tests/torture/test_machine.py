"""What the machine does: full and read-only disks, thousands of tasks, a clock set back, a reboot, an upgrade in the
middle of work, two versions at once, a home that two machines share.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dispatch_hooks import dispatch, files, hosts, inbox, paths, processes, steer, tasks
from dispatch_hooks.host import delivery
from tests.harness.waiting import wait_until
from tests.product import TICK
from tests.test_attack import UNTIL_GO, env, settled
from tests.test_hook_processes import answer, hook, prompt
from tests.test_inbox import news, register
from tests.torture.chat import Chat
from tests.torture.world import ASKS, TICKS, World

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def disk(lab):
    """The state folder on a disk of its own, of two megabytes."""
    state = Path(paths.dirs().state)
    state.mkdir(mode=0o700)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(state)], check=False)
    if done.returncode:
        pytest.skip("a disk cannot be mounted here")
    yield state
    lab.end()
    subprocess.run(["umount", "-l", str(state)], check=True)


def fill(disk):
    with open(disk / "ballast", "wb", buffering=0) as f:
        while True:
            try:
                f.write(b"x" * 4096)
            except OSError:
                return


def remount(disk, how):
    subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True)


# disks


@root
def test_a_disk_that_fills_up_under_a_worker_loses_nothing(lab, disk):
    lab.script("good", f"touch running; {UNTIL_GO}; echo much to say; {TICK}")
    (folder,) = lab.dispatch("good")
    wait_until((lab.project / "running").exists)
    fill(disk)
    (lab.project / "go").touch()
    wait_until(lambda: "cannot record the end" in Path(folder, "supervisor.log").read_text() or _at_end(folder))
    assert tasks.status(folder)["state"] == "running" and tasks.supervised(folder)
    (disk / "ballast").unlink()
    assert settled(folder, "finished")["summary"] == "all of it is done"
    assert [event["kind"] for event in lab.pending()] == ["finished"]


def _at_end(folder):
    """With no room for a line in its log either, its open descriptors tell: the worker has gone."""
    who = tasks.status(folder).get("worker")
    return who and not processes.alive(who)


@root
def test_on_a_full_disk_a_dispatch_says_so_starts_nothing_and_works_when_there_is_room(lab, disk):
    lab.script("good", TICK)
    fill(disk)
    done = prompt(lab, "dispatch good to count the apples")
    assert done.returncode == 0
    assert "No space left" in (json.loads(done.stdout)["stopReason"] if done.stdout else "")
    assert tasks.active() == []
    (disk / "ballast").unlink()
    assert answer(prompt(lab, "dispatch good to count the apples", prompt_id="p2"))
    wait_until(lambda: not tasks.active())
    assert len(tasks.ids(str(lab.project))) == 1


@root
def test_a_read_only_state_folder_breaks_no_prompt_and_is_named(lab, disk):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    settled(folder, "finished")
    remount(disk, "ro")
    try:
        done = prompt(lab, "dispatch good to count the apples")
        assert done.returncode == 0 and "ead-only" in json.loads(done.stdout)["stopReason"]
        assert prompt(lab, "just a word", prompt_id="p2").returncode == 0
        for name in ("stop", "session_start", "session_end", "notification"):
            assert hook(lab, name, prompt_id="p2", source="startup").returncode == 0
        assert tasks.status(folder)["state"] == "finished"
    finally:
        remount(disk, "rw")
    assert answer(prompt(lab, "hello", prompt_id="p3"))


# many


def test_four_thousand_tasks_slow_no_prompt_down(lab):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    status = settled(folder, "finished")
    task = tasks.read(folder)
    for n in range(4096):
        other = tasks.folder(str(lab.project), f"task-of-old-{n}")
        files.write_json(os.path.join(other, "task.json"), {**task, "id": f"task-of-old-{n}"})
        files.write_json(os.path.join(other, "status.json"), {**status, "run": 1})
    began = time.monotonic()
    said = answer(prompt(lab, "dispatch good to count the apples"))
    hook_seconds = time.monotonic() - began
    assert said["stopReason"].startswith("Dispatched count-apples")
    wait_until(lambda: not tasks.active())
    began = time.monotonic()
    said = answer(prompt(lab, "hello", prompt_id="p2"))
    assert "finished" in said["systemMessage"]
    news_seconds = time.monotonic() - began
    print(f"4,096 tasks: a dispatch {hook_seconds * 1000:.0f} ms, a prompt with news {news_seconds * 1000:.0f} ms")
    assert hook_seconds < 10 and news_seconds < 10  # a loaded machine; some 60 ms on a free one
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "dispatch_hooks", "status", "--json"], cwd=lab.project, env=env(),
                          capture_output=True, text=True, timeout=120, check=True)  # fmt: skip
    assert len(json.loads(done.stdout)["tasks"]) == 4098
    print(f"4,096 tasks: status {time.monotonic() - began:.1f} s")


# clocks


LIBFAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


@pytest.mark.skipif(not LIBFAKETIME, reason="libfaketime is not installed (apt-get install faketime)")
@pytest.mark.parametrize("offset", ["-1h", "+1h"])
def test_a_clock_set_by_an_hour_in_the_middle_of_a_task_loses_and_doubles_nothing(offset, monkeypatch):
    with World() as world:
        world.worker("asker", ASKS + TICKS)
        chat = Chat(world).start()
        chat.say("dispatch asker to count the apples")
        wait_until(chat.wake)
        (folder,) = world.folders()
        chat.kill()
        shifted = {**world.env(), "LD_PRELOAD": str(LIBFAKETIME), "FAKETIME": offset}
        shifted["FAKETIME_DONT_FAKE_MONOTONIC"] = "1"
        monkeypatch.setattr(world, "env", lambda: shifted)
        chat.start("resume")
        chat.say("answer: red")
        wait_until(lambda: tasks.status(folder)["state"] == "finished" and not tasks.supervised(folder))
        for n in range(3):
            chat.wake()
            chat.say(f"hello {n}")
        assert world.faults() == []
        text = "\n".join(chat.told)
        assert (text.count("asks the person"), text.count("count-apples finished")) == (1, 1)


# a reboot


def test_after_a_reboot_nothing_is_taken_for_running_and_all_news_come(lab):
    lab.script("sleepy", "sleep 300")
    (folder,) = lab.dispatch("sleepy")
    status = lab.wait(folder, "running")
    host = register(lab)
    inbox.post(news(lab))
    delivery.take(host, "p1", time.time())
    os.kill(status["supervisor"]["pid"], 9)
    wait_until(lambda: not tasks.supervised(folder))
    # the boot is another, the runtime folder is gone, and the pids belong to other processes, of the same start even
    mine = {**processes.identity(os.getpid()), "boot": "the boot before"}
    tasks.set_status(folder, {**status, "supervisor": mine, "worker": mine})
    claim = Path(inbox.folder(lab.chat), "claimed", "p1", ".claim")
    claim.write_text(json.dumps({**json.loads(claim.read_text()), "host": mine}))
    shutil.rmtree(paths.dirs().runtime)
    answer(hook(lab, "session_start", source="resume"))
    assert settled(folder, "lost")["why"]
    told = answer(prompt(lab, "good morning", prompt_id="p2"))["systemMessage"]
    assert "was lost" in told and "task-1 finished" in told
    answer(hook(lab, "stop", prompt_id="p2"))
    assert answer(prompt(lab, "anything else", prompt_id="p3")) is None


# versions


def test_a_package_taken_away_under_a_running_worker_costs_it_nothing(tmp_path):
    with World() as world:
        world.worker("slow", f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done\n" + TICKS)
        chat = Chat(world).start()
        chat.say("dispatch slow to count the apples")
        (folder,) = world.folders()
        wait_until(lambda: world.did(folder))
        for name in ("dispatch_hooks", "hooks", "real"):
            (world.tree.top / name).rename(world.root / f"removed-{name}")  # what is loaded is open or in memory
        (tmp_path / "go").touch()
        wait_until(lambda: tasks.status(folder)["state"] == "finished" and not tasks.supervised(folder))
        found = Path(inbox.folder(chat.session)).rglob("*.json")  # its watcher may have claimed it for a wake
        assert [path.name.split(".")[2] for path in found] == ["finished"]
        assert tasks.active() == []


FIRST = "8000b86"
"""The commit of the first version whose state is to be opened by every later one."""


@pytest.fixture
def older(tmp_path):
    """The first version's code; its hooks are run beside today's."""
    done = subprocess.run(["git", "-C", str(CHECKOUT), "archive", FIRST], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("the history of this checkout is not here")
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=done.stdout, check=True)
    return tmp_path


def test_two_versions_side_by_side_work_on_one_state(older):
    with World() as world:
        world.worker("asker", ASKS + TICKS)
        today = world.tree.gate(world.dirs).read_text()
        other = today.replace(str(world.tree.top / "hooks"), str(older / "hooks"))
        assert other != today
        chat = Chat(world)
        world.gate.write_text(other)
        chat.start()
        chat.say("dispatch asker to count the apples")  # the older one's supervisor
        wait_until(chat.wake)
        world.gate.write_text(today)
        chat.say("answer: red")
        chat.say("dispatch asker to count the pears")
        wait_until(lambda: any(f.endswith("count-pears") and world.did(f) for f in world.folders()))
        world.gate.write_text(other)
        wait_until(lambda: chat.wake() or steer.asking(str(world.project)), 30)
        chat.say("what is new")
        chat.say("answer count-pears: blue")
        wait_until(lambda: all(tasks.status(f)["state"] == "finished" and not tasks.supervised(f)
                               for f in world.folders()))  # fmt: skip
        world.gate.write_text(today)
        for n in range(3):
            chat.wake()
            chat.say(f"hello {n}")
        text = "\n".join(chat.told)
        assert world.faults() == [], chat.shown
        assert [text.count(f"count-{what} finished") for what in ("apples", "pears")] == [1, 1]


# a home that two machines share


@root
def test_another_machine_with_the_same_home_leaves_this_ones_workers_alone(lab):
    """Another machine: spaces of process ids and host names of its own, the same files."""
    lab.script("good", f"{UNTIL_GO}; {TICK}")
    (folder,) = lab.dispatch("good")
    lab.wait(folder, "running")
    code = "import os; from dispatch_hooks import recover, tasks; print(recover.recover(dict(os.environ)))"
    there = ["unshare", "--fork", "--pid", "--uts", "--mount", "--mount-proc", "sh", "-c"]
    words = f"hostname another && cd {CHECKOUT} && rm -rf {paths.dirs().runtime} && {sys.executable} -c '{code}'"
    done = subprocess.run([*there, words], env=env(), capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in done.stderr or "hostname" in done.stderr:
        pytest.skip(f"no namespaces here: {done.stderr.strip()}")
    assert done.stdout.strip() == "[]", done.stderr
    assert tasks.status(folder)["state"] == "running" and folder in tasks.active()
    (lab.project / "go").touch()
    settled(folder, "finished")
    assert dispatch.unfinished() == [] and hosts.live() == []
