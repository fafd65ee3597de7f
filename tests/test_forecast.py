"""What a dispatch promises while engines of other machines have tasks: these take no place here, and none of ours."""

from pathlib import Path

import pytest

from dispatch_hooks import dispatch, files, overview, paths, queue, tasks
from tests.product import TICK
from tests.test_queue import settings

ENGINE = '[launchers.engine]\nkind = "command"\nsubmit = ["true"]\npoll = ["true", "{jobs}"]\ncancel = ["true"]\n'


@pytest.fixture
def quiet(lab, monkeypatch):
    """A lab that starts nobody: what is dispatched stays as it is."""
    monkeypatch.setattr(dispatch.launchers, "start", lambda *_: None)
    lab.script("good", TICK)
    with open(paths.config_file(), "a", encoding="utf-8") as f:
        f.write(ENGINE)
    yield lab
    for folder in tasks.active():
        tasks.deactivate(folder)


def engine_has(lab, *states: str) -> None:
    """So many tasks that an engine runs, or has in its queue."""
    for folder, state in zip(lab.dispatch(*["good"] * len(states), launcher="engine"), states, strict=True):
        tasks.set_status(folder, {"state": state, "run": 1, "why": ""})
        files.write(tasks.handed_file(folder), f"{lab.chat}\nengine\n")
        queue.withdraw(folder)


def promised(lab, *backends: str, **fields) -> dict:
    """What is said of one more dispatch: {id: what it waits for}, or {id: why it is refused}."""
    lab.dispatch(*backends, **fields)
    return lab.result["waiting"] | {r["title"]: r["why"] for r in lab.result["refused"]}


def test_what_engines_have_neither_runs_nor_waits_here(quiet):
    settings("max_parallel = 2\nmax_waiting = 1\n")
    engine_has(quiet, *["running"] * 6, *["waiting"] * 3)
    assert promised(quiet, "good", launcher="engine") == {}
    assert promised(quiet, "good") == {}


def test_a_launchers_own_cap_counts_what_its_engine_has(quiet):
    Path(paths.config_file()).write_text(Path(paths.config_file()).read_text() + "max_parallel = 3\n")
    engine_has(quiet, "running", "waiting")
    assert promised(quiet, "good", "good", launcher="engine") == {"good-2-2": "next"}
    assert promised(quiet, "good") == {}


def test_who_waits_for_an_engine_stands_in_no_line_of_this_machine(quiet):
    (first,) = quiet.dispatch("good", launcher="engine")
    assert promised(quiet, "good") == {}
    here = [tasks.folder(str(quiet.project), "good-2-1"), *quiet.dispatch("good")]
    assert [queue.before(folder) for folder in (first, *here)] == [0, 0, 1]
    tasks.set_status(here[1], {"state": "waiting", "run": 0, "why": ""})
    assert overview.row(here[1])["why"] == "1 before it"
