"""Any CLI by an argv template: where its JSON tells text, session, cost, tokens and errors, and how it resumes."""

import json
import os
from pathlib import Path

import pytest

from dispatch_hooks import backends, config, paths, steer, tasks
from tests.harness.waiting import wait_until
from tests.product import TICK
from tests.test_backends import RUN, TASK

FIELDS = {
    "text": "message.content.0.text", "session": "id", "cost": "usd", "tokens": "usage.total", "error": "error",
}  # fmt: skip
MINE = {"command": ["mine", "-p", "{prompt}"], "resume": ["mine", "-r", "{session}"], "fields": FIELDS}


def talk(**run):
    settings = {**config.DEFAULTS, "backends": {"mine": MINE}}
    return backends.get("mine", settings).talk({**TASK, "backend": "mine"}, {**RUN, **run}, settings)


def read(spoken, **message):
    return spoken.read(json.dumps(message).encode())


def test_fields_are_found_along_their_paths():
    spoken = talk()
    assert read(spoken, id="S1") == [{"kind": "session", "id": "S1", "model": ""}]
    (said,) = read(spoken, message={"content": [{"text": "hello"}]})
    assert said == {"kind": "activity", "text": "hello", "files": []}
    (used,) = read(spoken, usd=0.5, usage={"total": 7})
    assert used == {"kind": "usage", "tokens": 7, "input": None, "output": None, "cost_usd": 0.5}
    (end,) = read(spoken, error="no key")
    assert (end["kind"], end["error"]) == ("turn_end", "no key")
    assert read(spoken, message={"content": []}, error=False, usage=[]) == []


def test_a_cost_of_the_session_is_counted_from_this_run_on():
    assert read(talk(spent={"cost_usd": 0.25}), usd=1.0)[0]["cost_usd"] == 0.75


def test_it_resumes_with_its_own_words_and_the_prompt_on_stdin_where_these_have_no_place_for_it():
    spoken = talk(session="S1", resume=True, prompt="go on")
    assert (spoken.argv, spoken.stdin) == (["mine", "-r", "S1"], "go on")


def test_a_run_that_has_ended_is_resumed_in_its_session(lab):
    hear = 'case $prompt in *"once more"*) heard=again;; *) heard=first;; esac'
    lab.script("mine", f"""{hear}; echo "{{\\"id\\": \\"S$1\\", \\"say\\": \\"$heard, $#\\"}}"\n{TICK}""")
    program = lab.root / "mine.sh"
    Path(paths.config_file()).write_text(
        f'[backends.mine]\ncommand = ["{program}", "1"]\nresume = ["{program}", "1", "{{session}}"]\n'
        'fields = { session = "id", text = "say" }\n'
    )
    (folder,) = lab.dispatch("mine")
    assert lab.wait(folder, "finished")["session"] == "S1"
    steer.tell(folder, "once more", "terminal", dict(os.environ))
    wait_until(lambda: tasks.status(folder)["run"] == 2)
    status = lab.wait(folder, "finished")
    assert status["session"] == "S1"
    log = (lab.project / ".dispatch/tasks" / os.path.basename(folder) / "worker.log").read_text()
    assert "first, 1" in log.partition("run 2 started")[0]
    assert "again, 2" in log.partition("run 2 started")[2]  # by the words for resuming


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('protocol = "mcp"', "protocol should be acp or command"),
        ('fields = { colour = "x" }', "fields.colour should be"),
        ("resume = []", "resume should be a list"),
        ('fields = "x"', "fields should be a dict"),
    ],
)
def test_a_wrong_key_is_named_with_what_it_should_be(lab, text, words):
    source = Path(paths.config_file())
    source.parent.mkdir(parents=True)
    source.write_text(f'[backends.mine]\ncommand = ["mine"]\n{text}\n')
    assert words in config.load()["broken"]
