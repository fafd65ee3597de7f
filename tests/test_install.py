"""Install and uninstall: nothing is lost, nothing of ours is left."""

import itertools
import json
import os
import shlex
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from dispatch_hooks import edits, gate, install, jsontext, settings
from dispatch_hooks.errors import FatalError
from dispatch_hooks.paths import Dirs
from tests.harness.modelserver import host, text, tool
from tests.harness.waiting import wait_until

SETTINGS = {"user": "home/.claude/settings.json", "project": "project/.claude/settings.json"}
SETTINGS["local"] = "project/.claude/settings.local.json"
SKILL = {"user": "home/.claude/skills/dispatch/SKILL.md", "project": "project/.claude/skills/dispatch/SKILL.md"}
SKILL["local"] = SKILL["project"]
RECORD = "home/.local/state/dispatch-hooks/install.json"

ODD = b"""\xef\xbb\xbf{ "env": {"API_KEY" : "\xc3\xa9"},\r
\t"hooks": {\r
\t\t\t"Stop":[ {"hooks":[{"type":"command","command":"say done"}]}\r
\t\t]\r
\t, "PreToolUse" : [ ]},\r
"permissions":{"allow":["Bash(ls:*)"] } }"""


class World:
    """A home, a project and the verbs on them."""

    def __init__(self, root: Path):
        self.root = root
        self.home, self.project = root / "home", root / "project"
        self.home.mkdir(parents=True)
        self.project.mkdir()
        share, state = self.home / ".local/share/dispatch-hooks", self.home / ".local/state/dispatch-hooks"
        self.dirs = Dirs(
            str(self.home / ".config/dispatch-hooks"), str(state), str(root / "run/dispatch-hooks"), str(share)
        )
        self.environ = {"PATH": ""}

    def _where(self, options):
        where = {"project": str(self.project), "home": str(self.home), "dirs": self.dirs, "environ": self.environ}
        return where | options

    def install(self, scope="user", **options):
        return install.install(scope, **self._where(options))

    def uninstall(self, scope="user", **options):
        return install.uninstall(scope, **self._where(options))

    def put(self, path: str, data: bytes, mode: int = 0o644) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        file.chmod(mode)
        return file

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def tree(self) -> dict[str, tuple]:
        """Every name below the root, with its mode and what it holds."""
        return {str(path.relative_to(self.root)): self._look(path) for path in self.root.rglob("*")}

    def _look(self, path: Path) -> tuple:
        if path.is_symlink():
            return ("link", os.readlink(path))
        return (oct(path.stat().st_mode), path.read_bytes() if path.is_file() else None)


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "a world")


compile_hooks = gate.compile_hooks


@pytest.fixture(autouse=True)
def no_compiling(monkeypatch):
    """It takes a while, and one test is enough."""
    monkeypatch.setattr(gate, "compile_hooks", lambda python: [])


def value(world, scope="user"):
    return json.loads(world.read(SETTINGS[scope]).decode("utf-8-sig"))


def edited(data: bytes) -> bytes:
    """As when somebody else has set something since."""
    return jsontext.insert(data.decode(), ("theirs",), [1]).encode()


# install


@pytest.mark.parametrize("scope", install.SCOPES)
def test_an_installation_is_the_settings_the_skill_the_gate_and_the_stub(world, scope):
    made = [change.path for change in world.install(scope)]
    data = Path(world.dirs.data)
    assert set(made) == {
        *(str(world.root / path) for path in (SETTINGS[scope], SKILL[scope])),
        *(str(data / name) for name in ("gate.sh", "statusline.sh", "bin/dispatch-hooks", "dirs")),
    }
    rules = settings.rules(str(data / "bin/dispatch-hooks"))
    groups = {event: [group] for event, group in settings.groups(world.dirs).items()}
    assert value(world, scope) == {"hooks": groups, "permissions": {"allow": rules}}
    assert (data / "dirs").read_text().splitlines() == list(world.dirs)
    assert os.access(data / "bin/dispatch-hooks", os.X_OK)
    assert b"\ndisable-model-invocation: true\n" in world.read(SKILL[scope])


