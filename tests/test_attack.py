"""What may go wrong at the worst moment, done on purpose: to supervisors and their workers, with real processes."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from dispatch_hooks import files, hosts, inbox, paths, processes, questions, recover, resources, steer, tasks
from tests.conftest import needs_strace
from tests.harness.waiting import wait_until
from tests.product import TICK, alive
from tests.test_supervisor import ASK

AGAIN = 'case $prompt in *"person answers"*|*"person says"*) said="$prompt"; ' + TICK + "; exit;; esac\n"
"""A worker that is done as soon as its prompt tells it something."""


UNTIL_GO = "while [ ! -e go ]; do sleep 0.05; done"

FOR_EVER = "while :; do sleep 1; done"


def env():
    return dict(os.environ)


def settings(text):
    """Puts lines at the top of the config."""
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + (file.read_text() if file.exists() else ""))


def settled(folder, *states):
    """Until the task is in one of the states, unsupervised, off the list, with nothing of it running."""

    def over():
        return tasks.status(folder)["state"] in states and not tasks.supervised(folder) and folder not in tasks.active()

    wait_until(over, 30, lambda: f"{tasks.status(folder)}\n{(Path(folder) / 'supervisor.log').read_text()}")
    assert alive(folder) == []
    return tasks.status(folder)


def as_soon_as(folders, so, act, *words):
    """Acts on each task at the very moment when it is so: no pause between looks."""
    left, end = set(folders), time.monotonic() + 40
    while left:
        assert time.monotonic() < end, [tasks.status(folder) for folder in left]
        for folder in [folder for folder in left if so(folder)]:
            act(folder, *words)
            left.remove(folder)


def kinds(lab):
    return [event["kind"] for event in lab.pending()]


def here(lab):
    """This process as the host of the chat."""
    event = {"session_id": lab.chat, "transcript_path": str(lab.root / "transcript.jsonl")}
    return hosts.register(os.getpid(), event, str(lab.project), {})


def raw(lab, name, body):
    """A backend whose worker does not even read its prompt."""
    lab.script(name, "")
    (lab.root / f"{name}.sh").write_text(f"#!/bin/sh\nfolder=$DISPATCH_HOOKS_FOLDER\n{body}\n")


STREAM = """#!{python}
import json, os, sys, time
folder = os.environ["DISPATCH_HOOKS_FOLDER"]

def out(**message):
    print(json.dumps(message), flush=True)

def read():
    line = sys.stdin.readline()
    return json.loads(line) if line else None

def result(text="done", error=False):
    out(type="result", subtype="success", is_error=error, result=text, total_cost_usd=0.01, usage={{}})

def ask(request, tool, **given):
    out(type="control_request", request_id=request, request=dict(subtype="can_use_tool", tool_name=tool, input=given))

def choose(request, *asked):
    options = [dict(label="A"), dict(label="B")]
    ask(request, "AskUserQuestion", questions=[dict(question=q, options=options) for q in asked])

def tick(said="all of it is done"):
    plan = os.path.join(folder, "plan.md")
    with open(plan) as f:
        text = f.read()
    with open(plan, "w") as f:
        f.write(text.replace("[ ]", "[x]"))
    with open(os.path.join(folder, "output.md"), "w") as f:
        f.write(said)

def note(name, text=""):
    with open(name + ".tmp", "w") as f:
        f.write(text)
    os.rename(name + ".tmp", name)

def wait(name):
    while not os.path.exists(name):
        time.sleep(0.01)

