"""The screen of `top`, as a person works it: by keys and by mouse, in a terminal and through Textual's pilot."""

import asyncio
import os
import re
import subprocess
from pathlib import Path

import pytest
from textual.widgets import Input, OptionList, TabbedContent

from dispatch_hooks import files, overview, questions, tasks
from dispatch_hooks.view import changes, detail
from dispatch_hooks.view.keys import KEYS
from dispatch_hooks.view.top import SHOWN, Top
from tests.harness.repositories import finished, nothing_left
from tests.harness.waiting import wait_until

AT_120 = """\
 shop · 7 tasks: 1 asks, 1 failed, 1 running, 1 waiting, 1 finished, 1 checked, 1 cancelled · $1.63
asks        2/5 write-api-docs                    │ write-api-docs  asks
failed      1/3 perf-audit                        │ ████░░░░░░ 2/5  sonnet · 10m · $0.31 · asks for 2m
running     1/3 audit-of-the-whole-payment-flow   │ Which OpenAPI version do the clients understand, 3.0 or 3.1? The
waiting     0/1 deploy-docs                       │ generator in tools/ takes both.
finished    2/2 fix-tests                         │  1. 3.0
checked     1/1 count                             │  2. 3.1
cancelled   0/1 old-one                           │▊▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▔▎
                                                  │▊ answer write-api-docs …                                           ▎
                                                  │▊▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▎
                                                  │ Plan  Activity  Diff  Log
                                                  │╸━━━━╺━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
                                                  │  ✔ list the endpoints
                                                  │  ✔ write openapi.yaml
                                                  │  · validate it
                                                  │  · publish it
                                                  │  · tell the clients
                                                  │
                                                  │ write-api-docs
"""

ASKER = """
printf '{"text": "Which colour?", "options": ["red", "blue"]}' > "$folder/ipc/.q"
mv "$folder/ipc/.q" "$folder/ipc/001.question"
while [ ! -e "$folder/ipc/001.answer" ]; do sleep 0.05; done
sed -i 's/\\[ \\]/[x]/' "$folder/plan.md"; cat "$folder/ipc/001.answer" > "$folder/output.md"
"""


def play(shop, act, project="shop", size=(120, 40)) -> None:
    """Runs top without a terminal, and act(app, pilot) in it, once it shows the tasks."""

    async def run() -> None:
        app = Top(str(shop.root / project) if project else None, dict(os.environ))
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.shown.get("#title") or app.shown.get("#checklist"))
            await act(app, pilot)

    asyncio.run(run())


async def until(pilot, fits, why: str = "") -> None:
    for _ in range(400):
        if fits():
            return
        await pilot.pause(0.05)
    raise AssertionError(why or fits)


def box(app) -> Input:
    return app.query_one("#words", Input)


def listed(app) -> list[str]:
    return [key.partition("~")[2] for key, *_ in app.listed]


# ---- in a terminal


def test_the_screen_shows_tasks_and_the_question_of_the_first(shop):
    shop.fill()
    terminal = shop.terminal("top", width=120, height=30)
    screen = terminal.wait_for("╸━━━━╺")
    terminal.wait_for("tell the clients")
    shown = re.sub(r"· 1[01]m ·", "· 10m ·", terminal.screen())
    assert [line.rstrip() for line in shown.splitlines()][: AT_120.count("\n")] == AT_120.splitlines()
    assert "answer/tell" in screen and "quit" in screen
    terminal.resize(80, 30)
    terminal.wait_for(lambda s: re.search(r"^─{80}$", s, re.M))
    narrow = terminal.wait_for("running     1/3 audit-of-the-whole-payment-flow\n")
    assert re.search(r"^ q quit +\? keys +a answer/tell .*/ filter$", narrow.rstrip().splitlines()[-1].rstrip())
    terminal.key("q")
    wait_until(lambda: terminal.ended, why=terminal.screen)


