"""The line in Claude Code's status line: what it says, what it costs, and that the person's own stays theirs."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_hooks import files, gate, hosts, inbox, jsontext, questions, statusbar, statusline, tasks
from dispatch_hooks.errors import FatalError
from dispatch_hooks.paths import Dirs
from tests.harness.modelserver import hold, worker
from tests.test_install import SETTINGS, World, edited
from tests.test_loop import ask, ticks

DIRS = Dirs("/c", "/s t", "/r", "/d'q")
THEIRS = """~/.claude/line.sh "$(basename "$PWD")" 'it''s' # mine"""

TEXTS = {
    "none": '{\n  "model": "opus"\n}\n',
    "nothing": "{}",
    "theirs": json.dumps({"statusLine": {"type": "command", "command": THEIRS, "padding": 0}}, indent=2) + "\n",
    "escaped": '{"statusLine" :{"command":"echo \\u0068i \\/x", "type":"command"},\r\n"x": 1}',
    "with a pace": '{"statusLine": {"refreshInterval": 5, "command": "echo", "type": "command"}}',
    "empty command": '{"statusLine": {"type": "command", "command": "echo"}}',
}


# ---- the settings


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_what_was_added_can_be_removed_to_the_byte(text):
    with_us = statusbar.add(text, "f", DIRS)
    assert statusbar.right(jsontext.load(with_us, "f"), DIRS)
    assert statusbar.remove(with_us, "f", text) == text
    assert jsontext.load(statusbar.remove(with_us, "f"), "f") == jsontext.load(text, "f")


def test_an_idle_chat_is_looked_at_every_few_seconds_where_the_person_has_not_chosen():
    paces = {name: jsontext.load(statusbar.add(text, "f", DIRS), "f")["statusLine"] for name, text in TEXTS.items()}
    assert {line["refreshInterval"] for line in paces.values()} == {statusbar.REFRESH}
    chosen = TEXTS["with a pace"].replace("5", "60")
    with_us = statusbar.add(chosen, "f", DIRS)
    assert jsontext.load(with_us, "f")["statusLine"]["refreshInterval"] == 60
    changed = statusbar.add(TEXTS["theirs"], "f", DIRS).replace('"refreshInterval": 5', '"refreshInterval": 9')
    assert statusbar.right(jsontext.load(changed, "f"), DIRS)
    assert jsontext.load(statusbar.remove(changed, "f"), "f")["statusLine"]["refreshInterval"] == 9, "theirs by now"


@settings(max_examples=200, deadline=None)
@given(theirs=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=80))
def test_any_command_of_theirs_is_kept_as_it_is(theirs):
    text = json.dumps({"statusLine": {"type": "command", "command": theirs, "padding": 2}})
    with_us = statusbar.add(text, "f", DIRS)
    assert statusbar.theirs(jsontext.load(with_us, "f")) == theirs
    assert statusbar.remove(with_us, "f", text) == text


@pytest.mark.parametrize("there", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("meanwhile", [False, True])
def test_uninstall_gives_the_old_line_back(tmp_path, monkeypatch, there, meanwhile):
    monkeypatch.setattr(gate, "compile_hooks", lambda python: [])
    world = World(tmp_path / "w")
    file = world.put(SETTINGS["user"], there.encode())
    world.install(statusline=True)
    assert "statusline.sh" in json.loads(file.read_bytes())["statusLine"]["command"]
    assert world.install() == [], "a later install leaves it as it is"
    expected = there.encode()
    if meanwhile:
        file.write_bytes(edited(file.read_bytes()))
        expected = edited(expected)
    world.uninstall()
    assert json.loads(file.read_bytes()) == json.loads(expected)
    if not meanwhile:
        assert file.read_bytes() == expected
    assert not Path(statusbar.script_file(world.dirs)).exists()


def test_it_comes_and_goes_by_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "compile_hooks", lambda python: [])
    world = World(tmp_path / "w")
    file = world.put(SETTINGS["user"], TEXTS["theirs"].encode())
    world.install()
    plain = file.read_bytes()
    assert b"statusline.sh" not in plain
    world.install(statusline=True)
    assert b"statusline.sh" in file.read_bytes()
    world.install(statusline=False)
    assert file.read_bytes() == plain


