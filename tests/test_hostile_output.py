"""Whatever a CLI prints, no talk raises, no unsound event is heard, and what is written back is whole JSON lines."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_hooks import backends, paths
from dispatch_hooks.backends import events
from tests.product import alive

TASK = {
    "id": "fix-it", "model": "m", "permissions": "ask", "read_only": False, "alias": "", "alias_prompt": "",
    "project": "/p", "directory": None,
}  # fmt: skip
RUN = {
    "n": 1, "prompt": "do it", "anew": "do it from the start", "session": "S", "resume": False,
    "folder": "/p/.dispatch/tasks/fix-it", "own": "/state/fix-it", "cwd": "/p", "spent": {}, "since": None, "git": [],
}  # fmt: skip


def item(**fields):
    return {"method": "item/completed", "params": {"threadId": "T", "turnId": "U", "item": {"id": "i", **fields}}}


def told(**update):
    return {"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": "T", "update": update}}


CHANGE = {"path": "/p/a.txt", "kind": {"type": "add"}, "diff": "x"}
TOKENS = {"totalTokens": 9, "inputTokens": 5, "outputTokens": 4, "cachedInputTokens": 0, "reasoningOutputTokens": 0}
FREE = ":danger-full-access"  # other limits have a name that nobody can know beforehand
RESULT = {"type": "result", "subtype": "success", "is_error": False, "result": "done", "total_cost_usd": 0.1,
          "usage": {"input_tokens": 3, "output_tokens": 2}}  # fmt: skip
SPOKEN = {
    "claude": [
        {"type": "system", "subtype": "init", "session_id": "S", "model": "opus"},
        {"type": "system", "subtype": "api_retry", "attempt": 1, "error_status": 429},
        {"type": "system", "subtype": "background_tasks_changed", "tasks": [{"id": 1}]},
        {"type": "assistant", "message": {"content": [
            {"type": "text", "text": "hello"},
            {"type": "tool_use", "name": "Edit", "input": {"file_path": "/p/a.txt"}},
            {"type": "tool_use", "name": "Bash", "input": {"command": "ls"}}]}},
        {"type": "control_request", "request_id": "R", "request": {
            "subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "curl x"}, "tool_use_id": "t"}},
        {"type": "control_request", "request_id": "Q", "request": {
            "subtype": "can_use_tool", "tool_name": "AskUserQuestion",
            "input": {"questions": [{"question": "Which?", "options": [{"label": "a"}]}]}}},
        {"type": "control_cancel_request", "request_id": "R"},
        {"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": 2e9}},
        RESULT,
    ],
    "codex": [
        {"id": 1, "result": {"userAgent": "x"}},
        {"id": 2, "result": {"account": None, "requiresOpenaiAuth": False}},
        {"id": 3, "result": {"config": {"projects": {"/p": {"trust_level": "trusted"}}}}},
        {"id": 4, "result": {"thread": {"id": "T"}, "model": "m", "activePermissionProfile": {"id": FREE}}},
        {"id": 5, "result": {"turn": {"id": "U"}}},
        {"method": "turn/started", "params": {"threadId": "T", "turn": {"id": "U"}}},
        item(type="agentMessage", text="hello"),
        item(type="agentMessage", text="Which?", questions=[{"title": "Which?", "options": ["a"]}]),
        item(type="fileChange", status="completed", changes=[CHANGE]),
        {**item(type="fileChange", status="inProgress", changes=[CHANGE]), "method": "item/started"},
        {**item(type="commandExecution", command="/bin/bash -c 'ls -l'"), "method": "item/started"},
        {"method": "error", "params": {"error": {"message": "m", "additionalDetails": "d"}, "willRetry": True}},
        {"method": "thread/tokenUsage/updated", "params": {
            "threadId": "T", "tokenUsage": {"total": TOKENS, "last": TOKENS}}},
        {"id": 7, "method": "item/commandExecution/requestApproval", "params": {"command": "ls", "cwd": "/p"}},
        {"id": 8, "method": "item/fileChange/requestApproval", "params": {"itemId": "i", "reason": "r"}},
        {"id": 9, "method": "item/permissions/requestApproval", "params": {
            "permissions": {"fileSystem": {"write": ["/x"]}, "network": {"enabled": True}}}},
        {"id": 10, "method": "mcpServer/elicitation/request", "params": {"message": "may I?", "serverName": "s"}},
        {"id": 11, "method": "item/tool/requestUserInput", "params": {"questions": [
            {"id": "q", "question": "Which?", "options": [{"label": "a"}]}]}},
        {"method": "account/rateLimits/updated", "params": {"rateLimits": {
            "primary": {"usedPercent": 100, "resetsAt": 2e9}}}},
        {"method": "serverRequest/resolved", "params": {"requestId": 7}},
        {"method": "turn/completed", "params": {"threadId": "T", "turn": {"id": "U", "status": "completed"}}},
    ],
    "opencode": [
        {"jsonrpc": "2.0", "id": 1, "result": {"agentCapabilities": {"loadSession": True}}},
        {"jsonrpc": "2.0", "id": 2, "result": {"sessionId": "T", "configOptions": [
            {"id": "model", "options": [{"value": "p/m"}]}]}},
        {"jsonrpc": "2.0", "id": 3, "result": {}},
        told(sessionUpdate="agent_message_chunk", content={"type": "text", "text": "hello"},
             _meta={"usage": {"inputTokens": 1, "outputTokens": 2}}),
        told(sessionUpdate="tool_call", toolCallId="t", kind="execute", title="ls", rawInput={"command": "ls"}),
        told(sessionUpdate="tool_call_update", toolCallId="t", status="completed", kind="edit",
             locations=[{"path": "/p/a"}], content=[{"type": "diff", "path": "/p/a"}]),
        told(sessionUpdate="usage_update", cost={"amount": 0.5, "currency": "USD"}),
        {"jsonrpc": "2.0", "id": 9, "method": "session/request_permission", "params": {
            "toolCall": {"toolCallId": "t2", "kind": "execute", "title": "curl", "rawInput": {"command": "curl"}},
            "options": [{"optionId": "o", "name": "yes", "kind": "allow_once"}]}},
        {"jsonrpc": "2.0", "id": 10, "method": "session/request_permission", "params": {
            "toolCall": {"toolCallId": "t3", "kind": "think",
                         "rawInput": {"questions": [{"question": "Which?", "options": [{"label": "a"}]}]}},
            "options": [{"optionId": "o", "name": "yes", "kind": "allow_once"}]}},
        {"jsonrpc": "2.0", "id": 11, "method": "fs/write_text_file", "params": {"path": "/x"}},
        {"jsonrpc": "2.0", "id": 4, "result": {
            "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 2}}},
    ],
    "mycli": [{"any": "words"}, "words"],
}  # fmt: skip
START = [*SPOKEN["opencode"][:2], *SPOKEN["opencode"][3:-1], {**SPOKEN["opencode"][-1], "id": 3}]
SPOKEN |= dict.fromkeys(("gemini", "qwen", "copilot"), START)  # their model is an argument: a request less
"""A conversation with each, message by message; fields as the real programs send them."""

CONFIG = {"backends": {"mycli": {"command": ["mycli"]}}}


def talk(name):
    task = {**TASK, "backend": name, "permissions": "bypass" if name == "codex" else "ask"}
    return backends.get(name, CONFIG).talk(task, RUN, CONFIG)


def places(value, path=()):
    """The paths of all that a message holds, itself too."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from places(one, (*path, key))


