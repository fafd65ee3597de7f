"""What a person sees of their tasks with `dispatch-hooks status`, in terminals of every size; what a program gets."""

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from dispatch_hooks import inputs, overview, pane, questions, schemas, tasks
from dispatch_hooks.view import table, words
from tests.harness.waiting import wait_until

AT_80 = """\
task                       state              steps  who          took      cost
write-api-docs             asks       ██░░░░  2/5    sonnet        10m     $0.31
  Which OpenAPI version do the clients understand, 3.0 or 3.1? The generator in
  tools/ takes both.  1. 3.0  2. 3.1
  Read openapi.yaml · asks for 2m
perf-audit                 failed     ██░░░░  1/3    opus bypass    9m     $1.20
  claude ended with exit status 1: API Error: 529 overloaded · 1m ago
audit-of-the-whole-payme…  running    ██░░░░  1/3    opus          10m
  Bash: npm test
deploy-docs                waiting    ░░░░░░  0/1    opus
  after write-api-docs
fix-tests                  finished   ██████  2/2    opus          50s     $0.12
  All 41 tests pass again · 10m ago
count                      checked    ██████  1/1    opus          50s  1.5M tok
  There are 42 · 10m ago
old-one                    cancelled  ░░░░░░  0/1    opus          50s
  10m ago

7 tasks: 1 asks, 1 failed, 1 running, 1 waiting, 1 finished, 1 checked, 1
cancelled · $1.63
To answer, type: dispatch-hooks answer write-api-docs "…"
"""