def test_a_line_of_their_own_set_since_is_wrapped_again_and_never_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(gate, "compile_hooks", lambda python: [])
    world = World(tmp_path / "w")
    file = world.put(SETTINGS["user"], TEXTS["theirs"].encode())
    world.install(statusline=True)
    value = json.loads(file.read_bytes())
    value["statusLine"] = {"type": "command", "command": "new"}
    file.write_text(json.dumps(value))
    world.install()
    assert statusbar.theirs(json.loads(file.read_bytes())) == "new"
    world.uninstall()
    assert json.loads(file.read_bytes())["statusLine"] == {"type": "command", "command": "new"}


@pytest.mark.parametrize("odd", ["3", '"x"', '{"type": "other", "command": "x"}', '{"type": "command"}'])
def test_a_status_line_of_another_shape_is_refused(odd):
    with pytest.raises(FatalError, match=r"f: statusLine should be a command\. Nothing was changed"):
        statusbar.add(f'{{"statusLine": {odd}}}', "f", DIRS)


# ---- the script


class Line:
    """The installed command, as Claude Code runs it, with a Python that counts its starts."""

    def __init__(self, shop, monkeypatch):
        lines = shop.env["DISPATCH_HOOKS_DIRS"].split("\n")
        self.dirs, self.starts = Dirs(*lines), shop.root / "starts"
        python = shop.root / "python"
        python.write_text(f'#!/bin/sh\necho start >> {self.starts}\nexec {gate.interpreter()} "$@"\n')
        python.chmod(0o755)
        os.makedirs(self.dirs.data)
        Path(statusbar.script_file(self.dirs)).write_text(
            gate.gate_text(self.dirs, str(python), "dispatch-hooks", "statusline.sh")
        )
        self.env = {**shop.env, "CLAUDE_PID": str(os.getpid()), "CLAUDE_PROJECT_DIR": str(shop.project)}
        self.cwd = shop.project
        self.shop = shop

    def register(self) -> None:
        hosts.register(os.getpid(), {"session_id": "c1", "transcript_path": ""}, str(self.shop.project), {})
        hosts.expect(os.getpid())

    def __call__(self, theirs: str = "", **env: str) -> str:
        argv = ["/bin/sh", "-c", statusbar.command(self.dirs, theirs, True)]
        done = subprocess.run(
            argv, env={**self.env, **env}, cwd=self.cwd, input='{"session_id": "c1"}', capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @property
    def count(self) -> int:
        return len(self.starts.read_text().splitlines()) if self.starts.exists() else 0


@pytest.fixture
def line(shop, monkeypatch):
    return Line(shop, monkeypatch)


def settle() -> None:
    time.sleep(2 * statusline.OLDER / 1e9)


def test_a_chat_without_tasks_starts_nothing_of_ours(line):
    assert line("cat; echo") == '{"session_id": "c1"}\n'
    assert line() == ""
    shutil.rmtree(line.dirs.data)
    line.register()
    assert line("cat; echo") == '{"session_id": "c1"}\n', "ours is gone: theirs runs all the same"
    assert line.count == 0


def test_the_line_stands_below_theirs_and_python_starts_only_when_something_changed(line, shop):
    line.register()
    folder = shop.task("audit", "running", cost_usd=0.5)
    tasks.activate(folder)
    asks = shop.task("docs", "running", asks=[{"text": "Red?"}], cost_usd=0.7)
    tasks.activate(asks)
    settle()
    wanted = "it reads {\n1 running · \x1b[1;33m1 asks\x1b[0m · $1.20\n"
    theirs = "printf 'it reads %.1s\\n\\n' \"$(cat)\""
    assert [line(theirs) for _ in range(3)] == [wanted] * 3
    assert line.count == 1
    questions.answer(asks, 1, "yes", "typed", 1.0)
    settle()
    assert line(theirs).splitlines()[1] == "2 running · $1.20"
    assert line.count == 2
    for each in (folder, asks):
        tasks.set_status(each, {**tasks.status(each), "state": "finished"})
        tasks.deactivate(each)
    settle()
    assert line() == ""
    assert line() == ""
    assert line.count == 3


def test_a_change_in_the_moment_of_writing_is_not_missed(line, shop):
    line.register()
    folder = shop.task("audit", "running")
    tasks.activate(folder)
    assert line() == "1 running\n"
    tasks.set_status(folder, {**tasks.status(folder), "state": "finished"})
    tasks.deactivate(folder)
    assert line() == ""


def test_inside_a_worker_only_theirs_is_shown(line, shop):
    line.register()
    tasks.activate(shop.task("audit", "running"))
    assert line("echo mine", DISPATCH_HOOKS_TASK="x") == "mine\n"


def test_their_command_sees_no_variable_of_ours(line):
    line.register()
    assert line('echo "$state/$runtime/$hooks/$python"', state="theirs") == "theirs///\n"


# ---- the words


def test_dollars_are_what_this_chats_tasks_have_cost(shop):
    done = {"key": "p~old", "kind": "finished", "run": 1, "chat": "c1", "task": "old", "project": "p", "text": ""}
    for run, cost in ((1, 0.25), (2, 0.75)):
        inbox.post({**done, "run": run, "cost_usd": cost})
    inbox.claim("c1", "t", {})
    inbox.deliver("c1", "t")
    tasks.activate(shop.task("now", "running", cost_usd=0.5, chat="c1"))
    tasks.activate(shop.task("other", "running", cost_usd=8, chat="c2"))
    assert statusline.costs(str(shop.project), ["c1"]) == 1.25


def test_tasks_of_other_projects_are_not_counted(shop):
    mill = shop.root / "shop-2"
    mill.mkdir()
    tasks.activate(shop.task("grind", "running", project=mill))
    tasks.activate(shop.task("deploy", "waiting"))
    tasks.activate(shop.task("tune", "waiting", after=["gone"], started=None, run=0))
    assert statusline.counts(str(shop.project)) == {"running": 0, "waiting": 1, "held": 1, "asks": 0}


@pytest.mark.parametrize(
    ("count", "spent", "said"),
    [
        ((0, 0, 0, 0), 5.0, ""),
        ((3, 0, 0, 1), 1.2, "3 running · 1 asks · $1.20"),
        ((0, 2, 0, 0), 0.0, "2 waiting"),
        ((1, 1, 1, 2), 0.001, "1 running · 1 waiting · 1 held · 2 ask"),
    ],
)
def test_the_words(count, spent, said):
    kinds = ("running", "waiting", "held", "asks")
    assert statusline.words(dict(zip(kinds, count, strict=True)), spent, False) == said


def test_the_command_prints_it_in_a_terminal(shop):
    tasks.activate(shop.task("audit", "running"))
    files.touch(tasks.outstanding_file())
    assert "1 running" in shop.terminal("statusline").wait_for("running")


# ---- the real one


def test_claude_code_shows_it_below_the_persons_own(chat, claude, server):
    from tests.product import Product

    claude.write_settings({"statusLine": {"type": "command", "command": "echo my own line"}})
    before = claude.settings_file.read_bytes()
    product = Product(claude).install("--statusline")
    server.rule(worker("count the lines"), hold("go", ticks("count-lines", "there are 42")), "done")
    server.rule(worker("count the rows"), ask("Which rows?"), ticks("count-rows", "there are seven"), "done")
    here = chat()
    here.wait_for("my own line")
    here.say("dispatch opus to count the lines")
    screen = here.wait_for("1 running")
    lines = [text.strip() for text in screen.splitlines()]
    assert lines[lines.index("my own line") + 1].startswith("1 running")
    here.say("dispatch opus to count the rows")
    here.wait_for("1 running · 1 asks")
    server.release("go")
    product.wait("count-lines", "finished")
    here.say("answer: the green ones")
    product.wait("count-rows", "finished")
    here.wait_for(lambda screen: not {"asks", "running"} & set(screen.split("my own line")[-1].split()))
    assert "my own line" in here.screen()
    product("uninstall")
    assert claude.settings_file.read_bytes() == before