def test_an_answer_typed_there_reaches_the_worker_and_every_other_top_sees_it(lab, shop):
    lab.script("asker", ASKER)
    (folder,) = lab.dispatch("asker")
    wait_until(lambda: questions.waiting(folder), why="the question")
    shop.project = lab.project
    one, other = (shop.terminal("top", width=120, height=30) for _ in range(2))
    for terminal in (one, other):
        terminal.wait_for("2. blue")
    one.key("2")
    one.wait_for(lambda s: re.search(r"▊ 2 ", s))
    one.key("Enter")
    assert lab.wait(folder, "finished")["summary"] == "blue"
    assert questions.answer_of(folder, 1)["by"] == "terminal"
    for terminal in (one, other):
        terminal.wait_for("finished    1/1 asker-1-1")
        terminal.wait_for("you: blue")


def test_the_mouse_chooses_a_task_and_a_tab(shop):
    shop.fill()
    terminal = shop.terminal("top", width=120, height=30)
    terminal.wait_for("tell the clients")
    terminal.click(20, 6)
    terminal.wait_for("tell fix-tests to")
    screen = terminal.screen().splitlines()
    row = next(n for n, line in enumerate(screen, 1) if "Activity" in line)
    terminal.click(screen[row - 1].index("Activity") + 2, row)
    terminal.wait_for("12:00:04 Bash: step 4")


def test_w_opens_a_shell_where_the_task_works_and_exit_leads_back(shop):
    shop.fill()
    terminal = shop.terminal("top", width=100, height=30)
    terminal.wait_for("tell the clients")
    terminal.key("w")
    terminal.wait_for("exit leads back to top")
    terminal.type("pwd; echo in-$((40 + 2))\n")
    assert str(shop.project) in terminal.wait_for("in-42")
    terminal.type("exit\n")
    terminal.wait_for("answer write-api-docs")


def test_top_without_a_terminal_names_what_programs_can_use(bare):
    done = bare("top")
    assert done.returncode == 1 and "status --json --watch" in done.stderr


# ---- through the pilot


def test_keys_choose_tasks_and_tabs(shop):
    shop.fill()

    async def act(app, pilot):
        await until(pilot, lambda: len(listed(app)) == 7)
        await pilot.press("down")
        await until(pilot, lambda: app.task["id"] == "perf-audit")
        await pilot.press("j", "k", "k", "n")
        await until(pilot, lambda: app.task["id"] == "write-api-docs")
        assert app.query_one("#tabs", TabbedContent).active == "plan"
        for name in ("activity", "diff", "log", "plan"):
            await pilot.press("right")
            await until(pilot, lambda name=name: app.query_one("#tabs", TabbedContent).active == name)
        await pilot.press("left")
        await until(pilot, lambda: app.query_one("#tabs", TabbedContent).active == "log")

    play(shop, act)


def test_a_filter_finds_tasks_and_escape_gives_the_list_back(shop):
    shop.fill()

    async def act(app, pilot):
        await pilot.press("slash", *"docs", "enter")
        await until(pilot, lambda: listed(app) == ["write-api-docs", "deploy-docs"])
        await pilot.press("escape")
        await until(pilot, lambda: len(listed(app)) == 7)
        await pilot.press("slash", *"zzz")
        await until(pilot, lambda: listed(app) == [] and "nothing fits" in str(app.shown["#title"]))

    play(shop, act)


def test_p_goes_through_the_projects(shop):
    shop.fill()
    mill = shop.root / "mill"
    mill.mkdir()
    shop.task("grind", "running", project=mill)

    async def act(app, pilot):
        await until(pilot, lambda: len(listed(app)) == 7)
        await pilot.press("p")
        await until(pilot, lambda: len(listed(app)) == 8)
        await pilot.press("p")
        await until(pilot, lambda: listed(app) == ["grind"])

    play(shop, act)


