"""More tasks than may run wait their turn: with real supervisors, workers and kills."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from dispatch_hooks import config, dispatch, overview, paths, processes, queue, recover, resources, steer, tasks
from dispatch_hooks.errors import FatalError
from tests.conftest import needs_strace
from tests.harness.waiting import wait_until
from tests.product import TICK, alive
from tests.test_attack import CALLS, _tracers, here, injected


def env():
    return dict(os.environ)


def settings(text):
    """Puts lines at the top of the config."""
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + (file.read_text() if file.exists() else ""))


def state(folder):
    return tasks.status(folder)["state"]


def states(folders):
    return [state(folder) for folder in folders]


def pid(folder):
    return tasks.status(folder)["supervisor"]["pid"]


def waits(folder):
    """Whether it waits, and its process has become the one that only waits."""
    return state(folder) == "waiting" and any(word.endswith("wait.py") for word in processes.arguments(pid(folder)))


GO = 'while [ ! -e "$folder/go" ] && [ ! -e all-go ]; do sleep 0.05; done\n'

STARTED = 'echo "${folder##*/}" >> started\n'


def go(lab, folder):
    (lab.project / tasks.place(tasks.read(folder)) / "go").touch()


def started(lab):
    file = lab.project / "started"
    return file.read_text().split() if file.exists() else []


def lines_up(lab, count, cap=1):
    """Tasks that all wait for one slot, but the first ones, which run."""
    settings(f"max_parallel = {cap}\n")
    lab.script("held", STARTED + GO + TICK)
    folders = lab.dispatch(*["held"] * count)
    wait_until(lambda: states(folders[:cap]) == ["running"] * cap, why=lambda: str(states(folders)))
    wait_until(lambda: all(waits(folder) for folder in folders[cap:]), why=lambda: str(states(folders)))
    wait_until(lambda: len(started(lab)) == cap)
    return folders


def test_more_than_may_run_wait_and_say_what_for(lab):
    settings("max_parallel = 2\n")
    lab.script("held", GO + TICK)
    folders = lab.dispatch(*["held"] * 4)
    assert [task["id"] for task in lab.result["started"]] == [os.path.basename(folder) for folder in folders]
    assert lab.result["waiting"] == {"held-1-3": "next", "held-1-4": "1 before it"}
    assert "held-1-4 (held, 1 step) (waiting: 1 before it)" in dispatch.words(lab.result, "/")
    wait_until(lambda: sorted(states(folders)) == ["running", "running", "waiting", "waiting"])
    rows = {row["id"]: row for row in overview.rows(str(lab.project)) if row["state"] == "waiting"}
    assert sorted(row["why"] for row in rows.values()) == ["1 before it", "next"]
    (lab.project / "all-go").touch()
    for folder in folders:
        lab.wait(folder, "finished")
    assert tasks.active() == []


def test_they_start_in_the_order_of_their_dispatch(lab):
    first, *others = lines_up(lab, 6)
    last = lab.dispatch("held")
    wait_until(lambda: waits(last[0]))
    for folder in (first, *others, *last):
        wait_until(lambda f=folder: started(lab)[-1:] == [os.path.basename(f)], why=lambda: str(started(lab)))
        go(lab, folder)
    assert started(lab) == [os.path.basename(folder) for folder in (first, *others, *last)]


def test_a_backend_has_a_cap_of_its_own_and_lets_others_by(lab):
    settings("max_parallel = 3\n")
    lab.script("held", GO + TICK)
    with open(paths.config_file(), "a", encoding="utf-8") as file:
        file.write("max_parallel = 1\n")
    lab.script("other", GO + TICK)
    one, two, three, *others = lab.dispatch("held", "held", "held", "other", "other", "other")
    assert lab.result["waiting"] == {"held-1-2": "next", "held-1-3": "1 before it", "other-1-4": "2 before it"} | {
        f"other-1-{n}": f"{n - 2} before it" for n in (5, 6)
    }
    wait_until(lambda: sorted(states([one, two, three])) == ["running", "waiting", "waiting"])
    wait_until(lambda: states(others).count("running") == 2, why=lambda: str(states(others)))
    go(lab, one)
    wait_until(lambda: state(two) == "running", why=lambda: str(states([one, two, three, *others])))
    assert state(three) == "waiting"
    (lab.project / "all-go").touch()
    for folder in (one, two, three, *others):
        lab.wait(folder, "finished")


def test_a_waiting_task_that_is_cancelled_lets_the_next_one_by(lab):
    first, second, third = lines_up(lab, 3)
    steer.cancel(second, env())
    lab.wait(second, "cancelled")
    go(lab, first)
    wait_until(lambda: started(lab) == [os.path.basename(folder) for folder in (first, third)])


def test_a_killed_runner_frees_its_slot_by_its_death(lab):
    first, second, third = lines_up(lab, 3)
    os.kill(pid(first), signal.SIGKILL)
    wait_until(lambda: state(second) == "running")
    wait_until(lambda: waits(third))
    recover.recover(env())
    assert state(first) == "lost"


def test_a_killed_waiter_holds_nobody_up_and_is_started_again_in_its_place(lab):
    first, second, third, fourth = lines_up(lab, 4)
    killed = pid(third)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(third))
    recover.recover(env())
    wait_until(lambda: waits(third) and pid(third) != killed)
    for folder in (first, second, third, fourth):
        wait_until(lambda f=folder: state(f) == "running")
        go(lab, folder)
    lab.wait(fourth, "finished")
    assert started(lab) == [os.path.basename(folder) for folder in (first, second, third, fourth)]


def test_a_killed_waiter_that_nobody_recovers_is_passed_over(lab):
    first, second, third = lines_up(lab, 3)
    os.kill(pid(second), signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(second))
    go(lab, first)
    wait_until(lambda: state(third) == "running")


def test_what_was_told_to_a_waiting_task_is_in_its_first_words(lab):
    first, second = lines_up(lab, 2)
    assert steer.tell(second, "mind the gap", "typed", env()) == "told; it hears it when it starts"
    lab.script("held", "")  # the same name once more: the script of it
    (lab.root / "held.sh").write_text(f'#!/bin/sh\nfolder=$DISPATCH_HOOKS_FOLDER\nsaid=$(grep "mind")\n{TICK}\n')
    Path(paths.config_file()).write_text(Path(paths.config_file()).read_text().rsplit("[backends.held]", 1)[0])
    go(lab, first)
    assert lab.wait(second, "finished")["summary"] == "The person says: mind the gap"
    assert tasks.status(second)["run"] == 1


def test_an_answer_to_a_parked_task_waits_for_its_turn_too(lab):
    from tests.test_supervisor import ASK

    settings("max_parallel = 1\nask_seconds = 0\n")
    lab.script("patient", 'case $prompt in *"answers: red"*) ' + TICK + "; exit;; esac\n" + ASK)
    lab.script("held", GO + TICK)
    (parked,) = lab.dispatch("patient")
    lab.wait(parked, "parked")
    (held,) = lab.dispatch("held")
    lab.wait(held, "running")
    steer.answer(parked, "red", "typed", env())
    wait_until(lambda: waits(parked))
    go(lab, held)
    assert lab.wait(parked, "finished")["run"] == 2


def test_too_many_that_wait_are_refused_with_what_to_type(lab):
    settings("max_parallel = 1\nmax_waiting = 2\n")
    lab.script("held", GO + TICK)
    lab.dispatch(*["held"] * 4)
    assert len(lab.result["started"]) == 3
    assert "2 tasks wait already (max_waiting)" in lab.result["refused"][0]["why"]
    assert "dispatch-hooks config set max_waiting 4" in lab.result["refused"][0]["why"]


def test_a_lower_cap_counts_what_runs_already(lab):
    settings("max_parallel = 3\n")
    lab.script("held", GO + TICK)
    folders = lab.dispatch(*["held"] * 5)
    wait_until(lambda: states(folders).count("running") == 3 and states(folders).count("waiting") == 2)
    Path(paths.config_file()).write_text(Path(paths.config_file()).read_text().replace("= 3", "= 1"))
    running = [folder for folder in folders if state(folder) == "running"]
    go(lab, running[0])
    lab.wait(running[0], "finished")
    go(lab, running[1])
    lab.wait(running[1], "finished")
    assert states(folders).count("waiting") == 2
    go(lab, running[2])
    wait_until(lambda: states(folders).count("running") == 1 and states(folders).count("waiting") == 1)


def test_a_logout_takes_the_bells_and_the_queue_goes_on(lab):
    import shutil

    first, second, third = lines_up(lab, 3)
    shutil.rmtree(paths.dirs().runtime)
    recover.recover(env())
    assert states([first, second, third]) == ["running", "waiting", "waiting"]
    go(lab, first)
    wait_until(lambda: state(second) == "running")
    go(lab, second)
    wait_until(lambda: state(third) == "running")


def processor(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_waiting_supervisor_is_thin_and_idle(lab):
    _, *others = lines_up(lab, 4)
    dirty = [
        int(line.split()[1])
        for folder in others
        for line in Path(f"/proc/{pid(folder)}/smaps_rollup").read_text().splitlines()
        if line.startswith("Private_Dirty:")
    ]
    assert max(dirty) < 4096  # KiB; a supervisor that runs has twice as much

    def used():
        return [processor(pid(folder)) for folder in others]  # clock ticks

    since = [time.monotonic(), used()]

    def two_idle_seconds():
        if used() != since[1]:
            since[:] = [time.monotonic(), used()]
        return time.monotonic() - since[0] > 2

    wait_until(two_idle_seconds, 10)


def test_nothing_of_the_queue_reaches_a_worker(lab):
    """Neither the lock nor the slot: a worker's left-overs would hold them."""
    first, second = lines_up(lab, 2)
    go(lab, first)
    wait_until(lambda: state(second) == "running" and len(started(lab)) == 2)
    for process in alive(second):
        with contextlib.suppress(FileNotFoundError):  # one of its short commands
            links = [os.readlink(fd) for fd in Path(f"/proc/{process}/fd").iterdir()]
        assert not [link for link in links if "/queue/" in link or link.endswith(("/lock", "/bell"))]


