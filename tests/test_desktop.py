"""The person's own notification: run when they are needed and no Claude Code lives to say so, once, and harmlessly."""

import json
import os
import sys

import pytest

from dispatch_hooks import config, desktop, digest, hosts, inbox, outcome, paths, tasks
from dispatch_hooks.host import delivery, notification, user_prompt_submit
from tests.harness.waiting import wait_until
from tests.product import TICK

EVENT = {
    "key": "shop-1~api-docs", "task": "api-docs", "project": "/shop", "chat": "c1", "run": 1, "model": "opus",
    "kind": "question", "text": "Which colour?", "options": [], "question": 1, "made": 1.0,
}  # fmt: skip

SAY = """import json, os, sys
with open({out!r}, "a") as f: f.write(json.dumps(sys.argv[1:]) + "\\n")"""


@pytest.fixture
def notified(lab):
    """Configures a program that notes its arguments; calling it gives what it was called with."""
    out = lab.root / "notified"
    program = lab.root / "say.py"
    program.write_text(SAY.format(out=str(out)))

    def configure(*words: str) -> None:
        line = f"notify = {json.dumps([sys.executable, str(program), *words])}\n"
        file = lab.root / "config/config.toml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(line + (file.read_text() if file.exists() else ""))

    def said() -> list[list[str]]:
        return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []

    said.configure = configure
    return said


def test_a_question_that_no_chat_hears_is_told_by_the_persons_command_once(lab, notified):
    notified.configure("--title", "{title}", "{text}")
    lab.script("asker", """printf '{"text": "Red;or $(touch owned) <b>blue</b>?"}' > "$folder/ipc/.q"
        mv "$folder/ipc/.q" "$folder/ipc/001.question"; while [ ! -e "$folder/ipc/001.answer" ]; do sleep 0.05; done""")
    (folder,) = lab.dispatch("asker")
    wait_until(notified, why="the notification")
    assert notified() == [["--title", "asker-1-1 asks", "Red;or $(touch owned) ‹b>blue‹/b>?"]]
    outcome.announce(folder, tasks.read(folder), tasks.status(folder))
    assert len(notified()) == 1
    assert not list(lab.root.rglob("owned"))


def test_where_a_chat_lives_it_is_the_chat_that_tells(lab, notified):
    notified.configure()
    hosts.register(os.getpid(), {"session_id": lab.chat, "transcript_path": ""}, str(lab.project), {})
    lab.script("failing", "exit 3")
    (folder,) = lab.dispatch("failing")
    lab.wait(folder, "failed")
    hosts.forget(os.getpid())
    (later,) = lab.dispatch("failing")
    lab.wait(later, "failed")
    wait_until(notified, why="the notification")
    assert [words[0] for words in notified()] == ["failing-2-1 failed"]


def test_of_several_only_the_last_to_finish_is_told(lab, notified):
    notified.configure()
    lab.script("quick", TICK)
    lab.script("slow", f'while [ ! -e "$folder/go" ]; do sleep 0.05; done; {TICK}')
    quick, slow = lab.dispatch("quick", "slow")
    lab.wait(quick, "finished")
    (lab.project / tasks.place(tasks.read(slow)) / "go").touch()
    lab.wait(slow, "finished")
    wait_until(notified, why="the notification")
    assert notified() == [["slow-1-2 finished", "all of it is done"]]


def test_a_command_that_is_not_there_or_does_not_end_holds_nobody_up(lab):
    file = lab.root / "config/config.toml"
    file.parent.mkdir(exist_ok=True)
    for command in ('["/not/there/notify"]', '["sleep", "20"]'):
        file.write_text(f"notify = {command}\n[backends.failing]\ncommand = ['false']\n")
        (folder,) = lab.dispatch("failing")
        lab.wait(folder, "failed")
    wait_until(lambda: "/not/there/notify" in open(paths.log_file()).read(), why="a line in the log")  # noqa: SIM115


def idle(prompt: str, now: float, project: str) -> str:
    """What an idle chat, whose last prompt was this, sends to its terminal."""
    event = {"notification_type": "idle_prompt", "cwd": project, "prompt_id": prompt}
    said = notification.handle(event, {"CLAUDE_PID": str(os.getpid())}, now)
    return said["terminalSequence"] if said else ""


def test_an_idle_chat_tells_what_woke_it_until_the_person_types(shop):
    project = str(shop.project)
    host = hosts.register(os.getpid(), {"session_id": "c1", "transcript_path": ""}, project, {})
    failed = {**EVENT, "kind": "failed", "text": "claude ended; status 1", "question": None, "project": project}
    inbox.post(failed)
    assert idle("p1", 0, project) == "\x1b]777;notify;api-docs failed;claude ended, status 1\x07", "wake is off"
    text = digest.for_model(delivery.take(host, f"{delivery.WAKE}1", 60.0))
    woken = {"cwd": project, "session_id": "c1", "prompt_id": "w", "prompt": f"<task-notification>\n{text}"}
    assert user_prompt_submit.handle(woken, {"CLAUDE_PID": str(os.getpid())}, 61.0)["systemMessage"]
    inbox.deliver("c1", "w")
    assert "api-docs failed" in idle("w", 120, project)
    assert idle("typed", 180, project) == "" and idle("w", 240, project) == ""
    shop.task("write-docs", "running", asks=[{"text": "Red?"}])
    inbox.post({**failed, "run": 2})
    assert idle("typed", 300, project) == "\x1b]777;notify;2 tasks have news;Red?\x07"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("--help", "help"),
        ("a\x1b[31mb\nc", "a [31mb c"),
        ("{title} {text}", "{title} {text}"),
        ("x" * 500, "x" * 199 + "…"),
        ("", ""),
    ],
)
def test_a_workers_words_stay_one_harmless_argument(text, told):
    event = {**EVENT, "text": text}
    assert desktop.arguments(["say"], event) == ["say", "api-docs asks", told]
    assert desktop.arguments(["say", "{text}"], event) == ["say", told]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("notify = ['osascript', '-e', 'display notification \"{text}\"']", "arguments by themselves"),
        ("notify = ['sh', '-c', 'notify-send {text}']", "arguments by themselves"),
        ("notify = 'notify-send'", "notify should be a list"),
        ("notify = ['']", "notify should be a list of words"),
        ("notify = [3]", "notify should be a list of words"),
    ],
)
def test_a_command_that_would_mix_words_into_code_is_refused(lab, line, fault):
    file = lab.root / "config/config.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(line)
    found = config.load()
    assert fault in found["broken"] and found["notify"] == []


@pytest.mark.parametrize("kind", [*inbox.URGENT, "stopped", "finished", "checked"])
def test_every_kind_has_a_title(lab, kind):
    title = desktop.arguments(["say"], {**EVENT, "kind": kind})[1]
    assert title.startswith("api-docs ") and ("finished" in title) == (kind in ("finished", "checked"))
    assert desktop.needed({**EVENT, "kind": kind})