def test_an_option_key_alone_answers_nothing(shop):
    shop.fill()
    folder = tasks.folder(str(shop.project), "write-api-docs")

    async def act(app, pilot):
        await pilot.press("9")
        await pilot.press("2")
        await until(pilot, lambda: box(app).value == "2" and box(app).has_focus)
        await pilot.press("escape")
        await until(pilot, lambda: not box(app).has_focus)

    play(shop, act)
    assert len(questions.waiting(folder)) == 1


def test_what_is_half_typed_survives_news_and_goes_with_another_task(shop):
    shop.fill()

    async def act(app, pilot):
        await pilot.press("a", *"half an ans")
        folder = shop.task("newcomer", "failed", why="no", ended=shop.now)
        await until(pilot, lambda: "newcomer" in listed(app))
        assert (box(app).value, app.task["id"]) == ("half an ans", "write-api-docs")
        files.clear(folder)
        await until(pilot, lambda: "newcomer" not in listed(app))
        assert box(app).value == "half an ans"
        await pilot.press("escape", "down")
        await until(pilot, lambda: box(app).value == "")

    play(shop, act)


def test_inside_a_worker_nothing_can_be_answered_cancelled_or_started(shop, monkeypatch):
    shop.fill()
    monkeypatch.setenv("DISPATCH_HOOKS_TASK", "evil")
    folder = tasks.folder(str(shop.project), "write-api-docs")

    async def act(app, pilot):
        await pilot.press("a", *"yes", "enter")
        await until(pilot, lambda: any("a worker cannot answer" in n.message for n in app._notifications))
        assert box(app).value == "yes"
        await pilot.press("escape", "c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: any("cannot cancel" in n.message for n in app._notifications))

    play(shop, act)
    assert len(questions.waiting(folder)) == 1


def test_cancel_asks_first(lab, shop):
    lab.script("sleeper", "exec sleep 600")
    (folder,) = lab.dispatch("sleeper")
    lab.wait(folder, "running")

    async def act(app, pilot):
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("n")
        await until(pilot, lambda: len(app.screen_stack) == 1)
        assert tasks.status(folder)["state"] == "running"
        await pilot.press("c")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: app.task["state"] == "cancelled")

    play(shop, act, project="project")


def test_retry_starts_it_again(lab, shop):
    lab.script("once", 'echo ran >> "$folder/runs"; exit 3')
    (folder,) = lab.dispatch("once")
    lab.wait(folder, "failed")

    async def act(app, pilot):
        await pilot.press("r")
        await until(pilot, lambda: len(app.screen_stack) == 2)
        await pilot.press("y")
        await until(pilot, lambda: tasks.status(folder)["run"] == 2)

    play(shop, act, project="project")
    lab.wait(folder, "failed")


async def agreed(app, pilot, key: str, asked: str) -> None:
    """Presses a key, and says yes to what it asks."""
    await pilot.press(key)
    await until(pilot, lambda: len(app.screen_stack) == 2, f"{key}: {[n.message for n in app._notifications]}")
    assert asked in app.screen.question
    await pilot.press("y")


def test_what_cannot_be_done_is_not_asked_about(shop):
    shop.task("over", "failed", why="no", ended=shop.now)

    async def act(app, pilot):
        for key, why in (("c", "over has ended already"), ("z", "ended already"), ("u", "waits for no other"),
                         ("m", "no work in a worktree"), ("d", "no work in a worktree")):  # fmt: skip
            await pilot.press(key)
            await until(pilot, lambda why=why: any(why in n.message for n in app._notifications), key)
            assert len(app.screen_stack) == 1

    play(shop, act)


