"""A command that is given something wrong says what, where, and what to type; nothing of it is a fault of ours."""

import fcntl
import io
import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from typer.main import get_command

from dispatch_hooks import cli, errors, files, questions, tasks
from dispatch_hooks.__main__ import _run
from tests.harness.waiting import wait_until

ROOT = Path(__file__).parent.parent

EVERY = (
    "install", "uninstall", "doctor", "status", "top", "statusline", "show", "logs", "answer", "tell", "cancel",
    "retry", "clean", "dispatch", "parse", "ask", "relink", "config",
)  # fmt: skip


@pytest.fixture
def run(lab, monkeypatch, capsys):
    """`dispatch-hooks ARGS…` in the project, in this process: (exit status, stdout, stderr)."""
    monkeypatch.chdir(lab.project)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("CLAUDE_PROJECT_DIR", raising=False)

    def act(*args: str, stdin: str = ""):
        monkeypatch.setattr(sys, "argv", ["dispatch-hooks", *args])
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        code = errors.funnel(_run)
        said = capsys.readouterr()
        assert "fault of ours" not in said.err, said.err
        return code, said.out, said.err

    return act


@pytest.fixture
def over(lab):
    """A task that has finished."""
    where = str(lab.project)
    task = {
        "id": "security-audit", "title": "audit", "text": "audit it", "plan": [], "context": "", "directory": None,
        "read_only": False, "project": where, "chat": lab.chat, "prompt": "p", "check": "", "made": 1.0, "model": "",
        "alias": "", "alias_prompt": "", "backend": "claude", "permissions": "ask",
    }  # fmt: skip
    folder = tasks.create(task)
    files.write_json(os.path.join(folder, "status.json"), {"state": "finished", "run": 1, "started": 1.0, "ended": 9e9})
    return folder


# ---- a task that is not there


@pytest.mark.parametrize("verb", ["show", "logs", "tell", "cancel", "retry", "clean"])
def test_an_unknown_task_is_named_with_its_near_ones(run, over, verb):
    code, out, err = run(verb, "securty-audit", *(["go on"] if verb == "tell" else []))
    assert (code, out) == (1, "")
    assert 'no task "securty-audit"' in err
    assert "do you mean security-audit?" in err
    assert "dispatch-hooks status --all" in err


@pytest.mark.parametrize("verb", ["show", "logs", "cancel", "retry", "clean"])
@pytest.mark.parametrize("name", ["", ".", "..", "../../x", "/etc/passwd", "a b", "a\0b", "é", "x" * 300, "*"])
def test_a_name_that_no_task_can_have_is_refused(run, over, verb, name):
    before = tasks.status(over)
    code, out, err = run(verb, name)
    assert (code, out) == (1, "")
    assert err.startswith('dispatch-hooks: no task "')
    assert tasks.status(over) == before


def test_without_any_task_it_says_so(run):
    assert "this project has none" in run("show", "security-audit")[2]


def test_a_task_is_found_whatever_its_case(run, over):
    assert run("show", "Security-Audit")[0] == 0


# ---- a task that is there, and something that does not fit


def test_what_has_ended_cannot_be_cancelled(run, over):
    code, _, err = run("cancel", "security-audit")
    assert code == 1
    assert "security-audit has ended already (it is finished)" in err


@pytest.mark.parametrize("words", [(), ("",), ("-",), ("  ",)])
def test_a_worker_cannot_be_told_nothing(run, over, words):
    code, _, err = run("tell", "security-audit", *words)
    assert code == 1
    assert "nothing to tell security-audit" in err
    assert questions.notes(over) == []


def test_a_retry_with_an_unknown_model_names_the_known_ones(run, over):
    code, _, err = run("retry", "security-audit", "--with", "gtp")
    assert code == 1
    assert '"gtp" is not available here; there are opus, sonnet, haiku' in err
    assert tasks.status(over)["state"] == "finished"


def test_logs_of_a_task_that_wrote_none_say_so(run, over):
    assert run("logs", "security-audit")[:2] == (0, "nothing yet\n")


@pytest.mark.parametrize("verb", ["show", "logs", "cancel"])
def test_a_torn_task_record_is_no_task(run, over, verb):
    with open(os.path.join(over, "task.json"), "w", encoding="utf-8") as f:
        f.write("{")
    code, _, err = run(verb, "security-audit")
    assert code == 1
    assert "security-audit" in err


def test_a_torn_status_is_no_fault(run, over):
    with open(os.path.join(over, "status.json"), "w", encoding="utf-8") as f:
        f.write("{")
    for args in (("show", "security-audit"), ("status",), ("status", "--json"), ("logs", "security-audit")):
        assert run(*args)[0] == 0


def test_days_that_are_no_days_remove_nothing(run, over):
    for days in ("x", "-1"):
        assert run("clean", "--days", days)[0] in (1, 2)
        assert tasks.read(over)


