"""The configuration of the /dispatch skill becomes ours: both of its forms, and what is not taken is told."""

import tomllib
from pathlib import Path

import pytest

from dispatch_hooks import config, errors, faults, legacy, models, paths, resolve
from dispatch_hooks.commands import config as command

NEW = """\
default: opus  # by name or alias
backends:
  claude:
    command: >
      env -u CLAUDE_CODE_ENTRYPOINT -u CLAUDECODE
      claude -p --dangerously-skip-permissions
  cursor:
    command: >
      agent -p --force --workspace "$(pwd)"
  codex:
    command: codex exec --full-auto -C "$(pwd)" -c foo=1
  goose:
    command: goose run --quiet
  house:
    command: ./bin/agent --in "$(pwd)" | tee log
models:
  opus: { backend: claude }
  gpt-5.2: { backend: codex }
  composer-1.5: { backend: cursor }
  local: { backend: goose }
  lost: { backend: nobody }
aliases:
  security-reviewer:
    model: opus
    prompt: >
      You are a security-focused reviewer.
  quick:
    model: sonnet
"""

OLD = """\
default: harvey
agents:
  cursor:
    command: >
      agent -p --force --workspace "$(pwd)"
  claude:
    command: env -u CLAUDECODE claude -p
  harvey:
    command: >
      cursor agent --model gpt-5
      --print --trust --workspace "$(pwd)"
  writer:
    command: claude -p
  mine:
    command: my-agent --go
"""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    where = [str(tmp_path / name) for name in ("config", "state", "runtime", "data")]
    monkeypatch.setenv(paths.ENV, "\n".join(where))
    monkeypatch.setenv("HOME", str(tmp_path))
    Path(where[0]).mkdir()

    def act(*args: str):
        code = errors.funnel(lambda: command.app(["import", *args], standalone_mode=False) or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    act.home = tmp_path
    return act


def skill(run, text: str) -> str:
    (run.home / ".dispatch").mkdir(exist_ok=True)
    (run.home / ".dispatch/config.yaml").write_text(text)
    return str(run.home / ".dispatch/config.yaml")


def ours() -> dict:
    file = Path(paths.config_file())
    return tomllib.loads(file.read_text()) if file.exists() else {}


def test_the_present_form(run):
    skill(run, NEW)
    code, out, err = run()
    assert (code, err) == (0, "")
    assert ours() == {
        "default": "opus",
        "backends": {
            "goose": {"command": ["goose", "run", "--quiet", "{prompt}"]},
            "house": {"command": ["sh", "-c", './bin/agent --in "$(pwd)" | tee log "$@"', "sh", "{prompt}"]},
        },
        "models": {
            "opus": {"backend": "claude"}, "gpt-5.2": {"backend": "codex"}, "composer-1.5": {"backend": "cursor"},
            "local": {"backend": "goose"},
        },
        "aliases": {
            "security-reviewer": {"model": "opus", "prompt": "You are a security-focused reviewer."},
            "quick": {"model": "sonnet"},
        },
    }  # fmt: skip
    assert faults.faults(models.Config, ours()) == [] and config.load()["broken"] is None
    assert "models.lost: there is no backend nobody" in out
    assert "config set backends.claude.permissions bypass" in out
    assert "config set backends.codex.permissions auto" in out
    assert "codex: -c foo=1; our codex backend starts codex in its own way" in out


def test_the_old_form(run):
    skill(run, OLD)
    assert run()[0] == 0
    assert ours() == {
        "default": "harvey",
        "models": {"harvey": {"backend": "cursor", "name": "gpt-5"}},
        "aliases": {"writer": {"model": "claude"}},
        "backends": {"mine": {"command": ["my-agent", "--go", "{prompt}"]}},
    }


NAMED = """\
default: fast
backends:
  fast: { command: claude -p --model haiku }
  work: { command: "claude -p --dangerously-skip-permissions" }
  oc: { command: "opencode run --auto -m anthropic/claude-sonnet-4" }
  claude: { command: claude -p --model sonnet }
  gemini: { command: gemini -y -p }
models:
  h: { backend: fast }
  s: { backend: oc }
  opus: { backend: claude }
  fast: { backend: fast }
aliases:
  careful: { model: work, prompt: Think. }
"""


def test_a_known_command_under_another_name_or_with_a_model_keeps_both(run):
    skill(run, NAMED)
    _, out, _ = run()
    sonnet = {"backend": "opencode", "name": "anthropic/claude-sonnet-4"}
    assert ours() == {
        "default": "fast",
        "models": {
            "fast": {"backend": "claude", "name": "haiku"}, "h": {"backend": "claude", "name": "haiku"},
            "oc": sonnet, "s": sonnet,
            "claude": {"backend": "claude", "name": "sonnet"}, "opus": {"backend": "claude"},
        },
        "aliases": {"work": {"model": "claude"}, "careful": {"model": "claude", "prompt": "Think."}},
    }  # fmt: skip
    for backend in ("claude", "opencode", "gemini"):
        assert f"config set backends.{backend}.permissions bypass" in out
    for name in ("fast", "h", "s", "work", "careful", "opus"):
        assert not resolve.meaning(name, config.load())[1], name


def test_a_default_that_would_mean_nothing_is_not_taken(run):
    skill(run, "default: sonett\naliases: {a: {model: opus}}\n")
    assert 'not taken:\n  default: "sonett" is not available here; do you mean sonnet' in run()[1]
    assert ours() == {"aliases": {"a": {"model": "opus"}}}


def test_what_the_person_has_already_stays_unless_forced(run):
    path = skill(run, NEW)
    mine = '# mine\ndefault = "sonnet"\n\n[models.opus]\nbackend = "codex"  # for now\n'
    Path(paths.config_file()).write_text(mine)
    code, out, _ = run(path)
    assert code == 0 and "yours says otherwise, and stays (--force takes these, too):\n" in out
    assert '  models.opus.backend\n' in out and "  default\n" in out
    assert ours()["default"] == "sonnet" and ours()["models"]["opus"]["backend"] == "codex"
    assert "# for now" in Path(paths.config_file()).read_text() and ours()["aliases"]["quick"] == {"model": "sonnet"}
    run("--force", path)
    assert ours()["default"] == "opus" and ours()["models"]["opus"]["backend"] == "claude"
    assert run(path)[1].startswith("nothing to take from")


def test_a_dry_run_changes_nothing(run):
    path = skill(run, NEW)
    code, out, _ = run("--dry-run")
    assert code == 0 and out.startswith(f"would take 10 of {path}:")
    assert not Path(paths.config_file()).exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("default: [", "cannot be read"), ("- a\n- b", "is no configuration of /dispatch"), ("", "is no configuration"),
        ("!!python/object/apply:os.system ['true']", "cannot be read"), ("a: 1", "nothing to take from"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_refused_or_says_nothing(run, text, words):
    skill(run, text)
    _, out, err = run()
    assert words in out + err and ours() == {}
    assert "Traceback" not in err


def test_no_file_says_what_to_type(run):
    code, _, err = run()
    assert code == 1 and "there is no" in err and "dispatch-hooks config import FILE" in err


@pytest.mark.parametrize(
    "text",
    ["default: 3", "models: [1]", "models: {a: 3}", "models: {a: {backend: [x]}}", "aliases: {a: {}}", "agents: {a: }",
     "backends: {a: {command: 'it''s \"'}}", "backends: {a: {command: ''}}", "default: ' '",
     "backends: {a: {command: env -u}}"],
)  # fmt: skip
def test_entries_of_another_shape_are_left_and_told(run, text):
    skill(run, text)
    code, _, err = run()
    assert code == 0, err
    assert faults.faults(models.Config, ours()) == []


def test_every_value_taken_is_sound():
    made, _ = legacy.translate({"agents": {"x": {"command": "FOO=1 claude --model=opus-4.6 -p"}}})
    assert made == [(("models", "x", "backend"), "claude"), (("models", "x", "name"), "opus-4.6")]
