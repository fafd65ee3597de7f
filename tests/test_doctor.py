"""doctor: each thing that can be wrong is found, with what to type, and what it mends is mended."""

import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import pytest

from dispatch_hooks import doctor, files, gate, inbox, install, paths, processes, resources, schemas, settings, tasks
from dispatch_hooks import hosts as running
from dispatch_hooks.doctor import claude, events, installation, plugged, records, workers
from dispatch_hooks.doctor.ground import Finding, Ground
from tests.harness.waiting import wait_until

ROOT = Path(__file__).parents[1]


class World:
    """A person's folders, a project, and the checks on them, in this process."""

    def __init__(self, root: Path):
        self.root = root
        self.home, self.project, self.bin = root / "home", root / "project", root / "bin"
        self.managed = root / "managed"
        for folder in (self.home, self.project, self.bin):
            folder.mkdir()
        self.dirs = paths.dirs()
        self.env = {"HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin", paths.ENV: paths.join(self.dirs)}
        self.cwd = self.project
        self.program("dispatch-hooks", "exit 0")

    def ground(self) -> Ground:
        project = tasks.project_of(str(self.cwd))
        return Ground(
            self.dirs, str(self.cwd), project, str(self.home), self.env, str(self.managed), time.time()
        )

    def program(self, name: str, body: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.bin / name).chmod(0o755)

    def install(self, scope: str = "user") -> Path:
        where = {"project": str(self.cwd), "home": str(self.home), "dirs": self.dirs, "environ": self.env}
        install.install(scope, **where)
        return self.settings(scope)

    def settings(self, scope: str = "user") -> Path:
        return Path(install.place(scope, str(self.cwd), str(self.home), self.env).settings)

    def change(self, scope: str, change) -> None:
        path = self.settings(scope)
        value = json.loads(path.read_text()) if path.exists() else {}
        change(value)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=2))

    def look(self, *checks) -> list[Finding]:
        return doctor.examine(self.ground(), checks or doctor.CHECKS)

    def wrong(self, *checks) -> list[tuple[str, str, str | None]]:
        return [(f.state, f.text, f.fix) for f in self.look(*checks) if f.state != "ok"]


@pytest.fixture
def world(tmp_path, monkeypatch):
    folders = [tmp_path / "home" / name for name in (".config/dh", ".local/state/dh", "run", ".local/share/dh")]
    monkeypatch.setenv(paths.ENV, "\n".join(map(str, folders)))
    return World(tmp_path)


def one(found: list[tuple], state: str, *words: str) -> str | None:
    """The fix of the only finding that is not well, which has the state and says the words."""
    [(said, text, fix)] = found
    assert said == state
    for word in words:
        assert word in text
    return fix


# ---- installation


def test_a_sound_installation_has_nothing_wrong(world):
    world.install()
    found = world.look(
        installation.interpreter, installation.folders, installation.hooks, installation.skill, installation.name,
        claude.switches, events.samples, events.entries,
    )  # fmt: skip
    assert [f.text for f in found if f.state != "ok"] == []
    assert len(found) == 12


def test_without_an_installation_it_says_what_to_type(world):
    assert one(world.wrong(installation.hooks), "fail", "no hooks of ours") == "dispatch-hooks install"
    assert world.look(installation.interpreter, installation.folders, installation.skill, installation.name) == []


def test_a_missing_event_is_found_and_mended(world):
    world.install()
    world.change("user", lambda value: value["hooks"].pop("Stop"))
    assert one(world.wrong(installation.hooks), "fail", "incomplete: Stop is missing") == (
        "dispatch-hooks install --scope user"
    )
    assert doctor.mend(world.look(installation.hooks))[0].startswith("mended: ")
    assert world.wrong(installation.hooks) == []