@pytest.mark.parametrize("scope", install.SCOPES)
@pytest.mark.parametrize("there", [None, b"", b"\n", b"{}", ODD])
def test_a_second_installation_changes_nothing(world, scope, there):
    if there is not None:
        world.put(SETTINGS[scope], there)
    world.install(scope)
    before = world.tree()
    assert world.install(scope) == []
    assert world.tree() == before


def test_foreign_settings_keep_their_bytes_their_mode_and_their_order(world):
    world.put(SETTINGS["user"], ODD, 0o664)
    world.install()
    after = world.read(SETTINGS["user"])
    assert settings.installed(value(world), settings.groups(world.dirs), [])
    assert stat.S_IMODE((world.root / SETTINGS["user"]).stat().st_mode) == 0o664
    for line in ODD.splitlines(True)[:3]:
        assert line.rstrip() in after
    rules = settings.rules(gate.stub_file(world.dirs))
    assert settings.remove(after.decode(), "f", rules, ODD.decode()).encode() == ODD


def test_a_link_is_written_through(world):
    real = world.put("dotfiles/claude.json", b'{"model": "opus"}\n')
    (world.root / SETTINGS["user"]).parent.mkdir()
    (world.root / SETTINGS["user"]).symlink_to("../../dotfiles/claude.json")
    before = world.tree()
    world.install()
    assert (world.root / SETTINGS["user"]).is_symlink()
    assert b"dispatch-hooks" in real.read_bytes()
    world.uninstall()
    assert world.tree() == before


def test_claudes_own_config_folder_is_found(world):
    world.environ["CLAUDE_CONFIG_DIR"] = str(world.root / "elsewhere")
    before = world.tree()
    world.install()
    assert (world.root / "elsewhere/settings.json").exists()
    assert (world.root / "elsewhere/skills/dispatch/SKILL.md").exists()
    assert not (world.home / ".claude").exists()
    world.uninstall()
    assert world.tree() == before


@pytest.mark.parametrize("scope", install.SCOPES)
@pytest.mark.parametrize("there", [None, ODD])
def test_a_dry_run_tells_the_changes_and_makes_none(world, scope, there):
    if there:
        world.put(SETTINGS[scope], there)
    before = world.tree()
    told = world.install(scope, dry_run=True)
    assert world.tree() == before
    assert world.install(scope) == told
    diff = next(change.diff for change in told if change.path == str(world.root / SETTINGS[scope])).splitlines()
    assert {line[1:] for line in diff[2:] if line[0] == "-"} <= set((there or b"").decode().splitlines())
    assert {line[1:] for line in diff[2:] if line[0] == "+"} <= set(world.read(SETTINGS[scope]).decode().splitlines())
    assert any(settings.MARK in line for line in diff)
    before = world.tree()
    told = world.uninstall(scope, dry_run=True)
    assert world.tree() == before
    assert world.uninstall(scope) == told


def test_an_older_text_of_ours_is_replaced_and_nothing_else(world):
    world.put(SETTINGS["user"], ODD)
    world.install()
    old = world.read(SETTINGS["user"]).replace(b"watch-stop", b"watch-old").replace(b" status:*", b" list:*")
    world.put(SETTINGS["user"], old)
    Path(world.dirs.data, "gate.sh").write_text("old")
    changed = {change.path for change in world.install()}
    assert changed == {str(world.root / SETTINGS["user"]), os.path.join(world.dirs.data, "gate.sh")}
    rules = settings.rules(gate.stub_file(world.dirs))
    assert settings.installed(value(world), settings.groups(world.dirs), [*rules, rules[0].replace("status", "list")])
    world.uninstall()
    assert value(world)["hooks"] == json.loads(ODD.decode("utf-8-sig"))["hooks"]


