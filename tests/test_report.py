"""The report: what it says, that nothing in it is alive, and how it looks in a real browser."""

import html
import re
import shutil
import subprocess
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dispatch_hooks import files, flags, questions, steer, tasks
from dispatch_hooks.report import gather, page, spans
from tests.conftest import needed
from tests.harness.chromium import Chromium
from tests.harness.waiting import wait_until
from tests.product import TICK

T0 = 1_780_000_000.0
HOSTILE = (
    "</pre></style></script><script>document.title='owned'</script><img src=x onerror=alert(1)>"
    "<svg/onload=alert(2)>{{ 7*7 }}{% raw %}&lt;\u202etxt.exe\x1b[31m\x00\"'><a href=javascript:alert(3)>x</a>"
    "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9/'><base href=http://127.0.0.1:9/>"
)


class Past:
    """Tasks that have been, as the records tell of them."""

    def __init__(self, project: Path):
        self.project = project
        project.mkdir()

    def task(self, name: str, title: str = "", runs=((0, 60, "finished", 0.1, 1000),), **more) -> str:
        """A task whose runs were (begin, end, state, cost, tokens), in seconds from T0, totals of the task."""
        text = more.pop("text", f"Please {title or name}.")
        task = {
            "id": name, "title": title or name, "text": text, "plan": [], "context": more.pop("context", ""),
            "directory": None, "read_only": False, "project": str(self.project), "chat": "c", "prompt": "p",
            "check": more.pop("check", ""), "made": T0 + runs[0][0] - 1, "model": more.pop("model", "opus"),
            "alias": "", "alias_prompt": "", "backend": "claude", "permissions": "ask", "launcher": "local",
        }  # fmt: skip
        folder = tasks.folder(str(self.project), name)
        files.write_json(f"{folder}/task.json", task)
        told = [
            {"run": n, "started": T0 + a, "ended": T0 + b, "state": state, "cost_usd": cost, "tokens": used,
             "who": task["model"], "model": task["model"], "backend": "claude"}
            for n, (a, b, state, cost, used) in enumerate(runs, 1)
        ]  # fmt: skip
        status = {**told[-1], "earlier": told[:-1], "summary": more.pop("summary", ""), "files": more.pop("files", [])}
        plan = more.pop("plan", f"- [x] {name}\n")
        status["ticked"], status["items"] = plan.count("[x]"), plan.count("- [")
        files.write_json(f"{folder}/status.json", status)
        here = self.project / ".dispatch/tasks" / name
        here.mkdir(parents=True)
        (here / "plan.md").write_text(plan)
        (here / "output.md").write_text(more.pop("output", ""))
        assert not more
        return folder

    def question(self, folder: str, asked: float, text: str, options=(), answer=None, after=20.0, **more) -> None:
        question = {"kind": "question", "text": text, "options": list(options), "asked": T0 + asked, "run": 1, **more}
        n = questions.add(folder, question)["n"]
        if answer:
            questions.answer(folder, n, answer, "typed", T0 + asked + after)


@pytest.fixture
def past(tmp_path, monkeypatch):
    where = [tmp_path / name for name in ("config", "state", "runtime", "data")]
    monkeypatch.setenv("DISPATCH_HOOKS_DIRS", "\n".join(map(str, where)))
    return Past(tmp_path / "shop")