first = read()["message"]["content"]
again = "--resume" in sys.argv
out(type="system", subtype="init", session_id="s-1")
"""


def stream(lab, body):
    """The claude backend with a CLI that speaks its protocol as the test says."""
    program = lab.root / "claude-of-test"
    program.write_text(STREAM.format(python=sys.executable) + body)
    program.chmod(0o755)
    settings("")
    with open(paths.config_file(), "a", encoding="utf-8") as config_file:
        config_file.write(f'[backends.claude]\nprogram = "{program}"\n')
    (folder,) = lab.dispatch("claude")
    return folder


def seen(lab, name):
    path = lab.project / name
    wait_until(path.exists, why=f"{name} by the worker")
    return path.read_text()


# killed at every step


def injected(lab, monkeypatch, *inject):
    """Supervisors run under strace from now on, with faults put into their system calls."""
    stub = lab.root / "traced"
    stub.mkdir()
    words = ["strace", "-o", "/dev/null", *(w for i in inject for w in ("-e", f"inject={i}"))]
    words += [sys.executable, "-I", "-S"]
    script = os.path.join(resources.shared("hooks"), "supervise.py")
    (stub / "supervise.py").write_text(
        f"import os, sys\nos.execvp('strace', {words!r} + [{script!r}, sys.argv[1]])\n"
    )
    monkeypatch.setattr(resources, "shared", lambda name: str(stub))


CALLS = "rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,mkdir"


@needs_strace
@pytest.mark.parametrize("nth", range(1, 41))
def test_a_supervisor_killed_at_its_nth_change_leaves_a_true_state(lab, monkeypatch, nth):
    here(lab)
    lab.script("good", TICK)
    untouched = resources.shared
    injected(lab, monkeypatch, f"{CALLS}:signal=KILL:when={nth}")
    (folder,) = lab.dispatch("good")
    wait_until(lambda: not tasks.supervised(folder) and _tracers(folder) == [], 30)
    monkeypatch.setattr(resources, "shared", untouched)
    recover.recover(env(), now=time.time() + 10)
    wait_until(lambda: tasks.status(folder)["state"] in tasks.ENDED and not tasks.supervised(folder), 30)
    recover.recover(env(), now=time.time() + 20)
    assert tasks.active() == []
    assert alive(folder) == []
    state = tasks.status(folder)["state"]
    assert state == "lost" or (Path(lab.project) / tasks.place(tasks.read(folder)) / "output.md").exists()
    assert kinds(lab) == [state]
    assert os.path.exists(hosts.place(os.getpid(), "news"))


def _tracers(folder):
    found = []
    for entry in os.listdir("/proc"):
        words = processes.arguments(int(entry)) if entry.isdigit() else []
        if words[:1] == ["strace"] and words[-1] == folder:
            found.append(int(entry))
    return found


@needs_strace
def test_a_full_disk_is_waited_out_and_the_end_is_recorded(lab, monkeypatch):
    lab.script("good", TICK)
    injected(lab, monkeypatch, "rename:error=ENOSPC:when=2..6")
    (folder,) = lab.dispatch("good")
    assert settled(folder, "finished")["summary"] == "all of it is done"
    assert kinds(lab) == ["finished"]
    assert "cannot record the end, trying again" in (Path(folder) / "supervisor.log").read_text()


def test_a_supervisor_told_to_end_ends_its_worker_and_says_so(lab):
    lab.script("sleepy", "sleep 300 & sleep 301")
    (folder,) = lab.dispatch("sleepy")
    os.kill(lab.wait(folder, "running")["supervisor"]["pid"], signal.SIGTERM)
    assert settled(folder, "failed")["why"] == "its supervisor was told to end"


def test_a_torn_status_is_lost_and_never_run_again(lab):
    lab.script("counting", f"echo run >> runs; {TICK}")
    (folder,) = lab.dispatch("counting")
    lab.wait(folder, "finished")
    Path(folder, "status.json").write_text('{"state": "finis')
    tasks.activate(folder)
    recover.recover(env(), now=time.time() + 10)
    assert settled(folder, "lost")["why"] == "its record cannot be read"
    assert (lab.project / "runs").read_text() == "run\n"
    steer.tell(folder, "go on", "typed", env())
    lab.wait(folder, "finished")
    assert kinds(lab) == ["lost", "finished", "finished"]


def test_a_record_that_makes_no_sense_keeps_no_other_task_from_being_put_right(lab):
    lab.script("sleepy", "sleep 300")
    bad, good = lab.dispatch("sleepy", "sleepy")
    for folder in (bad, good):
        os.kill(lab.wait(folder, "running")["supervisor"]["pid"], signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(bad) and not tasks.supervised(good))
    Path(bad, "task.json").write_text('{"id": "x"}')
    recover.recover(env())
    assert tasks.status(good)["state"] == "lost"


def test_another_boot_is_another_process_whatever_its_pid(lab):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    status = lab.wait(folder, "finished")
    me = {**processes.identity(os.getpid()), "boot": "another"}
    tasks.set_status(folder, {**status, "state": "running", "supervisor": me})
    tasks.activate(folder)
    assert recover.recover(env()) == [tasks.key(folder)]


# said at the worst moment


def test_a_start_that_fails_is_not_tried_again_until_the_next_word(lab):
    (lab.project / "sub").mkdir()
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good", directory="sub")
    settled(folder, "finished")
    (lab.project / "sub").rmdir()
    steer.tell(folder, "one more thing", "typed", env())
    assert settled(folder, "failed")["run"] == 2
    (lab.project / "sub").mkdir()
    steer.tell(folder, "and another", "typed", env())
    assert settled(folder, "finished")["run"] == 3


def test_answers_at_the_moment_of_parking_are_never_lost(lab):
    settings("ask_seconds = 0\n")
    lab.script("patient", AGAIN + ASK + TICK)
    folders = lab.dispatch(*["patient"] * 6)
    as_soon_as(folders, lambda folder: tasks.status(folder)["state"] == "parked", steer.answer, "red", "typed", env())
    for folder in folders:
        settled(folder, "finished")


def test_answers_in_the_middle_of_parking_are_never_lost(lab):
    settings("ask_seconds = 1\n")
    lab.script("patient", AGAIN + "trap '' TERM\n" + ASK.replace("sleep 0.05", "sleep 0.5").replace(
        "[ ! -e", "true || [ ! -e") + TICK)
    (folder,) = lab.dispatch("patient")
    wait_until(lambda: questions.waiting(folder))
    pid = tasks.status(folder)["worker"]["pid"]
    # it ignores TERM: the first sign of parking is that its standard input is closed and a TERM is pending or ignored
    deadline = questions.waiting(folder)[0]["asked"] + 2.5
    wait_until(lambda: time.time() > deadline)
    assert processes.started(pid)
    steer.answer(folder, "red", "typed", env())
    assert settled(folder, "finished")["run"] == 2


def test_a_note_right_after_the_end_is_heard_by_another_run(lab):
    lab.script("good", AGAIN + TICK)
    folders = lab.dispatch(*["good"] * 6)
    as_soon_as(folders, lambda f: tasks.status(f)["state"] == "finished", steer.tell, "also this", "typed", env())
    for folder in folders:
        wait_until(lambda f=folder: tasks.status(f)["run"] == 2)
        settled(folder, "finished")


def test_a_note_to_a_worker_that_is_leaving_is_heard_by_the_next_run(lab):
    folder = stream(lab, """
