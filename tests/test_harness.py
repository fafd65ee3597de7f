"""The harness does what the other tests rely on, shown on the real Claude Code."""

import json
import os
import re
import signal
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import REAL_HOME, RealHomeTouched
from tests.harness.modelserver import error, hang, hold, host, slow, text, tool, tools, worker
from tests.harness.waiting import wait_until

EVENTS = Path(__file__).parent / "events"
QUESTION = {
    "question": "Which database?",
    "header": "Database",
    "multiSelect": False,
    "options": [{"label": "pg", "description": "Postgres"}, {"label": "my", "description": "MySQL"}],
}


# ---- the guard


@pytest.mark.parametrize("name", [".claude/settings.json", ".config/dispatch-hooks/config.toml", ".dispatch/x"])
def test_the_real_home_cannot_be_opened(name):
    with pytest.raises(RealHomeTouched):
        Path(REAL_HOME, name).read_bytes()


def test_nothing_can_be_made_or_moved_in_the_real_home(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(RealHomeTouched):
        os.makedirs(os.path.join(REAL_HOME, ".local/state/dispatch-hooks/tasks"))
    with pytest.raises(RealHomeTouched):
        os.rename(tmp_path / "a", os.path.join(REAL_HOME, ".claude/a"))


def test_home_is_a_folder_of_the_tests():
    assert os.environ["HOME"] != REAL_HOME
    assert not [name for name in os.environ if name.startswith("XDG_") and name.endswith("_HOME")]


# ---- the model server alone


def post(server, words: str, **body) -> dict:
    body = {"model": "m", "tools": [{"name": "Bash"}], "messages": [{"role": "user", "content": words}], **body}
    request = urllib.request.Request(server.url + "/v1/messages", json.dumps(body).encode())
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def said(answer: dict) -> str:
    return "".join(block.get("text", "") for block in answer["content"])


def test_rules_take_turns_and_fall_through_to_ok(server):
    server.rule("alpha", text("one"), "two")
    server.rule("alpha", lambda request: f"three to {request.last_user_text}")
    server.rule("beta", text("always"), repeat=True)
    assert [said(post(server, "alpha task")) for _ in range(4)] == ["one", "two", "three to alpha task", "ok"]
    assert [said(post(server, "beta task")) for _ in range(3)] == ["always"] * 3
    assert server.calls() == 7


def test_calls_come_side_by_side(server):
    server.rule("go", text("now") + tools(tool("Bash", command="a"), tool("Read", file_path="b")))
    answer = post(server, "go")
    assert answer["stop_reason"] == "tool_use"
    assert [block["type"] for block in answer["content"]] == ["text", "tool_use", "tool_use"]
    assert len({block["id"] for block in answer["content"][1:]}) == 2


def test_what_is_held_waits_for_its_release(server):
    server.rule("wait", hold("gate", "at last"))
    answers = []
    asking = threading.Thread(target=lambda: answers.append(said(post(server, "wait"))))
    asking.start()
    server.wait_for(lambda request: "wait" in request.last_user_text)
    assert not answers
    server.release("gate")
    asking.join()
    assert answers == ["at last"]


def test_side_requests_use_up_no_turn(server):
    server.rule("title", text("mine"))
    post(server, "title", tools=[])
    post(server, "title", max_tokens=1)
    assert "<summary>" in said(post(server, "title: Do NOT call any tools, write a <summary>"))
    assert (server.calls(), len(server.side)) == (0, 3)
    assert said(post(server, "title")) == "mine"


def test_it_runs_alone_from_a_script(sandbox, tmp_path):
    script = tmp_path / "script.json"
    script.write_text(json.dumps([{"when": "ls", "turns": [{"tool": "Bash", "input": {"command": "ls"}}, "done"]}]))
    command = [os.sys.executable, "-m", "tests.harness.modelserver", "--script", script]
    process = sandbox.spawn(*command, cwd=Path(__file__).parents[1], stdout=-1, text=True)
    server = type("Url", (), {"url": process.stdout.readline().strip()})
    assert post(server, "ls")["content"][0]["input"] == {"command": "ls"}
    assert said(post(server, "ls")) == "done"


# ---- claude -p


def test_print_mode(server, claude):
    server.rule("hello there", text("hi,\nmy friend"))
    done = claude.run_print("hello there")
    assert done.stdout == "hi,\nmy friend\n"
    assert [request.last_user_text for request in server.requests] == ["hello there"]
    assert not server.requests[0].interactive
    assert claude.run("claude", "-p", input="from stdin").stdout == "ok\n"


def test_tools_really_run(server, claude):
    server.rule("write", tool("Bash", command="echo made > file"), lambda request: request.tool_results[-1])
    done = claude.run_print("write it", "--allowedTools", "Bash")
    assert (claude.project / "file").read_text() == "made\n"
    assert "no output" in done.stdout


def test_models_arrive_under_their_own_names(server, claude):
    claude.run_print("a", "--model", "haiku")
    claude.run_print("b", "--model", "opus")
    assert [request.model.split("-")[1] for request in server.requests] == ["haiku", "opus"]


def test_an_error_ends_the_run(server, claude):
    server.rule("break", error(400, "invalid_request_error", "no such thing"), repeat=True)
    done = claude.run_print("break")
    assert done.returncode == 1
    assert "no such thing" in done.stdout


def test_a_resumed_session_goes_on_in_its_rule(server, claude):
    server.rule(worker("task one"), text("first"), text("second"))
    name = "00000000-0000-4000-8000-000000000001"
    assert claude.run_print("task one", "--session-id", name).stdout == "first\n"
    assert claude.run_print("more", "--resume", name).stdout == "second\n"
    assert {request.session for request in server.requests} == {name}
    assert [entry["type"] for entry in claude.transcript(name)].count("assistant") == 2


def test_the_sandbox_sees_and_ends_all_that_it_started(server, claude):
    server.rule("wait", hang())
    claude.spawn("claude", "-p", "wait", stdin=-3, stdout=-3)
    claude.spawn("sh", "-c", "(setsid sleep 1000 &) & exit")
    server.wait_for(lambda request: "wait" in request.last_user_text)
    wait_until(lambda: {"claude -p wait", "sleep 1000"} <= {Path(c).name for _, c in claude.processes()})
    claude.end()
    assert claude.processes() == []
    assert not claude.root.exists()
    wait_until(lambda: server.requests[0].gone)


# ---- a worker's session


def test_a_session_asks_and_is_answered(server, claude):
    server.rule(
        worker("fetch"),
        tool("Bash", command="curl --version"),
        tool("AskUserQuestion", questions=[QUESTION]),
        lambda request: text(request.tool_results[-1]),
        text("and again"),
    )
    session = claude.session("--permission-mode", "acceptEdits")
    session.send("fetch it")
    ask = session.wait_for("control_request")
    assert ask["request"]["tool_name"] == "Bash"
    session.deny(ask, "not today")
    session.allow(session.wait_for("control_request"), answers={"Which database?": "pg"})
    assert '"Which database?"="pg"' in session.wait_for("result")["result"]
    assert "not today" in server.requests[1].tool_results
    session.send("once more")
    assert session.wait_for("result")["result"] == "and again"
    assert session.close() == 0
    assert session.id == server.requests[-1].session


def test_a_session_is_interrupted(server, claude):
    server.rule(worker("long"), tool("Bash", command="while [ ! -e never ]; do sleep 0.1; done"), text("fine"))
    session = claude.session()
    session.send("long work")
    session.wait_for("assistant")
    wait_until(lambda: any("never" in command for _, command in claude.processes()))
    session.control("interrupt")
    result = session.wait_for("result")
    assert (result["is_error"], result["terminal_reason"]) == (True, "aborted_tools")
    session.send("go on")
    assert session.wait_for("result")["result"] == "fine"


# ---- a chat


def test_chat_types_and_reads(server, chat):
    server.rule(host("good day"), text("and a very good day to you"))
    here = chat()
    here.say("good day")
    here.wait_for("and a very good day to you")
    here.wait_idle()
    assert here.session == server.requests[0].session
    assert server.requests[0].interactive
    wait_until(lambda: [entry["type"] for entry in here.transcript()].count("assistant") == 1)


def test_chat_sends_what_was_typed_or_pasted(server, claude, chat):
    claude.record("UserPromptSubmit")
    here = chat()
    long = " ".join(f"word{number}" for number in range(120)) + ' "quoted" $HOME `x` ; é'
    here.say(long)
    assert claude.wait_for_event("UserPromptSubmit")["prompt"] == long
    here.wait_idle()
    here.say("typed\nin two lines")
    assert claude.wait_for_event("UserPromptSubmit", prompt="typed\nin two lines")
    here.wait_idle()
    here.paste("pasted\n  in two lines")
    here.enter()
    assert claude.wait_for_event("UserPromptSubmit", prompt="pasted\n  in two lines")
    here.wait_idle()
    here.paste("one\ntwo\nthree\nfour")
    here.enter()
    server.wait_for(host("<pasted_content id="))


def test_the_box_is_looked_at_and_emptied(chat):
    here = chat()
    here.type("half a sentence " * 20)
    assert here.typed.startswith("half a sentence")
    here.clear_box()
    assert here.typed == ""


def test_esc_before_the_first_token_puts_the_prompt_back(server, chat):
    server.rule(host("slow question"), hold("never", "late"))
    here = chat()
    here.say("slow question")
    request = server.wait_for(host("slow question"))
    wait_until(lambda: here.status == "busy")
    here.key("Escape")
    wait_until(lambda: here.typed == "slow question", why=here.screen)
    wait_until(lambda: request.gone)
    here.wait_idle()


def test_esc_in_the_middle_of_an_answer(server, chat):
    server.rule(host("tell"), slow("\n\n".join(f"part {number}" for number in range(50))))
    here = chat()
    here.say("tell me")
    here.wait_for("part 2")
    here.key("Escape")
    here.wait_for("Interrupted")
    assert "part 49" not in here.history()


def test_a_permission_is_given_in_the_dialog(server, chat):
    server.rule(host("fetch"), tool("Bash", command="curl --version"), text("fetched"))
    here = chat()
    here.say("fetch")
    here.wait_for("Do you want to proceed?")
    here.confirm()
    here.wait_for("fetched")
    assert server.requests[-1].tool_results[-1].startswith("curl ")


def test_clear_compact_exit_and_resume(server, chat):
    here = chat()
    first = here.session
    here.say("/clear")
    wait_until(lambda: here.session != first)
    second = here.session
    here.say("remember the milk")
    here.wait_for("● ok")
    here.say("/compact")
    here.wait_for("Compacted")
    here.wait_idle()
    assert here.session == second
    assert len(server.side) == 1
    here.exit()
    here.resume()
    assert here.session == second
    here.say("what was it?")
    assert "one line" in server.wait_for(host("what was it?")).all_text
    here.kill9()
    here.resume("--resume", second, "--fork-session")
    assert here.session != second


def test_two_chats_in_one_project(server, chat):
    one, two = chat(), chat()
    one.say("I am one")
    two.say("I am two")
    server.wait_for(host("I am one"))
    server.wait_for(host("I am two"))
    assert one.session != two.session
    one.close_terminal()
    assert two.alive


def test_a_failing_wait_shows_the_screen(chat):
    with pytest.raises(AssertionError, match="Claude Code v"):
        chat().wait_for("what never comes", timeout=0.1)


# ---- what docs/claude-code.md says of digests and wakes


def context_hook(words: str) -> dict:
    """A hook that adds the words to the prompt."""
    output = {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": words}}
    return {"type": "command", "command": f"echo '{json.dumps(output)}'"}


def alarm_hook(claude, words: str) -> tuple[dict, Path]:
    """An asyncRewake hook that wakes the chat with the words as soon as somebody makes its file."""
    bell = claude.root / "bell"
    command = f"while ! rm {bell} 2>/dev/null; do sleep 0.1; done; echo '{words}' >&2; exit 2"
    return {"type": "command", "command": command, "asyncRewake": True, "timeout": 600}, bell


def chain(entries: list[dict], entry: dict) -> list[dict]:
    """The entry and what it follows, back to the start of the conversation."""
    by_id = {entry["uuid"]: entry for entry in entries if "uuid" in entry}
    found = [entry]
    while parent := by_id.get(found[-1]["parentUuid"]):
        found.append(parent)
    return found


def digests(entries: list[dict]) -> list[dict]:
    return [e for e in entries if e.get("attachment", {}).get("type") == "hook_additional_context"]


def test_an_abandoned_digest_is_in_the_file_and_not_in_the_conversation(server, claude, chat):
    claude.write_settings({"hooks": {"UserPromptSubmit": [{"hooks": [context_hook("the digest")]}]}})
    server.rule(host("lost"), hold("never"))
    here = chat()
    here.say("hello")
    here.wait_for("● ok")
    here.wait_idle()
    here.say("lost")
    server.wait_for(host("lost"))
    wait_until(lambda: len(digests(here.transcript())) == 2)
    here.key("Escape")
    wait_until(lambda: here.typed == "lost", why=here.screen)
    here.clear_box()
    here.say("found")
    server.wait_for(host("found"))
    wait_until(lambda: [e["type"] for e in here.transcript()].count("assistant") == 2)
    entries = here.transcript()
    first, abandoned, last = digests(entries)
    answer = [entry for entry in entries if entry["type"] == "assistant"][-1]
    assert entries.index(abandoned) < entries.index(answer)
    assert [e for e in chain(entries, answer) if e in (first, abandoned, last)] == [last, first]


def test_a_wake_in_mid_turn_is_heard_under_the_turns_own_prompt_id(server, claude, chat):
    alarm, bell = alarm_hook(claude, "news of auth")
    claude.write_settings({"hooks": {"SessionStart": [{"hooks": [alarm]}]}})
    claude.record("UserPromptSubmit", "Stop")
    server.rule(host("work"), tool("Bash", command="while [ ! -e go ]; do sleep 0.1; done"), text("worked"))
    here = chat("--allowedTools", "Bash")
    here.say("work")
    here.wait_for("while [")
    bell.touch()
    wait_until(lambda: any(e["type"] == "queue-operation" for e in here.transcript()))
    (claude.project / "go").touch()
    stop = claude.wait_for_event("Stop")
    typed, woken = claude.events("UserPromptSubmit")
    assert "news of auth" in woken["prompt"]
    assert "news of auth" in server.requests[-1].system_text
    assert typed["prompt_id"] == woken["prompt_id"] == stop["prompt_id"]
    assert not stop["stop_hook_active"]


# ---- the events that Claude Code sends

RECORDED = (
    "SessionStart", "UserPromptSubmit", "UserPromptExpansion", "PreToolUse", "PermissionRequest", "PostToolUse",
    "Stop", "Notification", "PreCompact", "PostCompact", "SessionEnd",
)  # fmt: skip
VARIANT = ("source", "reason", "notification_type", "trigger")


def a_day_in_a_chat(server, claude, chat) -> None:
    """Everything a hook may hear of, once."""
    skill = claude.project / ".claude/skills/greet/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: greet\ndescription: greets\n---\nGreet $ARGUMENTS.\n")
    alarm, bell = alarm_hook(claude, "Task auth asks: which one?")
    claude.write_settings({"hooks": {"SessionStart": [{"matcher": "startup", "hooks": [alarm]}]}})
    claude.record(*RECORDED)
    claude.configure(messageIdleNotifThresholdMs=500)
    server.rule(host("fetch"), tool("Bash", command="sh -c 'echo made'", description="Say made"), text("fetched"))

    here = chat("--permission-mode", "default")
    here.say("Look at the auth module")
    claude.wait_for_event("Stop")
    claude.wait_for_event("Notification", notification_type="idle_prompt")
    bell.touch()
    server.wait_for(host("which one?"))
    claude.wait_for_event("Stop", stop_hook_active=True)
    here.wait_idle()
    here.say("/greet the world")
    claude.wait_for_event("UserPromptExpansion")
    here.wait_idle()
    here.paste("Look at these:\n1. auth\n2. docs\n3. tests")
    here.enter()
    server.wait_for(host("Look at these"))
    here.wait_idle()
    here.say("fetch it")
    here.confirm()
    claude.wait_for_event("PostToolUse")
    here.wait_for("fetched")
    here.wait_idle()
    here.say("/compact")
    claude.wait_for_event("PostCompact")
    here.wait_idle()
    here.say("/clear")
    claude.wait_for_event("SessionStart", source="clear")
    here.say("A new start")
    server.wait_for(host("A new start"))
    here.wait_idle()
    here.exit()
    here.resume()
    claude.wait_for_event("SessionStart", source="resume")
    here.exit()
    here.resume("-c", "--fork-session")
    claude.wait_for_event("SessionStart", source="fork")
    os.kill(here.pid, signal.SIGTERM)
    claude.wait_for_event("SessionEnd", reason="other")


def file_name(event: dict) -> str:
    """Stop.wake.json and the like: the event, and what kind of it."""
    kind = next((event[name] for name in VARIANT if name in event), "")
    prompt = event.get("prompt", "")
    if event["hook_event_name"] in ("UserPromptSubmit", "Stop"):
        woken = prompt.startswith("<task-notification>") or event.get("stop_hook_active")
        pasted = "<pasted_content" in prompt
        kind = "wake" if woken else "slash" if prompt.startswith("/") else "paste" if pasted else "plain"
    return ".".join(filter(None, [event["hook_event_name"], kind or event.get("tool_name"), "json"]))


def without_traces(event: dict, claude) -> dict:
    """The event with other people's folders and ids."""
    words = json.dumps(event)
    folder = str(claude.project).replace("/", "-").replace("_", "-")
    words = words.replace(folder, "-home-user-project").replace(str(claude.project), "/home/user/project")
    words = words.replace(str(claude.home), "/home/user").replace(str(claude.root), "/tmp/sandbox")
    known: dict[str, str] = {}

    def plain(match: re.Match) -> str:
        return known.setdefault(match[0], f"00000000-0000-4000-8000-{len(known) + 1:012}")

    return json.loads(re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}", plain, words))


def test_the_stored_events_are_what_claude_code_sends(server, claude, chat):
    """Stored by a run with DISPATCH_HOOKS_CAPTURE=1; any other run holds their keys against the real ones."""
    a_day_in_a_chat(server, claude, chat)
    seen: dict[str, dict] = {}
    for event in claude.events():
        seen.setdefault(file_name(event), without_traces(event, claude))
    if os.environ.get("DISPATCH_HOOKS_CAPTURE"):
        for name, event in seen.items():
            (EVENTS / name).write_text(json.dumps(event, indent=2) + "\n")
    stored = {path.name: json.loads(path.read_text()) for path in EVENTS.glob("*.json")}
    assert seen.keys() == stored.keys()
    assert {name: sorted(event) for name, event in seen.items()} == {name: sorted(e) for name, e in stored.items()}