def a_night(past: Past) -> list[dict]:
    """What a person finds in the morning: side by side, one after a question, one that failed, two models."""
    folders = [
        past.task(
            "audit-login", "Audit the login", [(0, 540, "finished", 0.84, 412_000)], summary="One finding: reset links "
            "never expire.", plan="- [x] Read the handlers\n- [x] Look at the sessions\n- [x] Write it up\n",
            output="# Audit of the login\n\nOne finding.\n\n1. Reset links never expire (auth/reset.py:40).\n",
        ),
        past.task(
            "write-api-docs", "Write the API docs", [(4, 300, "parked", 0.2, 90_000), (420, 840, "checked", 0.61,
            240_000)], model="sonnet", summary="24 endpoints, OpenAPI 3.1.", check="make docs",
            plan="- [x] List the endpoints\n- [x] Write openapi.yaml\n", files=["openapi.yaml", "docs/api.md"],
        ),
        past.task("fix-flaky-test", "Fix the flaky test", [(6, 190, "failed", 0.15, 60_000)], model="sonnet",
                  plan="- [x] Find it\n- [!] Fix it\n- [ ] Run it 100 times\n"),
        past.task("translate-readme", "Translate README", [(9, 400, "finished", None, None)], model="gpt-5.2"),
        past.task("upgrade-linter", "Upgrade the linter", [(8000, 8300, "stopped", 0.3, 80_000)],
                  plan="- [x] Upgrade\n- [?] Which rules?\n"),
    ]  # fmt: skip
    past.question(folders[1], 240, "Which OpenAPI version, 3.0 or 3.1?", ["3.0", "3.1"], answer="2", after=180)
    past.question(folders[2], 100, "Bash: pytest -x --count 100", kind="permission", answer="yes")
    past.question(folders[4], 8200, "Which rules shall be on?\nAll of them?", ["all", "the old ones"])
    return [gather.entry(folder, T0 + 9000) for folder in folders]


# spans


def span(task, start, end):
    return spans.Span(task, start, end, "finished", "opus")


def test_side_by_side_is_the_union_and_one_after_another_the_sum():
    (bout,) = spans.bouts([span("a", 0, 100), span("b", 50, 150), span("c", 200, 250)])
    assert (bout.wall, bout.work, bout.length) == (200, 250, 250)
    assert [begun for begun, _ in bout.sequence()] == [0, 100, 200]


