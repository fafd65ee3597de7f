"""Truth of outcome: whatever a worker's CLI does, its task gets the right word, and the digest says the same."""

import os
import signal
from pathlib import Path

import pytest

from dispatch_hooks import digest, outcome, tasks
from tests.harness.waiting import wait_until
from tests.product import TICK
from tests.test_attack import settings, settled, stream

MB = 1 << 20

PLAIN = {
    "says nothing and ticks nothing": ("exit 0", "stopped", "1 of 1 left"),
    "says it is done and ticks nothing": ("echo 'All done!'", "stopped", "1 of 1 left"),
    "ticks and fails": (f"{TICK}; echo broken >&2; exit 3", "failed", "exit status 3: broken"),
    "is killed as the kernel kills for want of memory": ("kill -KILL $$", "failed", "signal 9"),
    "crashes": ("kill -SEGV $$", "failed", "signal 11"),
    "marks an item failed and ends well": ("sed -i 's/\\[ \\]/[!]/' $folder/plan.md", "failed", "task of"),
    "takes its plan away": ("rm $folder/plan.md", "stopped", "checklist is gone"),
    "writes bytes that are no text": (f"head -c 100000 /dev/urandom; {TICK}", "finished", ""),
    "writes no bytes of UTF-8 into its plan": (
        f"{TICK}; printf '\\377\\376 [x] \\n- [x] caf\\351\\n' >> $folder/plan.md", "finished", "",
    ),
    "says a hundred megabytes": (f"head -c {100 * MB} /dev/zero | tr '\\0' 'x'; {TICK}", "finished", ""),
    "says a quota is used up and fails": ("echo 'You exceeded your current quota' >&2; exit 1", "failed", "quota"),
    "cannot be found at its second step": ("no-such-program-at-all", "failed", "exit status 127"),
}  # fmt: skip


@pytest.mark.parametrize("what", PLAIN)
def test_a_plain_worker_that(lab, what):
    body, state, why = PLAIN[what]
    lab.script("plain", body)
    (folder,) = lab.dispatch("plain")
    status = settled(folder, state)
    assert why in (status["why"] or "")
    told = digest.for_model([outcome.ended_event(folder, tasks.read(folder), status)])
    assert digest.VERBS[state] in told and ("finished" not in told or state == "finished")


STREAM = {
    "ends well with a result that is an error": ('result("API Error: 500", error=True)', "failed", "API Error: 500"),
    "ticks all and its result is an error": ('tick(); result("overloaded", error=True)', "failed", "overloaded"),
    "ends well without a result": ("tick()", "failed", "exit status 0"),
    "ends in the middle of a message": (
        'tick(); sys.stdout.write(\'{"type": "resu\'); sys.stdout.flush()', "failed", "",
    ),
    "says its result is a number": ('tick(); print(\'{"type": "result", "result": 5}\', flush=True)', "finished", ""),
    "says what is no JSON, and no object, first": (
        'tick(); print("warning: x\\n[]\\n5\\n{}\\nnull\\n{\\"type\\": 5}", flush=True); result()', "finished", "",
    ),
    "has a result and leaves an item": ('result("all done, I promise")\nread()\nresult("really")', "stopped", "1 of 1"),
}  # fmt: skip


@pytest.mark.parametrize("what", STREAM)
def test_a_claude_that(lab, what):
    body, state, why = STREAM[what]
    folder = stream(lab, body)
    status = settled(folder, state)
    assert why in (status["why"] or ""), status


def test_a_claude_at_the_end_of_its_quota_waits_for_the_time_that_it_names(lab):
    words = "Claude usage limit reached. Your limit will reset at 3pm"
    folder = stream(lab, f'result("{words}", error=True)')
    status = lab.wait(folder, "waiting", timeout=40)
    assert "usage limit" in status["why"] and "15:00" in status["why"]


def test_a_worker_that_hangs_is_running_until_somebody_ends_it_and_its_silence_shows(lab):
    lab.script("still", "exec sleep 300")
    (folder,) = lab.dispatch("still")
    pid = lab.wait(folder, "running")["worker"]["pid"]
    os.kill(pid, signal.SIGSTOP)  # frozen, as by a debugger or a swapping machine: still running, not lost
    assert tasks.supervised(folder) and tasks.status(folder)["state"] == "running"
    os.kill(pid, signal.SIGKILL)
    assert "signal 9" in settled(folder, "failed")["why"]


def test_a_worker_that_ticks_everything_and_did_nothing_is_found_out_by_the_check(lab):
    settings('check = "test -s result.txt"\n')
    lab.script("liar", TICK)
    lab.script("honest", f"echo 42 > result.txt; {TICK}")
    (liar,) = lab.dispatch("liar")
    assert "check failed: test -s result.txt" in settled(liar, "failed")["why"]
    (honest,) = lab.dispatch("honest")
    settled(honest, "checked")


def test_a_worker_that_unticks_after_its_last_words_is_judged_by_what_is_there(lab):
    lab.script("sly", f"{TICK}; sed -i 's/\\[x\\]/[ ]/' $folder/plan.md")
    (folder,) = lab.dispatch("sly")
    assert settled(folder, "stopped")["ticked"] == 0


def test_what_was_ticked_before_a_kill_is_told_and_no_more(lab):
    tick = "sed -i '0,/\\[ \\]/s//[x]/' $folder/plan.md; touch half; exec sleep 300"
    lab.script("half", tick)
    (folder,) = lab.dispatch("half", plan=["one", "two", "three"])
    wait_until((lab.project / "half").exists)
    os.kill(tasks.status(folder)["supervisor"]["pid"], signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(folder))
    from dispatch_hooks import recover

    recover.recover(dict(os.environ))
    status = settled(folder, "lost")
    assert (status["ticked"], status["items"]) == (1, 3)
    assert Path(folder, "status.json").exists()
