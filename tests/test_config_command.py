"""config: what it prints, what it writes, what it refuses."""

import json
import os
import threading
import tomllib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch_hooks import config, configfile, errors, paths
from dispatch_hooks.commands import config as command

MINE = """\
# how I like it

wake = "all"   # loud
max_parallel = 2

# quick ones
[models.fast]
name = "haiku"      # cheap

[aliases.reviewer]
model = "fast"
prompt = '''
Be strict.
'''
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    where = [str(tmp_path / name) for name in ("config", "state", "runtime", "data")]
    monkeypatch.setenv(paths.ENV, "\n".join(where))
    Path(where[0]).mkdir()
    return Path(paths.config_file())


@pytest.fixture
def run(source, capsys):
    """`config ARGS…`: (exit status, what it printed, what it complained of)."""

    def act(*args: str):
        code = errors.funnel(lambda: command.app(list(args), standalone_mode=False) or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return act


def said(source: Path) -> dict:
    return tomllib.loads(source.read_text())


# ---- show and path


def test_path_is_where_the_file_is_or_will_be(run, source):
    assert run("path") == (0, f"{source}\n", "")


def test_show_prints_what_is_in_force_as_toml_that_could_stand_in_the_file(run, source):
    source.write_text(MINE)
    code, out, err = run("show")
    assert (code, err) == (0, "")
    assert tomllib.loads(out) == {**config.DEFAULTS, **said(source)}
    lines = out.splitlines()
    assert lines[0] == f"# {source}"
    assert 'wake = "all"' in lines
    assert 'permissions = "ask" # default' in lines
    assert 'merge = "merge" # default' in lines


def test_show_without_a_file_says_that_there_is_none(run, source):
    code, out, _ = run("show")
    assert code == 0
    assert out.splitlines()[0] == f"# {source}, which is not there yet"
    assert tomllib.loads(out) == config.DEFAULTS


def test_show_json_says_where_each_value_comes_from(run, source):
    source.write_text(MINE)
    found = json.loads(run("show", "--json")[1])
    assert found["values"] == {**config.DEFAULTS, **said(source)}
    assert found["file"] == str(source)
    assert found["broken"] is None
    keys = ["wake", "max_parallel", "models.fast.name", "aliases.reviewer.model", "aliases.reviewer.prompt"]
    assert found["from"] == dict.fromkeys(keys, str(source))


def test_show_of_a_broken_file_prints_the_defaults_and_fails(run, source):
    source.write_text("wake = [")
    code, out, err = run("show")
    assert code == 1
    assert tomllib.loads(out) == config.DEFAULTS
    assert f"dispatch-hooks: {source}: Invalid value" in err
    assert "dispatch-hooks config unset" in err


def test_show_tells_of_a_key_that_means_nothing(run, source):
    source.write_text('wak = "all"\n')
    code, _, err = run("show")
    assert code == 1
    assert f"{source}: wak: there is no such key; do you mean wake?" in err


# ---- set


@pytest.mark.parametrize(
    ("key", "value", "place", "kept"),
    [
        ("max_parallel", "4", ("max_parallel",), 4),
        ("wake", "off", ("wake",), "off"),
        ("wake", '"off"', ("wake",), "off"),
        ("check", "make test", ("check",), "make test"),
        ("check", "true", ("check",), "true"),
        ("check", "1", ("check",), "1"),
        ("check", "echo a\nwake = 3", ("check",), "echo a\nwake = 3"),
        ("models.fast.name", "haiku", ("models", "fast", "name"), "haiku"),
        ('models."gpt-5.2".name', "5.2", ("models", "gpt-5.2", "name"), "5.2"),
        ("models.fast", '{name = "haiku"}', ("models", "fast"), {"name": "haiku"}),
        ("backends.my.command", '["my", "-p", "{prompt}"]', ("backends", "my", "command"), ["my", "-p", "{prompt}"]),
        ("env.drop", '["A", "B"]', ("env", "drop"), ["A", "B"]),
        ("aliases.sec.prompt", 'be "strict" # really', ("aliases", "sec", "prompt"), 'be "strict" # really'),
        ("aliases.sec.prompt", "1979-05-27", ("aliases", "sec", "prompt"), "1979-05-27"),
    ],
)
@pytest.mark.parametrize("before", [None, MINE])
def test_set_writes_a_value(run, source, key, value, place, kept, before):
    if before:
        source.write_text(before)
    code, out, err = run("set", key, value)
    assert (code, err) == (0, "")
    found = said(source)
    for step in place:
        found = found[step]
    assert found == kept
    assert out.startswith(command.faults.dotted(place) + " = ")
    assert config.load()["broken"] is None


def test_set_says_the_value_as_toml(run):
    assert run("set", "check", "make test")[1] == 'check = "make test"\n'
    assert run("set", "models.fast", '{name = "haiku"}')[1] == 'models.fast = {name = "haiku"}\n'


def test_set_keeps_comments_and_order(run, source):
    source.write_text(MINE)
    run("set", "max_parallel", "3")
    run("set", "models.fast.name", "sonnet")
    assert source.read_text() == MINE.replace("max_parallel = 2", "max_parallel = 3").replace("haiku", "sonnet")


def test_set_and_unset_give_the_same_file(run, source):
    source.write_text(MINE)
    run("set", "check", "make test")
    assert "make test" in source.read_text()
    run("unset", "check")
    assert source.read_text() == MINE


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("wak", "all"), "wak: there is no such key; do you mean wake?"),
        (("wake", "al"), "wake: it cannot be 'al'; do you mean all?"),
        (("max_parallel", "-1"), "max_parallel: it should be 1 or more, it is -1"),
        (("max_parallel", "many"), "max_parallel: it should be a whole number, it is 'many'"),
        (("permissions", "bypass"), "permissions: it cannot be 'bypass'; there are ask, auto"),
        (("models.fast.bakend", "x"), "models.fast.bakend: there is no such key; do you mean backend?"),
        (("models.gpt-5.2.name", "x"), "models.gpt-5.2: there is no such key"),
        (("backends.my.permissions", "ask"), "backends.my needs a command"),
        (("wake.x", "1"), "wake is no table, so there is no wake.x"),
        (("a b", "1"), '"a b" is no key'),
        (("", "1"), '"" is no key'),
        (("wake\nx", "1"), "is no key"),
        (("models.", "1"), "is no key"),
    ],
)
def test_set_refuses_and_changes_nothing(run, source, args, words):
    source.write_text(MINE)
    code, out, err = run("set", *args)
    assert (code, out) == (1, "")
    assert words in err
    assert source.read_text() == MINE


def test_a_name_that_is_not_there_is_not_removed_and_those_that_are_there_are_named(run, source):
    assert run("remove", "nope")[2].endswith('"nope" is not in your configuration; there are none\n')
    source.write_text("[aliases.reviewer]\nmodel = 'opus'\n")
    assert run("remove", "nope")[2].endswith("there are reviewer\n")


def test_a_refusal_names_the_file_and_what_to_type(run, source):
    _, _, err = run("set", "wake", "al")
    assert str(source) in err
    assert "dispatch-hooks config show" in err
    assert not source.exists()


def test_an_old_fault_elsewhere_does_not_stop_a_change(run, source):
    source.write_text("wak = 3\n")
    assert run("set", "wake", "off")[0] == 0
    assert run("unset", "wak")[0] == 0
    assert source.read_text() == 'wake = "off"\n'


def test_a_file_that_is_no_toml_is_left_alone(run, source):
    source.write_text("wake = [\n")
    code, _, err = run("set", "wake", "off")
    assert code == 1
    assert f"{source}: " in err
    assert "editor" in err
    assert source.read_text() == "wake = [\n"


def test_a_linked_file_stays_a_link_and_keeps_its_mode(run, source, tmp_path):
    real = tmp_path / "dotfiles.toml"
    real.write_text(MINE)
    real.chmod(0o600)
    source.symlink_to(real)
    assert run("set", "wake", "off")[0] == 0
    assert source.is_symlink()
    assert said(real)["wake"] == "off"
    assert real.stat().st_mode & 0o777 == 0o600


def test_a_new_file_can_be_read_by_others(run, source):
    run("set", "wake", "off")
    assert source.stat().st_mode & 0o777 == 0o644


def test_two_changes_at_once_are_both_kept(source, run):
    source.write_text("")
    keys = [f"models.m{n}.name" for n in range(8)]
    together = threading.Barrier(len(keys))

    def change(key):
        together.wait()
        command.app(["set", key, "haiku"], standalone_mode=False)

    threads = [threading.Thread(target=change, args=(key,)) for key in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert said(source)["models"] == {f"m{n}": {"name": "haiku"} for n in range(8)}


def test_a_folder_in_place_of_the_file_is_said(run, source):
    source.mkdir()
    code, _, err = run("set", "wake", "off")
    assert code == 1
    assert str(source) in err


# ---- unset


def test_unset_says_what_is_in_force_then(run, source):
    source.write_text(MINE)
    assert run("unset", "wake") == (0, 'wake is not set any more; in force is "needed"\n', "")
    assert "wake" not in said(source)


def test_unset_takes_a_whole_table(run, source):
    source.write_text(MINE)
    assert run("unset", "models.fast")[0] == 0
    assert "fast" not in said(source).get("models", {})
    assert said(source)["aliases"]["reviewer"]["prompt"] == "Be strict.\n"


@pytest.mark.parametrize("key", ["permissions", "models.slow", "models.fast.name.x", "wak"])
def test_unset_of_what_is_not_set_names_what_is(run, source, key):
    source.write_text(MINE)
    code, _, err = run("unset", key)
    assert code == 1
    assert f"{key} is not set in {source}" in err
    assert source.read_text() == MINE


def test_unset_of_a_typo_names_the_near_key(run, source):
    source.write_text(MINE)
    assert "do you mean models.fast.name?" in run("unset", "models.fast.nam")[2]


def test_unset_must_not_break_what_is_left(run, source):
    source.write_text('[backends.my]\ncommand = ["my"]\npermissions = "ask"\n')
    code, _, err = run("unset", "backends.my.command")
    assert code == 1
    assert "backends.my needs a command" in err
    assert said(source)["backends"]["my"]["command"] == ["my"]


# ---- inside a worker


@pytest.mark.parametrize("args", [("set", "permissions", "auto"), ("unset", "wake")])
def test_a_worker_cannot_change_the_configuration(run, source, monkeypatch, args):
    source.write_text(MINE)
    monkeypatch.setenv("DISPATCH_HOOKS_TASK", "some-task")
    code, _, err = run(*args)
    assert code == 1
    assert "a worker cannot change the configuration" in err
    assert source.read_text() == MINE


def test_a_worker_may_look(run, source, monkeypatch):
    monkeypatch.setenv("DISPATCH_HOOKS_TASK", "some-task")
    assert run("show")[0] == 0


# ---- any file


NAMES = st.sampled_from(["models.a.name", "aliases.a.prompt", "check", "default", 'models."x.y".name'])
STEPS = st.lists(st.tuples(NAMES, st.none() | st.text(min_size=1, max_size=20)), max_size=6)


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_any_row_of_changes_keeps_the_rest(run, source, steps):
    """Against a plain dict: what was set is there, what was not is as before, and comments stay."""
    source.write_text(MINE)
    wanted = said(source)
    for key, value in steps:
        place = configfile.place_of(key)
        up = wanted
        for step in place[:-1]:
            up = up.setdefault(step, {}) if value is not None else up.get(step, {})
        if value is not None:
            if run("set", "--", key, value)[0] == 0:
                up[place[-1]] = said_at(source, place)
                assert up[place[-1]] in configfile.readings(value)
        elif run("unset", key)[0] == 0:
            del up[place[-1]]
    found = said(source)
    assert {k: v for k, v in found.items() if v != {}} == {k: v for k, v in wanted.items() if v != {}}
    assert "# how I like it" in source.read_text()
    assert os.listdir(source.parent) == [source.name]


def said_at(source, place):
    found = said(source)
    for step in place:
        found = found[step]
    return found