# ---- dispatch


@pytest.fixture
def idle(lab):
    """A backend whose worker does nothing: what gets past the checks shows as a task."""
    lab.script("idle", "exit 0")
    return lambda: tasks.ids(str(lab.project))


@pytest.mark.parametrize("name", ["Bad Id!", "../x", "a/b", "", ".hidden", "x" * 300, "a\0b", "-a", "a--b"])
def test_an_id_that_is_none_is_refused(run, idle, name):
    code, _, err = run("dispatch", "-m", "idle", f"--id={name}", "do it")
    if name:
        assert code == 1
        assert "--id" in err
        assert idle() == []
    else:
        assert (code, idle()) == (0, ["do-it"])


def test_an_id_that_is_taken_is_refused(run, idle, over):
    code, _, err = run("dispatch", "-m", "idle", "--id", "security-audit", "do it")
    assert code == 1
    assert 'there is a task "security-audit" already; leave --id out, or choose another' in err


def test_rights_that_are_none_are_refused(run, idle):
    code, _, err = run("dispatch", "-m", "idle", "--permissions", "yolo", "do it")
    assert code == 1
    assert '--permissions should be one of ask, auto, bypass, it is "yolo"' in err
    assert idle() == []


@pytest.mark.parametrize("words", ["", "   ", "\n"])
def test_a_task_without_words_is_refused(run, idle, words):
    code, _, err = run("dispatch", "-m", "idle", words)
    assert code in (1, 2)
    assert "dispatch" in err
    assert idle() == []


def test_an_unknown_model_names_the_known_ones(run, idle):
    code, _, err = run("dispatch", "-m", "gtp", "do it")
    assert code == 1
    assert '"gtp" is not available here; there are idle, opus' in err


def test_a_plan_that_cannot_be_read_is_named(run, idle, lab):
    folder = str(lab.project)
    for path, why in (("/not/there", "No such file"), (folder, "Is a directory")):
        code, _, err = run("dispatch", "-m", "idle", "--plan", path, "do it")
        assert code == 1
        assert path in err
        assert why in err
    assert idle() == []


def test_a_plan_that_is_no_text_is_refused(run, idle, tmp_path):
    (tmp_path / "plan").write_bytes(b"- [ ] \xff\xfe")
    code, _, err = run("dispatch", "-m", "idle", "--plan", str(tmp_path / "plan"), "do it")
    assert code == 1
    assert str(tmp_path / "plan") in err


@pytest.mark.parametrize("text", ["", "no list here\n", "- an item without a box\n"])
def test_a_plan_without_items_says_how_one_looks(run, idle, text):
    code, _, err = run("dispatch", "-m", "idle", "--plan", "-", "do it", stdin=text)
    assert code == 1
    assert "the plan - has no item; write lines like: - [ ] scan for secrets" in err
    assert idle() == []


# ---- the rest


def test_ask_outside_of_a_worker_says_where_it_works(run):
    code, _, err = run("ask", "Which one?")
    assert code == 1
    assert "only inside a worker" in err


LOOP = re.search(r"```sh\n(said=.*?)\n```", (ROOT / "docs/protocol.md").read_text(), re.S)[1]


def test_a_script_waits_in_the_loop_of_the_docs_and_takes_nothing_else_for_the_answer(run, lab, monkeypatch, tmp_path):
    folder = lab.project / "task"
    (folder / "ipc").mkdir(parents=True)
    monkeypatch.setenv("DISPATCH_HOOKS_FOLDER", str(folder))
    monkeypatch.setenv("DISPATCH_HOOKS_ASK_WAIT", "0")
    code, out, err = run("ask", "Which one?")
    assert (code, out) == (75, "")
    assert err.endswith("nothing failed. To go on waiting, run: dispatch-hooks ask --again 001\n")
    path = tmp_path / "dispatch-hooks"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m dispatch_hooks "$@"\n')
    path.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    script = subprocess.Popen(["sh", "-c", f'{LOOP}\necho "$colour"'], env=env, stdout=subprocess.PIPE, text=True)
    wait_until((folder / "ipc/002.question").exists)
    files.write(str(folder / "ipc/002.answer"), "red\n")
    assert script.communicate(timeout=60)[0] == "red\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "ask what?"),
        (("--again", "7"), "there is no question 007"),
        (("--again", "x"), "there is no question"),
        (("--nonsense", "Which?"), "ask: option --nonsense not recognized"),
        (("--wait", "soon", "Which?"), "--wait"),
    ],
)
def test_a_wrong_question_says_how_one_is_asked(run, lab, monkeypatch, args, words):
    folder = lab.project / "task"
    (folder / "ipc").mkdir(parents=True)
    monkeypatch.setenv("DISPATCH_HOOKS_FOLDER", str(folder))
    monkeypatch.setenv("DISPATCH_HOOKS_TASK", "task")
    code, _, err = run("ask", *args)
    assert code == 1
    assert words in err
    assert os.listdir(folder / "ipc") == []


