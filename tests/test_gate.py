"""The commands in the settings and the gate they call, in every POSIX shell that is here."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

from dispatch_hooks import gate, processes, resources, settings
from dispatch_hooks.paths import Dirs

FOUND = {os.path.realpath(shutil.which(shell) or ""): shell for shell in ("sh", "dash", "bash", "busybox")}
SHELLS = [shell for shell in FOUND.values() if shutil.which(shell)]
HOST = "4242"
SCRIPTS = {
    "stop": "stop.py",
    "notification": "notification.py",
    "session-start": "session_start.py",
    "session-end": "session_end.py",
    "prompt": "user_prompt_submit.py",
}

FAKE_PYTHON = """\
#!/bin/sh
printf '%s\\n' "$*" "${LC_ALL-none}" "$DISPATCH_HOOKS_DIRS"
printf 'from python' >&2
cat >"$0.stdin"
exit "${FAKE_EXIT-0}"
"""


def event(prompt, **more):
    """An event as Claude Code writes it: compact, the prompt last."""
    fields = {"session_id": "s", "cwd": "/home/you/dispatch", **more, "prompt": prompt}
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()


class Gate:
    """An installed gate with an interpreter that tells what it is asked to run."""

    def __init__(self, root, shell):
        self.shell = [shutil.which(shell)] + (["sh"] if shell == "busybox" else [])
        self.dirs = Dirs(*(str(root / name) for name in ("config", "state", "runtime", "data")))
        self.host = root / "runtime" / "hosts" / HOST
        self.python = root / "python"
        for folder in (root / "data", root / "state", self.host):
            folder.mkdir(parents=True)
        self.python.write_text(FAKE_PYTHON)
        self.python.chmod(0o755)
        self.file = root / "data" / "gate.sh"
        self.file.write_text(gate.gate_text(self.dirs, str(self.python), "dispatch-hooks"))

    def run(self, word, stdin=b"{}", **env):
        """The gate on an event: its exit status, and the lines that the interpreter printed."""
        done = self._run([str(self.file), word], stdin, env)
        return done.returncode, done.stdout.decode().splitlines()

    def command(self, name, stdin=b"{}", **env):
        """A command of the settings, as Claude Code runs it: CompletedProcess."""
        event, _, watch = name.partition(" ")
        hook = settings.groups(self.dirs)[event]["hooks"][1 if watch else 0]
        return self._run(["-c", hook["command"]], stdin, env)

    def _run(self, args, stdin, env):
        env = {"PATH": os.environ["PATH"], "CLAUDE_PID": HOST, **env}
        command = [*self.shell, *args]
        return subprocess.run(command, input=stdin, env=env, capture_output=True, check=False, timeout=60)

    def script(self, name, *args):
        return " ".join(["-I", "-S", os.path.join(resources.shared("hooks"), name), *args])

    @property
    def stdin(self):
        return self.python.with_name("python.stdin").read_bytes()


@pytest.fixture(params=SHELLS)
def installed(request, tmp_path):
    root = tmp_path / "it's a \"$HOME\" `x` ü folder"
    root.mkdir()
    return Gate(root, request.param)


@pytest.fixture
def by_sh(tmp_path):
    return Gate(tmp_path, "sh")


# the gate


@pytest.mark.parametrize("word", ["stop", "notification", "session-start", "session-end"])
def test_an_event_goes_to_its_script_untouched(installed, word):
    (installed.host / "news").touch()
    stdin = b'{"\xff": "no UTF-8"}\n\n'
    assert installed.run(word, stdin) == (0, [installed.script(SCRIPTS[word]), "none", *installed.dirs])
    assert installed.stdin == stdin


@pytest.mark.parametrize("word", [*SCRIPTS, "watch-session-start", "watch-prompt", "watch-stop"])
def test_inside_a_worker_nothing_runs(installed, word):
    for marker in ("news", "tasks"):
        (installed.host / marker).touch()
    assert installed.run(word, event("dispatch opus"), DISPATCH_HOOKS_TASK="t") == (0, [])


def test_an_unknown_event_is_nothing(installed):
    assert installed.run("no-such-event") == (0, [])


PLAIN = [
    "please review the code",
    "display the patches\nof dis patch",
    "answer me this: why?",
    "  cancel",
    '\\"prompt\\":\\"',
    "",
    "é“”" * 1000,
    "x" * 200_000,
]
OURS = ["dispatch opus to x", "/dispatch x", "ok, DISPATCH it", "x" * 200_000 + " Dispatch", "é\n\n“dispatch”"]
CONTROL = ["answer x: yes", "@x yes", "Cancel x", "STOP", "show x", "tell x to", "status", "Retry", "\n answer"]
CONTROL += ["diff x", "Merge x", "DISCARD x"]


@pytest.mark.parametrize("prompt", PLAIN, ids=range(len(PLAIN)))
def test_a_prompt_that_cannot_be_for_us_starts_nothing(installed, prompt):
    assert installed.run("prompt", event(prompt)) == (0, [])
    assert installed.run("watch-prompt", event(prompt)) == (0, [])


@pytest.mark.parametrize("prompt", OURS, ids=range(len(OURS)))
def test_a_prompt_that_names_dispatch_goes_on_whole(installed, prompt):
    stdin = event(prompt)
    assert installed.run("prompt", stdin)[1][0] == installed.script("user_prompt_submit.py")
    assert installed.stdin == stdin
    assert installed.run("watch-prompt", stdin)[1][0] == installed.script("watch.py", "prompt")
    assert installed.stdin == stdin


@pytest.mark.parametrize("prompt", CONTROL)
def test_a_control_word_counts_while_the_chat_has_tasks(installed, prompt):
    assert installed.run("prompt", event(prompt)) == (0, [])
    (installed.host / "tasks").touch()
    assert installed.run("prompt", event(prompt))[1][0] == installed.script("user_prompt_submit.py")
    assert installed.stdin == event(prompt)


def test_claude_codes_own_notification_goes_on_while_the_chat_has_tasks(installed):
    (installed.host / "tasks").touch()
    assert installed.run("prompt", event("<task-notification>\n<summary>"))[1]


def test_other_talk_stays_out_while_the_chat_has_tasks(installed):
    (installed.host / "tasks").touch()
    for prompt in ("please review the code", "I said: answer x", "x" * 200_000):
        assert installed.run("prompt", event(prompt)) == (0, [])


def test_any_prompt_goes_on_untouched_when_there_is_news(installed):
    (installed.host / "news").touch()
    stdin = event("hello") + b"\n\n"
    assert installed.run("prompt", stdin)[1][0] == installed.script("user_prompt_submit.py")
    assert installed.stdin == stdin


@pytest.mark.parametrize("stdin", [b"", b"{", b'{"prompt": "hello"}', b"\xff\xfe dispatch", b'{"prompt":7}'])
def test_an_event_of_unknown_form_is_left_to_python(installed, stdin):
    assert installed.run("prompt", stdin)[1][0] == installed.script("user_prompt_submit.py")
    assert installed.stdin == stdin


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "no_SUCH.locale", ""])
def test_bytes_are_matched_and_the_locale_is_handed_on(installed, locale):
    stdin = event("é").replace("é".encode(), b"\xc3 dispatch \xff")
    status, (_, seen, *_) = installed.run("prompt", stdin, LC_ALL=locale)
    assert (status, seen, installed.stdin) == (0, locale, stdin)


def test_a_locale_that_was_not_set_stays_so(installed):
    assert installed.run("prompt", event("dispatch"))[1][1] == "none"


# watchers


def test_the_watcher_of_a_starting_session_needs_something_outstanding(installed):
    assert installed.run("watch-session-start") == (0, [])
    open(os.path.join(installed.dirs.state, "outstanding"), "w").close()
    assert installed.run("watch-session-start")[1][0] == installed.script("watch.py", "session-start")


@pytest.mark.parametrize(("word", "stdin"), [("stop", b"{}"), ("prompt", event("hello"))])
def test_the_watcher_of_a_turn_needs_tasks(installed, word, stdin):
    assert installed.run(f"watch-{word}", stdin) == (0, [])
    (installed.host / "tasks").touch()
    assert installed.run(f"watch-{word}", stdin)[1][0] == installed.script("watch.py", word)
    assert installed.stdin == stdin


@pytest.mark.parametrize("word", ["watch-session-start", "watch-prompt", "watch-stop"])
@pytest.mark.parametrize("ended", ["alive", "ended", "another", "", "0", "-1", "nonsense"])
def test_one_living_watcher_is_enough(installed, word, ended):
    open(os.path.join(installed.dirs.state, "outstanding"), "w").close()
    (installed.host / "tasks").touch()
    process = subprocess.Popen(["sleep", "60"])
    if ended == "ended":
        process.kill()
        process.wait()
    began = processes.started(process.pid) if ended == "alive" else "1"  # "another" got the pid of a killed one
    text = f"{process.pid}\n{began}\n" if ended in ("alive", "ended", "another") else ended
    (installed.host / "watching").write_text(text)
    try:
        assert bool(installed.run(word, event("dispatch"))[1]) == (ended != "alive")
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("status", ["0", "1", "2", "77"])
def test_the_watchers_exit_status_is_handed_on(installed, status):
    (installed.host / "tasks").touch()
    assert installed.run("watch-stop", FAKE_EXIT=status)[0] == int(status)
    (installed.host / "tasks").unlink()
    assert installed.run("watch-prompt", event("dispatch"), FAKE_EXIT=status)[0] == int(status)


# the commands in the settings

QUICK = ["SessionStart", "UserPromptSubmit", "Stop", "Notification", "SessionEnd"]
WATCHERS = ["SessionStart watch", "UserPromptSubmit watch", "Stop watch"]


def awake(installed):
    """As if everything had a reason to run."""
    for marker in ("news", "tasks"):
        (installed.host / marker).touch()
    open(os.path.join(installed.dirs.state, "outstanding"), "w").close()


def silent(done):
    return (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("name", [*QUICK, *WATCHERS])
def test_a_command_reaches_its_script(installed, name):
    awake(installed)
    done = installed.command(name, event("dispatch"))
    assert done.returncode == 0
    assert done.stdout.decode().startswith("-I -S " + resources.shared("hooks"))


@pytest.mark.parametrize("name", QUICK)
def test_a_quick_command_ends_well_and_keeps_errors_to_itself(installed, name):
    awake(installed)
    done = installed.command(name, event("dispatch"), FAKE_EXIT="2")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("name", WATCHERS)
@pytest.mark.parametrize("status", ["0", "1", "2", "77", "126", "143"])
def test_a_watcher_wakes_by_one_status_alone(installed, name, status):
    awake(installed)
    done = installed.command(name, event("dispatch"), FAKE_EXIT=status)
    assert done.returncode == (2 if status == "77" else 0)
    assert done.stderr == b"from python"


@pytest.mark.parametrize("name", [*QUICK, *WATCHERS])
def test_an_idle_command_does_nothing(installed, name):
    if name != "SessionStart":
        assert silent(installed.command(name, event("hello")))
        assert silent(installed.command(name, event("hello"), CLAUDE_PID=""))


@pytest.mark.parametrize("name", [*QUICK, *WATCHERS])
def test_a_command_outlives_our_folders(installed, name):
    awake(installed)
    installed.file.unlink()
    assert silent(installed.command(name, event("dispatch")))
    shutil.rmtree(installed.dirs.data)
    shutil.rmtree(installed.dirs.runtime)
    assert silent(installed.command(name, event("dispatch")))


@pytest.mark.parametrize("name", [*QUICK, *WATCHERS])
def test_a_command_ends_with_0_whatever_is_broken(installed, name):
    awake(installed)
    installed.python.unlink()
    assert (installed.command(name, event("dispatch")).returncode, name) == (0, name)
    for broken in ("if then (", "exec false\n", "exit 2\n", "exit 77x\n"):
        installed.file.write_text(broken)
        done = installed.command(name, event("dispatch"))
        assert (done.returncode, done.stdout) == (0, b"")


def test_a_missing_script_is_no_wake(by_sh):
    awake(by_sh)
    text = gate.gate_text(by_sh.dirs, sys.executable, "dispatch-hooks")
    by_sh.file.write_text(text.replace(shlex.quote(resources.shared("hooks")), "/no/such/folder"))
    assert subprocess.run([sys.executable, "/no/such/watch.py"], capture_output=True, check=False).returncode == 2
    assert by_sh.command("Stop watch").returncode == 0


@pytest.mark.parametrize("name", ["Stop watch", "UserPromptSubmit watch"])
def test_a_watcher_that_is_told_to_end_is_no_wake(by_sh, name):
    awake(by_sh)
    by_sh.python.write_text("#!/bin/sh\nkill -TERM $$\n")
    assert by_sh.command(name, event("dispatch")).returncode == 0


def test_a_command_that_is_told_to_end_is_no_wake(by_sh):
    awake(by_sh)
    by_sh.python.write_text('#!/bin/sh\necho here\nexec sleep 60\n')
    hook = settings.groups(by_sh.dirs)["Stop"]["hooks"][1]
    env = {"PATH": os.environ["PATH"], "CLAUDE_PID": HOST}
    process = subprocess.Popen(
        ["sh", "-c", hook["command"]], env=env, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout.readline() == b"here\n"
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(10) in (0, -signal.SIGTERM)
    process.stdout.close()