def changed(message, path, value):
    """The message with another value in a place, or without what is there."""
    if not path:
        return value
    found = copy.deepcopy(message)
    inner = found
    for key in path[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return found


GONE = object()
ODD = st.one_of(
    st.sampled_from([None, True, False, 0, -1, 10**30, 1e308, "", " ", "\ud800", "\x00\x1b[2J", "-x", "x" * 5000]),
    st.sampled_from([[], {}, [None], [[]], [{}], {"": None}, {"id": []}, [1, "x", {}], {"text": 3}, float("nan")]),
    st.just(GONE),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5),
                 lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
                 max_leaves=6),
)  # fmt: skip


@st.composite
def garbled(draw, spoken):
    """A conversation in which some messages are not what they should be, or come twice, or not at all."""
    lines = []
    for said in spoken:
        for _ in range(draw(st.sampled_from([1, 1, 1, 2, 0]))):
            message = said
            if draw(st.booleans()):
                path = draw(st.sampled_from(list(places(said))))
                value = draw(ODD)
                message = said if value is GONE and not path else changed(said, path, value)
            line = json.dumps(message).encode()
            lines.append(line[: draw(st.integers(0, len(line)))] if draw(st.integers(0, 9)) == 0 else line)
    return lines


def play(name, lines):
    """All that is heard, with every ask answered one way or the other."""
    one, heard = talk(name), []
    written = [one.stdin]
    for n, line in enumerate(lines):
        for event in one.read(line):
            heard += [event] if events.sound(event) else []
            written.append(event["text"] if event["kind"] == "send" else None)
            if event["kind"] == "ask" and events.sound(event):
                answers = ["" if q["kind"] == "permission" else "a" for q in event["questions"]]
                refused = [answer or "no" for answer in answers]
                written.append([one.reply(event, answers), one.reply(event, refused), one.refuse(event, "no")][n % 3])
        written += [one.note("look"), one.interrupt()] if n % 5 == 0 else []
    return heard, written


@pytest.mark.parametrize("name", SPOKEN)
class TestWhateverIsPrinted:
    def test_the_conversation_as_it_should_be_is_all_heard(self, name):
        one = talk(name)
        found = [event for message in SPOKEN[name] for event in one.read(json.dumps(message).encode())]
        assert found and all(map(events.sound, found))
        assert name == "mycli" or found[-1]["kind"] == "turn_end"

    @settings(max_examples=60, deadline=None)
    @given(data=st.data())
    def test_nothing_unsound_is_heard_and_whole_lines_are_written(self, name, data):
        _, written = play(name, data.draw(garbled(SPOKEN[name])))
        for text in filter(None, written):
            assert name == "mycli" or (text.endswith("\n") and all(map(json.loads, text.splitlines())))