def test_z_pauses_and_resumes_and_u_starts_what_is_held(lab, shop):
    lab.script("failing", "exit 3")
    lab.script("sleeper", "exec sleep 600")
    (parent,) = lab.dispatch("failing")
    lab.wait(parent, "failed")
    (child,) = lab.dispatch("sleeper", after=["failing-1-1"])
    wait_until(lambda: overview.row(child)["state"] == "held")

    async def act(app, pilot):
        await until(pilot, lambda: app.task["id"] == os.path.basename(child))
        await agreed(app, pilot, "u", "without the tasks that it waits for")
        await until(pilot, lambda: app.task["state"] == "running")
        await agreed(app, pilot, "z", "interrupted")
        await until(pilot, lambda: app.task["why"] == "paused" and not app.task["last"])
        await agreed(app, pilot, "z", "go on")
        await until(pilot, lambda: app.task["state"] == "running")

    play(shop, act, project="project")


def test_m_merges_and_d_discards_what_was_done_in_a_worktree(repo, shop):
    for name in ("made", "other"):
        finished(repo, name, f"echo {name} > {name}")

    async def act(app, pilot):
        await until(pilot, lambda: app.task["id"] == "other-2-1")
        await agreed(app, pilot, "d", "Throw away what other-2-1 did in its worktree (1 commit, 1 file +1 -0)?")
        await until(pilot, lambda: app.task["work"] == "discarded")
        await pilot.press("down")
        await until(pilot, lambda: app.task["id"] == "made-1-1")
        await agreed(app, pilot, "m", "Merge what made-1-1 did")
        await until(pilot, lambda: app.task["work"] == "merged", lambda: str([n.message for n in app._notifications]))

    play(shop, act, project="project")
    assert (repo.project / "made").read_text() == "made\n" and not (repo.project / "other").exists()
    nothing_left(repo)


def test_a_question_mark_shows_the_keys_that_the_docs_tell_of(shop):
    shop.fill()
    page = (Path(__file__).parents[1] / "docs/watching.md").read_text()
    rows = re.findall(r"^\| (`.+|[A-Za-z].+) \| (.+) \|$", page, re.M)
    assert [(row[0].replace("`", ""), row[1].replace("`", "")) for row in rows] == list(KEYS)
    terminal = shop.terminal("top", width=80, height=24)
    terminal.wait_for("? keys")
    terminal.key("?")
    screen = terminal.wait_for("c, r, z, u, m and d ask first")
    for keys, said in KEYS:
        assert keys in screen and said in screen, screen
    terminal.key("Escape")
    terminal.wait_for("answer write-api-docs")


def test_activity_follows_what_is_added(shop):
    shop.fill()
    log = shop.project / ".dispatch/tasks/write-api-docs/worker.log"

    async def act(app, pilot):
        await pilot.press("right")
        view = app.query_one("#worker-log")
        await until(pilot, lambda: len(view.lines) == 5)
        with log.open("a") as f:
            f.write("12:01:00 Bash: \x1b[31mred\x1b[0m [bold]markup[/]\n12:01:01 half a li")
        await until(pilot, lambda: len(view.lines) == 6)
        assert "[31mred [0m [bold]markup[/]" in view.lines[-1].text

    play(shop, act)


@pytest.mark.parametrize("width", [100, 130])
def test_long_lines_of_a_log_are_folded_to_the_width_that_there_is(shop, width):
    shop.fill()
    said = " ".join(f"word-{n:02}" for n in range(20))
    (shop.project / ".dispatch/tasks/write-api-docs/worker.log").write_text(f"{said}\n")

    async def act(app, pilot):
        await pilot.press("right")
        view = app.query_one("#worker-log")

        def folded() -> bool:
            shown = [line.text.rstrip() for line in view.lines]
            room = view.scrollable_content_region.width
            return " ".join(shown) == said and max(map(len, shown)) <= room < 78

        await until(pilot, folded)
        await pilot.resize_terminal(95, 40)
        await until(pilot, folded)

    play(shop, act, size=(width, 40))