def test_an_old_entry_is_found_and_mended_and_foreign_ones_stay(world):
    foreign = {"hooks": [{"type": "command", "command": "say done"}]}
    world.change("project", lambda value: value.update({"hooks": {"Stop": [foreign]}}))
    world.install("project")
    world.change("project", lambda value: value["hooks"]["Stop"][1]["hooks"][0].update(timeout=5))
    fix = one(world.wrong(installation.hooks), "fail", "another version's")
    assert fix == "dispatch-hooks install --scope project"
    doctor.mend(world.look(installation.hooks))
    assert world.wrong(installation.hooks) == []
    assert json.loads(world.settings("project").read_text())["hooks"]["Stop"][0] == foreign


def test_entries_that_stand_there_twice_are_found(world):
    world.install()
    world.change("user", lambda value: value["hooks"]["Stop"].append(value["hooks"]["Stop"][0]))
    one(world.wrong(installation.hooks), "fail", "10 entries of ours where 8 belong")


def test_two_installs_are_well_and_said(world):
    world.install()
    world.install("local")
    found = world.look(installation.hooks)
    assert {f.state for f in found} == {"ok"}
    assert "installed 2 times (user and local)" in found[-1].text


def test_local_settings_of_the_repository_count_in_its_subfolders(world):
    (world.project / ".git").mkdir()
    (world.project / ".git/HEAD").touch()
    world.install("local")
    (world.project / "sub").mkdir()
    world.cwd = world.project / "sub"
    assert world.wrong(installation.hooks) == []
    (world.project / ".claude/settings.local.json").write_text(
        (world.project / ".claude/settings.local.json").read_text().replace("session-end", "session-ond")
    )
    fix = one(world.wrong(installation.hooks), "fail", "another version's")
    assert fix == f"cd {world.project} && dispatch-hooks install --scope local"


def test_settings_that_are_no_json_are_told_once(world):
    world.install()
    world.install("project")
    world.settings("project").write_text('{"hooks": {,}}')
    found = world.wrong(installation.hooks, installation.skill, installation.name, claude.switches, events.entries)
    one(found, "fail", "cannot read its settings", str(world.settings("project")), "line 1, column 12")


def edit_gate(world, old: str, new: str) -> None:
    path = Path(settings.gate_file(world.dirs))
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_python_that_is_gone_is_found(world):
    world.install()
    edit_gate(world, f"python={gate.interpreter()}", "python=/gone/python3")
    assert one(world.wrong(installation.interpreter), "fail", "/gone/python3") == "dispatch-hooks install"


def test_a_python_that_cannot_run_the_hooks_is_found(world):
    world.install()
    world.program("false-python", "echo it cannot >&2; exit 3")
    edit_gate(world, f"python={gate.interpreter()}", f"python={world.bin}/false-python")
    one(world.wrong(installation.interpreter), "fail", "false-python cannot run the hooks", "it cannot")


def test_hooks_that_are_gone_are_found(world):
    world.install()
    edit_gate(world, f"hooks={resources.shared('hooks')}", "hooks=/gone/hooks")
    one(world.wrong(installation.interpreter), "fail", "/gone/hooks")


def test_an_outdated_gate_is_found_and_mended(world):
    world.install()
    edit_gate(world, "#!/bin/sh\n", "#!/bin/sh\n# of an older version\n")
    one(world.wrong(installation.hooks), "warn", "outdated", "gate.sh")
    doctor.mend(world.look(installation.hooks))
    assert world.wrong(installation.hooks) == []


def test_hooks_with_other_folders_than_the_command_are_found(world):
    world.install()
    edit_gate(world, world.dirs.state, "/elsewhere/state")
    one(world.wrong(installation.folders), "fail", "state folder is /elsewhere/state", world.dirs.state)


def test_a_path_with_spaces_and_quotes_is_read_from_the_gate(world):
    world.install()
    edit_gate(world, f"hooks={resources.shared('hooks')}", "hooks='/a b/it'\"'\"'s/hooks'")
    assert installation.baked(world.ground())["hooks"] == "/a b/it's/hooks"