if again:
    note("told", first); tick("again"); result()
else:
    tick(); result()
    while read(): pass
    note("leaving"); wait("told-now")
""")
    seen(lab, "leaving")
    steer.tell(folder, "one more thing", "typed", env())
    (lab.project / "told-now").touch()
    assert "The person says: one more thing" in seen(lab, "told")
    assert settled(folder, "finished")["run"] == 2


def test_cancel_and_park_at_the_same_moment_is_cancelled(lab):
    settings("ask_seconds = 0\n")
    lab.script("patient", AGAIN + ASK + TICK)
    folders = lab.dispatch(*["patient"] * 6)
    as_soon_as(folders[:3], lambda folder: tasks.status(folder)["state"] == "parked", steer.cancel, env())
    as_soon_as(folders[3:], questions.waiting, steer.cancel, env())
    for folder in folders:
        settled(folder, "cancelled")
        assert questions.waiting(folder) == []


def test_a_cancel_mark_that_parking_overtook_is_found(lab):
    settings("ask_seconds = 0\n")
    lab.script("patient", ASK)
    (folder,) = lab.dispatch("patient")
    settled(folder, "parked")
    # killed after its mark
    tasks.activate(folder)
    (Path(folder) / "cancel").touch()
    recover.recover(env())
    settled(folder, "cancelled")


def test_a_cancelled_task_can_be_told_to_go_on_and_its_old_question_is_gone(lab):
    settings("ask_seconds = 0\n")
    lab.script("patient", AGAIN + ASK)
    (folder,) = lab.dispatch("patient")
    settled(folder, "parked")
    assert steer.cancel(folder, env()) == "cancelled"
    settled(folder, "cancelled")
    steer.tell(folder, "after all", "typed", env())
    status = settled(folder, "finished")
    assert status["run"] == 2
    assert "answers: (cancelled)" not in (lab.project / tasks.place(tasks.read(folder)) / "output.md").read_text()


def test_cancel_of_a_task_whose_supervisor_was_killed_leaves_no_process(lab):
    lab.script("parent", "setsid sleep 300 & sleep 301")
    (folder,) = lab.dispatch("parent")
    pid = lab.wait(folder, "running")["supervisor"]["pid"]
    wait_until(lambda: len(alive(folder)) > 2)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(folder))
    steer.cancel(folder, env())
    settled(folder, "cancelled")


def test_a_logout_takes_the_runtime_folder_and_the_task_can_still_be_steered(lab):
    lab.script("asker", ASK + TICK)
    lab.script("sleepy", "sleep 300")
    asker, sleepy = lab.dispatch("asker", "sleepy")
    wait_until(lambda: questions.waiting(asker))
    lab.wait(sleepy, "running")
    shutil.rmtree(paths.dirs().runtime)
    recover.recover(env(), now=time.time() + 10)
    steer.answer(asker, "red", "typed", env())
    assert settled(asker, "finished")["run"] == 1
    assert steer.cancel(sleepy, env()) == "cancelling"
    settled(sleepy, "cancelled")


# a worker that behaves badly


def test_a_worker_that_never_reads_holds_nobody_up(lab):
    raw(lab, "deaf", "sleep 300")
    (folder,) = lab.dispatch("deaf", text="x" * 1_000_000)
    lab.wait(folder, "running")
    steer.cancel(folder, env())
    settled(folder, "cancelled")


def test_a_worker_that_reads_late_gets_all_of_it(lab):
    raw(lab, "late", f'sleep 0.5; said=$(wc -c); {TICK}')
    (folder,) = lab.dispatch("late", text="x" * 1_000_000)
    assert int(settled(folder, "finished")["summary"]) > 1_000_000


def test_output_without_a_line_end_is_bounded_in_memory(lab):
    lab.script("loud", f"head -c 100000000 /dev/zero | tr '\\0' 'x'; touch out; {UNTIL_GO}; {TICK}")
    (folder,) = lab.dispatch("loud")
    wait_until((lab.project / "out").exists)
    pid = tasks.status(folder)["supervisor"]["pid"]
    peak = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    (lab.project / "go").touch()
    settled(folder, "finished")
    assert int(peak.split()[1]) < 120_000


def test_a_flood_of_lines_drowns_no_cancel(lab):
    lab.script("flood", "yes this is a line of a worker that says more than anybody reads")
    (folder,) = lab.dispatch("flood")
    lab.wait(folder, "running")
    steer.cancel(folder, env())
    settled(folder, "cancelled")


def test_a_last_line_without_an_end_is_heard_though_a_daemon_holds_the_pipe(lab):
    lab.script("holder", "setsid sleep 300 & printf 'the very last words'")
    (folder,) = lab.dispatch("holder")
    assert settled(folder, "stopped")["summary"] == "the very last words"


def test_a_worker_that_closes_its_output_lives_on(lab):
    lab.script("quiet", f"exec >&- 2>&-; {UNTIL_GO}; {TICK}")
    (folder,) = lab.dispatch("quiet")
    lab.wait(folder, "running")
    (lab.project / "go").touch()
    settled(folder, "finished")


@pytest.mark.skipif(not processes.LINUX, reason="a subreaper is Linux's")
def test_a_process_without_the_mark_is_left_behind_neither(lab):
    away = "(env -i setsid sh -c 'echo $$ > pid; exec sleep 300' &); while [ ! -s pid ]; do sleep 0.01; done"
    lab.script("sly", f"{away}; {TICK}")
    (folder,) = lab.dispatch("sly")
    settled(folder, "finished")
    assert processes.started(int((lab.project / "pid").read_text())) == ""


def test_what_a_check_starts_ends_with_it_and_a_check_can_be_cancelled(lab):
    settings('check = "sleep 300 & sleep 301 & touch checking; wait"\n')
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    wait_until((lab.project / "checking").exists)
    steer.cancel(folder, env())
    settled(folder, "cancelled")


def test_a_check_whose_folder_is_gone_has_failed(lab):
    settings('check = "true"\n')
    (lab.project / "sub").mkdir()
    lab.script("good", f"{TICK}; rmdir $PWD")
    (folder,) = lab.dispatch("good", directory="sub")
    assert "could not be run" in settled(folder, "failed")["why"]


@pytest.mark.parametrize("what", ["mkfifo {}", "mkdir {}", "ln -s ../../../outside {}", "mkfifo {}; cat {} & true"])
@pytest.mark.parametrize("name", ["worker.log", "plan.md", "output.md", "ipc/bell", "ipc/001.answer"])
def test_nothing_that_a_worker_puts_in_a_files_place_holds_anybody_up(lab, what, name):
    (lab.project / "outside").write_text("untouched")
    bad = f"cd $folder; {TICK}; rm -rf {name}; {what.format(name, name)}; cd - >/dev/null; echo one; echo two\n"
    ask = ASK.replace("001.answer", "never.answer") if "answer" in name else ASK
    lab.script("bad", 'case $prompt in *"person says"*) exit;; esac\n' + bad + ask)
    (folder,) = lab.dispatch("bad")
    wait_until(lambda: questions.waiting(folder))
    steer.answer(folder, "red", "typed", env())
    if "answer" in name:
        steer.cancel(folder, env())
    status = settled(folder, "finished", "stopped", "cancelled")
    assert (status["state"] == "stopped") == (name == "plan.md")
    assert (lab.project / "outside").read_text() == "untouched"
    steer.tell(folder, "once more", "typed", env())
    wait_until(lambda: tasks.status(folder)["run"] == 2)
    settled(folder, "finished", "stopped")


def test_a_log_that_cannot_be_written_costs_no_descriptors(lab):
    talk = "for n in $(seq 300); do echo $n; sleep 0.005; done"
    lab.script("bad", f'cd $folder; rm -f worker.log; mkdir worker.log; cd - >/dev/null; {talk}; touch out; {UNTIL_GO}')
    (folder,) = lab.dispatch("bad")
    wait_until((lab.project / "out").exists)
    pid = tasks.status(folder)["supervisor"]["pid"]
    assert len(os.listdir(f"/proc/{pid}/fd")) < 30
    (lab.project / "go").touch()
    settled(folder, "stopped")


def test_a_bell_rung_without_end_drowns_no_cancel(lab):
    lab.script("ringer", 'yes > "$folder/ipc/bell"')
    (folder,) = lab.dispatch("ringer")
    lab.wait(folder, "running")
    steer.cancel(folder, env())
    settled(folder, "cancelled")


def test_a_worker_that_cleans_all_away_has_not_finished_and_can_still_ask(lab):
    wait = 'while [ ! -d "$folder/ipc" ]; do sleep 0.02; done\n'
    lab.script("cleaner", "rm -rf .dispatch; " + wait + ASK)
    (folder,) = lab.dispatch("cleaner")
    wait_until(lambda: questions.waiting(folder))
    steer.answer(folder, "red", "typed", env())
    assert settled(folder, "stopped")["why"] == "its checklist is gone"


# questions of all kinds


def test_question_files_that_are_none_are_passed_over(lab):
    odd = """cd $folder/ipc; mkfifo 000.question; mkdir 002.question; ln -s /etc/passwd 003.question; : > 004.question