def test_hundreds_of_tasks_stay_quick(shop):
    for n in range(600):
        shop.task(f"task-{n:03}", "finished", ended=shop.now, made=shop.now - n)

    async def act(app, pilot):
        await until(pilot, lambda: len(listed(app)) == 600)
        await pilot.press("end")
        await until(pilot, lambda: app.task["id"] == "task-599")
        app.query_one("#tasks", OptionList).highlighted = 300
        await until(pilot, lambda: "task-300" in str(app.shown["#title"]))

    assert SHOWN > 600
    play(shop, act)


def test_a_project_without_tasks_says_how_to_begin(shop):
    async def act(app, pilot):
        await until(pilot, lambda: "dispatch opus to review" in str(app.shown.get("#title")))
        await pilot.press("a", *"hello", "enter", "escape", "c", "r", "right", "right", "f", "1", "n")
        assert len(app.screen_stack) == 1

    (shop.root / "shop").mkdir(exist_ok=True)
    play(shop, act)


# ---- what is shown, by itself


def test_a_log_that_is_a_link_out_of_the_project_is_not_read(shop):
    folder = shop.task("linked", "running")
    secret = shop.root / "secret"
    secret.write_text("key\n")
    log = shop.project / ".dispatch/tasks/linked/worker.log"
    log.unlink()
    log.symlink_to(secret)
    assert detail.Tail(folder, "worker.log").fresh() == []


def test_a_long_log_is_shown_from_near_its_end_and_read_on(shop):
    folder = shop.task("long", "running")
    log = shop.project / ".dispatch/tasks/long/worker.log"
    log.write_text("".join(f"line {n:09}\n" for n in range(50_000)))
    tail = detail.Tail(folder, "worker.log")
    lines = tail.fresh()
    assert lines[-1] == "line 000049999" and len(lines) < 6000
    assert all(re.fullmatch(r"line \d{9}", line) for line in lines)
    with log.open("a") as f:
        f.write("half")
    assert tail.fresh() == []
    with log.open("a") as f:
        f.write(" a line\n")
    assert tail.fresh() == ["half a line"]
    log.write_text("new\n")
    assert tail.fresh() == ["new"]


def test_the_plan_shows_answers_and_output(shop):
    folder = shop.task("asked", "finished", "ab", 2, [{"text": "Red?"}])
    questions.answer(folder, 1, "no, blue", "typed", 1.0)
    (shop.project / ".dispatch/tasks/asked/output.md").write_text("# Found\n\x1b]0;evil\x07three\n")
    shown = detail.checklist(folder).plain
    assert "asked: Red?" in shown and "you: no, blue" in shown and "three" in shown
    assert "\x1b" not in shown and "\x07" not in shown


def test_the_diff_shows_what_the_changed_files_are_now(shop):
    subprocess.run("git init -q; echo old > a.py; git add a.py; git -c user.name=x -c user.email=x@x commit -qm x; "
                   "echo new > a.py; echo b > b.py", shell=True, check=True, cwd=shop.project, env=shop.env)
    folder = shop.task("edits", "running", files=[str(shop.project / "a.py"), "/etc/passwd"])
    shown = changes.text(folder).plain
    assert "-old\n+new\n" in shown and "root:" not in shown and "+b" not in shown
    assert shown.startswith(f"{shop.project}/a.py\n/etc/passwd\n")
    assert "\x1b" not in changes.painted("+a\x1b[31m\rb").plain
    assert changes.text(shop.task("none", "running")).plain == "no changed files known"


@pytest.mark.parametrize("folder", ["/nowhere/at/all"])
def test_a_task_that_was_removed_meanwhile_breaks_nothing(folder):
    assert "removed" in detail.checklist(folder).plain
    assert detail.Tail(folder, "worker.log").fresh() == []
    assert changes.text(folder).plain
    assert overview.row(folder) is None


def test_only_top_loads_textual():
    found = Path(overview.__file__).parent.rglob("*.py")
    loading = {path.name for path in found if re.search(r"^(from|import) textual", path.read_text(), re.M)}
    assert loading == {"top.py", "confirm.py", "keys.py"}