def test_an_upgrade_after_an_edit_keeps_the_edit_and_can_be_taken_back_to_the_byte(world):
    world.put(SETTINGS["user"], ODD)
    world.install()
    mine = edited(world.read(SETTINGS["user"]))
    world.put(SETTINGS["user"], mine.replace(b"watch-stop", b"watch-old"))
    world.install()
    world.uninstall()
    assert world.read(SETTINGS["user"]) == edited(ODD)


# names and rules


def test_rules_use_the_name_if_it_is_on_the_path(world):
    world.put("bin/dispatch-hooks", b"#!/bin/sh\n", 0o755)
    world.environ["PATH"] = f"/no/such:{world.root / 'bin'}"
    world.install()
    assert value(world)["permissions"]["allow"] == settings.rules("dispatch-hooks")


def test_an_activated_environment_is_no_lasting_path(world):
    world.put("venv/bin/dispatch-hooks", b"#!/bin/sh\n", 0o755)
    world.environ |= {"PATH": str(world.root / "venv/bin"), "VIRTUAL_ENV": str(world.root / "venv")}
    assert gate.command_name(world.dirs, world.environ) == gate.stub_file(world.dirs)
    world.put("pipx/dispatch-hooks", b"#!/bin/sh\n", 0o755)
    world.environ["PATH"] += f":{world.root / 'pipx'}"
    assert gate.command_name(world.dirs, world.environ) == "dispatch-hooks"


def test_a_new_name_replaces_the_rules_of_the_old(world):
    world.install()
    world.put("bin/dispatch-hooks", b"#!/bin/sh\n", 0o755)
    world.environ["PATH"] = str(world.root / "bin")
    world.install()
    assert value(world)["permissions"]["allow"] == settings.rules("dispatch-hooks")


def test_a_rule_that_was_there_before_stays(world):
    world.put("bin/dispatch-hooks", b"#!/bin/sh\n", 0o755)
    world.environ["PATH"] = str(world.root / "bin")
    own = settings.rules("dispatch-hooks")[1]
    world.put(SETTINGS["user"], json.dumps({"permissions": {"allow": [own]}}).encode())
    world.install()
    world.put(SETTINGS["user"], edited(world.read(SETTINGS["user"])))
    world.uninstall()
    assert value(world) == {"permissions": {"allow": [own]}, "theirs": [1]}


def test_the_stub_runs_in_a_folder_that_has_a_package_of_our_name(world):
    world.install()
    world.put("project/dispatch_hooks/__init__.py", b"raise SystemExit('the wrong package')")
    world.put("project/typing.py", b"raise SystemExit('the wrong module')")
    done = subprocess.run(
        [gate.stub_file(world.dirs), "--version"], cwd=world.project, capture_output=True, text=True, check=False
    )
    assert "wrong" not in done.stdout + done.stderr