def test_a_run_of_a_moment_beside_one_of_a_day_has_a_bar_and_the_page_says_its_time_zone(past, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    folders = [past.task("short", "Short", [(0, 1, "finished", None, None)]),
               past.task("long", "Long", [(1, 80_000, "checked", None, None)])]  # fmt: skip
    try:
        said = page.page([gather.entry(folder, T0 + 90_000) for folder in folders], "two", T0 + 90_000)
    finally:
        monkeypatch.undo()
        time.tzset()
    widths = [float(found) for found in re.findall(r'<rect class="finished[^"]*"[^>]* width="([\d.]+)%"', said)]
    assert widths and min(widths) == page.LEAST
    assert re.search(r'<p class="quiet">\d{4}-\d\d-\d\d \d\d:\d\d CES?T \(UTC\+0[12]00\), by', said)


def test_a_long_pause_parts_two_bouts():
    found = spans.bouts([span("a", 0, 10), span("b", 5000, 5010), span("c", 5005, 5020)])
    assert [[each.task for each in bout.spans] for bout in found] == [["b", "c"], ["a"]]


@pytest.mark.parametrize("length", [1, 7, 100, 3000, 86400, 30 * 86400])
def test_an_axis_has_a_handful_of_marks(length):
    marks = spans.Bout([span("a", 0, length)]).marks()
    assert 1 <= len(marks) <= 7 and marks[0] == 0 and marks[-1] <= length


def test_a_wait_for_an_answer_is_within_its_run():
    task, status = {"id": "a", "backend": "claude"}, {"started": 10.0, "ended": 60.0, "state": "finished"}
    (found,) = spans.of(task, status, [(50.0, 90.0), (70.0, 80.0)], 100.0)
    assert found.asked == ((50.0, 60.0),)


# what it tells


def test_what_each_model_used_is_told_by_run(past):
    rows = {row["model"]: row for row in gather.by_model(a_night(past))}
    assert {name: (row["tasks"], row["runs"]) for name, row in rows.items()} == {
        "opus": (2, 2), "sonnet": (2, 3), "gpt-5.2": (1, 1),
    }  # fmt: skip
    assert rows["opus"]["cost_usd"] == pytest.approx(1.14)
    assert rows["sonnet"]["cost_usd"] == pytest.approx(0.76)
    assert rows["gpt-5.2"]["cost_usd"] is None


def words_of(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", text.partition("</style>")[2])))


def test_plans_questions_answers_and_outcomes_are_in_it(past):
    said = words_of(page.page(a_night(past), "5 tasks in shop", T0 + 9000))
    for words in (
        "One finding: reset links never expire.", "done Look at the sessions", "failed Fix it",
        "to do Run it 100 times",
        "Which OpenAPI version, 3.0 or 3.1?", "3.1 typed in the chat, after 3m", "May it? Bash: pytest -x --count 100",
        "not answered yet", "openapi.yaml", "make docs", "412k", "$0.84", "in 2 runs",
    ):  # fmt: skip
        assert words in said, words


def test_a_real_task_that_ran_twice_is_told_as_two_runs(lab):
    lab.script("good", TICK)
    (folder,) = lab.dispatch("good")
    lab.wait(folder, "finished")
    steer.tell(folder, "once more", "terminal", {})
    wait_until(lambda: tasks.status(folder)["run"] == 2)
    lab.wait(folder, "finished")
    told = gather.entry(folder)
    assert [run.state for run in told["runs"]] == ["finished", "finished"]
    assert told["runs"][0].end <= told["runs"][1].start
    assert "all of it is done" in page.page([told], "one")


@pytest.mark.parametrize("second", ["other/bar", "other/shop"])
def test_tasks_of_the_same_name_in_two_projects_are_told_apart(past, tmp_path, second):
    (tmp_path / "other").mkdir()
    folders = [past.task("audit"), Past(tmp_path / second).task("audit", runs=((30, 90, "failed", 0.2, 10),))]
    text = page.page([gather.entry(folder, T0 + 100) for folder in folders], "both", T0)
    ids = [attrs["id"] for tag, attrs in _tags(text) if tag == "article"]
    assert len(set(ids)) == 2 and all(each.endswith("/audit") for each in ids)
    assert {f"#{each}" for each in ids} == {attrs["href"] for tag, attrs in _tags(text) if tag == "a"}


def test_the_diff_of_a_worktree_is_in_it(lab):
    git = ["git", "-C", str(lab.project), "-c", "user.name=T", "-c", "user.email=t@example.com"]
    subprocess.run([*git[:3], "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    lab.script("writer", f"echo '<b>new</b>' > page.txt; git add page.txt; {TICK}")
    (folder,) = lab.dispatch("writer", worktree={"base": None})
    lab.wait(folder, "finished", "stopped")
    told = gather.entry(folder)
    assert "+<b>new</b>" in told["diff"]
    assert '<span class="add">+&lt;b&gt;new&lt;/b&gt;' in page.page([told], "one")


# that nothing in it is alive


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found: list[tuple[str, dict]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def hostile(past: Past) -> list[dict]:
    folder = past.task(
        "bad", title=HOSTILE, text=HOSTILE, context=HOSTILE, summary=HOSTILE, check=HOSTILE, model=HOSTILE,
        plan=f"- [x] {HOSTILE}\n", output=HOSTILE, files=[HOSTILE],
    )  # fmt: skip
    past.question(folder, 5, HOSTILE, [HOSTILE], answer=HOSTILE)
    past.question(folder, 6, HOSTILE, kind="permission")
    questions.note(folder, HOSTILE, "typed", T0)
    flags.add(folder, HOSTILE, T0, 1, "001.flag")
    status = tasks.status(folder)
    tasks.set_status(folder, {**status, "why": HOSTILE, "branch": HOSTILE, "who": HOSTILE})
    return [{**gather.entry(folder, T0 + 100), "diff": f"+{HOSTILE}\n-{HOSTILE}"}]


def test_a_workers_words_are_text_wherever_they_stand(past):
    text = page.page(hostile(past), HOSTILE, T0)
    plain = page.page([gather.entry(past.task("good"), T0)], "good", T0)
    allowed = {tag for tag, _ in _tags(plain)} | set("ul ol li span div p pre h4 small details summary b a svg".split())
    allowed |= {"blockquote", "rect", "code"}
    for tag, attrs in _tags(text):
        assert tag in allowed - {"script", "img", "base", "iframe", "form"}, tag
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "src", "srcdoc")], attrs
        assert attrs.get("href", "#").startswith("#")
    assert "\x1b" not in text and "\x00" not in text and "\u202e" not in text
    assert text.count("{{ 7*7 }}") > 10


def _tags(text: str) -> list[tuple[str, dict]]:
    parser = Tags()
    parser.feed(text)
    return parser.found


def test_there_is_no_script_and_the_policy_lets_none_run(past):
    text = page.page(a_night(past), "night", T0)
    assert "<script" not in text and "http://" not in text and "https://" not in text
    assert "default-src 'none'" in html.unescape(text)


# the command


@pytest.fixture
def bare(bare):
    (bare.sandbox.project / ".git").mkdir()
    bare.configure('default = "good"\n[backends.good]\ncommand = ["/bin/sh", "-c", "cat >/dev/null; echo done"]\n')
    return bare


def test_the_command_writes_a_page_and_says_where(bare):
    refused = bare("report")
    assert refused.returncode == 1 and "no task to report on" in refused.stderr
    assert bare("dispatch", "look at it").returncode == 0, bare("dispatch", "look at it").stderr
    (task,) = bare.tasks()
    bare.wait(task, "finished", "stopped")
    done = bare("report")
    path = bare.sandbox.project / ".dispatch/report.html"
    assert done.stdout == f"1 task: {path}\n", done.stderr
    assert "look at it" in path.read_text()
    assert bare("report", task, "--out", "-").stdout.startswith("<!doctype html>")
    there = bare("report", "--out", "elsewhere/x.html")
    assert (there.returncode, (bare.sandbox.project / "elsewhere/x.html").exists()) == (0, True)
    assert "do you mean" in bare("report", task[:-1]).stderr


def test_a_link_in_the_project_is_not_followed(bare):
    bare("dispatch", "look at it")
    bare.wait(next(iter(bare.tasks())), "finished", "stopped")
    target = bare.sandbox.root / "precious"
    target.write_text("mine")
    (bare.sandbox.project / ".dispatch/report.html").symlink_to(target)
    assert bare("report").returncode == 0
    assert target.read_text() == "mine"
    shutil.move(bare.sandbox.project / ".dispatch", bare.sandbox.root / "moved")
    (bare.sandbox.project / ".dispatch").symlink_to(bare.sandbox.root / "moved")
    done = bare("report", "--out", "")
    assert done.returncode == 1 and "type: dispatch-hooks report --out FILE" in done.stderr


# in a real browser


TALLEST = """Math.max(...[...document.querySelectorAll("th[scope=row]")].map(e =>
    e.getBoundingClientRect().height))"""


@pytest.fixture
def browser():
    with needed(), Chromium() as browser:
        yield browser


FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
SMALL = """[...document.querySelectorAll("body *")].filter(e => e.children.length == 0 && e.textContent.trim()
    && e.getClientRects().length && parseFloat(getComputedStyle(e).fontSize) < 11).length"""
CONTRAST = """(() => {
  const parts = c => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [.2126, .7152, .0722][n], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
    if (parts(c)[3] !== 0) return parts(c); } return [255, 255, 255]; };
  return Math.min(...[...document.querySelectorAll("p,h1,h2,h3,h4,dt,dd,td,th,li,pre,summary,.chip,.lane,.mark")]
    .filter(e => e.textContent.trim()).map(e => { const a = light(parts(getComputedStyle(e).color)),
      b = light(ground(e)); return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); }));
})()"""


def test_it_reads_well_on_a_desk_on_a_phone_in_the_dark_and_on_paper(past, browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page.page(a_night(past), "5 tasks in shop", T0 + 9000))
    url = path.as_uri()
    for name, width, dark in (("desk", 1200, False), ("phone", 360, False), ("dark", 1200, True)):
        browser.open(url, width=width, dark=dark)
        browser.screenshot(tmp_path / f"{name}.png")
        assert browser.evaluate(FITS), name
        assert browser.evaluate(SMALL) == 0, name
        assert browser.evaluate(TALLEST) < 60, name
        assert browser.evaluate(CONTRAST) >= 4.5, name
        assert (browser.requests, browser.complaints) == ([url], []), name
    bars = "[...document.querySelectorAll('.bar rect.checked')].map(e => e.getBoundingClientRect().width)"
    assert all(width > 20 for width in browser.evaluate(bars))
    browser.pdf(tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")


def test_hostile_words_do_nothing_in_a_browser(past, browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(page.page(hostile(past), "title", T0), encoding="utf-8", errors="strict")
    browser.open(path.as_uri())
    assert browser.evaluate("document.title") == "title"
    assert (browser.requests, browser.complaints) == ([path.as_uri()], [])
    assert "alert(1)" in browser.evaluate("document.querySelector('pre').textContent")