def test_a_project_that_is_not_known_cannot_be_relinked(run):
    code, _, err = run("relink", "/not/there", ".")
    assert code == 1
    assert "no tasks are known of /not/there; `dispatch-hooks status --all` lists the projects" in err


def test_a_project_cannot_be_relinked_to_where_nothing_is(run, over, lab):
    code, _, err = run("relink", str(lab.project), "/not/there")
    assert code == 1
    assert "/not/there" in err
    assert tasks.read(over)["project"] == str(lab.project)


def test_parse_of_nothing_is_conversation(run):
    for stdin in ("", "\n", "\0", "\ud800"):
        assert run("parse", stdin=stdin)[0] == 0


def test_parse_tells_every_directive(run):
    words = "dispatch opus to fix it in a worktree from main, max $2 and 30 minutes, after 2, permissions auto"
    out = run("parse", words + ", read-only. dispatch opus to test it, cwd: web")[1]
    said = "in a worktree from main; after test-task; read-only; at most $2, 30m; permissions auto"
    assert f"  fix-task (opus): fix it\n    {said}\n" in out
    assert "  test-task (opus): test it\n    in directory web\n" in out


@pytest.mark.parametrize("verb", EVERY)
def test_a_wrong_option_names_the_help(run, verb):
    code, out, err = run(verb, *(["show"] if verb == "config" else []), "--nonsense")
    assert out == ""
    if verb == "ask":  # it parses its own words, for speed
        assert code == 1
    else:
        assert code == 2
        assert f"dispatch-hooks {verb}" in err
        assert "-h" in err


def test_a_wrong_verb_names_the_help(run):
    code, out, err = run("shwo")
    assert (code, out) == (2, "")
    assert "show" in err
    assert "dispatch-hooks -h" in err


def every_command(group, above=()):
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        yield from every_command(command, (*above, name)) if inner else [(*above, name)]


@pytest.mark.parametrize("words", list(every_command(get_command(cli.app))), ids=" ".join)
def test_every_command_has_a_help_with_examples_and_says_what_each_option_is(run, words):
    code, out, _ = run(*words, "-h")
    assert code == 0
    about, _, examples = re.split(r"(Examples?:)", out, maxsplit=1)
    assert f"dispatch-hooks {' '.join(words)}" in examples, words
    assert len(about.split("\n\n")[1].split()) > 3, "it says what it does"
    assert max(len(line) for line in out.splitlines()) <= 100
    options = out.partition("Options:\n")[2]
    for line in re.findall(r"^  (-.*)$", options, re.M):
        assert re.search(r"\S  +\S", line) or f"{line}\n    " in options, line


# ---- answers and rights, which want a terminal


def at_a_terminal(bare, *args: str):
    """The command with a terminal of its own, as a person has it."""
    ours, theirs = pty.openpty()

    def take() -> None:
        os.setsid()
        fcntl.ioctl(theirs, termios.TIOCSCTTY, 0)

    try:
        return bare(*args, preexec_fn=take, pass_fds=(theirs,))
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("answer", "nothing", "yes"), 'no task "nothing": this project has none'),
        (("answer", "", "yes"), 'no task ""'),
    ],
)
def test_an_answer_to_no_task_is_refused(bare, args, words):
    done = at_a_terminal(bare, *args)
    assert done.returncode == 1
    assert words in done.stderr


def test_an_answer_from_nowhere_is_refused(bare):
    done = bare("answer", "nothing", "yes", start_new_session=True)
    assert done.returncode == 1
    assert "answers and permissions are taken from the chat or from a terminal" in done.stderr


def test_more_rights_are_given_at_a_terminal_alone(bare):
    bare.configure('[backends.idle]\ncommand = ["true"]\n')
    asked = ("dispatch", "-m", "idle", "--id")
    done = bare(*asked, "all", "--permissions", "bypass", "do it", start_new_session=True)
    assert done.returncode == 1
    assert "answers and permissions are taken from the chat or from a terminal" in done.stderr
    done = at_a_terminal(bare, *asked, "all", "--permissions", "bypass", "do it")
    assert "Dispatched all (idle, 1 step, bypass)" in done.stdout, done.stderr
    done = bare(*asked, "little", "--permissions", "ask", "--read-only", "do it", start_new_session=True)
    assert "Dispatched little (idle, 1 step, read-only)" in done.stdout, done.stderr
    rows = bare.tasks()
    assert (rows["all"]["permissions"], rows["little"]["permissions"]) == ("bypass", "ask")
    assert json.loads((bare.records("little") / "task.json").read_text())["read_only"] is True
