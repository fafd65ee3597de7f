"""Isolation and order, whole: a real repository, five tasks, three of them in worktrees with three backends, one that
comes after another, two at a time, one that flags, one over its budget; a conflict, a discard, two merges; and kills.

After each step the repository, the worktrees, the branches and the process table are looked at.
"""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from dispatch_hooks import config, dispatch, files, processes, recover, request, steer, tasks, worker
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import merging
from tests.conftest import needed
from tests.harness import workers
from tests.harness.modelserver import hold, tool
from tests.harness.modelserver import worker as by
from tests.harness.repositories import branches, checkouts, commit, discard, git, merge, nothing_left, record, settings
from tests.harness.waiting import wait_until
from tests.product import TICK, Product
from tests.test_codex import DISPATCH

PROMPT = """/dispatch we launch on Thursday:
1) audit the auth flow. use {audit}, in a worktree
2) fix the config parser. use {parser}, worktree
3) build the handbook. use {book}, worktree
4) test the auth flow after 1. use {test}
5) measure the speed. use {speed}, timeout {limit}

flag anything critical immediately"""

AUDIT, PARSER, BOOK, TEST, SPEED = (
    "audit-auth-flow", "fix-config-parser", "build-handbook", "test-auth-flow", "measure-speed",
)  # fmt: skip

CRITICAL = "reset links never expire"


def wants(**names):
    """The request as it is typed, and as the grammar understands it."""
    known = {"models": [], "aliases": [], "tasks": [], "default": None, "backends": sorted({*names.values(), "claude"})}
    parsed = request.parse(PROMPT.format(**{"limit": "1s", **names}), known)
    assert [task["id"] for task in parsed["tasks"]] == [AUDIT, PARSER, BOOK, TEST, SPEED]
    return parsed


# with workers that are shell scripts: every step, and kill -9 at each

FLAG = f'"{sys.executable}" -m dispatch_hooks flag "{CRITICAL}"\n'

GO = 'while [ ! -e "$folder/go" ]; do sleep 0.05; done\n'

BODIES = {
    "auditor": f"{FLAG}grep -q checked auth || echo checked >> auth\n{GO}{TICK}",
    "parser": f"echo parsed > config\n{GO}{TICK}",
    "writer": f"echo page > handbook\n{GO}{TICK}",
    "tester": f"{GO}{TICK}",
    "runner": "sleep 300",
}


class Launch:
    """The five tasks in the lab's repository."""

    def __init__(self, lab):
        self.lab, self.env = lab, dict(os.environ)
        settings("max_parallel = 2\n")
        for name, body in BODIES.items():
            lab.script(name, body)
        commit(lab.project, auth="open\n", config="old\n")
        (lab.project / "draft").write_text("the person's own\n")
        origin = {"chat": lab.chat, "prompt": "p", "project": str(lab.project), "transcript": "", "text": "five"}
        asked = wants(audit="auditor", parser="parser", book="writer", test="tester", speed="runner")
        self.said = dispatch.words(dispatch.start(asked, origin, config.load(), self.env), "/")

    def folder(self, name: str) -> str:
        return tasks.folder(str(self.lab.project), name)

    def state(self, name: str) -> str:
        return tasks.status(self.folder(name))["state"]

    def go(self, name: str) -> None:
        (self.lab.project / ".dispatch/tasks" / name / "go").touch()

    def running(self) -> set[str]:
        return {name for name in (AUDIT, PARSER, BOOK, TEST, SPEED) if self.state(name) == "running"}

    def runs(self, *names: str) -> None:
        wait_until(lambda: self.running() == set(names), 30, lambda: f"{self.running()}, wanted {names}\n{self.all()}")

    def all(self) -> str:
        found = {name: tasks.status(self.folder(name)) for name in (AUDIT, PARSER, BOOK, TEST, SPEED)}
        return json.dumps(found, indent=1)

    def check(self, trees: set[str], kept: set[str] = frozenset()) -> None:
        """What is there: these worktrees with their branches, these branches, and the processes of what runs."""
        project = self.lab.project
        assert {Path(line.split()[0]).name for line in checkouts(self.lab)} == trees
        assert set(branches(self.lab)) == {"main", *(f"dispatch/{name}" for name in trees | kept)}
        assert "?? draft" in git(project, "status", "--porcelain").splitlines()
        assert not [line for line in git(project, "status", "--porcelain").splitlines() if ".dispatch" in line]
        for name in (AUDIT, PARSER, BOOK, TEST, SPEED):
            status = tasks.status(self.folder(name))
            marked = processes.marked("DISPATCH_HOOKS_RUN", worker.mark(self.folder(name), status["run"]))
            assert bool(marked) == (status["state"] == "running"), (name, status["state"], marked)
            alive = status["state"] in ("running", "waiting")
            assert tasks.supervised(self.folder(name)) == alive, (name, status)

    def kill(self) -> None:
        """kill -9 of every supervisor, those that wait as well; then whoever comes next puts right what is left."""
        folders = [folder for folder in tasks.active() if tasks.supervised(folder)]
        for folder in folders:
            os.kill(tasks.status(folder)["supervisor"]["pid"], signal.SIGKILL)
        for folder in folders:
            wait_until(lambda folder=folder: not files.held(tasks.lock_file(folder)))
        recover.recover(self.env)

    # the steps

    def step_0_two_run_and_three_wait(self):
        self.runs(AUDIT, PARSER)
        wait_until(lambda: {self.state(name) for name in (BOOK, TEST, SPEED)} == {"waiting"})
        wait_until(lambda: len(checkouts(self.lab)) == 2)
        self.check({AUDIT, PARSER})

    def step_1_one_flags(self):
        wait_until(lambda: [e["text"] for e in self.lab.pending() if e["kind"] == "flag"] == [CRITICAL])
        self.check({AUDIT, PARSER})

    def step_2_its_end_lets_the_next_and_its_child_come(self):
        self.go(AUDIT)
        self.runs(PARSER, BOOK)
        assert record(self.folder(AUDIT))["commits"] == 1
        self.check({AUDIT, PARSER, BOOK})

    def step_3_the_child_runs(self):
        self.go(PARSER)
        self.runs(BOOK, TEST)
        self.check({AUDIT, PARSER, BOOK})

    def step_4_the_last_is_over_its_budget(self):
        self.go(BOOK)
        self.go(TEST)
        wait_until(lambda: self.state(SPEED) in tasks.ENDED, 30, self.all)
        assert "over its budget" in tasks.status(self.folder(SPEED))["why"]
        self.runs()
        self.check({AUDIT, PARSER, BOOK})
        assert tasks.active() == []


