"""config add-model and add-alias: what is written, what of an earlier entry goes and what stays."""

import tomllib
from pathlib import Path

import pytest

from dispatch_hooks import config, errors, paths, resolve
from dispatch_hooks.commands import config as command


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(paths.ENV, "\n".join(str(tmp_path / name) for name in ("config", "state", "runtime", "data")))
    monkeypatch.setenv("PATH", str(tmp_path))

    def act(*args: str) -> str:
        errors.funnel(lambda: command.app(list(args), standalone_mode=False) or 0)
        return "".join(capsys.readouterr())

    return act


def ours() -> dict:
    file = Path(paths.config_file())
    return tomllib.loads(file.read_text()) if file.exists() else {}


def test_a_model_that_another_cli_is_to_run_loses_what_the_first_called_it(run):
    run("add-model", "fast", "-b", "opencode", "--name", "x/y", "--fallback", "haiku")
    assert ours()["models"]["fast"] == {"backend": "opencode", "name": "x/y", "fallback": "haiku"}
    assert run("add-model", "fast", "-b", "codex") == "changed model fast: codex runs it\n"
    assert ours()["models"]["fast"] == {"backend": "codex", "fallback": "haiku"}


def test_an_alias_that_gets_another_model_says_that_its_words_stay(run):
    assert run("add-alias", "r", "opus", "--prompt", "Be strict.") == "added alias r: opus\n"
    assert run("add-alias", "r", "sonnet") == "changed alias r: sonnet; its prompt stays\n"
    assert ours()["aliases"]["r"] == {"model": "sonnet", "prompt": "Be strict."}
    assert run("add-alias", "r", "sonnet", "-p", "Be kind.") == "changed alias r: sonnet\n"


def test_an_alias_of_an_alias_stands_for_its_model(run):
    Path(paths.config_file()).parent.mkdir(parents=True)
    Path(paths.config_file()).write_text('[aliases.b]\nprompt = "Be brief."\n[aliases.c]\nmodel = "nobodys"\n')
    assert run("add-alias", "x", "b") == "added alias x: claude\n"
    assert not resolve.meaning("x", config.load())[1]
    assert '"nobodys" is not available here' in run("add-alias", "y", "c")
    assert "y" not in ours()["aliases"]