@pytest.mark.parametrize("text", [None, "---\nname: dispatch\n---\nanother's\n"])
def test_a_missing_skill_is_found(world, text):
    world.install()
    skill = world.home / ".claude/skills/dispatch/SKILL.md"
    skill.unlink() if text is None else skill.write_text(text)
    fix = one(world.wrong(installation.skill), "fail", "/dispatch is unknown")
    assert fix == "dispatch-hooks install --scope user"


def test_rules_for_a_name_that_is_not_on_path_are_found(world):
    world.install()
    assert world.wrong(installation.name) == []
    (world.bin / "dispatch-hooks").unlink()
    one(world.wrong(installation.name), "warn", "dispatch-hooks, which is not on PATH")
    world.install()
    assert world.wrong(installation.name) == []


def test_a_file_in_a_repository_starts_nothing(world):
    world.install()
    evil = {"type": "command", "command": f"touch {world.root}/pwned {settings.MARK}"}
    world.change("project", lambda value: value.update({"hooks": {"Stop": [{"hooks": [evil]}]}}))
    found = world.wrong(installation.hooks, events.samples, events.entries)
    one(found, "fail", "incomplete")
    assert not (world.root / "pwned").exists()


# ---- Claude Code's switches and version


@pytest.mark.parametrize("name", claude.SWITCHES)
@pytest.mark.parametrize(("value", "off"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_a_mode_without_hooks_is_found(world, name, value, off):
    world.env[name] = value
    found = world.wrong(claude.switches)
    assert bool(found) == off
    if off:
        assert one(found, "fail", name) == f"unset {name}"


@pytest.mark.parametrize("scope", install.SCOPES)
def test_disabled_hooks_are_found(world, scope):
    world.change(scope, lambda value: value.update(disableAllHooks=True))
    one(world.wrong(claude.switches), "fail", "disableAllHooks", world.settings(scope).name)


@pytest.mark.parametrize("key", ["disableAllHooks", "allowManagedHooksOnly"])
@pytest.mark.parametrize("name", ["managed-settings.json", "managed-settings.d/50-hooks.json"])
def test_an_administrators_switch_is_found(world, key, name):
    path = world.managed / name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({key: True}))
    one(world.wrong(claude.switches), "fail", str(path), key)


def test_managed_settings_that_cannot_be_read_are_said(world):
    world.managed.mkdir()
    (world.managed / "managed-settings.json").write_text("{")
    one(world.wrong(claude.switches), "warn", "cannot tell", "managed-settings.json")


def test_managed_settings_that_allow_hooks_are_well(world):
    world.managed.mkdir()
    (world.managed / "managed-settings.json").write_text('{"allowManagedHooksOnly": false, "model": "opus"}')
    assert world.wrong(claude.switches) == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("echo '2.1.330 (Claude Code)'", None),
        ("echo '2.2.0 (Claude Code)'", None),
        ("echo '2.1.99 (Claude Code)'", "2.1.99; before 2.1.330 nothing is tested"),
        ("echo hello", "does not tell its version"),
        ("echo broken >&2; exit 1", "does not tell its version: broken"),
    ],
)
def test_the_version_of_claude_code(world, body, words):
    world.program("claude", body)
    found = world.wrong(claude.version)
    assert found == [] if words is None else one(found, "warn", words) == "claude update"


# ---- our hooks, run


def test_samples_run_every_hook_and_touch_nothing_of_the_persons(world):
    before = sorted(world.root.rglob("*"))
    found = world.look(events.samples)
    assert [f.check for f in found] == [f"{event} hook" for event in events.SAMPLES]
    assert {f.state for f in found} == {"ok"}, found
    assert sorted(world.root.rglob("*")) == before


SAYS = 'import json; print(json.dumps({}))'


