"""The supervisor with real worker processes: what it records is what happened."""

import os
import re
import signal
from pathlib import Path

import pytest

from dispatch_hooks import files, inbox, overview, questions, recover, steer, tasks
from dispatch_hooks.errors import FatalError
from tests.harness.waiting import wait_until
from tests.product import TICK, alive

ENV = dict(os.environ)


def env():
    return dict(os.environ)


def kinds(lab):
    return [event["kind"] for event in lab.pending()]


def test_a_worker_that_ticks_everything_has_finished(lab):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    status = lab.wait(folder, "finished")
    assert (status["ticked"], status["items"], status["summary"]) == (1, 1, "all of it is done")
    assert kinds(lab) == ["finished"]
    assert tasks.active() == []


def test_a_worker_that_ends_with_items_left_has_stopped_early(lab):
    lab.script("lazy", "echo I looked at it")
    (folder,) = lab.dispatch("lazy")
    status = lab.wait(folder, "stopped")
    assert status["why"] == "1 of 1 left"
    assert status["summary"] == "I looked at it"


def test_a_worker_that_marks_an_item_failed_has_failed(lab):
    lab.script("broken", """sed -i 's/\\[ \\]/[!]/' "$folder/plan.md" """)
    (folder,) = lab.dispatch("broken")
    assert lab.wait(folder, "failed")["why"] == "task of broken"


def test_an_exit_status_is_told_with_the_last_line_of_stderr(lab):
    lab.script("crash", "echo first >&2; echo out of cheese >&2; exit 3")
    (folder,) = lab.dispatch("crash")
    assert lab.wait(folder, "failed")["why"] == "crash ended with exit status 3: out of cheese"


def test_a_worker_killed_by_a_signal_is_told_so(lab):
    lab.script("oom", "kill -9 $$")
    (folder,) = lab.dispatch("oom")
    assert lab.wait(folder, "failed")["why"].startswith("oom was killed by signal 9")


def test_a_check_command_makes_finished_into_checked_or_failed(lab):
    lab.script("good", TICK)
    Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[0], "config.toml").open("r+").close()
    (yes,) = lab.dispatch("good")
    lab.wait(yes, "finished")
    config_file = Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[0], "config.toml")
    config_file.write_text('check = "test -f proof"\n' + config_file.read_text())
    (no,) = lab.dispatch("good")
    assert lab.wait(no, "failed")["why"] == "check failed: test -f proof (exit status 1)"
    (lab.project / "proof").touch()
    (checked,) = lab.dispatch("good")
    lab.wait(checked, "checked")


def test_no_process_of_a_worker_is_left_behind(lab):
    lab.script("parent", f"setsid sleep 300 & (setsid sh -c 'sleep 301 & sleep 302' &) \n {TICK}")
    (folder,) = lab.dispatch("parent")
    lab.wait(folder, "finished")
    assert alive(folder) == []


ASK = """
printf '{"text": "Which one?", "options": ["red", "blue"]}' > "$folder/ipc/.q"
mv "$folder/ipc/.q" "$folder/ipc/001.question"
while [ ! -e "$folder/ipc/001.answer" ]; do sleep 0.05; done
said="I took $(cat "$folder/ipc/001.answer")"
"""


def test_a_question_in_a_file_is_asked_and_answered_and_the_worker_goes_on(lab):
    lab.script("asker", ASK + TICK)
    (folder,) = lab.dispatch("asker")
    wait_until(lambda: kinds(lab) == ["question"], why="the question")
    assert lab.pending()[0]["options"] == ["red", "blue"]
    assert steer.state(folder) == "asks"
    steer.answer(folder, "2", "typed", env())
    assert lab.wait(folder, "finished")["summary"] == "I took blue"


def test_a_number_that_no_option_has_is_told_back_with_the_options(lab):
    lab.script("asker", ASK + TICK)
    (folder,) = lab.dispatch("asker")
    wait_until(lambda: questions.waiting(folder), why="the question")
    with pytest.raises(FatalError, match=re.escape("has no option 7: 1. red, 2. blue; or answer in words")):
        steer.answer(folder, "7", "terminal", env())
    assert not questions.misses({"options": ["80", "443"]}, "8080")
    steer.answer(folder, "7 of each", "terminal", env())
    assert lab.wait(folder, "finished")["summary"] == "I took 7 of each"


def test_what_to_type_is_a_phrase_in_the_chat_and_a_command_in_a_terminal(lab):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    name = os.path.basename(folder)
    lab.wait(folder, "finished")
    for by, way in (("typed", f"tell {name} to …"), ("terminal", f'dispatch-hooks tell {name} "…"')):
        for act in (lambda by=by: steer.answer(folder, "x", by, env()), lambda by=by: steer.resume(folder, by, env())):
            with pytest.raises(FatalError, match=re.escape(f"type: {way}")):
                act()
    questions.add(folder, {"kind": "question", "text": "Which?", "options": [], "asked": 1.0, "run": 1})
    assert f"  answer {name}: …" in overview.task_text(folder).splitlines()
    assert f'  dispatch-hooks answer {name} "…"' in overview.task_text(folder, "terminal").splitlines()


def test_an_answer_that_the_worker_wrote_itself_is_no_answer(lab):
    lab.script("cheat", 'echo yes > "$folder/ipc/001.answer"; mkdir "$folder/ipc/002.question"\n' + ASK.replace(
        "001", "003") + TICK)
    (folder,) = lab.dispatch("cheat")
    wait_until(lambda: questions.waiting(folder), why="the question")
    assert questions.answers(folder) == []
    steer.answer(folder, "red", "terminal", env())
    assert lab.wait(folder, "finished")["summary"] == "I took red"


