"""The configuration as hooks and supervisors get it: always whole, never an error."""

import json
import os
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest

from dispatch_hooks import config, models, paths
from dispatch_hooks.faults import faults


@pytest.fixture(autouse=True)
def source(tmp_path, monkeypatch):
    """The person's file, in folders of its own."""
    where = [str(tmp_path / name) for name in ("config", "state", "runtime", "data")]
    monkeypatch.setenv(paths.ENV, "\n".join(where))
    Path(where[0]).mkdir()
    return Path(paths.config_file())


def test_without_a_file_the_defaults_are_in_force():
    assert config.load() == {**config.DEFAULTS, "broken": None}


def test_what_the_file_says_is_over_the_defaults(source):
    source.write_text('wake = "all"\n[models.fast]\nname = "haiku"\n')
    found = config.load()
    assert found == {**config.DEFAULTS, "wake": "all", "models": {"fast": {"name": "haiku"}}, "broken": None}


def test_a_changed_file_is_read_anew_and_a_removed_one_forgotten(source):
    seen = []
    for words in ("max_parallel = 2", "max_parallel = 3", None, "max_parallel = 4"):
        source.unlink(missing_ok=True)
        if words:
            source.write_text(words)
        seen.append(config.load()["max_parallel"])
    assert seen == [2, 3, 6, 4]


def test_an_unchanged_file_is_not_parsed_again(source):
    source.write_text("max_parallel = 2")
    config.load()
    code = "import sys; from dispatch_hooks import config; config.load(); print('tomllib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"wake = [", "Invalid value"),
        (b'wake = "all"\nwake = "off"\n', "(at line 2"),
        (b"\xff\xfe", "decode"),
        (b"max_parallel = 'six'", "max_parallel should be a int, it is 'six'"),
        (b"env = 3", "env should be a dict, it is 3"),
        (b"[models]\nfast = 'haiku'", "models.fast should be a table, it is 'haiku'"),
    ],
)
def test_a_broken_file_leaves_the_defaults_and_says_which_file_and_what(source, text, words):
    source.write_bytes(text)
    found = config.load()
    assert {key: found[key] for key in config.DEFAULTS} == config.DEFAULTS
    assert found["broken"].startswith(f"{source}: ")
    assert words in found["broken"]
    assert config.load() == found


def test_a_file_that_cannot_be_read_is_a_broken_one(source):
    source.mkdir()
    assert str(source) in config.load()["broken"]
    assert config.load()["wake"] == config.DEFAULTS["wake"]


def test_a_mended_file_is_in_force_again(source):
    source.write_text("wake = [")
    config.load()
    source.write_text('wake = "off"')
    assert (config.load()["wake"], config.load()["broken"]) == ("off", None)


def test_a_state_folder_that_cannot_be_written_costs_time_only(source):
    Path(paths.dirs().state).write_text("a file where the folder should be")
    source.write_text('wake = "off"')
    assert config.load()["wake"] == "off"


def test_a_torn_compiled_configuration_is_made_again(source):
    source.write_text('wake = "off"')
    config.load()
    compiled = Path(paths.dirs().state) / "config.json"
    assert json.loads(compiled.read_text())["config"] == {"wake": "off"}
    compiled.write_text("{")
    assert config.load()["wake"] == "off"


def test_the_first_configuration_says_the_defaults_and_fits_the_model(source):
    assert config.create()
    said = tomllib.loads(source.read_text())
    assert faults(models.Config, said) == []
    assert {key: config.DEFAULTS[key] for key in said} == said


def test_the_first_configuration_is_written_by_one_and_never_over_another(source):
    source.unlink(missing_ok=True)
    together, won = threading.Barrier(8), []

    def create():
        together.wait()
        won.append(config.create())

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    source.write_text("mine")
    assert not config.create()
    assert source.read_text() == "mine"
    assert [name for name in os.listdir(source.parent) if name != source.name] == []


def test_the_grammar_gets_all_names(source):
    backends = '[backends.my]\ncommand = ["my"]\n[launchers.cluster]\nkind = "slurm"\n'
    source.write_text(f'default = "fast"\n[models.fast]\n[aliases.reviewer]\n{backends}')
    words = config.vocabulary(config.load(), ["a-task"])
    assert words == {
        "models": ["fast"],
        "aliases": ["reviewer"],
        "backends": sorted([*config.CLI, "my"]),
        "tasks": ["a-task"],
        "launchers": ["local", "cluster"],
        "default": "fast",
    }


@pytest.mark.parametrize(
    "text",
    [
        'permissions = "foo"',
        'permissions = "bypass"',
        'wake = "al"',
        "max_parallel = true",
        "max_parallel = 0",
        "ask_seconds = -1",
        "env = {drop = 3}",
        "env = {drop = [3]}",
        "models = {fast = {name = 5}}",
        'models = {fast = {permissions = "foo"}}',
        'aliases = {sec = {model = ["opus"]}}',
        "aliases = {sec = {prompt = 3}}",
        'backends = {my = {command = "my"}}',
        "backends = {my = {command = [3]}}",
        "backends = {my = {command = []}}",
        "backends = {claude = {program = 3}}",
    ],
)
def test_a_value_that_would_break_a_worker_is_not_in_force(source, text):
    """What the model refuses, the hooks' own small check refuses too."""
    source.write_text(text)
    assert faults(models.Config, tomllib.loads(text))
    assert config.load()["broken"], text


def test_a_key_that_means_nothing_breaks_no_chat(source):
    source.write_text('wak = "all"\nwake = "off"\n')
    assert (config.load()["wake"], config.load()["broken"]) == ("off", None)