@pytest.mark.parametrize(
    ("script", "body", "words"),
    [
        ("stop.py", "raise SystemExit(3)", "exit status 3"),
        ("stop.py", "import sys; sys.stderr.write('a warning')", "a warning"),
        ("stop.py", "print('chatter')", "printed 'chatter"),
        ("stop.py", "import no_such_module", "No module named"),
        ("notification.py", "print('{')", "no JSON"),
        ("notification.py", "pass", "printed nothing of the news"),
        ("notification.py", SAYS.format({"systemMessage": "x"}), "systemMessage"),
        ("user_prompt_submit.py", SAYS.format({"decision": "block", "reason": "x"}), "is not valid"),
    ],
)
def test_a_hook_that_does_wrong_is_found(world, monkeypatch, script, body, words):
    hooks = world.root / "copy" / "hooks"
    shutil.copytree(resources.shared("hooks"), hooks)
    (world.root / "copy" / "dispatch_hooks").symlink_to(ROOT / "dispatch_hooks")
    (hooks / script).write_text(body)
    world.install()
    edit_gate(world, f"hooks={resources.shared('hooks')}", f"hooks={hooks}")
    [(state, text, fix)] = [each for each in world.wrong(events.samples) if script in each[1]]
    assert state == "fail"
    assert words in text
    assert fix == "dispatch-hooks install"


def test_a_hook_that_logs_a_fault_is_found(world, monkeypatch):
    monkeypatch.setattr(events, "SLOW", 60.0)  # the others, on a busy machine
    copy = world.root / "copy"
    shutil.copytree(ROOT / "dispatch_hooks", copy / "dispatch_hooks", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(resources.shared("hooks"), copy / "hooks")
    (copy / "dispatch_hooks/host/stop.py").write_text("EVENT = \"Stop\"\n\n\ndef handle(event, env, now):\n    1 / 0\n")
    world.install()
    edit_gate(world, f"hooks={resources.shared('hooks')}", f"hooks={copy}/hooks")
    one(world.wrong(events.samples), "fail", "stop.py", "ZeroDivisionError")


def test_a_gate_that_complains_is_found(world):
    world.install()
    gate_file = Path(settings.gate_file(world.dirs))
    gate_file.write_text("#!/bin/sh\nif\n")
    one(world.wrong(events.entries), "fail", "SessionStart", "gate.sh")


def test_entries_without_a_gate_still_end_well(world):
    world.install()
    Path(settings.gate_file(world.dirs)).unlink()
    [found] = world.look(events.entries)
    assert found.state == "ok"
    assert "8 commands" in found.text


# ---- workers


def configure(world, text: str) -> None:
    path = Path(paths.config_file())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_no_configuration_and_a_sound_one_are_well(world):
    assert world.wrong(workers.config, workers.names) == []
    configure(world, '[aliases.sec]\nmodel = "opus"\n')
    assert world.wrong(workers.config, workers.names) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("wake = [", ("Invalid value", "the defaults are in force")),
        ("max_parallel = 'six'\n", ("it should be a whole number", "the defaults are in force")),
        ('wake = "all"\nwake = "off"\n', ("at line 2",)),
        ('wak = "all"\n', ("wak: there is no such key; do you mean wake?",)),
        ("max_parallel = 0\n", ("max_parallel: it should be 1 or more",)),
    ],
)
def test_a_broken_configuration_is_found(world, text, words):
    configure(world, text)
    assert one(world.wrong(workers.config), "fail", *words).endswith(paths.config_file())


@pytest.mark.parametrize(
    ("text", "state", "words"),
    [
        ('default = "gtp"\n', "fail", 'default = gtp: "gtp" is not available here'),
        ('[aliases.sec]\nmodel = "gtp"\n', "warn", 'aliases.sec = sec: "gtp" is not available here'),
        ('[models.fast]\nbackend = "mycli"\n', "warn", 'models.fast = fast: there is no backend "mycli"'),
    ],
)
def test_a_name_that_means_nothing_is_found(world, text, state, words):
    configure(world, text)
    assert one(world.wrong(workers.names), state, words).startswith("dispatch-hooks config ")


def test_a_missing_program_fails_only_for_the_default(world):
    one(world.wrong(workers.programs), "fail", "claude (the default): claude is not on PATH")
    other = '[backends.other]\ncommand = ["not-there"]\n'
    configure(world, f'default = "my"\n[backends.my]\ncommand = ["dispatch-hooks"]\n{other}')
    found = world.wrong(workers.programs)
    assert [(state, text.split(":")[0]) for state, text, _ in found] == [
        ("warn", "claude (tasks that name it cannot start)"), ("warn", "other (tasks that name it cannot start)"),
    ]  # fmt: skip


