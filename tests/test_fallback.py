"""A task whose worker's CLI could not work goes on with another, or when the limit ends: real supervisors."""

import os
import time
from pathlib import Path

import pytest

from dispatch_hooks import config, dispatch, fallback, files, inbox, paths, recover, steer, tasks
from tests.harness.waiting import wait_until
from tests.product import TELLS, TICK, alive

ONE = """sed -i '0,/\\[ \\]/s//[x]/' "$folder/plan.md" """


def configure(text: str) -> None:
    """Top keys first: they cannot come behind the tables that lab.script writes."""
    file = Path(paths.config_file())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text + (file.read_text() if file.exists() else ""))


def fails(lab, name: str, words: str, first: str = "true") -> None:
    """A backend that does something, then says that it cannot work."""
    lab.script(name, f"echo run >> {lab.root}/{name}.runs; {first}\n{says(words)}; exit 1", fields=TELLS)


def says(error: str) -> str:
    return f"""echo '{{"error": "{error}"}}'"""


def runs(lab, name: str) -> int:
    file = lab.root / f"{name}.runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_a_failure_goes_on_with_the_fallback_from_what_is_ticked(lab):
    fails(lab, "first", "Invalid API key · Please run /login", ONE)
    told = f'grep -c "\\[x\\]" "$folder/plan.md" > {lab.root}/ticked; echo "$prompt" > {lab.root}/told; '
    lab.script("second", told + TICK)
    configure('fallback = "second"\n')
    (folder,) = lab.dispatch("first", plan=["one", "two"])
    status = lab.wait(folder, "finished")
    assert (status["run"], status["who"], status["failure"]) == (2, "second", "")
    assert status["instead_of"]["who"] == "first"
    assert status["instead_of"]["why"].startswith("first is not logged in; log in to first")
    assert (lab.root / "ticked").read_text() == "1\n"
    assert "Earlier work" in (lab.root / "told").read_text()
    (event,) = lab.pending()
    assert (event["kind"], event["model"]) == ("finished", "second instead of first")
    assert [past["who"] for past in status["earlier"]] == ["first"]


@pytest.mark.parametrize(
    "words", ["usage limit reached", "unknown model: x", "API Error: 529 Overloaded", "HTTP 429", "resets 3 times"]
)
def test_what_is_recognised_falls_back_and_what_is_not_fails(lab, words):
    fails(lab, "first", words)
    lab.script("second", TICK)
    configure('fallback = "second"\n')
    (folder,) = lab.dispatch("first")
    recognised = words != "resets 3 times"
    assert lab.wait(folder, "finished", "failed")["state"] == ("finished" if recognised else "failed")


def test_the_last_words_of_a_command_are_its_works_and_no_reason_for_another(lab):
    work = {
        "one": "echo '1 failed: tests/test_rate_limit.py::test_login'",
        "two": "echo 'connection refused by localhost:5432' >&2",
        "three": "echo 'sh: eslint: command not found' >&2",
    }
    configure('fallback = "second"\n')
    lab.script("second", TICK)
    for name, body in work.items():
        lab.script(name, f"{body}; exit 1")
    for name, folder in zip(work, lab.dispatch(*work), strict=True):
        status = lab.wait(folder, "failed", "finished")
        assert status["why"] == f"{name} ended with exit status 1: {work[name].split(chr(39))[1]}"
        assert not status.get("failure")


def test_a_fallback_is_used_once(lab):
    fails(lab, "first", "usage limit reached")
    fails(lab, "second", "usage limit reached too")
    configure('fallback = "second"\n')
    (folder,) = lab.dispatch("first")
    status = lab.wait(folder, "failed")
    assert (runs(lab, "first"), runs(lab, "second")) == (1, 1)
    assert status["why"].startswith("second has reached its usage limit")
    assert [event["kind"] for event in lab.pending()] == ["failed"]


def test_without_a_fallback_the_one_line_says_what_to_do(lab):
    fails(lab, "first", "insufficient_quota")
    (folder,) = lab.dispatch("first")
    status = lab.wait(folder, "failed")
    assert status["failure"] == "quota"
    assert status["why"].startswith("first has reached its usage limit (")
    assert lab.pending()[0]["text"] == status["why"]


def test_a_cli_that_is_missing_is_replaced_at_the_dispatch(lab):
    lab.script("second", TICK)
    configure('fallback = "second"\n[backends.first]\ncommand = ["no-such-program-here"]\n')
    (folder,) = lab.dispatch("first")
    assert "second, 1 step, instead of first: no-such-program-here is not on PATH" in dispatch.words(lab.result, "/")
    lab.wait(folder, "finished")
    assert lab.pending()[0]["model"] == "second instead of first"