def test_fifty_tasks_under_a_cap_of_four_with_kills_all_run_exactly_once(lab):
    """Killed while it waits: started again by recover. Killed while it runs: lost, and never run again by itself."""
    settings("max_parallel = 4\nmax_waiting = 100\n")
    lab.script("short", "sleep 0.1\n" + STARTED + "sleep 0.1\n" + TICK)
    folders = lab.dispatch(*["short"] * 50)
    killed_running, killed_waiting, most = set(), set(), 0
    end = time.monotonic() + 150
    while any(state(folder) not in tasks.ENDED for folder in folders):
        assert time.monotonic() < end, states(folders)
        running = [folder for folder in folders if state(folder) == "running" and tasks.supervised(folder)]
        most = max(most, len([f for f in running if alive(f)]))
        for folder in folders:
            if len(killed_waiting) < 8 and folder not in killed_waiting and state(folder) == "waiting":
                os.kill(pid(folder), signal.SIGKILL)
                killed_waiting.add(folder)
                break
        if len(killed_running) < 4 and running and len(killed_waiting) > 2 * len(killed_running):
            folder = running[0]
            os.kill(pid(folder), signal.SIGKILL)
            killed_running.add(folder)
        recover.recover(env())
        time.sleep(0.1)
    for folder in folders:
        wait_until(lambda f=folder: not tasks.supervised(f))
    ran = started(lab)
    assert len(ran) == len(set(ran)), "one ran twice"
    lost = {folder for folder in folders if state(folder) == "lost"}
    assert lost <= killed_running
    assert all(state(folder) == "finished" for folder in folders if folder not in lost)
    assert most <= 4
    assert queue.tickets() == []