CLAUDE = """\
echo "$@" >> {log}
case "$1" in
--version) echo '{version} (Claude Code)' ;;
auth) [ -n "$ANTHROPIC_API_KEY" ] && yes=true || yes=false
    echo '{{"loggedIn": '$yes', "authMethod": "api_key"}}'; $yes ;;
esac"""


def fake_claude(world, version="2.1.330") -> Path:
    log = world.root / "claude.log"
    world.program("claude", CLAUDE.format(log=log, version=version))
    return log


def test_a_worker_that_is_not_logged_in_is_found(world):
    fake_claude(world)
    assert one(world.wrong(workers.login), "warn", "not logged in") == "claude auth login"
    world.env["ANTHROPIC_API_KEY"] = "x"
    assert world.wrong(workers.login) == []


def test_a_key_that_workers_do_not_get_does_not_count(world):
    fake_claude(world)
    world.env["ANTHROPIC_API_KEY"] = "x"
    configure(world, '[env]\ndrop = ["ANTHROPIC_API_KEY"]\n')
    one(world.wrong(workers.login), "warn", "not logged in, as workers would start it")


def test_an_older_claude_is_not_asked_for_its_login(world):
    """It might take the words for a prompt, and that costs."""
    log = fake_claude(world, "2.0.1")
    assert world.look(workers.login) == []
    assert log.read_text() == "--version\n"


def test_a_claude_that_does_not_tell_its_login_is_said(world):
    world.program("claude", "[ $1 = --version ] && echo 2.1.330 || echo whatever")
    one(world.wrong(workers.login), "warn", "does not tell")


# ---- records


def test_folders_that_others_may_read_are_found_and_mended(world):
    for folder in world.dirs[1:]:
        os.makedirs(folder, mode=0o755)
        os.chmod(folder, 0o755)
    found = world.look(records.folders)
    assert [f.state for f in found] == ["fail"] * 3
    assert found[0].fix == f"chmod 700 {world.dirs.state}"
    doctor.mend(found)
    assert world.wrong(records.folders) == []


def test_a_folder_of_somebody_else_is_found(world, monkeypatch):
    os.makedirs(world.dirs.state, mode=0o700)
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    one(world.wrong(records.folders), "fail", f"{world.dirs.state} belongs to another user")


def test_a_folder_that_others_could_put_aside_is_found(world):
    os.makedirs(world.dirs.runtime, mode=0o700)
    assert world.wrong(records.folders) == []
    world.home.chmod(0o777)
    found = world.wrong(records.folders)
    world.home.chmod(0o700)
    one(found, "warn", "can be put aside by others", str(world.home))


@pytest.mark.parametrize("kind", ["file", "link"])
def test_something_else_in_place_of_a_folder_is_found(world, kind):
    path = Path(world.dirs.runtime)
    path.touch() if kind == "file" else path.symlink_to(world.project)
    one(world.wrong(records.folders), "fail", "is no folder that can be written to")


def test_a_folder_that_cannot_be_made_is_found(world):
    (world.home / ".local").write_text("in the way")
    found = world.wrong(records.folders)
    assert [state for state, _, _ in found] == ["fail", "fail"]
    assert f"cannot be made in {world.home}/.local" in found[0][1]


def test_a_full_disk_is_found(world, monkeypatch):
    os.makedirs(world.dirs.state, mode=0o700)
    full = os.statvfs(world.dirs.state)
    fields = list(full)
    fields[4] = 0  # f_bavail
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(fields))
    assert one(world.wrong(records.folders), "fail", "is full").startswith("df -h ")