printf '{"text": "\\\\ud83d half a pair", "options": "AB"}' > .5; mv .5 005.question; cd - > /dev/null
"""
    lab.script("odd", odd + ASK + TICK)
    (folder,) = lab.dispatch("odd")
    wait_until(lambda: len(questions.waiting(folder)) == 2)
    assert sorted(q["text"] for q in questions.waiting(folder)) == ["? half a pair", "Which one?"]
    steer.answer(folder, "red", "typed", env(), next(q["n"] for q in questions.waiting(folder) if "one" in q["text"]))
    lab.wait(folder, "parked")
    assert kinds(lab) == ["question", "question"]


def test_a_huge_question_is_cut(lab):
    long = """{ printf '{"text": "'; head -c 300000 /dev/zero | tr '\\0' 'x'; printf '"}'; } > .q; mv .q 001.question"""
    lab.script("wordy", f"cd $folder/ipc; {long}; {FOR_EVER}")
    (folder,) = lab.dispatch("wordy")
    wait_until(lambda: questions.waiting(folder))
    assert questions.waiting(folder)[0]["text"] == "x" * 8000
    steer.cancel(folder, env())
    settled(folder, "cancelled")


def test_thousands_of_questions_flood_nobody_and_each_has_its_turn(lab):
    many = """i=0; while [ $i -lt 2000 ]; do echo "question $i" > "$folder/ipc/q$i.question"; i=$((i+1)); done"""
    lab.script("nosy", f"{many}; {FOR_EVER}")
    (folder,) = lab.dispatch("nosy")
    wait_until(lambda: len(questions.waiting(folder)) == 20)
    for question in questions.waiting(folder)[:5]:
        steer.answer(folder, "yes", "typed", env(), question["n"])
    wait_until(lambda: len(questions.every(folder)) == 25)
    steer.cancel(folder, env())
    settled(folder, "cancelled")


def test_a_files_name_may_be_used_for_another_question(lab):
    more = ASK.replace("Which one?", "And then?")
    lab.script("twice", ASK + 'rm "$folder/ipc/001.answer"\n' + more + TICK)
    (folder,) = lab.dispatch("twice")
    for words, said in (("Which one?", "red"), ("And then?", "blue")):
        wait_until(lambda w=words: [q["text"] for q in questions.waiting(folder)] == [w])
        steer.answer(folder, said, "typed", env())
    assert settled(folder, "finished")["summary"] == "I took blue"


def test_a_plain_worker_that_stops_at_a_question_mark_in_its_plan_has_asked(lab):
    long = "$(head -c 300 /dev/zero | tr '\\0' x)"
    mark = f"""sed -i 's/\\[ \\] .*/[?] either\\/or, which one? '{long}'/' "$folder/plan.md" """
    lab.script("marker", AGAIN.replace("\\[ \\]", "\\[?\\]") + mark)
    (folder,) = lab.dispatch("marker")
    settled(folder, "parked")
    assert lab.pending()[0]["text"].startswith("either/or, which one?")
    steer.answer(folder, "or", "typed", env())
    assert settled(folder, "finished")["run"] == 2


def test_a_plain_worker_is_told_all_that_was_ever_answered(lab):
    settings("ask_seconds = 0\n")
    said = """said="$(echo "$prompt" | grep answers: | tr '\\n' ' ')" """
    body = f'case $prompt in *"answers: two"*) {said}; {TICK}; exit;; esac\n'
    lab.script("forgetful", body + ASK.replace("001", "${n:=00$(ls $folder/ipc | grep -c question)}"))
    (folder,) = lab.dispatch("forgetful")
    for said in ("one", "two"):
        lab.wait(folder, "parked")
        steer.answer(folder, said, "typed", env())
        wait_until(lambda: tasks.status(folder)["state"] != "parked" or questions.waiting(folder))
    summary = settled(folder, "finished")["summary"]
    assert "answers: one" in summary and "answers: two" in summary


def test_several_numbers_are_several_options():
    assert questions.choice("1, 3", ["red", "green", "blue"]) == "red, blue"
    assert questions.choice("1 and 2", ["red", "green", "blue"]) == "red, green"
    assert questions.choice("3.1", ["red", "green", "blue"]) == "3.1"
    assert questions.choice("1 4", ["red", "green", "blue"]) == "1 4"


# the protocol


def test_two_asks_at_once_each_get_their_own_answer(lab):
    folder = stream(lab, """