STEPS = [getattr(Launch, name) for name in dir(Launch) if name.startswith("step_")]


@pytest.fixture
def launch(repo, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return Launch(repo)


def finish(launch) -> None:
    """A merge, a conflict, a discard, a merge as one commit; nothing of all that is left."""
    lab, env = launch.lab, launch.env
    merge(launch.folder(AUDIT))
    launch.check({PARSER, BOOK})
    commit(lab.project, config="mine\n")
    (lab.project / "draft").write_text("the person's own\n")
    before = git(lab.project, "rev-parse", "HEAD", f"dispatch/{PARSER}")
    with pytest.raises(FatalError, match=f"{PARSER} conflicts with main in config; nothing was changed"):
        merge(launch.folder(PARSER))
    assert git(lab.project, "rev-parse", "HEAD", f"dispatch/{PARSER}") == before
    with pytest.raises(FatalError, match="nobody merged it"):
        discard(launch.folder(PARSER))
    discard(launch.folder(PARSER), True)
    merge(launch.folder(BOOK), "squash")
    assert [(lab.project / name).read_text() for name in ("auth", "config", "handbook")] == [
        "open\nchecked\n", "mine\n", "page\n",
    ]  # fmt: skip
    recover.recover(env)
    nothing_left(lab)


def test_five_tasks_from_the_request_to_the_last_merge(launch):
    assert f"{TEST} (tester, 1 step) (waiting: after {AUDIT})" in launch.said
    assert f"{BOOK} (writer, 1 step, worktree) (waiting: next)" in launch.said
    for step in STEPS:
        step(launch)
    finish(launch)


@pytest.mark.parametrize("last", range(len(STEPS)), ids=[step.__name__ for step in STEPS])
def test_kill_9_of_everything_at_a_step_leaves_a_true_state_and_the_work(launch, last):
    for step in STEPS[: last + 1]:
        step(launch)
    ran = launch.running()
    launch.kill()
    for name in ran:
        assert launch.state(name) == "lost", launch.all()
    names = (AUDIT, PARSER, BOOK, TEST, SPEED)
    # what waited has the slots now; of what was killed, the work is on its branch and the checkout stays for a retry
    going = [name for name in names if launch.state(name) in GOING and (name, launch.state(AUDIT)) != (TEST, "lost")]
    wait_until(lambda: len(launch.running()) == min(2, len(going)), 30, launch.all)
    trees = {name for name in (AUDIT, PARSER, BOOK) if tasks.status(launch.folder(name)).get("worktree")}
    wait_until(lambda: {Path(line.split()[0]).name for line in checkouts(launch.lab)} == trees, 30, launch.all)
    for name, file in ((AUDIT, "auth"), (PARSER, "config")):
        assert record(launch.folder(name))["commits"] == 1, (launch.all(), file)
    for name in ran:
        if launch.state(name) == "lost":
            steer.retry(launch.folder(name), {}, "terminal", launch.env)
    for name in names:
        launch.go(name)
    wait_until(lambda: not tasks.active(), 60, launch.all)
    assert [launch.state(name) for name in names[:4]] == ["finished"] * 4, launch.all()
    finish(launch)


GOING = ("starting", "running", "waiting")


# kill -9 at each git of a merge and a discard


@pytest.fixture
def counted(tmp_path):
    """A git that kills its parent at one of its calls: before it does anything, or when it has done it."""
    program, count, at = tmp_path / "bin/git", tmp_path / "count", tmp_path / "at"
    program.parent.mkdir()
    program.write_text(
        f"""#!/bin/sh
read n < {count}; n=$((n + 1)); echo $n > {count}; read at < {at}
[ "$at" != "$n before" ] || {{ kill -9 $PPID; exit 1; }}
[ "$at" = "$n after" ] || exec /usr/bin/git "$@"
/usr/bin/git "$@"; kill -9 $PPID
"""
    )
    program.chmod(0o755)

    def act(n: int, when: str, what) -> bool:
        """Whether what() came to its end, in a process of its own."""
        count.write_text("0\n")
        at.write_text(f"{n} {when}\n")
        pid = os.fork()
        if not pid:
            os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
            try:
                what()
            finally:
                os._exit(0)
        return os.waitpid(pid, 0)[1] == 0

    return act


@pytest.mark.parametrize(("how", "when", "version"), [
    ("merge", "before", (2, 38)), ("squash", "after", (99, 0)), ("discard", "after", (2, 38)),
])  # fmt: skip
def test_kill_9_at_any_git_of_an_end_leaves_it_undone_or_done(repo, counted, how, when, version, monkeypatch):
    monkeypatch.setattr(merging, "WRITES_TREES", version)  # an older git merges in a checkout
    repo.script("good", f"echo new > made; {TICK}")
    (folder,) = repo.dispatch("good", worktree=True)
    repo.wait(folder, "finished")
    commit(repo.project, other="1\n")
    (repo.project / "draft").write_text("the person's own\n")
    end = (lambda: discard(folder, True)) if how == "discard" else (lambda: merge(folder, how))
    head, ended, n = git(repo.project, "rev-parse", "HEAD"), False, 0
    while not ended:
        n += 2
        ended = counted(n, when, end)
        wait_until(lambda: recover.recover(dict(os.environ)) == [] == tasks.active())  # when its git has ended, too
        undone = record(folder)["state"] == "open"
        assert not (ended and undone)
        assert (repo.project / "draft").read_text() == "the person's own\n"
        assert not list((repo.project / ".git").glob("**/*.lock"))
        if not undone:
            break
        assert git(repo.project, "status", "--porcelain") == "?? draft"
        assert git(repo.project, "rev-parse", "HEAD") == head
        assert len(checkouts(repo)) == 1
        assert git(repo.project, "show", "dispatch/good-1-1:made") == "new"
    assert n > 5
    assert (repo.project / "made").exists() == (how != "discard")
    (repo.project / "draft").unlink()
    nothing_left(repo)


# with the real Claude Code, the real opencode and a command

SCRIPT = """#!/bin/sh
cat > /dev/null
[ "$DISPATCH_HOOKS_TASK" != build-handbook ] || echo page > handbook
sed -i 's/\\[ \\]/[x]/' "$DISPATCH_HOOKS_FOLDER/plan.md"; echo done > "$DISPATCH_HOOKS_FOLDER/output.md"
"""


class Real:
    """The same five tasks in a sandbox with real CLIs."""

    def __init__(self, product: Product, server):
        self.product, self.server, self.sandbox = product, server, product.sandbox
        self.project = product.sandbox.project
        git(self.project, "init", "--quiet", "--initial-branch", "main")
        commit(self.project, auth="open\n", config="old\n")
        script = self.sandbox.bin / "script"
        script.write_text(SCRIPT)
        script.chmod(0o755)
        self.cli = workers.install(self.sandbox, "opencode")
        product.configure(
            f'max_parallel = 2\n[models.it]\nbackend = "opencode"\nname = "{self.cli.model}"\n'
            '[backends.script]\ncommand = ["script"]\n'
        )

    def place(self, task: str) -> Path:
        return self.project / ".dispatch/worktrees" / task

    def rules(self) -> None:
        """What the models say: each change a file of its worktree, with its CLI's own tools, and tick their plan."""
        audit, parser = self.product.folder(AUDIT), self.product.folder(PARSER)
        self.server.rule(
            by("audit the auth flow"),
            tool("Bash", command=f'dispatch-hooks flag "{CRITICAL}"', description="tell the person"),
            tool("Write", file_path=str(self.place(AUDIT) / "finding"), content="checked\n"),
            tool("Read", file_path=str(audit / "plan.md")),
            tool("Edit", file_path=str(audit / "plan.md"), old_string="[ ]", new_string="[x]"),
            tool("Write", file_path=str(audit / "output.md"), content="one finding\n"),
            hold("audit", "audited"),
        )
        self.server.rule(
            by("fix the config parser"),
            tool("write", filePath=str(self.place(PARSER) / "config"), content="parsed\n"),
            tool("read", filePath=str(parser / "plan.md")),
            tool("edit", filePath=str(parser / "plan.md"), oldString="[ ]", newString="[x]"),
            hold("parser", "fixed"),
        )
        self.server.rule(by("measure the speed"), hold("speed", "measured"), repeat=True)

    def dispatch(self) -> str:
        asked = wants(audit="opus", parser="it", book="script", test="script", speed="sonnet", limit="10s")
        origin = {"chat": "c", "prompt": "p", "project": str(self.project), "transcript": "", "text": "five"}
        done = self.sandbox.run(sys.executable, "-c", DISPATCH, json.dumps(asked), json.dumps(origin))
        assert done.returncode == 0, done.stderr
        return done.stdout

    def says(self, *words: str, code: int = 0) -> str:
        done = self.product(*words)
        assert done.returncode == code, done.stdout + done.stderr + self.product.logs()
        return done.stdout + done.stderr

    def check(self, *trees: str) -> None:
        found = git(self.project, "worktree", "list").splitlines()[1:]
        assert {Path(line.split()[0]).name for line in found} == set(trees)
        assert set(git(self.project, "branch", "--format", "%(refname:short)").split()) == {
            "main", *(f"dispatch/{name}" for name in trees),
        }  # fmt: skip
        assert git(self.project, "status", "--porcelain") == ""

    def of(self, *programs: str) -> list[str]:
        """The worker CLIs that run."""
        return sorted(name for name in programs if any(f"/{name}" in line for _, line in self.sandbox.processes()))


def test_five_tasks_with_real_clis_killed_in_the_middle_of_their_work(product, server):
    with needed():
        here = Real(product, server)
    here.rules()
    assert f"{AUDIT} (opus, 1 step, worktree)" in here.dispatch()
    for words, nth in (("audit the auth flow", 6), ("fix the config parser", 4)):
        asked = by(words)
        why = lambda: str(product.tasks())  # noqa: E731
        wait_until(lambda asked=asked, nth=nth: len(here.server.matching(asked)) >= nth, 90, why)
    here.check(AUDIT, PARSER)
    flags = [json.loads(f.read_text()) for f in product.state.glob("inbox/*/new/*.json")]
    assert [event["text"] for event in flags if event["kind"] == "flag"] == [CRITICAL]

    for name in (AUDIT, PARSER):
        os.kill(product.status(name)["supervisor"]["pid"], signal.SIGKILL)
    wait_until(lambda: {product.tasks()[name]["state"] for name in (AUDIT, PARSER)} == {"lost"}, 30, product.logs)
    wait_until(lambda: here.of("claude", "opencode") == ["claude"] or product.status(SPEED)["state"] != "running")
    for branch, file, text in ((AUDIT, "finding", "checked"), (PARSER, "config", "parsed")):
        assert git(here.project, "show", f"dispatch/{branch}:{file}") == text
    assert product.tasks()[TEST]["why"] == f"{AUDIT} was lost"
    product.wait(BOOK, "finished")
    here.check(AUDIT, PARSER, BOOK)

    for gate in ("audit", "parser"):
        here.server.release(gate)
    for name in (AUDIT, PARSER):
        here.says("retry", name)
    for name in (AUDIT, PARSER, TEST):
        product.wait(name, "finished", timeout=90)
    over = product.wait(SPEED, "failed", "stopped", timeout=60)
    assert "over its budget" in over["why"]
    here.sandbox.wait_alone()
    here.check(AUDIT, PARSER, BOOK)

    assert "merged" in here.says("merge", AUDIT)
    here.check(PARSER, BOOK)
    commit(here.project, config="mine\n")
    assert f"{PARSER} conflicts with main in config; nothing was changed" in here.says("merge", PARSER, code=1)
    assert "nobody merged it" in here.says("discard", PARSER, code=1)
    here.check(PARSER, BOOK)
    here.says("discard", PARSER, "--force")
    assert "squashed" in here.says("merge", BOOK, "--squash")
    here.check()
    assert [(here.project / name).read_text() for name in ("finding", "config", "handbook")] == [
        "checked\n", "mine\n", "page\n",
    ]  # fmt: skip
    here.sandbox.wait_alone()