def test_git_and_the_repository(world):
    one(world.wrong(records.git), "warn", "no git repository")
    (world.project / ".git").mkdir()
    one(world.wrong(records.git), "warn", "no git repository")
    (world.project / ".git/HEAD").touch()
    assert world.wrong(records.git) == []
    world.env["PATH"] = str(world.bin)
    one(world.wrong(records.git), "warn", "git is not on PATH")


def ground_of(lab, env=None) -> Ground:
    where = str(lab.project)
    return Ground(paths.dirs(), where, where, str(lab.root), env or dict(os.environ), "/none", time.time())


def test_a_task_without_its_supervisor_is_found_and_mended(lab):
    lab.script("lasting", "sleep 60")
    [folder] = lab.dispatch("lasting")
    lab.wait(folder, "running")
    assert [f.state for f in records.tasks(ground_of(lab))] == ["ok"]
    os.kill(tasks.status(folder)["supervisor"]["pid"], 9)
    wait_until(lambda: not tasks.supervised(folder))
    [found] = records.tasks(ground_of(lab))
    assert (found.state, found.fix) == ("warn", "dispatch-hooks doctor --fix")
    assert "1 of 1 tasks on the active list have no supervisor: lasting-1-1" in found.text
    assert tasks.status(folder)["state"] == "running"  # a look changes nothing
    doctor.mend([found])
    assert tasks.status(folder)["state"] == "lost"
    assert [f.state for f in records.tasks(ground_of(lab))] == ["ok"]


def test_an_entry_of_the_active_list_without_a_task_is_found_and_mended(lab):
    files.write(os.path.join(paths.dirs().state, "active", "gone~gone"), "x")
    [found] = records.tasks(ground_of(lab))
    assert found.state == "warn"
    doctor.mend([found])
    assert tasks.active() == []


def test_chats_that_ended_without_a_word_are_said_and_cleared(world):
    host = {"pid": 999_999_999, "started": "1", "boot": processes.boot(), "machine": processes.machine()}
    files.write_json(running.place(host["pid"], "host.json"), host)
    files.write_json(running.place(os.getpid(), "host.json"), processes.identity(os.getpid()))
    [found] = world.look(records.hosts)
    assert found.text.startswith("1 running, 0 of them watched; 1 ended without a word")
    doctor.mend([found])
    assert os.listdir(running.top()) == [str(os.getpid())]
    [found] = world.look(records.hosts)
    assert found.text == "1 running, 0 of them watched"


def test_news_of_closed_chats_are_said(world):
    event = {
        "key": "p~t", "task": "t", "run": 1, "kind": "finished", "chat": "closed", "project": str(world.project),
        "model": "opus", "text": "", "made": 1.0,
    }  # fmt: skip
    inbox.post(event)
    [found] = world.look(records.news)
    assert found.state == "ok"
    assert found.text == f"1 news of closed chats wait for the next chat in {world.project}"
    assert found.fix == f"cd {world.project} && claude"


def test_a_moved_project_is_found(world):
    tasks.create({"id": "one", "project": "/was/here once"})
    assert one(world.wrong(records.projects), "warn", "/was/here once is not there any more, 1 tasks") == (
        "dispatch-hooks relink '/was/here once' NEW_FOLDER"
    )


def test_task_folders_that_came_with_a_repository_are_said_and_left(world):
    task = {"id": "mine", "project": str(world.project)}
    tasks.create(task)
    tasks.lay_out(task, "")
    assert [f.text for f in world.look(records.foreign)] == ["every task folder here is known"]
    (world.project / ".dispatch/tasks/theirs").mkdir()
    one(world.wrong(records.foreign), "warn", "1 task folders", "are not ours and are left alone: theirs")
    assert (world.project / ".dispatch/tasks/theirs").exists()


@pytest.mark.parametrize("name", [".dispatch", ".dispatch/tasks"])
def test_a_link_in_place_of_the_folder_is_found(world, name):
    (world.root / "elsewhere").mkdir()
    path = world.project / name
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(world.root / "elsewhere")
    one(world.wrong(records.foreign), "fail", "is a link")


def test_a_project_without_dispatch_has_nothing_to_say(world):
    assert world.look(records.foreign) == []