ask("r1", "Bash", command="make")
choose("r2", "Which?")
for _ in range(2):
    given = read()["response"]
    note("reply-" + given["request_id"], json.dumps(given["response"]))
tick(); result()
while read(): pass
""")
    wait_until(lambda: len(questions.waiting(folder)) == 2)
    steer.answer(folder, "2", "typed", env(), 2)
    assert json.loads(seen(lab, "reply-r2"))["updatedInput"]["answers"] == {"Which?": "B"}
    steer.answer(folder, "no, use ninja", "typed", env(), 1)
    assert json.loads(seen(lab, "reply-r1")) == {"behavior": "deny", "message": "use ninja"}
    settled(folder, "finished")


def test_half_an_answer_starts_no_worker_and_both_halves_reach_it(lab):
    settings("ask_seconds = 1\n")
    folder = stream(lab, """
if again:
    note("told", first); tick(); result()
else:
    choose("r1", "First?", "Second?")
while read(): pass
""")
    wait_until(lambda: len(questions.waiting(folder)) == 2)
    steer.answer(folder, "A", "typed", env(), 1)
    status = settled(folder, "parked")
    assert (status["run"], steer.state(folder)) == (1, "asks")
    steer.answer(folder, "B", "typed", env(), 2)
    told = seen(lab, "told")
    assert "You asked: First?\nThe person answers: A" in told and "You asked: Second?\nThe person answers: B" in told
    assert settled(folder, "finished")["run"] == 2


def test_an_ask_taken_back_needs_no_answer(lab):
    folder = stream(lab, """
