"""dispatch-hooks as a plugin: its files, its gate, and the real Claude Code with it."""

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dispatch_hooks
from dispatch_hooks import plugin
from tests.harness.modelserver import hold, host, worker
from tests.harness.waiting import wait_until
from tests.product import Product
from tests.test_loop import ask, ticks

CHECKOUT = Path(__file__).parents[1]
FOLDERS = (".claude-plugin", "bin", "dispatch_hooks", "hooks", "schemas", "skills")
FILES = ("LICENSE", "README.md", "pyproject.toml")
HOST = "4242"


def manifest(name: str) -> dict:
    return json.loads((CHECKOUT / ".claude-plugin" / name).read_text())


# its files


def test_hooks_json_is_what_the_module_writes():
    assert (CHECKOUT / "hooks/hooks.json").read_text() == plugin.text(), "type: python -m dispatch_hooks.plugin"


def test_the_plugin_has_the_packages_version():
    assert manifest("plugin.json")["version"] == dispatch_hooks.__version__


def test_every_command_is_in_exec_form():
    groups = [group for listed in plugin.hooks()["hooks"].values() for group in listed]
    for entry in (entry for group in groups for entry in group["hooks"]):
        assert entry["command"] == "/bin/sh" and entry["args"][2] == "${CLAUDE_PLUGIN_ROOT}/hooks/plugin.sh"


# its gate