def test_the_faults_of_the_last_day_are_counted(world):
    log = Path(world.dirs.state) / "log.txt"
    log.parent.mkdir(parents=True)
    old, new = (time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - age)) for age in (90_000, 60))
    log.write_text(f"{old} stop.py: long ago\n")
    assert world.wrong(records.log) == []
    log.write_text(f"{old} stop.py: old\n{new} stop.py: Traceback\n  a line of it\n{new} stop.py: a \x1b[31mfault\n")
    assert one(world.wrong(records.log), "warn", "2 entries in the last day", "fault") == f"tail -50 {log}"


# ---- the whole


def test_a_check_that_cannot_look_stops_no_other(world):
    def broken(ground):
        raise ValueError("odd")

    found = world.look(broken, records.git)
    assert (found[0].check, found[0].state, found[0].text) == ("broken", "fail", "cannot look: ValueError: odd")
    assert found[1].check == "git"


def test_what_cannot_be_mended_is_said(world):
    def mend():
        raise PermissionError(1, "Operation not permitted")

    [said] = doctor.mend([Finding("x", "fail", "a thing", None, mend)])
    assert said.startswith("cannot mend: a thing: ")


def test_doctor_json_fits_its_schema_and_its_exit_status(bare):
    done = bare("doctor", "--json")
    report = json.loads(done.stdout)
    assert schemas.wrong("doctor", report) == ""
    assert (done.returncode, report["ok"]) == (1, False)
    fail = [f for f in report["findings"] if f["state"] == "fail"]
    assert [f["check"] for f in fail] == ["hooks", "worker CLIs"]


def test_install_ends_with_what_to_do_next_and_doctor_is_content(bare):
    (bare.sandbox.bin / "claude").write_text("#!/bin/sh\n" + CLAUDE.format(log="/dev/null", version="2.1.330"))
    (bare.sandbox.bin / "claude").chmod(0o755)
    done = bare("install")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"created: {bare.sandbox.settings_file}" in done.stdout
    assert "dispatch opus to review the auth module" in done.stdout
    done = bare("doctor")
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1].endswith("1 to know of")  # the project is no git repository
    assert bare("install").stdout.startswith("nothing to change\n")


def test_doctor_fix_mends_what_is_safe(bare):
    bare("install")
    settings_file = bare.sandbox.settings_file
    settings_file.write_text(settings_file.read_text().replace("session-end", "session-ond"))
    bare.state.chmod(0o755)
    done = bare("doctor")
    assert "others may look into the state folder" in done.stdout
    assert f"type: chmod 700 {bare.state}" in done.stdout
    assert re.search(r"dispatch-hooks doctor --fix mends [2-9] of them$", done.stdout)
    done = bare("doctor", "--fix")
    mended = [line for line in done.stdout.splitlines() if line.startswith("mended: ")]
    assert len([line for line in mended if "felt in a chat" not in line]) == 2  # a busy machine's hooks are slow
    assert bare.state.stat().st_mode & 0o777 == 0o700
    assert "session-end" in settings_file.read_text()


def test_a_worker_mends_installs_and_uninstalls_nothing(bare):
    bare("install")
    bare.state.chmod(0o755)
    before = bare.sandbox.settings_file.read_text()
    inside = {"env": {"DISPATCH_HOOKS_TASK": "some-task"}}
    for args in (("doctor", "--fix"), ("install", "--scope", "project"), ("uninstall",)):
        done = bare(*args, **inside)
        assert done.returncode == 1
        assert "a worker cannot" in done.stderr
    assert bare("doctor", **inside).returncode == 1  # a look is allowed
    assert bare.state.stat().st_mode & 0o777 == 0o755
    assert bare.sandbox.settings_file.read_text() == before