def run(shop, *args: str, **env: str) -> str:
    argv = [sys.executable, "-m", "dispatch_hooks", "status", *args]
    done = subprocess.run(argv, env={**shop.env, **env}, cwd=shop.project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_table_of_80_columns_with_what_needs_the_person_first(shop):
    shop.fill()
    terminal = shop.terminal("status", height=40)
    screen = terminal.wait_for("To answer")
    shown = re.sub(r"1[01]m$", "10m", screen.split("Pane is dead")[0].rstrip() + "\n", flags=re.M)
    assert [line.rstrip() for line in shown.splitlines()] == AT_80.splitlines()
    assert "\x1b[33m" in terminal.screen(colours=True) or "\x1b[1m\x1b[33m" in terminal.screen(colours=True)


def test_a_wide_terminal_gives_each_task_a_line_and_a_question_lines_of_its_own(shop):
    shop.fill()
    shown = shop.terminal("status", width=140, height=40).wait_for("To answer").splitlines()
    asked = "  Which OpenAPI version do the clients understand, 3.0 or 3.1? The generator in tools/ takes both."
    assert [line.rstrip() for line in shown[2:4]] == [f"{asked}  1. 3.0  2. 3.1", "  Read openapi.yaml · asks for 2m"]
    assert shown[4].startswith("perf-audit") and "1 asks, 1 failed" in shown[11]
    assert "claude ended with exit status 1: API Error: 529 overloaded · 1m ago" in shown[4]


def test_a_held_task_stands_among_what_needs_the_person_with_what_to_type(shop):
    shop.fill()
    folder = shop.task("tune-it", "waiting", "a", run=0, started=None, after=["perf-audit"])
    ways = "retry perf-audit, or release tune-it, or cancel tune-it"
    commands = ", or ".join(f"dispatch-hooks {way}" for way in ways.split(", or "))
    screen = shop.terminal("status", width=120, height=40).wait_for("To answer")
    assert [r["id"] for r in overview.rows(str(shop.project))][:3] == ["write-api-docs", "tune-it", "perf-audit"]
    assert re.search(r"^tune-it +held .*\n  perf-audit failed$", screen, re.M) and "1 asks, 1 held, 1 failed" in screen
    assert f"For tune-it, type: {commands}\n" in screen
    assert f"\n  {commands}\n" in overview.task_text(folder, "terminal")
    for said in (overview.task_text(folder), pane.project_text(str(shop.project))):
        assert "tune-it: held (0/1, opus) perf-audit failed\n" in said and f"\n  {ways}\n" in said.replace("    ", "  ")
    inputs.pause(folder)
    assert (overview.row(folder)["state"], overview.row(folder)["why"]) == ("waiting", "paused")


def test_no_color_leaves_the_words(shop):
    shop.fill()
    terminal = shop.terminal("status", height=40, NO_COLOR="1")
    assert "perf-audit                 failed" in terminal.wait_for("To answer")
    assert not re.search(r"\x1b\[[0-9;]*(3[0-7]|38)m", terminal.screen(colours=True))


def test_a_terminal_without_utf8_gets_bars_of_ascii(shop):
    shop.fill()
    screen = shop.terminal("status", height=40, LANG="C", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert "##----  2/5" in screen.wait_for("To answer")


def test_what_is_piped_on_has_a_task_a_line_and_nothing_cut(shop):
    shop.fill()
    lines = run(shop).splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("write-api-docs ") and lines[0].endswith("Read openapi.yaml · asks for 2m")
    assert "audit-of-the-whole-payment-flow  running" in lines[2]
    assert "\x1b" not in "".join(lines)


def test_json_is_what_its_schema_says(shop):
    shop.fill()
    report = json.loads(run(shop, "--json"))
    assert schemas.wrong("status", report) == ""
    first = report["tasks"][0]
    assert (first["state"], first["ticked"], first["items"], first["last"]) == ("asks", 2, 5, "Read openapi.yaml")
    assert first["questions"][0]["options"] == ["3.0", "3.1"]


def test_all_names_the_project_of_each_task(shop):
    shop.fill()
    other = shop.root / "mill"
    other.mkdir()
    shop.task("grind", "running", project=other)
    out = run(shop, "--all")
    assert "mill/grind" in out and "shop/fix-tests" in out
    assert "grind" not in run(shop)


def test_a_project_without_tasks_says_how_to_begin(shop):
    assert "dispatch opus to review" in run(shop)
    assert json.loads(run(shop, "--json")) == {"tasks": []}


def test_hundreds_of_tasks_are_counted_and_the_first_listed(shop):
    for n in range(120):
        shop.task(f"task-{n}", "finished", ended=shop.now, made=shop.now - n)
    screen = shop.terminal("status", "-n", "5", height=40).wait_for("120 tasks")
    assert "task-4 " in screen and "task-5 " not in screen
    assert "all: dispatch-hooks status -n 0" in screen
    assert len(run(shop).splitlines()) == 120


def test_watch_shows_every_change_and_ends_with_ctrl_c(shop):
    shop.fill()
    terminal = shop.terminal("status", "--watch", height=40)
    terminal.wait_for("2/5    sonnet")
    folder = tasks.folder(str(shop.project), "write-api-docs")
    questions.answer(folder, 1, "3.1", "terminal", shop.now)
    tasks.set_status(folder, {**tasks.status(folder), "last": "Write openapi.yaml"})
    screen = terminal.wait_for("Write openapi.yaml")
    assert "Which OpenAPI" not in screen
    assert screen.count("write-api-docs ") == 1
    terminal.key("C-c")
    wait_until(lambda: terminal.ended, why=terminal.screen)
    assert "Traceback" not in terminal.screen()


def test_watch_for_a_program_prints_what_changed_once(shop):
    shop.fill()
    argv = [sys.executable, "-m", "dispatch_hooks", "status", "--watch", "--json"]
    with subprocess.Popen(argv, env=shop.env, cwd=shop.project, stdout=subprocess.PIPE, text=True) as program:
        assert len(json.loads(program.stdout.readline())["tasks"]) == 7
        folder = tasks.folder(str(shop.project), "deploy-docs")
        tasks.set_status(folder, {**tasks.status(folder), "state": "running", "started": shop.now})
        changed = {t["id"]: t["state"] for t in json.loads(program.stdout.readline())["tasks"]}
        program.terminate()
    assert changed["deploy-docs"] == "running"


# ---- the table by itself


TEXTS = st.text(max_size=120)
ROWS = st.lists(
    st.builds(
        lambda name, state, who, last, asked, money: {
            "id": name, "state": state, "who": who, "last": last, "why": "", "summary": last, "permissions": "ask",
            "project": "/p", "branch": None, "ticked": 1, "items": 3, "seconds": 700, "ended": None,
            "cost_usd": money, "tokens": None, "shares": [],
            "questions": [{"text": asked, "options": [who], "asked": 0.0}] if asked else [],
        },
        st.from_regex(r"[a-z0-9]{1,20}(-[a-z0-9]{1,20}){0,3}", fullmatch=True),
        st.sampled_from(overview.ORDER), TEXTS, TEXTS, TEXTS, st.none() | st.floats(0, 1e5),
    ),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, width=st.integers(30, 200))
def test_no_line_is_wider_than_the_terminal(rows, width):
    lines = table.lines(rows, width)
    assert all(line.cell_len <= width for line in lines), max(lines, key=lambda line: line.cell_len)
    shown = "\n".join(line.plain for line in lines)
    assert "\x1b" not in shown
    for r in rows:
        assert r["state"] in shown


def test_a_line_that_is_cut_is_joined_by_one_space():
    said = "one two three four five six seven eight nine ten eleven twelve"
    for width in range(20, 60):
        (line,) = table._wrapped(said, width, "", 1)
        assert said.startswith(line.plain.strip().removesuffix("…").rstrip()) and line.cell_len <= width


BARS = [(0, 0, "░░░░"), (1, 100, "█░░░"), (99, 100, "███░"), (3, 3, "████")]


@pytest.mark.parametrize(("ticked", "items", "bar"), BARS)
def test_a_bar_is_full_only_when_all_is_done(ticked, items, bar):
    assert words.bar(ticked, items, 4) == bar
    assert cell_len(words.bar(ticked, items, 4)) == 4


def test_a_look_reads_again_only_what_changed(shop, monkeypatch):
    shop.fill()
    board = overview.Board(str(shop.project))
    first = board.rows()
    assert [r["state"] for r in first] == sorted((r["state"] for r in first), key=overview.ORDER.index)
    read = []
    monkeypatch.setattr(overview, "row", lambda folder, row=overview.row: read.append(folder) or row(folder))
    assert board.rows() == first
    assert not [folder for folder in read if folder.endswith(("fix-tests", "count", "old-one", "perf-audit"))]
    folder = tasks.folder(str(shop.project), "fix-tests")
    tasks.set_status(folder, {**tasks.status(folder), "state": "running"})
    assert {r["id"]: r["state"] for r in board.rows()}["fix-tests"] == "running"