ask("r1", "Bash", command="make")
wait("asked")
out(type="control_cancel_request", request_id="r1")
wait("go"); tick(); result()
while read(): pass
""")
    wait_until(lambda: questions.waiting(folder))
    (lab.project / "asked").touch()
    wait_until(lambda: not questions.waiting(folder))
    with pytest.raises(Exception, match="asks nothing"):
        steer.answer(folder, "yes", "typed", env())
    (lab.project / "go").touch()
    settled(folder, "finished")


def test_a_note_while_an_ask_is_open_reaches_the_worker_and_leaves_the_ask_open(lab):
    folder = stream(lab, """
ask("r1", "Bash", command="make")
note("noted", read()["message"]["content"])
note("reply", json.dumps(read()["response"]["response"]))
tick(); result()
while read(): pass
""")
    wait_until(lambda: questions.waiting(folder))
    steer.tell(folder, "be quick", "typed", env())
    assert seen(lab, "noted") == "The person says: be quick"
    assert questions.waiting(folder)
    steer.answer(folder, "yes", "typed", env())
    assert json.loads(seen(lab, "reply"))["behavior"] == "allow"
    settled(folder, "finished")


def test_an_answer_to_an_earlier_run_reaches_the_worker_that_runs_now(lab):
    settings("ask_seconds = 1\n")
    folder = stream(lab, """