def test_a_fallback_that_is_itself_not_there_is_no_help(lab):
    missing = "".join(f'[backends.{name}]\ncommand = ["no-{name}"]\n' for name in ("first", "second"))
    configure(f'fallback = "second"\n{missing}')
    lab.dispatch("first")
    assert "no-first is not on PATH; install it" in lab.result["refused"][0]["why"]


def test_bypass_is_not_handed_on(lab):
    task = {"fallback": "second", "backend": "first", "model": "", "permissions": "bypass", "alias_prompt": "Be kind."}
    lab.script("second", TICK)
    other, _ = fallback.substitute(task, config.load(), "/bin")
    assert (other["permissions"], other["fallback"], other["alias_prompt"]) == ("ask", "", "Be kind.")


# limits that end


def limited(lab, seconds: float = 3600) -> str:
    """A task that has come upon a limit and waits for its end; the next run finishes."""
    until = int(time.time() + seconds)
    end = f"{{ {ONE}; {says(f'usage limit reached|{until}')}; exit 1; }}"
    lab.script("a", f"echo run >> {lab.root}/a.runs; [ -e {lab.root}/free ] || {end}; {TICK}", fields=TELLS)
    (folder,) = lab.dispatch("a", plan=["one", "two"])
    lab.wait(folder, "waiting")
    return folder


def test_a_limit_with_a_known_end_is_waited_for(lab):
    folder = limited(lab, seconds=3)
    status = tasks.status(folder)
    assert status["until"] and status["failure"] == "quota"
    assert "it goes on at " in status["why"]
    (lab.root / "free").touch()
    status = lab.wait(folder, "finished")
    assert (status["run"], status["ticked"], status["until"]) == (2, 2, None)
    assert sorted(event["kind"] for event in lab.pending()) == ["finished", "waiting"]
    assert runs(lab, "a") == 2


def test_who_waits_for_a_limit_costs_one_small_process_and_can_be_cancelled(lab):
    folder = limited(lab)
    assert tasks.supervised(folder)
    assert alive(folder) == []
    assert folder in tasks.active()
    assert steer.cancel(folder, dict(os.environ)) in ("cancelling", "cancelled")
    lab.wait(folder, "cancelled")


def test_a_wait_for_a_limit_survives_its_supervisor(lab):
    folder = limited(lab)
    told = wait_until(lab.pending)
    pid = tasks.status(folder)["supervisor"]["pid"]
    os.kill(pid, 9)
    wait_until(lambda: not tasks.supervised(folder))
    files.clear(os.path.join(inbox.folder(lab.chat), "new"))  # as if it had been killed before it told of it
    recover.recover(dict(os.environ))
    wait_until(lambda: tasks.supervised(folder) and lab.pending() == told)
    assert tasks.status(folder)["state"] == "waiting"
    assert tasks.status(folder)["until"] > time.time() + 3000
    assert runs(lab, "a") == 1


def test_a_retry_with_another_model_does_not_wait_for_the_limit(lab):
    folder = limited(lab)
    lab.script("b", TICK)
    steer.retry(folder, {"backend": "b", "model": "", "alias": ""}, "typed", dict(os.environ))
    status = lab.wait(folder, "finished")
    assert (status["who"], status["until"], status["instead_of"]) == ("b", None, None)


def test_a_note_to_one_that_waits_for_a_limit_is_kept_for_its_next_run(lab):
    folder = limited(lab)
    steer.tell(folder, "use tabs", "typed", dict(os.environ))
    time.sleep(0.3)  # nothing is to happen
    assert tasks.status(folder)["state"] == "waiting"
    assert runs(lab, "a") == 1


def test_a_limit_that_ends_at_once_again_and_again_is_not_waited_for_for_ever():
    task = {"fallback": "", "backend": "a", "model": "", "alias": ""}
    status = {"ticked": 1}
    error = {"text": "rate limit, retry-after: 5", "about": {}}
    states = [fallback.judge(task, status, error, config.DEFAULTS, "", 1e9)[0] for _ in range(7)]
    assert states == ["waiting"] * 5 + ["failed"] * 2
    status["ticked"] = 2
    assert fallback.judge(task, status, error, config.DEFAULTS, "", 1e9)[0] == "waiting"
