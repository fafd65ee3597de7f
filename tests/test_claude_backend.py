"""What a line of Claude Code's stream-json means, and what is written back; the shapes are in docs/claude-code.md."""

import json

import pytest

from dispatch_hooks.backends import claude

TASK = {
    "id": "x", "model": "opus", "permissions": "ask", "read_only": False, "alias": "", "backend": "claude",
}  # fmt: skip
RUN = {"n": 1, "prompt": "do it", "session": "S", "resume": False, "folder": "/p/.dispatch/tasks/x"}
CONFIG = {"backends": {}}


def argv(**changes):
    return claude.start({**TASK, **changes.pop("task", {})}, {**RUN, **changes}, CONFIG)["argv"]


def read(**message):
    return claude.read(json.dumps(message).encode())


def test_a_new_session_and_a_resumed_one():
    assert "--session-id" in argv() and "--resume" not in argv()
    assert argv(resume=True)[argv(resume=True).index("--resume") + 1] == "S"


def test_the_prompt_is_not_in_the_arguments_where_ps_shows_it():
    spec = claude.start(TASK, {**RUN, "prompt": "a secret plan"}, CONFIG)
    assert "a secret plan" not in " ".join(spec["argv"])
    assert json.loads(spec["stdin"])["message"]["content"] == "a secret plan"


@pytest.mark.parametrize(
    ("permissions", "mode"), [("ask", "acceptEdits"), ("auto", "acceptEdits"), ("bypass", "bypassPermissions")]
)
def test_permission_levels(permissions, mode):
    words = argv(task={"permissions": permissions})
    assert words[words.index("--permission-mode") + 1] == mode
    assert any("Bash" in w and w.endswith(",Bash") for w in words) == (permissions == "auto")


def test_a_read_only_task_may_edit_its_own_folder_only():
    words = argv(task={"read_only": True, "permissions": "auto"})
    assert words[words.index("--permission-mode") + 1] == "default"
    assert "Edit(//p/.dispatch/tasks/x/**)" in words


@pytest.mark.parametrize(
    ("spoken", "full"),
    [("opus", "opus"), ("opus-4.6", "claude-opus-4-6"), ("sonnet-5", "claude-sonnet-5"), ("claude-opus-5-5",) * 2],
)
def test_a_spoken_version_becomes_the_name_that_claude_code_knows(spoken, full):
    assert claude.full_name(spoken) == full


def test_subtype_lies_and_is_error_counts():
    events = read(type="result", subtype="success", is_error=True, result="API Error: 401 …", total_cost_usd=0.5)
    assert events[0]["cost_usd"] == 0.5
    told = {"error": "API Error: 401 …", "text": "API Error: 401 …", "about": {"status": None}}
    assert events[1] == {"kind": "turn_end", **told}


def test_a_limit_that_is_reached_tells_its_end():
    info = {"status": "rejected", "resetsAt": 1795460400, "rateLimitType": "five_hour"}
    assert read(type="rate_limit_event", rate_limit_info=info) == [{"kind": "limit", "resets": 1795460400}]
    assert read(type="rate_limit_event", rate_limit_info={**info, "status": "allowed_warning"}) == []
    assert read(type="rate_limit_event", rate_limit_info={"status": "rejected"}) == []
    events = read(type="result", is_error=True, result="no", api_error_status=429)
    assert events[1]["about"] == {"status": 429}


def test_tokens_are_summed():
    usage = {"input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100, "service_tier": "standard"}
    assert read(type="result", is_error=False, result="ok", usage=usage)[0]["tokens"] == 115


def test_several_questions_in_one_ask_are_answered_together():
    questions = [
        {"question": "Which db?", "options": [{"label": "pg"}, {"label": "sqlite"}]},
        {"question": "Which port?", "options": []},
    ]
    request = {"subtype": "can_use_tool", "tool_name": "AskUserQuestion", "input": {"questions": questions}}
    (ask,) = read(type="control_request", request_id="R", request=request)
    assert [q["options"] for q in ask["questions"]] == [["pg", "sqlite"], []]
    given = json.loads(claude.reply(ask, ["pg", "5432"]))["response"]["response"]["updatedInput"]
    assert given == {"questions": questions, "answers": {"Which db?": "pg", "Which port?": "5432"}}


@pytest.mark.parametrize(
    "line",
    [b"", b"not json", b"[1]", b"null", b'{"type": "system"}', b'{"type": "assistant", "message": null}', b"\xff\xfe",
     b'{"type": "control_request", "request": {"subtype": "can_use_tool"}}', b'{"type": 3}', b'{"type": ["x"]}'],
)  # fmt: skip
def test_a_line_of_another_shape_is_no_event_and_no_fault(line):
    assert claude.read(line) == []


def test_what_a_subagent_does_is_not_the_workers_own():
    block = {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}
    assert read(type="assistant", message={"content": [block]}, parent_tool_use_id="t") == []
    assert read(type="assistant", message={"content": [block]})[0]["text"] == "Bash: ls"