def test_dry_run_prints_the_change_and_makes_none(bare):
    done = bare("install", "--dry-run")
    assert done.returncode == 0
    assert f"created: {bare.sandbox.settings_file}" in done.stdout
    assert '+    "UserPromptSubmit": [' in done.stdout
    assert not bare.sandbox.settings_file.exists()
    assert not bare.data.exists()
    bare("install")
    done = bare("uninstall", "--dry-run")
    assert f"removed: {bare.sandbox.settings_file}" in done.stdout
    assert bare.sandbox.settings_file.exists()


def test_uninstall_gives_the_settings_back(bare):
    mine = '{ "model" : "opus" }'
    bare.sandbox.settings_file.write_text(mine)
    bare("install")
    assert bare.sandbox.settings_file.read_text() != mine
    assert bare("uninstall").returncode == 0
    assert bare.sandbox.settings_file.read_text() == mine


def test_an_unknown_scope_is_refused_by_both(bare):
    for verb in ("install", "uninstall"):
        done = bare(verb, "--scope", "world")
        assert done.returncode == 1
        assert "there is no scope world: type --scope user or --scope project or --scope local" in done.stderr


def test_a_purge_while_tasks_run_is_refused(bare):
    bare("install")
    files.write(str(bare.state / "active/project~some-task"), "x")
    done = bare("uninstall", "--purge")
    assert done.returncode == 1
    assert "1 tasks are active (some-task); first type: dispatch-hooks cancel some-task" in done.stderr
    assert bare.sandbox.settings_file.exists()


def test_doctor_is_content_beside_the_real_claude_code(product):
    (product.sandbox.project / ".git").mkdir()
    (product.sandbox.project / ".git/HEAD").touch()
    done = product("doctor", "--json")
    found = json.loads(done.stdout)["findings"]
    assert [f for f in found if f["state"] != "ok"] == []
    login = {"check": "login", "state": "ok", "text": "claude is logged in (api_key)", "fix": None, "about": "login"}
    assert login in found
    assert done.returncode == 0


# the plugin


@pytest.fixture
def enabled(world):
    """The plugin enabled for the user, as Claude Code writes that down, and what its first chat left."""
    world.home.joinpath(".claude/plugins/data/dispatch-hooks-market").mkdir(parents=True)
    world.home.joinpath(".claude/settings.json").write_text('{"enabledPlugins": {"dispatch-hooks@market": true}}')
    return world


def remembered(world, python=sys.executable, dirs=None):
    words = gate.words(dirs or world.dirs, python, "dispatch-hooks")
    world.home.joinpath(".claude/plugins/data/dispatch-hooks-market/words").write_text(words)


def test_a_plugin_alone_is_an_installation(enabled):
    remembered(enabled)
    (found,) = found_of(enabled)
    assert (found.state, sys.executable in found.text) == ("ok", True)
    assert installation.hooks(enabled.ground()) == []


def test_a_plugin_without_its_first_chat_its_python_or_our_folders_is_said(enabled):
    assert found_of(enabled)[0].state == "warn"
    remembered(enabled, python="/gone/python3")
    assert "its Python is gone: /gone/python3" in found_of(enabled)[0].text
    remembered(enabled, dirs=enabled.dirs._replace(state="/elsewhere"))
    assert "they see different tasks" in found_of(enabled)[0].text
    kept = enabled.home / ".claude/plugins/data/dispatch-hooks-market"
    kept.joinpath("words").write_text("sought=1\n")
    assert "no Python 3.11 or newer" in found_of(enabled)[0].text


def test_libraries_that_could_not_be_fetched_are_said(enabled):
    remembered(enabled)
    enabled.home.joinpath(".claude/plugins/data/dispatch-hooks-market/libraries.log").write_text("no network")
    assert [found.state for found in found_of(enabled)] == ["ok", "warn"]


def test_a_plugin_that_is_switched_off_for_the_project_counts_for_nothing(enabled):
    enabled.project.joinpath(".claude").mkdir()
    enabled.project.joinpath(".claude/settings.json").write_text('{"enabledPlugins": {"dispatch-hooks@market": false}}')
    assert found_of(enabled) == []
    assert installation.hooks(enabled.ground())[0].state == "fail"


def found_of(world):
    return plugged.plugin(world.ground())