def test_the_stub_names_the_package_it_was_installed_from(world):
    text = gate.stub_text().replace("dispatch_hooks.__main__ import main", "dispatch_hooks import __file__ as main")
    text = text.replace("sys.exit(main())", "print(main, sys.argv)")
    stub = world.put("stub", text.encode(), 0o755)
    done = subprocess.run([stub, "a b", "-c"], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout == f"{sys.modules['dispatch_hooks'].__file__} ['dispatch-hooks', 'a b', '-c']\n"


# uninstall


@pytest.mark.parametrize("scope", install.SCOPES)
@pytest.mark.parametrize("there", [None, b"", b"\n", b"{}", b"{ }\r\n", ODD])
def test_nothing_of_ours_is_left(world, scope, there):
    if there is not None:
        world.put(SETTINGS[scope], there, 0o600)
    before = world.tree()
    world.install(scope)
    world.uninstall(scope)
    assert world.tree() == before


def test_untouched_settings_are_given_back_not_edited(world, monkeypatch):
    world.put(SETTINGS["user"], ODD)
    world.install()
    monkeypatch.setattr(settings, "remove", lambda *args, **options: pytest.fail("edited"))
    world.uninstall()
    assert world.read(SETTINGS["user"]) == ODD


@pytest.mark.parametrize("there", [None, b"", b"{}", b'{"hooks" : { },"permissions": {"allow": [\n]}}', ODD])
def test_where_others_edited_since_only_our_part_goes(world, there):
    if there is not None:
        world.put(SETTINGS["user"], there)
    world.install()
    world.put(SETTINGS["user"], edited(world.read(SETTINGS["user"])))
    world.uninstall()
    expected = edited(there or b"{}\n")
    if there == b"":
        expected = edited(b"{}\n")
    assert world.read(SETTINGS["user"]) == expected


def test_a_file_that_was_made_by_us_and_emptied_by_others_goes(world):
    before = world.tree()
    world.install()
    world.put(SETTINGS["user"], json.dumps(value(world)).encode())
    world.uninstall()
    assert world.tree() == before


def test_settings_that_somebody_removed_stay_removed(world):
    world.install()
    (world.root / SETTINGS["user"]).unlink()
    world.uninstall()
    assert list(world.home.iterdir()) == []


@pytest.mark.parametrize(
    ("first", "second"), [("user", "project"), ("project", "user"), ("project", "local"), ("local", "project")]
)
def test_the_last_scope_takes_everything_along(world, first, second):
    world.put(SETTINGS[first], ODD)
    before = world.tree()
    world.install(first)
    alone = world.tree()
    world.install(second)
    world.uninstall(second)
    assert world.tree() == alone
    world.install(second)
    kept = world.uninstall(first)
    assert ("still installed", str(world.root / SETTINGS[second]), "") in kept
    assert Path(world.dirs.data, "gate.sh").exists()
    assert world.read(SETTINGS[first]) == ODD
    assert settings.installed(value(world, second), settings.groups(world.dirs), [])
    world.uninstall(second)
    assert world.tree() == before


def test_a_scope_whose_project_is_gone_holds_nothing_back(world):
    before = {path: held for path, held in world.tree().items() if path.startswith("home")}
    world.install("project")
    world.install("user")
    for path in sorted(world.project.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    world.project.rmdir()
    world.uninstall("user")
    assert {path: held for path, held in world.tree().items() if path.startswith("home")} == before


def test_the_home_as_a_project_is_installed_into_once(world):
    before = world.tree()
    world.install("user")
    assert world.install("project", project=str(world.home)) == []
    world.uninstall("project", project=str(world.home))
    assert world.tree() == before


def test_tasks_and_configuration_stay_and_are_named(world):
    world.install()
    config = world.put("home/.config/dispatch-hooks/config.toml", b'wake = "off"')
    task = world.put("home/.local/state/dispatch-hooks/projects/p/tasks/t/task.json", b"{}")
    (world.root / "home/.local/state/dispatch-hooks/active").mkdir()
    kept = [change.path for change in world.uninstall() if change.what == "kept"]
    assert sorted(kept) == sorted([world.dirs.config, world.dirs.state])
    files = [path for path in world.home.rglob("*") if not path.is_dir()]
    assert sorted(files) == sorted([config, task])
    assert not Path(world.dirs.state, "active").exists()


def test_a_purge_takes_them_too(world):
    before = world.tree()
    world.install()
    world.put("home/.config/dispatch-hooks/config.toml", b'wake = "off"')
    world.put("home/.local/state/dispatch-hooks/projects/p/tasks/t/task.json", b"{}")
    world.put("run/dispatch-hooks/hosts/1/news", b"")
    world.uninstall(purge=True)
    left = {path for path in world.tree() if path not in before}
    assert left == {"run", "home/.config"}


def test_a_purge_waits_for_the_other_scopes(world):
    world.install("user")
    world.install("project")
    before = world.tree()
    with pytest.raises(FatalError, match=r"settings\.json is still installed"):
        world.uninstall("user", purge=True)
    assert world.tree() == before


def test_a_purge_spares_a_folder_that_holds_the_home(world):
    world.install()
    with pytest.raises(FatalError, match="holds more than dispatch-hooks' own"):
        world.uninstall(purge=True, dirs=world.dirs._replace(state=str(world.root)))
    assert world.home.exists()


def test_one_folder_for_everything_is_enough(world):
    folder = str(world.home / "Library/Application Support/dispatch-hooks")
    world.dirs = Dirs(folder, folder, str(world.root / "run"), folder)
    before = world.tree()
    world.install()
    assert world.install() == []
    world.uninstall()
    assert world.tree() == before


def test_without_a_record_our_part_is_still_known(world):
    world.put(SETTINGS["project"], ODD)
    world.install("project")
    os.unlink(world.root / RECORD)
    world.uninstall("project")
    assert world.read(SETTINGS["project"]) == ODD
    assert not (world.root / SKILL["project"]).exists()
    assert not Path(world.dirs.data, "gate.sh").exists()


def test_a_colleagues_installation_is_taken_over(world):
    other = world.dirs._replace(data="/theirs", runtime="/their/run")
    text = settings.add(ODD.decode(), "f", settings.groups(other), settings.rules("dispatch-hooks"))
    world.put(SETTINGS["project"], text.encode())
    world.put(SKILL["project"], gate.skill_text() + b"of another version\n")
    world.install("project")
    assert settings.installed(value(world, "project"), settings.groups(world.dirs), [])
    assert world.read(SKILL["project"]) == gate.skill_text()
    world.uninstall("project")
    assert world.read(SETTINGS["project"]) == ODD


def test_uninstalling_what_is_not_installed_changes_nothing(world):
    world.put(SETTINGS["user"], ODD)
    world.put(SKILL["user"], b"another one")
    before = world.tree()
    assert world.uninstall() == []
    assert world.tree() == before


# the skill


def test_a_foreign_skill_is_not_touched_unasked(world):
    world.put(SKILL["user"], b"---\nname: dispatch\n---\nthe other one")
    world.put("home/.claude/skills/dispatch/references/more.md", b"more")
    before = world.tree()
    with pytest.raises(FatalError, match=r"is another skill named dispatch.*install --force"):
        world.install()
    assert world.tree() == before
    world.install(force=True)
    assert world.read(SKILL["user"]) == gate.skill_text()
    assert not (world.home / ".claude/skills/dispatch/references").exists()
    assert world.install() == world.install(force=True) == []
    world.uninstall()
    assert world.tree() == before


def test_a_foreign_skill_behind_a_link_comes_back_as_the_link(world):
    world.put("skills/theirs/SKILL.md", b"the other one")
    (world.home / ".claude/skills").mkdir(parents=True)
    (world.home / ".claude/skills/dispatch").symlink_to("../../../skills/theirs")
    before = world.tree()
    world.install(force=True)
    assert world.read("skills/theirs/SKILL.md") == b"the other one"
    world.uninstall()
    assert world.tree() == before


def test_a_foreign_skill_is_kept_where_its_place_is_taken(world):
    world.put(SKILL["user"], b"the other one")
    world.install(force=True)
    notes = world.put("home/.claude/skills/dispatch/notes.md", b"mine")
    with pytest.raises(FatalError, match=r"is kept, for .* is taken: see to that first"):
        world.uninstall(purge=True)
    (kept,) = [change for change in world.uninstall() if "is taken" in change.what]
    assert Path(kept.path, "SKILL.md").read_bytes() == b"the other one"
    assert notes.exists()


def test_a_skill_that_the_person_changed_is_theirs(world):
    world.install()
    world.put(SKILL["user"], gate.skill_text() + b"My own words.\n")
    assert world.install() == []
    (kept,) = [change for change in world.uninstall() if change.what.startswith("kept")]
    assert kept.path == str(world.root / SKILL["user"])
    assert world.read(SKILL["user"]).endswith(b"My own words.\n")


def test_an_older_skill_of_ours_is_replaced(world):
    world.install()
    kept = json.loads(world.read(RECORD))
    world.put(SKILL["user"], old := gate.skill_text() + b"older\n")
    kept["skills"][str(world.root / SKILL["user"])]["after"] = install._sha(old)
    world.put(RECORD, json.dumps(kept).encode())
    assert [change.path for change in world.install()] == [str(world.root / SKILL["user"])]
    assert world.read(SKILL["user"]) == gate.skill_text()


# what goes wrong


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"{\n  // why\n}", r"settings\.json, line 2, column 3: comments are not JSON"),
        (b"{\xff}", r"settings\.json, line 1, column 2: this is not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_settings_that_are_no_json_stop_both_verbs(world, data, message):
    world.put(SETTINGS["user"], data)
    before = world.tree()
    with pytest.raises(FatalError, match=message):
        world.install()
    assert world.tree() == before
    world.put(SETTINGS["user"], b"{}")
    world.install()
    world.put(SETTINGS["user"], data)
    before = world.tree()
    with pytest.raises(FatalError, match=message):
        world.uninstall()
    assert world.tree() == before


def test_settings_of_another_shape_stop_an_installation(world):
    world.put(SETTINGS["user"], b'{"hooks": []}')
    before = world.tree()
    with pytest.raises(FatalError, match=r"settings\.json: hooks should be an object"):
        world.install()
    assert world.tree() == before


def test_a_folder_in_the_place_of_the_settings_is_named(world):
    (world.root / SETTINGS["user"]).mkdir(parents=True)
    before = world.tree()
    with pytest.raises(FatalError, match=r"settings\.json cannot be read: Is a directory"):
        world.install()
    assert world.tree() == before


def test_what_fails_halfway_is_undone(world, monkeypatch):
    world.put(SETTINGS["user"], ODD, 0o664)
    before = world.tree()
    replace = os.replace

    def full(source, target):
        if str(target).endswith("settings.json"):
            raise OSError(28, "No space left on device", source)
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FatalError, match=r"cannot write .*No space left on device. Nothing was changed"):
        world.install()
    assert world.tree() == before


def test_an_uninstall_that_fails_halfway_is_undone(world, monkeypatch):
    world.put(SETTINGS["user"], ODD, 0o664)
    world.put(SKILL["user"], b"another")
    world.install(force=True)
    Path(world.dirs.data, "gate.sh").chmod(0o755)
    before = world.tree()
    unlink = os.unlink

    def stuck(path, **options):
        if str(path).endswith("install.json"):
            raise PermissionError(13, "Permission denied", path)
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", stuck)
    with pytest.raises(FatalError, match=r"cannot write .*install\.json: Permission denied"):
        world.uninstall()
    assert world.tree() == before


def test_a_change_between_reading_and_writing_is_not_lost(world, monkeypatch):
    world.put(SETTINGS["user"], ODD)
    do, times = edits.Edit.do, []

    def meddled(self, undo):
        if self.path.endswith("settings.json") and not times:
            times.append(world.put(SETTINGS["user"], edited(ODD)))
        do(self, undo)

    monkeypatch.setattr(edits.Edit, "do", meddled)
    world.install()
    assert times
    world.uninstall()
    assert world.read(SETTINGS["user"]) == edited(ODD)


def test_a_file_that_never_rests_is_given_up_on(world, monkeypatch):
    do, times = edits.Edit.do, []

    def meddled(self, undo):
        if self.path.endswith("settings.json"):
            times.append(world.put(SETTINGS["user"], b"{}" + b"\n" * len(times)))
        do(self, undo)

    monkeypatch.setattr(edits.Edit, "do", meddled)
    with pytest.raises(FatalError, match=r"settings\.json is written by somebody else all the time"):
        world.install()
    assert len(times) == edits.TRIES
    assert [path.name for path in world.home.rglob("*") if path.is_file()] == ["settings.json"]


def test_installations_at_the_same_time_wait_for_each_other(world):
    start = threading.Barrier(6)

    def run(scope):
        start.wait()
        world.install(scope)

    before = world.tree()
    threads = [threading.Thread(target=run, args=(scope,)) for scope in install.SCOPES * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for scope in install.SCOPES:
        assert settings.installed(value(world, scope), settings.groups(world.dirs), [])
        world.uninstall(scope)
    assert world.tree() == before


def test_what_a_killed_one_left_half_written_is_cleared_away(world):
    before = world.tree()
    world.put("home/.claude/.settings.json.dispatch-hooks-1", b"{")
    world.install()
    world.uninstall()
    (world.home / ".claude").rmdir()
    assert world.tree() == before


def test_a_path_that_cannot_stand_in_settings_is_refused(world):
    for bad in ("a\nb", "a\udcff"):
        with pytest.raises(FatalError, match="needs UTF-8 and no line ends"):
            world.install(dirs=world.dirs._replace(data=str(world.root / bad)))
    assert list(world.home.iterdir()) == []


@pytest.mark.parametrize("scope", ["everywhere", ""])
def test_an_unknown_scope_is_refused(world, scope):
    with pytest.raises(FatalError, match="type --scope user or --scope project or --scope local"):
        world.install(scope)


def test_a_project_that_is_not_there_is_refused(world):
    with pytest.raises(FatalError, match="there is no folder"):
        world.install("project", project=str(world.root / "nowhere"))


def test_a_newer_record_is_left_alone(world):
    world.put(RECORD, b'{"version": 99}')
    with pytest.raises(FatalError, match="upgrade"):
        world.install()


@pytest.mark.parametrize("there", [None, ODD])
@pytest.mark.parametrize("at", range(1, 9))
def test_a_kill_at_any_rename_leaves_nothing_that_the_next_one_cannot_mend(world, there, at):
    if there:
        world.put(SETTINGS["user"], there)
        world.put(SKILL["user"], b"another")
    before = world.tree()
    done = killed_at_rename(at, lambda: world.install(force=True))
    assert world.install(force=True) or done
    assert world.install() == []
    killed_at_rename(at, world.uninstall)
    world.uninstall()
    if at == 1:  # the folders of the record were there before the record
        for folder in (".local/state", ".local"):
            (world.home / folder).rmdir()
    assert world.tree() == before


def killed_at_rename(number, act):
    """Does it in a process of its own that is killed instead of its nth rename or removal; whether it survived."""
    if pid := os.fork():
        return os.waitpid(pid, 0)[1] == 0
    calls = itertools.count(1)

    def or_die(call):
        return lambda *args, **options: (
            os.kill(os.getpid(), signal.SIGKILL) if next(calls) == number else call(*args, **options)
        )

    os.replace, os.rename, os.unlink = or_die(os.replace), or_die(os.rename), or_die(os.unlink)
    try:
        act()
    finally:
        os._exit(0)


# the interpreter


def test_hooks_run_without_the_virtual_environment_if_they_can(monkeypatch):
    assert gate.interpreter() in (sys._base_executable, sys.executable)
    monkeypatch.setattr(sys, "_base_executable", "/no/such/python")
    assert gate.interpreter() == sys.executable
    monkeypatch.setattr(sys, "_base_executable", "/bin/false")
    assert gate.interpreter() == sys.executable
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(FatalError, match="install dispatch-hooks again"):
        gate.interpreter()


def test_what_hooks_import_is_compiled_where_they_look_for_it(world, monkeypatch, tmp_path):
    package = tmp_path / "site/dispatch_hooks"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(gate.resources, "HERE", str(package))
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PYTHONOPTIMIZE", "2")
    assert compile_hooks(sys.executable) == []
    code = "import sys; sys.path.append(sys.argv[1]); import dispatch_hooks as d; print(d.__cached__)"
    look = [sys.executable, "-I", "-S", "-B", "-c", code, str(package.parent)]
    cached = Path(subprocess.run(look, capture_output=True, text=True, check=True).stdout.strip())
    assert cached.parent == package / "__pycache__"
    assert cached.exists()
    (package / "broken.py").write_text("if then")
    (told,) = compile_hooks(sys.executable)
    assert told.what.startswith("not compiled")


# the real Claude Code

LOGGER = """\
cat >"{log}/.$$" && mv "{log}/.$$" "{log}/$1.$$"
"""


@pytest.fixture
def noting(claude):
    """An installation for the real Claude Code; its gate only notes what comes, in `log`."""
    share = str(claude.home / "a folder/dispatch-hooks")
    noting = SimpleNamespace(dirs=Dirs(share, share, str(claude.runtime / "dispatch-hooks"), share))
    noting.log = claude.root / "log"
    noting.log.mkdir()
    where = {"project": str(claude.project), "home": str(claude.home), "environ": {"PATH": ""}}
    install.install("user", dirs=noting.dirs, **where)
    Path(share, "gate.sh").write_text(LOGGER.format(log=noting.log))
    return noting


def noted(noting, word):
    """The events that came to the gate under a word, in their order."""
    found = sorted(noting.log.glob(f"{word}.*"), key=lambda path: path.stat().st_mtime_ns)
    return [json.loads(path.read_text()) for path in found]


def test_claude_code_calls_the_gate(noting, claude):
    done = claude.run_print("hello")
    assert (done.returncode, done.stdout) == (0, "ok\n")
    assert [each["prompt"] for each in noted(noting, "prompt")] == ["hello"]
    assert [each["hook_event_name"] for each in noted(noting, "watch-prompt")] == ["UserPromptSubmit"]
    assert [each["source"] for each in noted(noting, "session-start")] == ["startup"]
    assert len(noted(noting, "watch-session-start")) == 1
    assert not noted(noting, "stop")


@pytest.mark.parametrize("verb", ["status", "retry"])
def test_claude_code_runs_the_allowed_verbs_alone_unasked(noting, claude, server, verb):
    stub = gate.stub_file(noting.dirs)
    Path(stub).write_text("#!/bin/sh\necho it ran\n")
    server.rule("go", tool("Bash", command=f"{shlex.quote(stub)} {verb} now"), text("done"))
    claude.run_print("go", "--permission-mode", "default")
    (result,) = server.requests[-1].tool_results
    assert ("it ran" in result) == (verb == "status")


def test_a_chat_has_no_complaint_and_every_hook_fires(noting, chat, server):
    server.rule(host("hello"), text("the answer"))
    it = chat()
    markers = Path(noting.dirs.runtime, "hosts", str(it.pid))
    markers.mkdir(parents=True)
    for marker in ("news", "tasks"):
        (markers / marker).touch()
    it.say("/dispatch foo bar")
    server.wait_for(host("foo bar"))
    it.wait_idle()
    it.say("hello")
    it.wait_for("the answer")
    wait_until(lambda: len(noted(noting, "stop")) == len(noted(noting, "watch-stop")) == 2)
    assert [each["prompt"] for each in noted(noting, "prompt")] == ["/dispatch foo bar", "hello"]
    assert "ettings" not in it.history()
    it.exit()
    assert [each["reason"] for each in noted(noting, "session-end")] == ["prompt_input_exit"]


def test_the_skill_costs_no_tokens_until_it_is_called(noting, chat, server):
    it = chat()
    it.say("hello")
    request = server.wait_for(host("hello"))
    assert "background agents" not in json.dumps(request.raw)
    it.wait_idle()
    it.say("/dispatch foo bar")
    request = server.wait_for(host("foo bar"))
    assert "dispatch-hooks doctor" in request.last_user_text
