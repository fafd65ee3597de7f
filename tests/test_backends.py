"""What every backend keeps to, whatever CLI it speaks to; and the figures of a run, whatever way a CLI counts."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from dispatch_hooks import backends, config, conversation, hearing
from dispatch_hooks.backends import events, table
from tests.harness import claude as host
from tests.harness import workers

TASK = {
    "id": "fix-it", "model": "", "permissions": "ask", "read_only": False, "alias": "", "alias_prompt": "",
    "project": "/p", "directory": None,
}  # fmt: skip
RUN = {
    "n": 1, "prompt": "do the secret thing", "anew": "do it from the start", "session": None, "resume": False,
    "folder": "/p/.dispatch/tasks/fix-it", "cwd": "/p", "spent": {}, "since": None,
}  # fmt: skip

SETTINGS = {
    "claude": {},
    "codex": {},
    "mycli": {"command": ["mycli", "--model", "{model}"]},
    "jsoncli": {"command": ["mycli"], "resume": ["mycli", "-r", "{session}"], "fields": {"session": "id", "text": "m"}},
    "opencode": {},
    "gemini": {},
    "qwen": {},
    "copilot": {},
    "cursor": {},
    "goose": {"protocol": "acp", "command": ["goose", "acp"]},
}
"""Every way of speaking, as a person's config names it."""

GARBAGE = [
    b"", b"not json", b"[1]", b"null", b"3", b"{}", b'{"type": 3}', b'{"type": ["x"]}', b"\xff\xfe", b'{"id": 77}',
    b'{"method": "session/update"}', b'{"id": null, "result": null}', b'{"jsonrpc": "2.0", "id": "x", "error": 3}',
    b'{"type": "assistant", "message": null}', b'{"method": "session/update", "params": {"update": []}}',
    b'{"id": 1, "result": []}', b'{"method": 3, "id": {}}', b'{"method": "session/request_permission", "id": 1}',
    b'{"type": "control_request", "request": {"subtype": "can_use_tool"}}', b"[" * 100_000,
]  # fmt: skip

def check(found):
    """Each event is one that a supervisor knows, with all of its fields."""
    for event in found:
        assert events.sound(event), event
    return found


@pytest.mark.parametrize("name", SETTINGS)
class TestEveryBackend:
    """The contract."""

    @pytest.fixture
    def config(self):
        return {"backends": SETTINGS}

    @pytest.fixture
    def talk(self, name, config):
        return self.begin(name, config)

    def begin(self, name, config, **run):
        return backends.get(name, config).talk({**TASK, "backend": name}, {**RUN, **run}, config)

    def test_it_starts_the_program_that_is_looked_for_on_path(self, name, config, talk):
        assert talk.argv[0] == backends.get(name, config).program({**TASK, "backend": name}, config)
        assert all(isinstance(word, str) for word in [*talk.argv, *talk.env, *talk.env.values()])

    def test_the_prompt_is_not_in_the_arguments_where_ps_shows_it(self, name, talk):
        assert "secret" not in " ".join(talk.argv)

    @pytest.mark.parametrize("line", GARBAGE, ids=lambda line: line[:20].decode(errors="replace"))
    def test_a_line_of_another_shape_is_no_fault(self, name, talk, line):
        for event in check(talk.read(line)):
            assert event["kind"] in ("activity", "send", "session", "turn_end")

    def test_what_it_writes_is_whole_lines(self, name, talk):
        for text in (talk.note("look here"), talk.interrupt()):
            assert text is None or text == "" or text.endswith("\n")

    def test_each_permission_level_and_read_only_can_be_started(self, name, config):
        for change in [{"permissions": level} for level in ("ask", "auto", "bypass")] + [{"read_only": True}]:
            task = {**TASK, "backend": name, **change}
            assert backends.get(name, config).talk(task, RUN, config).argv

    def test_one_that_resumes_is_told_the_news_only(self, name, config):
        if not backends.get(name, config).resumes({**TASK, "backend": name}, config):
            pytest.skip("every run of it begins anew")
        assert self.begin(name, config, session="S", resume=True).session == "S"

    def test_two_runs_share_nothing(self, name, config, talk):
        other = self.begin(name, config)
        assert other is not talk and other.argv is not talk.argv

    def test_every_event_is_heard_by_the_supervisor(self, name):
        assert set(events.SHAPES) == set(hearing.HEAR)


# figures


class Run:
    """As much of a supervisor's run as hears figures."""

    def __init__(self, **status):
        self.status, self.before, self.saved = {"session": None, **status}, dict(status), []
        self.ledger = SimpleNamespace(save=lambda: self.saved.append(dict(self.status)))


def used(**figures):
    return {"kind": "usage", "tokens": None, "input": None, "output": None, "cost_usd": None, **figures}


def test_the_figures_of_a_run_are_added_to_those_of_the_runs_before():
    run = Run(tokens=100, cost_usd=1.0)
    for tokens, cost in ((10, 0.1), (30, 0.3)):  # totals of this run, not steps
        hearing.usage(run, used(tokens=tokens, cost_usd=cost), 0)
    assert (run.status["tokens"], run.status["cost_usd"]) == (130, 1.3)


def test_no_cost_is_invented_where_a_cli_tells_none():
    run = Run()
    hearing.usage(run, used(tokens=10), 0)
    assert run.status["tokens"] == 10 and "cost_usd" not in run.status


def test_what_a_session_used_is_counted_from_its_own_beginning():
    run = Run(session="old", cost_usd=2.0, tokens=50, before={"cost_usd": 0.5})
    assert conversation._spent(run.status)["cost_usd"] == 1.5
    hearing.session(run, {"id": "new", "model": ""}, 0)
    assert conversation._spent(run.status) == {"tokens": 0, "input": 0, "output": 0, "cost_usd": 0.0}
    assert [status["session"] for status in run.saved] == ["new"]  # at once, and no more than once
    hearing.session(run, {"id": "new", "model": ""}, 0)
    assert len(run.saved) == 1


def test_claude_tells_a_cost_of_the_session_and_tokens_of_a_turn():
    config = {"backends": {}}
    run = {**RUN, "session": "S", "resume": True, "spent": {"cost_usd": 0.5}}
    talk = backends.get("claude", config).talk({**TASK, "backend": "claude"}, run, config)
    line = {"type": "result", "is_error": False, "result": "", "total_cost_usd": 0.75, "usage": {"input_tokens": 7,
            "cache_read_input_tokens": 3, "output_tokens": 2}}  # fmt: skip
    talk.read(json.dumps(line).encode())
    (usage, _) = talk.read(json.dumps({**line, "total_cost_usd": 1.0}).encode())
    assert usage == {"kind": "usage", "tokens": 24, "input": 20, "output": 4, "cost_usd": 0.5}


# the table in README


def test_readme_shows_what_the_code_says_of_each_backend():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    assert table.BEGIN in readme
    assert readme == table.put(readme), "type: python -m dispatch_hooks.backends.table"
    assert [row.split(" | ")[0][2:] for row in table.text().splitlines()[2:-2]] == [table.NAMES[n] for n in config.CLI]


def test_the_versions_in_the_table_are_those_that_the_tests_run():
    run = {name: cli.version for name, cli in workers.CLIS.items()} | {"claude": host.VERSION}
    assert run == table.TESTED