def test_one_that_sees_nobody_to_wait_for_looks_again_soon(lab, monkeypatch):
    """A killed holder's lock may go after its look for a slot and before its look for holders."""
    first, second = lines_up(lab, 2)
    steer.cancel(second, env())
    lab.wait(second, "cancelled")
    steer.cancel(first, env())
    lab.wait(first, "cancelled")
    monkeypatch.setattr(queue, "_turn", lambda *_: False)
    assert queue.enter(second, tasks.read(second), config.load()) == (None, [queue.NOBODY])
    queue.withdraw(second)


# pause and resume


def test_pause_all_starts_nothing_and_resume_all_lets_it_go(lab):
    settings("max_parallel = 2\n")
    lab.script("held", STARTED + GO + TICK)
    (running,) = lab.dispatch("held")
    lab.wait(running, "running")
    said = "paused: nothing new starts; 1 running to their end, 0 waiting. resume all lets them go"
    assert steer.pause_all("typed") == said
    (folder,) = lab.dispatch("held")
    assert lab.result["waiting"] == {"held-2-1": "paused"}
    wait_until(lambda: waits(folder))
    assert overview.row(folder)["why"] == "everything is paused"
    go(lab, running)
    lab.wait(running, "finished")
    recover.recover(env())
    wait_until(lambda: waits(folder))
    assert steer.resume_all() == "going on; 1 waiting"
    go(lab, folder)
    lab.wait(folder, "finished")
    with pytest.raises(FatalError, match="nothing is paused as a whole"):
        steer.resume_all()


def test_a_paused_task_that_waits_lets_others_by_and_comes_back_to_its_place(lab):
    first, second, third, fourth = lines_up(lab, 4)
    assert steer.pause(second) == f"paused {os.path.basename(second)}"
    wait_until(lambda: tasks.status(second)["why"] == "paused")
    go(lab, first)
    wait_until(lambda: state(third) == "running")
    steer.resume(second, "typed", env())
    wait_until(lambda: overview.row(second)["why"] == "next")
    go(lab, third)
    wait_until(lambda: state(second) == "running")
    assert state(fourth) == "waiting"