@pytest.mark.parametrize("name", SPOKEN)
def test_a_prompt_is_in_no_command_line_and_no_environment_where_ps_shows_it(name):
    one = backends.get(name, CONFIG).talk({**TASK, "backend": name}, {**RUN, "prompt": "a secret plan"}, CONFIG)
    assert "a secret plan" not in " ".join([*one.argv, *one.env.values()])


ENDS = [
    ("claude", RESULT, ("type",)),
    ("codex", SPOKEN["codex"][-1], ("method", "threadId", "params")),
    ("opencode", SPOKEN["opencode"][-1], ("id",)),
    ("copilot", SPOKEN["copilot"][-1], ("id",)),
]


@pytest.mark.parametrize(("name", "last", "names"), ENDS, ids=lambda v: v if isinstance(v, str) else "")
def test_a_turns_end_is_heard_whatever_else_its_message_says(name, last, names):
    """A turn that seems to go on for ever would be the worst of all readings."""
    for path in places(last):
        for value in ([], {}, 3, None, "", "\ud800", True, -1.5):
            if not path or any(key in names for key in path[-1:]):
                continue
            one = talk(name)
            for message in SPOKEN[name][:-1]:
                one.read(json.dumps(message).encode())
            found = one.read(json.dumps(changed(last, path, value)).encode())
            ends = [event for event in found if event["kind"] == "turn_end" and events.sound(event)]
            assert ends, (path, value)


DEEP_ASKS = {
    "claude": {"type": "control_request", "request_id": "R1", "request": {
        "subtype": "can_use_tool", "tool_name": "Bash", "input": {"command": "ls", "x": "DEEP"}}},
    "codex": {"id": "R1", "method": "item/permissions/requestApproval", "params": {"permissions": {"x": "DEEP"}}},
    "opencode": {"jsonrpc": "2.0", "id": "R1", "method": "session/request_permission", "params": {
        "toolCall": {"toolCallId": "t", "kind": "execute", "title": "ls", "rawInput": {"command": "ls", "x": "DEEP"}},
        "options": [{"optionId": "o", "name": "yes", "kind": "allow_once"}]}},
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP_ASKS)
@pytest.mark.parametrize(("depth", "asks"), [(50, True), (500, False), (3000, False), (1_000_000, False)])
def test_an_ask_that_is_nested_too_deeply_to_be_shown_is_refused_and_not_left_waiting(name, depth, asks):
    line = json.dumps(DEEP_ASKS[name]).replace('"DEEP"', "[" * depth + "]" * depth)
    (heard,) = events.heard(talk(name), line.encode())
    assert heard["kind"] == ("ask" if asks else "send")
    assert asks or ('"R1"' in heard["text"] and '"allow"' not in heard["text"] and '"o"' not in heard["text"])


# ---- a real supervisor with a program that raves

RAVES = r"""#!/bin/sh
folder=$DISPATCH_HOOKS_FOLDER
here=$(dirname "$0")
cat "$here/begin"
printf '\000\033[2J\377\376 no words\n[[[[[[[[\n{"type":\n"x"\n3\nnull\n'
head -c 100000 /dev/zero | tr '\0' '['; echo
printf '{"type":"assistant","message":{"content":[{"type":"text","text":"'
head -c 9000000 /dev/zero | tr '\0' x; echo '"}]}}'
cat "$here/odd"
sed -i 's/\[ \]/[x]/' "$folder/plan.md"; echo 'came through' > "$folder/output.md"
cat "$here/end"
printf 'half a line'
while read -r line; do :; done
"""


@pytest.mark.parametrize("name", ["claude", "codex", "opencode"])
def test_a_raving_program_loses_no_task(lab, name):
    *spoken, end = SPOKEN[name]
    begin = [message for message in spoken if "result" in message or message.get("subtype") == "init"]
    plain = [message for message in spoken if message not in begin and not waits(message)]
    odd = [changed(m, path, value) for m in plain for path in places(m) if path for value in ("\ud800", [], 10**30)]
    for file, messages in (("begin", begin), ("odd", odd), ("end", [end])):
        (lab.root / file).write_text("".join(json.dumps(message) + "\n" for message in messages))
    program = lab.root / "raves"
    program.write_text(RAVES)
    program.chmod(0o755)
    config = Path(paths.config_file())
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f'[backends.{name}]\nprogram = "{program}"\n')
    (folder,) = lab.dispatch(name, permissions="bypass")
    status = lab.wait(folder, "finished", timeout=60)
    assert status["summary"] == "came through"
    assert alive(folder) == []


def waits(message) -> bool:
    """Whether its sender waits for somebody."""
    return "id" in message or any(word in json.dumps(message) for word in ("control_re", "questions", "background"))