def test_a_question_nobody_answers_parks_the_task_and_the_answer_starts_it_again(lab):
    again = """case $prompt in *"answers: red"*) said="told red later"; """ + TICK + """; exit;; esac\n"""
    lab.script("patient", again + ASK + TICK)
    config_file = Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[0], "config.toml")
    config_file.write_text("ask_seconds = 0\n" + config_file.read_text())
    (folder,) = lab.dispatch("patient")
    lab.wait(folder, "parked")
    assert tasks.active() == []
    assert kinds(lab) == ["question"]
    steer.answer(folder, "1", "typed", env())
    assert lab.wait(folder, "finished")["summary"] == "told red later"


def test_cancel_ends_a_worker_that_ignores_sigterm(lab):
    lab.script("deaf", "trap '' TERM; while :; do sleep 0.1; done")
    (folder,) = lab.dispatch("deaf")
    lab.wait(folder, "running")
    assert steer.cancel(folder, env()) == "cancelling"
    lab.wait(folder, "cancelled")
    assert kinds(lab) == []
    assert alive(folder) == []


def test_a_killed_supervisor_takes_its_worker_along_and_the_task_is_lost(lab):
    lab.script("sleepy", "sleep 300")
    (folder,) = lab.dispatch("sleepy")
    pid = lab.wait(folder, "running")["supervisor"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(folder), why="the lock is free")
    assert recover.recover(env()) == [tasks.key(folder)]
    assert tasks.status(folder)["state"] == "lost"
    assert kinds(lab) == ["lost"]
    assert recover.recover(env()) == []
    assert kinds(lab) == ["lost"]
    assert alive(folder) == []


def test_a_lost_task_can_be_tried_again(lab):
    lab.script("second", f'[ -e once ] && {{ {TICK}; exit; }}; touch once; sleep 300')
    (folder,) = lab.dispatch("second")
    pid = lab.wait(folder, "running")["supervisor"]["pid"]
    wait_until((lab.project / "once").exists)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(folder))
    recover.recover(env())
    steer.retry(folder, {}, "terminal", env())
    assert lab.wait(folder, "finished")["run"] == 2


def test_two_answers_at_once_are_one_answer(lab):
    lab.script("asker", ASK + TICK)
    (folder,) = lab.dispatch("asker")
    wait_until(lambda: questions.waiting(folder))
    question = questions.waiting(folder)[0]["n"]
    assert [questions.answer(folder, question, text, "typed", 0) for text in ("red", "blue")] == [True, False]
    files.ring(tasks.bell_file(folder))
    assert lab.wait(folder, "finished")["summary"] == "I took red"


def test_a_missing_program_is_refused_before_anything_starts(lab):
    Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[0]).mkdir()
    config_file = Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[0], "config.toml")
    config_file.write_text('[backends.none]\ncommand = ["no-such-program-here"]\n')
    lab.dispatch("none")
    assert lab.result["refused"][0]["why"].startswith("no-such-program-here is not on PATH")
    assert tasks.ids(str(lab.project)) == []


def test_binary_output_and_a_hundred_megabytes_do_no_harm(lab):
    lab.script("loud", f"head -c 50000000 /dev/zero | tr '\\0' 'x'; echo; printf '\\377\\376\\n'; {TICK}")
    (folder,) = lab.dispatch("loud")
    lab.wait(folder, "finished", timeout=60)


@pytest.mark.parametrize("place", [".dispatch", ".dispatch/tasks"])
def test_a_link_in_the_project_is_not_followed(lab, place, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (lab.project / place).parent.mkdir(exist_ok=True)
    (lab.project / place).symlink_to(outside)
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    assert lab.wait(folder, "failed")["why"].startswith("cannot start")
    assert list(outside.iterdir()) == []


def test_events_are_posted_once(lab):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    lab.wait(folder, "finished")
    event = lab.pending()[0]
    assert not inbox.post(event)
    inbox.claim(lab.chat, "p1", {})
    assert not inbox.post(event)
    inbox.deliver(lab.chat, "p1")
    assert not inbox.post(event)
    assert lab.pending() == []


def test_an_answer_that_nobody_was_woken_for_is_found_by_recover(lab):
    again = """case $prompt in *"answers: red"*) said="told red later"; """ + TICK + """; exit;; esac\n"""
    lab.script("patient", again + ASK + TICK)
    config_file = Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[0], "config.toml")
    config_file.write_text("ask_seconds = 0\n" + config_file.read_text())
    (folder,) = lab.dispatch("patient")
    lab.wait(folder, "parked")
    # what steer.answer does before it is killed
    tasks.activate(folder)
    questions.answer(folder, 1, "red", "typed", 0)
    recover.recover(env())
    assert lab.wait(folder, "finished")["summary"] == "told red later"


def test_a_retry_with_another_backend_goes_on_from_what_is_ticked_and_the_change_stays(lab):
    lab.script("weak", "exit 1")
    lab.script("strong", 'case $prompt in *"An earlier worker had this task"*) said=again;; esac\n' + TICK)
    (folder,) = lab.dispatch("weak")
    lab.wait(folder, "failed")
    steer.retry(folder, {"backend": "strong", "model": "", "alias": "", "alias_prompt": ""}, "terminal", env())
    status = lab.wait(folder, "finished")
    assert (status["who"], status["summary"], status["run"]) == ("strong", "again", 2)
    steer.tell(folder, "one more thing", "typed", env())
    wait_until(lambda: tasks.status(folder)["run"] == 3)
    assert lab.wait(folder, "finished")["who"] == "strong"