class Plugged:
    """A copy of the plugin, in a folder whose name is hard to quote, and its entries as Claude Code runs them."""

    def __init__(self, root: Path):
        self.root = root / "it's a \"$HOME\" `x` ü plugin"
        for name in FOLDERS:
            shutil.copytree(CHECKOUT / name, self.root / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(CHECKOUT / name, self.root)
        self.kept, self.home, self.bin = root / "kept it's", root / "home", root / "bin"
        self.home.mkdir(0o700)
        self.bin.mkdir()
        for name in ("cat", "mkdir"):
            (self.bin / name).symlink_to(shutil.which(name))
        self.seen = root / "seen"
        # What an installation for the terminal is: the libraries need not be fetched.
        self.program("dispatch-hooks", "exit 0")
        self.python("python3")

    def program(self, name: str, body: str) -> Path:
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    def python(self, name: str) -> None:
        """A python on PATH that notes its arguments."""
        self.program(name, f'echo "$*" >>{self.seen}\nexec {sys._base_executable} "$@"')

    def searches(self) -> int:
        return self.seen.read_text().count("remember.py") if self.seen.exists() else 0

    def run(self, word: str, stdin: str = "{}", **more: str):
        (args,) = (
            entry["args"]
            for group in plugin.hooks()["hooks"].values()
            for entry in group[0]["hooks"]
            if entry["args"][-1] == word
        )
        command = ["/bin/sh", *(arg.replace(plugin.ROOT, str(self.root)) for arg in args)]
        env = {"HOME": self.home, "PATH": self.bin, "CLAUDE_PID": HOST, "XDG_RUNTIME_DIR": self.home}
        env |= {"CLAUDE_PLUGIN_ROOT": self.root, "CLAUDE_PLUGIN_DATA": self.kept, **more}
        return subprocess.run(
            command, input=stdin, env={k: str(v) for k, v in env.items()}, capture_output=True, text=True, check=False
        )


@pytest.fixture
def plugged(tmp_path):
    return Plugged(tmp_path)


START = '{"session_id":"s","transcript_path":"/t","cwd":"/","hook_event_name":"SessionStart","source":"startup"}'
PROMPT = '{"session_id":"s","transcript_path":"/t","cwd":"/","hook_event_name":"UserPromptSubmit","prompt":"%s"}'
WORDS = ("session-start", "watch-session-start", "prompt", "watch-prompt", "stop", "watch-stop", "notification",
         "session-end")  # fmt: skip


def test_the_interpreter_is_found_once_and_remembered(plugged):
    for _ in range(2):
        done = plugged.run("session-start", START)
        assert (done.returncode, done.stdout) == (0, ""), done
        assert plugged.run("prompt", PROMPT % "dispatch nothing").returncode == 0
    assert plugged.searches() == 1
    assert f"python={sys._base_executable}\n" in (plugged.kept / "words").read_text()


def test_an_interpreter_that_has_gone_is_looked_for_again(plugged):
    plugged.run("session-start", START)
    words = plugged.kept / "words"
    words.write_text(words.read_text().replace(sys._base_executable, "/gone/python3"))
    plugged.run("session-start", START)
    assert plugged.searches() == 2
    assert f"python={sys._base_executable}\n" in words.read_text()


def test_another_version_in_another_folder_is_remembered_anew(plugged):
    plugged.run("session-start", START)
    old, plugged.root = plugged.root, plugged.root.with_name("0.2.0")
    old.rename(plugged.root)
    assert plugged.run("prompt", PROMPT % "dispatch nothing").returncode == 0
    assert plugged.searches() == 1
    plugged.run("session-start", START)
    assert plugged.searches() == 2
    stub = plugged.home / ".local/share/dispatch-hooks/bin/dispatch-hooks"
    assert str(plugged.root) in stub.read_text() and str(old) not in stub.read_text()


def test_without_a_python_the_person_is_told_and_no_prompt_looks_for_one(plugged):
    (plugged.bin / "python3").unlink()
    plugged.program("python3", f"echo old >>{plugged.seen}; exit 1")
    told = json.loads(plugged.run("session-start", START).stdout)
    assert "no Python 3.11 or newer" in told["systemMessage"]
    looked = plugged.seen.read_text()
    for word in WORDS[1:]:
        done = plugged.run(word, PROMPT % "dispatch opus to review it")
        assert (done.returncode, done.stdout) == (0, "")
    assert plugged.seen.read_text() == looked
    plugged.python("python3")
    assert plugged.run("session-start", START).stdout == ""
    assert plugged.searches() == 1


@pytest.mark.parametrize("text", [None, "if then (", "exit 2\n", "exit 1\n"])
def test_a_broken_plugin_ends_with_0(plugged, text):
    script = plugged.root / "hooks/plugin.sh"
    script.write_text(text) if text else script.unlink()
    for word in WORDS:
        done = plugged.run(word)
        assert (word, done.returncode, done.stdout) == (word, 0, "")


def test_only_a_watchers_private_code_wakes(plugged):
    plugged.run("session-start", START)
    words = plugged.kept / "words"
    (plugged.home / f"dispatch-hooks/hosts/{HOST}").mkdir(parents=True, exist_ok=True)
    (plugged.home / f"dispatch-hooks/hosts/{HOST}/tasks").touch()
    for code, ended in ((77, 2), (2, 0), (1, 0)):
        fake = plugged.program("fake", f"exit {code}")
        words.write_text(words.read_text().replace("python=", f"python={fake} #", 1))
        assert plugged.run("watch-stop").returncode == ended


def test_asking_needs_no_library(plugged, tmp_path):
    (plugged.bin / "dispatch-hooks").unlink()
    plugged.program("pip", "exit 1")
    (plugged.kept).mkdir()
    (plugged.kept / "libraries").write_text("in the way: nothing is fetched here")
    plugged.run("session-start", START)
    stub = plugged.home / ".local/share/dispatch-hooks/bin/dispatch-hooks"
    (tmp_path / "task/ipc").mkdir(parents=True)
    (tmp_path / "task/ipc/001.answer").write_text("3.1\n")
    (tmp_path / "task/ipc/001.question").write_text("{}")
    env = {"HOME": str(plugged.home), "PATH": "/bin:/usr/bin", "DISPATCH_HOOKS_FOLDER": str(tmp_path / "task")}
    done = subprocess.run(
        [stub, "ask", "--again", "1"], env=env, capture_output=True, text=True, check=False
    )
    assert done.stdout == "The person answers: 3.1\n", done.stderr


def test_the_libraries_are_fetched_once_beside_the_hooks(plugged, tmp_path):
    (plugged.bin / "dispatch-hooks").unlink()
    with zipfile.ZipFile(tmp_path / "typer-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("typer.py", "print('a library that could be fetched')\nraise SystemExit\n")
        wheel.writestr("typer-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: typer\nVersion: 1.0\n")
        wheel.writestr("typer-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("typer-1.0.dist-info/RECORD", "")
    (plugged.root / "pyproject.toml").write_text('[project]\ndependencies = ["typer"]\n')
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": tmp_path.as_uri(), "PIP_CONFIG_FILE": "/dev/null"}
    assert plugged.run("session-start", START, **offline).stdout == ""
    kept = plugged.kept
    wait_until((kept / "libraries/bin/python").exists, 120, (kept / "libraries.log").read_text)
    stub = plugged.home / ".local/share/dispatch-hooks/bin/dispatch-hooks"
    assert stub.parent.parent.stat().st_mode & 0o077 == 0
    env = {"HOME": str(plugged.home)}
    done = subprocess.run([stub, "status"], env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "a library that could be fetched\n", done.stderr
    assert (kept / "libraries/wanted").read_text() == "typer"


def test_without_its_libraries_a_command_says_what_to_do(plugged):
    (plugged.bin / "dispatch-hooks").unlink()
    plugged.run("session-start", START, PIP_NO_INDEX="1")
    wait_until(lambda: "No matching distribution" in (plugged.kept / "libraries.log").read_text(), 120)
    stub = plugged.home / ".local/share/dispatch-hooks/bin/dispatch-hooks"
    env = {"HOME": str(plugged.home), "PYTHONNOUSERSITE": "1"}
    done = subprocess.run([stub, "status"], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "type: pipx install dispatch-hooks" in done.stderr


# the real Claude Code with it

ID = "dispatch-hooks@dispatch-hooks"


class Plugin(Product):
    """dispatch-hooks in a sandbox as a plugin, and nothing else of it."""

    def __init__(self, sandbox):
        super().__init__(sandbox)
        self.source = sandbox.root / "source of it"
        for name in FOLDERS:
            shutil.copytree(CHECKOUT / name, self.source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in FILES:
            shutil.copy(CHECKOUT / name, self.source)
        self.kept = sandbox.claude_dir / "plugins/data/dispatch-hooks-dispatch-hooks"

    def claude(self, *args: str) -> str:
        done = self.sandbox.run("claude", "plugin", *args)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def add(self, scope: str = "user") -> None:
        self.claude("marketplace", "add", str(self.source), "--scope", scope)
        self.claude("install", ID, "--scope", scope)

    def publish(self) -> dict:
        """Commits the source to its own repository; where a marketplace finds it."""
        git = ["git", "-C", str(self.source)]
        for args in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "as it is"]):
            done = self.sandbox.run(*git, *args)
            assert done.returncode == 0, done.stderr
        return {"source": "url", "url": self.source.as_uri().replace("%20", " ")}

    def remove(self, scope: str = "user") -> None:
        self.claude("uninstall", ID, "--scope", scope)


@pytest.fixture
def plugin_only(claude):
    return Plugin(claude)


def test_claude_code_finds_the_plugin_valid(plugin_only):
    said = plugin_only.claude("validate", "--strict", str(plugin_only.source))
    assert "Validation passed" in said and "dispatch-hooks:dispatch" in said


def test_the_whole_loop_with_the_plugin_alone(chat, plugin_only, server):
    server.rule(
        worker("write the api docs"),
        ask("Which OpenAPI version?", "3.0", "3.1"),
        lambda request: ticks("write-api-docs", "told: " + request.tool_results[-1].split(": ")[-1].strip()),
        "done",
    )
    server.rule(host("task-notification"), "A worker has a question for you.", repeat=True)
    plugin_only.add()
    here = chat()
    here.say("/dispatch use opus to write the api docs")
    here.wait_for("Dispatched write-api-docs")
    here.wait_for("A worker has a question for you.")
    here.wait_for("Which OpenAPI version?")
    here.say("answer: 2")
    here.wait_for("answered write-api-docs: 3.1.")
    assert plugin_only.wait("write-api-docs", "finished")["summary"] == "told: 3.1"
    here.wait_for("write-api-docs finished")
    assert (plugin_only.kept / "words").exists()


def test_a_plugin_from_git_in_one_project_and_its_update(chat, plugin_only, server):
    """As from a public forge: Claude Code clones it into a folder of its own, another for each version."""
    server.rule(worker("audit"), hold("never"), repeat=True)
    market = plugin_only.sandbox.root / "market/.claude-plugin"
    market.mkdir(parents=True)
    listed = {**manifest("marketplace.json")["plugins"][0], "source": plugin_only.publish()}
    (market / "marketplace.json").write_text(json.dumps({**manifest("marketplace.json"), "plugins": [listed]}))
    plugin_only.claude("marketplace", "add", str(market.parent))
    plugin_only.claude("install", ID, "--scope", "project")
    here = chat()
    here.say("dispatch opus to audit the login")
    here.wait_for("Dispatched audit-login")
    assert f"/{dispatch_hooks.__version__}/hooks" in (plugin_only.kept / "words").read_text()

    file = plugin_only.source / ".claude-plugin/plugin.json"
    file.write_text(file.read_text().replace(dispatch_hooks.__version__, "99.0.0"))
    plugin_only.publish()
    plugin_only.claude("update", ID, "--scope", "project")
    here.exit()
    here.start()
    here.say("dispatch opus to audit the sessions")
    here.wait_for("Dispatched audit-sessions")
    assert "/99.0.0/hooks" in (plugin_only.kept / "words").read_text()
    assert {name: task["state"] for name, task in plugin_only.tasks().items()} == dict.fromkeys(
        ("audit-login", "audit-sessions"), "running"
    )


def test_plugin_and_settings_side_by_side_handle_an_event_once(chat, plugin_only, server):
    server.rule(worker("review the auth module"), ticks("review-auth-module", "two weak spots"), "done")
    server.rule(host("task-notification"), "It is done.", repeat=True)
    plugin_only.install().add()
    here = chat()
    here.say("dispatch opus to review the auth module")
    here.wait_for("Dispatched review-auth-module (opus, 1 step).")
    plugin_only.wait("review-auth-module", "finished")
    here.wait_for("It is done.")
    here.wait_idle()
    assert list(plugin_only.tasks()) == ["review-auth-module"]
    assert server.calls(worker("review the auth module")) == 2
    assert server.calls(host("task-notification")) == 1
    assert here.history().count("Dispatched review-auth-module") == 1


def test_a_chat_outlives_the_plugin_and_so_does_its_worker(chat, plugin_only, server):
    server.rule(worker("audit the login"), hold("go", ticks("audit-login", "all is well")), "done")
    plugin_only.add()
    here = chat()
    here.say("dispatch opus to audit the login")
    plugin_only.wait("audit-login", "running")
    plugin_only.remove()
    server.rule(host("hello"), "hello yourself", repeat=True)
    here.say("hello")
    here.wait_for("hello yourself")
    here.wait_idle()
    assert "hook failed" not in here.screen()
    shutil.rmtree(plugin_only.source)
    here.say("hello again")
    server.wait_for(host("hello again"))
    here.wait_idle()
    server.release("go")
    wait_until(lambda: plugin_only.status("audit-login")["state"] in ("finished", "failed"))
    here.exit()
    plugin_only.sandbox.wait_alone()
    assert plugin_only.status("audit-login")["state"] == "finished"
    assert server.calls(host()) <= 3  # two prompts, and one wake of the watcher that was there
