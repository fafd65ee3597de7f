"""The models describe what is really there: the records, the reports, Claude Code's events, our hooks' words."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest

from dispatch_hooks import config, files, models, outcome, overview, questions, recover, schemas, steer, tasks
from dispatch_hooks.doctor import events as sample_events
from dispatch_hooks.faults import dotted, faults
from tests.harness.waiting import wait_until

EVENTS = Path(__file__).parent / "events"
HOOKS = Path(__file__).parents[1] / "hooks"
OURS = ("UserPromptSubmit", "Stop", "SessionStart", "SessionEnd", "Notification")
CAPTURED = sorted(path for path in EVENTS.glob("*.json") if path.name.split(".")[0] in OURS)


# ---- schemas


def test_the_schemas_in_the_repository_are_those_of_the_models():
    for name in schemas.MODELS:
        with open(schemas.path(name), encoding="utf-8") as f:
            assert f.read() == schemas.text(name), f"{f.name} is old: run python -m dispatch_hooks.schemas"


def test_there_is_no_schema_without_a_model():
    there = {name.removesuffix(".json") for name in os.listdir(os.path.dirname(schemas.path("config")))}
    assert there == set(schemas.MODELS)


@pytest.mark.parametrize("name", schemas.MODELS)
def test_a_schema_is_one(name):
    jsonschema.Draft202012Validator.check_schema(schemas.schema(name))


def test_the_command_writes_all_schemas(tmp_path, monkeypatch):
    monkeypatch.setattr(schemas.resources, "shared", lambda name: str(tmp_path / name))
    assert schemas.main() == 0
    assert sorted(os.listdir(tmp_path / "schemas")) == sorted(f"{name}.json" for name in schemas.MODELS)


# ---- config


def test_the_defaults_of_the_model_are_those_in_force():
    assert models.Config().model_dump(by_alias=True, exclude_none=True) == config.DEFAULTS
    assert list(models.Config.model_fields) == list(config.DEFAULTS)


def test_every_key_says_what_it_means():
    made = schemas.schema("config")
    tables = [made, *made["$defs"].values()]
    mute = [key for table in tables for key, field in table["properties"].items() if len(field) == 1 and key != "env"]
    assert not mute


GOOD = {
    "models": {"fast": {"backend": "claude", "name": "haiku", "permissions": "auto"}, "gpt-5.2": {"backend": "my"}},
    "aliases": {"security-reviewer": {"model": "opus", "prompt": "Be careful.", "permissions": "bypass"}},
    "backends": {"my": {"command": ["my", "{prompt}"]}, "claude": {"program": "/opt/claude"}},
    "env": {"drop": ["MY_TOKEN"]},
    "wake": "all",
}


def test_a_whole_configuration_is_sound():
    assert faults(models.Config, GOOD) == []
    assert schemas.wrong("config", GOOD) == ""


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({"wak": "all"}, "wak: there is no such key; do you mean wake?"),
        ({"zzz": 1}, "zzz: there is no such key; there are default, permissions, wake,"),
        ({"wake": "al"}, "wake: it cannot be 'al'; do you mean all?"),
        ({"permissions": "bypass"}, "permissions: it cannot be 'bypass'; there are ask, auto"),
        ({"max_parallel": 0}, "max_parallel: it should be 1 or more, it is 0"),
        ({"max_parallel": 65}, "max_parallel: it should be 64 or less, it is 65"),
        ({"max_parallel": True}, "max_parallel: it should be a whole number, it is True"),
        ({"max_parallel": "6"}, "max_parallel: it should be a whole number, it is '6'"),
        ({"check": 5}, "check: it should be a string, it is 5"),
        ({"default": ""}, "default: it should be some words, it is ''"),
        ({"env": {"drop": ["A B"]}}, "env.drop.0: it should be the name of a variable, it is 'A B'"),
        ({"env": {"dorp": []}}, "env.dorp: there is no such key; do you mean drop?"),
        ({"env": []}, "env: it should be a table, it is []"),
        ({"models": {"fast": 3}}, "models.fast: it should be a table, it is 3"),
        ({"models": {"gpt-5.2": {"x": 1}}}, 'models."gpt-5.2".x: there is no such key; there are backend, name,'),
        ({"aliases": {"a": {"permissions": "all"}}}, "aliases.a.permissions: it cannot be 'all'; there are ask,"),
        ({"backends": {"x": {"command": "x"}}}, "backends.x.command: it should be a list, it is 'x'"),
        ({"backends": {"x": {"command": []}}}, "backends.x.command: it should be a list that is not empty, it is []"),
        ({"backends": {"x": {}}}, "backends.x needs a command, for example"),
    ],
)
def test_a_fault_names_the_key_and_what_is_allowed(found, words):
    assert [fault for fault in faults(models.Config, found) if fault.startswith(words)]


def test_a_key_is_written_as_toml_writes_it():
    assert dotted(("models", "gpt-5.2", "name")) == 'models."gpt-5.2".name'


# ---- what Claude Code sends


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_a_captured_event_fits_its_schema(path):
    event = json.loads(path.read_text())
    assert schemas.wrong(f"{event['hook_event_name']}.input", event) == ""


def test_an_event_of_every_hook_was_captured():
    assert {path.name.split(".")[0] for path in CAPTURED} == set(OURS)


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_the_input_schema_misses_no_wrong_type(path):
    event = json.loads(path.read_text())
    name = f"{event['hook_event_name']}.input"
    for key in json.loads(schemas.text(name))["properties"]:
        assert schemas.wrong(name, {**event, key: 5}), key


# ---- what our hooks print


def say(event: dict, dirs, env: dict | None = None) -> dict | None:
    """What the hook of a (captured) event prints, in a world of its own."""
    script = {
        "UserPromptSubmit": "user_prompt_submit.py", "Stop": "stop.py", "SessionStart": "session_start.py",
        "SessionEnd": "session_end.py", "Notification": "notification.py",
    }[event["hook_event_name"]]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-I", "-S", HOOKS / script],
        input=json.dumps(event).encode(),
        env={"PATH": os.environ["PATH"], "CLAUDE_PID": str(os.getpid()), "DISPATCH_HOOKS_DIRS": "\n".join(dirs)},
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    return json.loads(done.stdout) if done.stdout else None


def place(event: dict, project: str) -> dict:
    return {**event, "cwd": project, "transcript_path": f"{project}/none.jsonl", "session_id": sample_events.CHAT}


@pytest.mark.parametrize("path", CAPTURED, ids=lambda path: path.stem)
def test_what_a_hook_prints_for_a_captured_event_fits_its_schema(path, tmp_path):
    dirs, project = sample_events.world(str(tmp_path), time.time())
    event = place(json.loads(path.read_text()), project)
    said = say(event, dirs)
    if said is not None:
        assert schemas.wrong(f"{event['hook_event_name']}.output", said) == ""
    assert not (Path(dirs.state) / "log.txt").exists(), (Path(dirs.state) / "log.txt").read_text()


def test_a_dispatch_and_a_refusal_fit_the_schema(tmp_path):
    dirs, project = sample_events.world(str(tmp_path), time.time())
    event = place(json.loads((EVENTS / "UserPromptSubmit.plain.json").read_text()), project)
    said = say({**event, "prompt": "dispatch opus to review the auth module"}, dirs)  # no claude on this PATH
    assert schemas.wrong("UserPromptSubmit.output", said) == ""
    assert said["continue"] is False


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"continue": True, "stopReason": "x"},
        {"continue": False},
        {"continue": False, "stopReason": "x", "systemMessage": "dropped by Claude Code"},
        {"decision": "block", "reason": "x"},
        {"hookSpecificOutput": {"hookEventName": "Stop", "additionalContext": "x"}},
        {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": "x" * 10_001}},
        {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit"}},
        {"systemMessage": None},
    ],
)
def test_a_prompt_hook_must_not_print(said):
    assert schemas.wrong("UserPromptSubmit.output", said)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("Stop", {"decision": "block", "reason": "go on"}),
        ("Stop", {"hookSpecificOutput": {"hookEventName": "Stop", "additionalContext": "go on"}}),
        ("SessionStart", {"systemMessage": "x"}),
        ("SessionEnd", {"systemMessage": "x"}),
        ("Notification", {"systemMessage": "x"}),
        ("Notification", {"terminalSequence": "\x1b]777;notify;a;b\x07\x1b[2J"}),
    ],
)
def test_another_hook_must_not_print(event, said):
    assert schemas.wrong(f"{event}.output", said)


# ---- records


def records(folder: str, kind: str) -> list[dict]:
    top = os.path.join(folder, kind)
    return [files.read_json(os.path.join(top, name)) for name in files.names(top)]


def sound(folder: str) -> None:
    """Every record of a task fits its schema."""
    assert schemas.wrong("task", tasks.read(folder)) == ""
    assert schemas.wrong("task-status", tasks.status(folder)) == ""
    for name, kind in (("question", "questions"), ("answer", "answers"), ("note", "notes")):
        for record in records(folder, kind):
            assert schemas.wrong(name, record) == "", record


@pytest.fixture
def finished(lab):
    from tests.product import TICK

    lab.script("quick", TICK)
    [folder] = lab.dispatch("quick")
    lab.wait(folder, "finished")
    return folder


def test_the_records_of_a_task_fit_while_it_asks_and_when_it_has_ended(lab):
    from tests.product import TICK

    asks = f"""printf '{{"text":"Which?","options":["a","b"]}}' > $folder/ipc/001.question
        while [ ! -e $folder/ipc/001.answer ]; do sleep 0.02; done
        {TICK}"""
    lab.script("asker", asks)
    [folder] = lab.dispatch("asker", read_only=True, directory="", context="said about it")
    wait_until(lambda: questions.waiting(folder))
    sound(folder)
    [event] = wait_until(lab.pending)
    assert schemas.wrong("event", event) == ""
    steer.answer(folder, "a", "terminal", dict(os.environ))
    lab.wait(folder, "finished")
    sound(folder)
    assert [schemas.wrong("event", event) for event in lab.pending()] == ["", ""]
    assert len(records(folder, "questions")) == len(records(folder, "answers")) == 1


def test_the_records_of_failed_lost_cancelled_and_retried_tasks_fit(lab):
    from tests.product import TICK

    lab.script("broken", "echo no; exit 3")
    lab.script("lasting", "sleep 60")
    lab.script("quick", TICK)
    failed, lost, cancelled, again = lab.dispatch("broken", "lasting", "lasting", "quick")
    lab.wait(failed, "failed")
    for folder in (lost, cancelled):
        lab.wait(folder, "running")
    os.kill(tasks.status(lost)["supervisor"]["pid"], 9)
    wait_until(lambda: not tasks.supervised(lost))
    recover.recover(dict(os.environ))
    steer.cancel(cancelled, dict(os.environ))
    lab.wait(lost, "lost")
    lab.wait(cancelled, "cancelled")
    lab.wait(again, "finished")
    steer.retry(again, {"backend": "broken"}, "terminal", dict(os.environ))
    lab.wait(again, "failed")
    steer.tell(failed, "try harder", "typed", dict(os.environ))
    wait_until(lambda: tasks.status(failed)["run"] == 2)
    lab.wait(failed, "failed")
    for folder in (failed, lost, cancelled, again):
        sound(folder)
        status, task = tasks.status(folder), tasks.read(folder)
        if status["state"] != "cancelled":
            assert schemas.wrong("event", outcome.ended_event(folder, task, status)) == ""
    assert records(again, "notes")[0]["retry"]["backend"] == "broken"


def test_a_permission_ask_fits():
    """As the supervisor writes it for a tool call; the event is made of it."""
    question = {"n": 1, "kind": "permission", "text": "Bash: ls", "options": [], "asked": 1.5, "run": 1}
    question |= {"tool": "Bash", "input": {"command": "ls"}}
    assert schemas.wrong("question", question) == ""


def test_reports_fit(finished):
    row = overview.row(finished)
    assert schemas.wrong("show", row) == ""
    assert schemas.wrong("status", {"tasks": overview.rows(tasks.read(finished)["project"])}) == ""
    assert schemas.wrong("status", {"tasks": [{**row, "state": "asks"}]}) == ""
    assert schemas.wrong("status", {"tasks": [{**row, "state": "odd"}]})


def test_a_prompt_as_parse_reports_it_fits(bare):
    for prompt in ("dispatch opus to review the auth module", "hello"):
        done = bare("parse", "--json", prompt)
        assert schemas.wrong("parse", json.loads(done.stdout)) == "", done.stdout


def test_every_schema_of_a_record_refuses_an_unknown_field():
    for name in ("task", "task-status", "question", "answer", "note", "status", "show", "doctor"):
        found = jsonschema.Draft202012Validator(schemas.schema(name)).iter_errors({"nonsense": 1})
        assert any("nonsense" in error.message for error in found if error.validator == "additionalProperties"), name