def test_a_running_task_that_is_paused_ends_its_worker_and_goes_on_when_it_is_resumed(lab):
    lab.script("held", 'case $prompt in *"Earlier work"*) ' + TICK + "; exit;; esac\nsleep 300 & sleep 301")
    (folder,) = lab.dispatch("held")
    lab.wait(folder, "running")
    steer.pause(folder)
    wait_until(lambda: waits(folder))
    assert (overview.row(folder)["why"], alive(folder)) == ("paused", [])
    assert lab.pending() == []
    recover.recover(env())
    wait_until(lambda: waits(folder))
    with pytest.raises(FatalError, match="is paused already"):
        steer.pause(folder)
    assert steer.resume(folder, "typed", env()) == f"{os.path.basename(folder)} goes on"
    assert lab.wait(folder, "finished")["run"] == 2


def test_a_paused_task_can_be_cancelled_and_then_be_told_to_go_on(lab):
    lab.script("held", 'case $prompt in *"person says"*) ' + TICK + "; exit;; esac\nsleep 301")
    (folder,) = lab.dispatch("held")
    lab.wait(folder, "running")
    steer.pause(folder)
    wait_until(lambda: waits(folder))
    steer.cancel(folder, env())
    lab.wait(folder, "cancelled")
    assert steer.resume(folder, "typed", env()).endswith("goes on")
    lab.wait(folder, "finished")


def test_a_paused_task_without_a_supervisor_is_resumed_by_a_new_one(lab):
    lab.script("held", 'case $prompt in *"Earlier work"*) ' + TICK + "; exit;; esac\nsleep 301")
    (folder,) = lab.dispatch("held")
    lab.wait(folder, "running")
    steer.pause(folder)
    wait_until(lambda: waits(folder))
    os.kill(pid(folder), signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(folder))
    steer.resume(folder, "typed", env())
    lab.wait(folder, "finished")


def test_pause_and_resume_say_what_they_cannot_do(lab):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    lab.wait(folder, "finished")
    with pytest.raises(FatalError, match="has ended already"):
        steer.pause(folder)
    with pytest.raises(FatalError, match="has finished; for more, type: tell"):
        steer.resume(folder, "typed", env())
    with pytest.raises(FatalError, match="waits for no other task"):
        steer.release(folder)


# killed at every step of the way


KILLS = [f"{CALLS}:signal=KILL:when={n}" for n in range(1, 13)]
KILLS += [f"execve:signal=KILL:when={n}" for n in (2, 3, 4)]


def put_right(folder, seconds=30):
    """What watchers and commands do all day, until the task is over."""

    def over():
        recover.recover(env(), now=time.time() + 10)
        return state(folder) in tasks.ENDED and not tasks.supervised(folder)

    wait_until(over, seconds, lambda: f"{folder} {[tasks.status(f) for f in tasks.active()]} {queue.tickets()}")


@needs_strace
@pytest.mark.parametrize("comes_after", [False, True], ids=["its turn", "another task"])
@pytest.mark.parametrize("inject", KILLS)
def test_a_supervisor_killed_anywhere_while_it_waits_starts_its_task_once(lab, monkeypatch, inject, comes_after):
    here(lab)
    settings("max_parallel = 1\n")
    lab.script("held", STARTED + GO + TICK)
    (first,) = lab.dispatch("held")
    lab.wait(first, "running")
    untouched = resources.shared
    injected(lab, monkeypatch, inject)
    (second,) = lab.dispatch("held", after=[os.path.basename(first)] if comes_after else [])
    monkeypatch.setattr(resources, "shared", untouched)
    wait_until(lambda: waits(second) or not (tasks.supervised(second) or _tracers(second)), 30)
    (third,) = lab.dispatch("held")
    go(lab, first)
    lab.wait(first, "finished")
    (lab.project / "all-go").touch()
    for folder in (second, third):
        put_right(folder)
        lab.wait(folder, "finished", "lost")
    assert state(third) == "finished"
    ran = started(lab)
    assert len(ran) == len(set(ran)), ran
    assert state(second) == "finished" or os.path.basename(second) in ran or tasks.status(second)["run"] == 1
    put_right(second)
    assert (tasks.active(), queue.tickets()) == ([], [])
    assert [event["kind"] for event in lab.pending()].count(state(second)) >= 1
    (again,) = lab.dispatch("held")  # no slot is left behind
    lab.wait(again, "finished")