if again:
    note("late", read()["message"]["content"]); tick(); result()
else:
    choose("r1", "First?")
while read(): pass
""")
    lab.wait(folder, "parked")
    steer.tell(folder, "leave that for now", "typed", env())
    wait_until(lambda: tasks.status(folder)["run"] == 2)
    lab.wait(folder, "running")
    steer.answer(folder, "A", "typed", env())
    assert "The person answers: A" in seen(lab, "late")
    assert settled(folder, "finished")["run"] == 2


def test_a_task_that_finished_without_an_answer_asks_no_more(lab):
    settings("ask_seconds = 1\n")
    folder = stream(lab, """
if again:
    tick(); result()
else:
    choose("r1", "First?")
while read(): pass
""")
    lab.wait(folder, "parked")
    steer.tell(folder, "do as you like", "typed", env())
    settled(folder, "finished")
    assert questions.waiting(folder) == [] and steer.asking(str(lab.project)) == []


def test_the_error_that_an_interrupt_makes_is_none(lab):
    folder = stream(lab, """
note("up")
while (message := read())["type"] != "control_request": pass
result("aborted", error=True)
while read(): pass
sys.exit(1)
""")
    seen(lab, "up")
    steer.cancel(folder, env())
    status = settled(folder, "cancelled")
    assert status["why"] == "" and kinds(lab) == []


def test_a_turn_that_is_over_waits_for_commands_in_the_background(lab):
    folder = stream(lab, """
out(type="system", subtype="background_tasks_changed", tasks=[{"task_id": "b"}])
tick("first"); result("first")
note("waiting"); wait("go")
out(type="system", subtype="background_tasks_changed", tasks=[])
tick("second"); result("second")
while read(): pass
note("left")
""")
    seen(lab, "waiting")
    (lab.project / "go").touch()
    seen(lab, "left")
    assert settled(folder, "finished")["summary"] == "second"


def test_a_retry_while_it_runs_is_refused_and_two_at_once_are_one_more_run(lab):
    lab.script("good", AGAIN + "while [ ! -e go ]; do sleep 0.05; done; " + TICK)
    (folder,) = lab.dispatch("good")
    lab.wait(folder, "running")
    with pytest.raises(Exception, match="is running"):
        steer.retry(folder, {}, "typed", env())
    (lab.project / "go").touch()
    settled(folder, "finished")
    steer.retry(folder, {}, "typed", env())
    wait_until(lambda: tasks.status(folder)["run"] >= 2)
    settled(folder, "finished")


def test_whoever_dies_between_event_and_marker_the_host_is_told(lab):
    here(lab)
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    settled(folder, "finished")
    files.remove(hosts.place(os.getpid(), "news"))
    tasks.activate(folder)
    recover.recover(env())
    assert os.path.exists(hosts.place(os.getpid(), "news"))
    assert len(inbox.pending(lab.chat)) == 1
