"""What doctor finds out about the worker CLIs beside Claude Code, without a call to a model."""

import json

from dispatch_hooks.backends import table
from dispatch_hooks.doctor import agents
from tests.test_doctor import one, world  # noqa: F401  a fixture


def write(world, path: str, value) -> None:  # noqa: F811
    file = world.home / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value))


def test_what_is_not_on_path_is_not_looked_at(world):  # noqa: F811
    assert world.look(agents.versions, agents.logins, agents.sessions) == []


def test_a_version_is_told_and_an_older_one_warned_of(world):  # noqa: F811
    world.program("codex", f"echo codex-cli {table.TESTED['codex']}")
    world.program("qwen", "echo 99.0.1")
    assert [f.text for f in world.look(agents.versions)] == [
        f"codex is {table.TESTED['codex']}", f"qwen is 99.0.1; {table.TESTED['qwen']} is what was tested",
    ]  # fmt: skip
    world.program("qwen", "echo 0.9.30")
    fix = one(world.wrong(agents.versions), "warn", "qwen is 0.9.30; before", "nothing is tested")
    assert fix == "npm install -g @qwen-code/qwen-code"


def test_a_cli_that_does_not_tell_its_version_is_said_so(world):  # noqa: F811
    world.program("opencode", "echo broken >&2; exit 3")
    one(world.wrong(agents.versions), "warn", "opencode does not tell its version: broken")


def test_cursor_is_said_to_be_untested(world):  # noqa: F811
    world.program("agent", "echo 2026.01.01-abc")
    (found,) = world.look(agents.versions)
    assert "not tested with the real program" in found.text


def test_a_login_is_asked_of_codex_and_found_in_files_and_variables(world):  # noqa: F811
    world.program("codex", '[ "$1 $2" = "login status" ] && [ -e ~/in ]')
    world.program("gemini", "exit 1")
    world.program("opencode", "exit 1")
    found = world.wrong(agents.logins)
    assert [(state, text.split(" was")[0], fix) for state, text, fix in found] == [
        ("warn", "no login of codex", "codex login"),
        ("warn", "no login of gemini", "start gemini once and choose how to log in, or set GEMINI_API_KEY"),
        ("warn", "no login of opencode", "opencode auth login"),
    ]
    (world.home / "in").touch()
    write(world, ".gemini/settings.json", {"security": {"auth": {"selectedType": "oauth-personal"}}})
    world.env["MISTRAL_API_KEY"] = "x"
    assert world.wrong(agents.logins) == []


def test_gemini_is_warned_of_while_it_removes_its_sessions(world):  # noqa: F811
    world.program("gemini", "exit 1")
    one(world.wrong(agents.sessions), "warn", '"sessionRetention": {"enabled": false}')
    write(world, ".gemini/settings.json", {"general": {"sessionRetention": {"enabled": True}}})
    assert world.wrong(agents.sessions)
    write(world, ".gemini/settings.json", {"general": {"sessionRetention": {"enabled": False}}})
    assert world.wrong(agents.sessions) == []
