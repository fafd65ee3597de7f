"""The Agent Client Protocol: what agents say and are told, what they may do unasked; a stand-in with bad manners."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from dispatch_hooks import backends, config, paths, questions, steer, tasks
from dispatch_hooks.backends import calls, quirks, rights, tokens
from tests.harness.waiting import wait_until
from tests.product import alive
from tests.test_backends import RUN, TASK

STANDIN = Path(__file__).parent / "harness/agent.py"


class Peer:
    """An agent's side of a talk: says lines, hears what is written."""

    def __init__(self, name="opencode", task=(), settings=(), **run):
        self.config = {**config.DEFAULTS, "backends": dict(settings)}
        task = {**TASK, "backend": name, **dict(task)}
        self.talk = backends.get(name, self.config).talk(task, {**RUN, **run}, self.config)
        self.heard, self.events = [], []
        self.take(self.talk.stdin)

    def take(self, text):
        self.heard += [json.loads(line) for line in (text or "").splitlines()]

    def say(self, **message):
        events = self.talk.read(json.dumps({"jsonrpc": "2.0", **message}).encode())
        for event in events:
            if event["kind"] == "send":
                self.take(event["text"])
        self.events += events
        return [event for event in events if event["kind"] != "send"]

    def result(self, method, result=None, error=None):
        number = [m["id"] for m in self.heard if m.get("method") == method][-1]
        return self.say(id=number, **({"error": error} if error else {"result": result or {}}))

    def update(self, what, **update):
        return self.say(method="session/update", params={"sessionId": "S", "update": {"sessionUpdate": what, **update}})

    def chunk(self, text, **more):
        return self.update("agent_message_chunk", content={"type": "text", "text": text}, **more)

    def ask(self, number=7, **call):
        options = [{"optionId": k, "kind": k} for k in ("allow_always", "allow_once", "reject_once")]
        call = {"toolCallId": "t1", "kind": "execute", "title": "make", "rawInput": {"command": "make"}, **call}
        return self.say(id=number, method="session/request_permission", params={"toolCall": call, "options": options})

    def begin(self, **made):
        self.result("initialize", {"agentCapabilities": {"loadSession": True}})
        if self.heard[-1]["method"] == "authenticate":
            self.result("authenticate")
        return self.result("session/new", {"sessionId": "S", **made})

    @property
    def prompts(self):
        return [m["params"]["prompt"][0]["text"] for m in self.heard if m.get("method") == "session/prompt"]


def chosen(message):
    return message["result"]["outcome"].get("optionId")


# the beginning


def test_a_session_is_made_told_of_and_prompted():
    peer = Peer()
    assert peer.begin() == [{"kind": "session", "id": "S", "model": ""}]
    assert [m["method"] for m in peer.heard] == ["initialize", "session/new", "session/prompt"]
    assert peer.prompts == ["do the secret thing"]


def test_a_model_is_chosen_as_the_session_takes_it():
    options = [{"id": "model", "options": [{"value": "a/other"}, {"value": "moonshotai/kimi-k2"}]}]
    peer = Peer(task={"model": "kimi-k2"})
    peer.begin(configOptions=options)
    assert peer.heard[-1]["method"] == "session/set_config_option"
    assert peer.heard[-1]["params"] == {"sessionId": "S", "configId": "model", "value": "moonshotai/kimi-k2"}
    peer.result("session/set_config_option")
    assert peer.prompts
    peer = Peer("mine", {"model": "m2"}, {"mine": {"protocol": "acp", "command": ["mine"]}})
    peer.begin(models={"availableModels": [{"modelId": "m1"}, {"modelId": "m2"}]})
    assert peer.heard[-1]["method"] == "session/set_model"


def test_a_model_that_cannot_be_chosen_is_an_error_and_nothing_is_prompted():
    peer = Peer("mine", {"model": "m2"}, {"mine": {"protocol": "acp", "command": ["mine"]}})
    (_, end) = peer.begin()
    assert end["kind"] == "turn_end" and "lets nobody choose its model" in end["error"]
    assert peer.prompts == []
    peer = Peer(task={"model": "nope"})
    peer.begin(configOptions=[{"id": "model", "options": []}])
    (end,) = peer.result("session/set_config_option", error={"code": -32602, "message": "no such model"})
    assert end["error"] == "no such model" and peer.prompts == []


def test_a_login_that_is_missing_is_told_in_the_agents_words():
    peer = Peer("gemini")
    peer.result("initialize")
    (end,) = peer.result("session/new", error={"code": -32000, "message": "Authentication required"})
    assert end == {"kind": "turn_end", "error": "Authentication required", "text": "", "about": {}}


def resumed(name="opencode", **run):
    peer = Peer(name, session="OLD", resume=True, prompt="the news", **run)
    peer.result("initialize", {"agentCapabilities": {"loadSession": True}})
    return peer


def test_a_loaded_session_is_told_the_news_and_its_replay_is_not_work():
    peer = resumed()
    assert peer.update("user_message_chunk", content={"type": "text", "text": "before"}) == []
    assert peer.chunk("old words") == []
    assert peer.result("session/load") == [{"kind": "session", "id": "OLD", "model": ""}]
    assert peer.prompts == ["the news"]


@pytest.mark.parametrize("error", [{"code": -32002, "message": "Resource not found"}, None], ids=["error", "silence"])
def test_a_session_that_is_gone_is_begun_anew_with_all_that_is_known(error):
    peer = resumed(spent={"cost_usd": 5.0})
    (activity,) = peer.result("session/load", error=error)  # without an error: it replayed nothing
    assert "begun anew" in activity["text"]
    assert peer.result("session/new", {"sessionId": "NEW"}) == [{"kind": "session", "id": "NEW", "model": ""}]
    assert peer.prompts == ["do it from the start"]
    (usage,) = peer.update("usage_update", cost={"amount": 0.25, "currency": "USD"})
    assert usage["cost_usd"] == 0.25


def test_an_agent_that_loads_no_sessions_is_told_all():
    peer = Peer(session="OLD", resume=True)
    peer.result("initialize", {"agentCapabilities": {}})
    assert peer.heard[-1]["method"] == "session/new"


def test_gemini_is_not_started_in_the_minute_in_which_it_had_the_session():
    assert Peer("gemini", session="S", resume=True, since=119.5).talk.not_before == 120
    assert Peer("gemini", session="S", resume=True, since=120.0).talk.not_before == 180
    assert Peer("gemini").talk.not_before == 0
    assert Peer("qwen", session="S", resume=True, since=119.5).talk.not_before == 0


# a turn


def test_pieces_of_a_message_are_one_activity_and_the_last_is_the_end():
    peer = Peer()
    peer.begin()
    assert peer.chunk("I ") == peer.chunk("look") == []
    call = {"toolCallId": "t", "kind": "execute", "title": "ls", "rawInput": {"command": "ls"}}
    said, did = peer.update("tool_call", **call)
    assert (said["text"], did["text"]) == ("I look", "Shell: ls")
    assert peer.update("tool_call_update", **call, status="completed") == []
    peer.chunk("all done")
    *_, end = peer.result("session/prompt", {"stopReason": "end_turn"})
    assert end == {"kind": "turn_end", "error": None, "text": "all done"}


def test_an_edit_is_told_with_its_file_when_it_is_done():
    peer = Peer()
    peer.begin()
    call = {"toolCallId": "t", "kind": "edit", "title": "edit", "locations": [{"path": "/p/a.py"}]}
    assert peer.update("tool_call", **call, status="pending") == []
    (did,) = peer.update("tool_call_update", toolCallId="t", status="completed")
    assert did == {"kind": "activity", "text": "Edit: /p/a.py", "files": ["/p/a.py"]}


@pytest.mark.parametrize(
    ("reason", "words"), [("refusal", "refused"), ("max_tokens", "cut off"), ("max_turn_requests", "too many")]
)
def test_an_end_that_is_none_is_an_error(reason, words):
    peer = Peer()
    peer.begin()
    assert words in peer.result("session/prompt", {"stopReason": reason})[-1]["error"]


def test_errors_of_each_agent_come_in_words():
    for name, error, words in [
        ("qwen", {"code": -32603, "message": "Internal error", "data": {"details": "401 no key"}},
         "Internal error: 401 no key"),
        ("gemini", {"code": 401, "message": '{"error": {"message": "no key", "status": "DENIED"}}'}, "no key (401)"),
        ("opencode", {"code": -32603, "message": "Internal error: no key", "data": {"errorName": "APIError"}},
         "Internal error: no key: APIError"),
    ]:  # fmt: skip
        peer = Peer(name)
        peer.begin()
        end = peer.result("session/prompt", error=error)[-1]
        assert end["error"] == words
        assert end["about"] == ({"status": 401, "code": "DENIED"} if name == "gemini" else {})


def test_an_error_that_comes_as_text_is_one_and_asides_are_no_message():
    peer = Peer("copilot")
    peer.begin()
    assert peer.chunk("Info: /p/a.py") == []
    (again,) = peer.chunk("Info: Request failed due to a transient API error. Retrying...")
    assert again["kind"] == "retrying"
    peer.chunk("Error: Authentication failed")
    assert peer.result("session/prompt", {"stopReason": "end_turn"})[-1]["error"] == "Error: Authentication failed"


def test_figures_that_come_again_are_another_try_where_they_come_with_each_call_of_the_model():
    peer = Peer("copilot")
    peer.begin()
    assert peer.update("usage_update", used=9054, size=128000) == []
    (again,) = peer.update("usage_update", used=9054, size=128000)
    assert (again["kind"], again["text"]) == ("retrying", "its model did not answer: it tries again")
    peer.chunk("Info: Request failed due to a transient API error. Retrying...")
    assert peer.update("usage_update", used=9054, size=128000) == []  # that try has been told
    assert peer.update("usage_update", used=9129, size=128000) == []
    peer = Peer("opencode")
    peer.begin()
    assert peer.update("usage_update", used=5, size=10) == peer.update("usage_update", used=5, size=10) == []


def test_two_prompts_of_one_turn_end_it_once():
    peer = Peer("opencode")
    peer.begin()
    assert peer.talk.hears
    peer.take(peer.talk.note("look here"))
    first, second = [m["id"] for m in peer.heard if m.get("method") == "session/prompt"]
    assert [e["kind"] for e in peer.say(id=first, result={"stopReason": "end_turn"})] == []
    assert peer.say(id=second, result={"stopReason": "end_turn"})[-1]["kind"] == "turn_end"


@pytest.mark.parametrize("name", ["gemini", "qwen", "copilot", "cursor"])
def test_a_note_waits_where_it_would_end_the_turn(name):
    peer = Peer(name)
    assert not peer.talk.hears
    peer.begin()
    assert not peer.talk.hears
    peer.result("session/prompt", {"stopReason": "end_turn"})
    assert peer.talk.hears


def test_an_interrupt_cancels_and_answers_what_is_asked():
    peer = Peer()
    assert peer.talk.interrupt() is None
    peer.begin()
    peer.ask(number="uuid-7")
    cancel, answer = map(json.loads, peer.talk.interrupt().splitlines())
    assert (cancel["method"], "id" in cancel) == ("session/cancel", False)
    assert (answer["id"], answer["result"]["outcome"]) == ("uuid-7", {"outcome": "cancelled"})
    withdrawn, end = peer.result("session/prompt", {"stopReason": "cancelled"})
    assert withdrawn["kind"] == "withdrawn" and end["error"] is None


def test_a_request_that_we_do_not_take_is_answered():
    peer = Peer("qwen")
    peer.begin()
    peer.say(id=3, method="fs/write_text_file", params={"path": "/p/x", "content": "x"})
    assert peer.heard[-1]["error"]["code"] == -32601
    peer = Peer("opencode")  # it writes by itself, and only wants to be told that it may
    peer.begin()
    peer.say(id=3, method="fs/write_text_file", params={"path": "/p/x", "content": "x"})
    assert peer.heard[-1]["result"] == {} and not os.path.exists("/p/x")


# asks


def test_a_permission_is_asked_and_allowed_once_by_kind_not_by_name():
    peer = Peer()
    peer.begin()
    (ask,) = peer.ask()
    assert ask["questions"] == [{"kind": "permission", "text": "Shell: make", "options": []}]
    assert (ask["tool"], ask["input"], ask["edits"]) == ("execute", {"command": "make"}, False)
    peer.take(peer.talk.reply(ask, [""]))
    assert chosen(peer.heard[-1]) == "allow_once"
    assert peer.ask(number=8, kind="other") == []  # the same call asks for more: it was allowed
    assert chosen(peer.heard[-1]) == "allow_once"


def test_a_command_that_only_its_ask_tells_of_is_told_when_it_is_allowed():
    peer = Peer("gemini", {"permissions": "auto"})
    peer.begin()
    (did,) = peer.ask(rawInput=None, title="make all")
    assert did == {"kind": "activity", "text": "Shell: make all", "files": []}
    assert chosen(peer.heard[-1]) == "allow_once"
    assert peer.ask(number=8, rawInput=None, title="make all") == []
    assert peer.ask(number=9, toolCallId="t2", kind="edit", locations=[{"path": "/p/a"}], rawInput=None) == []


@pytest.mark.parametrize("name", ["opencode", "copilot"])
def test_where_a_no_ends_the_turn_its_words_begin_the_next(name):
    peer = Peer(name)
    peer.begin()
    (ask,) = peer.ask()
    peer.take(peer.talk.reply(ask, [backends.SAID_NO]))
    assert chosen(peer.heard[-1]) == "reject_once"
    assert peer.result("session/prompt", {"stopReason": "end_turn"}) == []
    assert "does not allow: Shell: make" in peer.prompts[-1]
    assert peer.result("session/prompt", {"stopReason": "end_turn"})[-1]["kind"] == "turn_end"


@pytest.mark.parametrize(("why", "later"), [(backends.SAID_NO, False), ("use ninja", True)])
def test_where_a_no_is_told_to_the_model_only_its_reason_is_said_later(why, later):
    peer = Peer("gemini")
    peer.begin()
    (ask,) = peer.ask()
    peer.take(peer.talk.reply(ask, [why]))
    peer.result("session/prompt", {"stopReason": "end_turn"})
    assert ("use ninja" in peer.prompts[-1]) == later


def test_questions_of_the_protocol_are_answered_in_their_order():
    peer = Peer("qwen")
    peer.begin()
    asked = [{"question": "Which?", "options": [{"label": "A"}, {"label": "B"}]}, {"question": "Why?", "options": []}]
    (ask,) = peer.ask(kind="think", rawInput={"questions": asked}, title="Ask user 2 questions")
    assert ask["questions"] == [
        {"kind": "question", "text": "Which?", "options": ["A", "B"]},
        {"kind": "question", "text": "Why?", "options": []},
    ]  # fmt: skip
    peer.take(peer.talk.reply(ask, ["B", "because"]))
    assert peer.heard[-1]["result"]["answers"] == {"0": "B", "1": "because"}


def test_the_same_call_is_known_again_in_another_run():
    told = []
    for number in (1, 2):
        peer = Peer("gemini")
        peer.begin()
        (ask,) = peer.ask(number, toolCallId=f"t{number}", rawInput=None, content=[])
        told.append((ask["tool"], ask["input"]))
    assert told[0] == told[1]


# what is allowed unasked


def may(kind, *given, level="ask", read_only=False, cwd="/p", command=""):
    call = {"kind": kind, "paths": list(given), "command": command}
    task = {"permissions": level, "read_only": read_only}
    return rights.decide(call, task, "/p/.dispatch/tasks/fix-it", cwd) == rights.ALLOW


def test_files_of_the_directory_may_be_edited_and_nothing_else():
    assert may("edit", "/p/a.py") and may("edit", "b.py") and may("delete", "/p/x/y")
    for path in ("/etc/passwd", "/p/../q", "/p2/a", "/p/.git/hooks/pre-commit", "/p/.claude/settings.json"):
        assert not may("edit", path), path
    assert not may("edit", "/p/a.py", "/q/b.py")
    assert not may("edit")
    assert not may("edit", "/p/.dispatch/tasks/other/plan.md")
    assert may("edit", "/p/.claude/worktrees/x/a.py", cwd="/p/.claude/worktrees/x")


def test_a_link_does_not_lead_out_of_the_directory(tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project/link").symlink_to(tmp_path)
    assert may("edit", "a", cwd=str(tmp_path / "project"))
    assert not may("edit", "link/a", cwd=str(tmp_path / "project"))


def test_levels():
    assert [may("execute", command="make", level=level) for level in ("ask", "auto", "bypass")] == [False, True, True]
    assert [may("fetch", level=level) for level in ("ask", "auto", "bypass")] == [False, True, True]
    assert [may("edit", "/q/a", level=level) for level in ("ask", "auto", "bypass")] == [False, False, True]
    assert may("read", "/p/a") and not may("read", "/etc/x")
    assert not may("other") and not may("", level="auto")


def test_a_read_only_task_may_change_its_own_folder_alone():
    for level in ("ask", "auto", "bypass"):
        assert may("edit", "/p/.dispatch/tasks/fix-it/plan.md", level=level, read_only=True)
        assert not may("edit", "/p/a.py", level=level, read_only=True)
        assert not may("execute", command="make", level=level, read_only=True)


@pytest.mark.parametrize(
    "command",
    ['dispatch-hooks ask "Which one?" --option A --option "B c"', "dispatch-hooks ask 'it; is' -o x",
     "dispatch-hooks ask --again 003", 'dispatch-hooks ask "costs $5 \\"now\\"?"', 'dispatch-hooks flag "look"'],
)  # fmt: skip
def test_to_ask_the_person_nobody_is_asked(command):
    assert may("execute", command=command, read_only=True)


@pytest.mark.parametrize(
    "command",
    ["dispatch-hooks ask x; rm -rf /", 'dispatch-hooks ask "$(rm x)"', "dispatch-hooks ask $'\\''; rm x; '",
     'dispatch-hooks ask "`id`"', "dispatch-hooks ask x > y", "dispatch-hooks answer x", "dispatch-hooks asking",
     "dispatch-hooks ask x\nrm y", 'dispatch-hooks ask "${x:=$(id)}"', "dispatch-hooks ask x && y",
     "dispatch-hooks ask x | y", "dispatch-hooks ask x &", 'dispatch-hooks ask "a"`id`', "dispatch-hooks ask <(id)"],
)  # fmt: skip
def test_nothing_else_hides_behind_a_question(command):
    assert not may("execute", command=command)


# figures, each as the agent was seen to tell them


def used(way, *lines, spent=()):
    found = tokens.Used(way, dict(spent))
    events = []
    for line in lines:
        events += found.update(line) if "sessionUpdate" in line else found.result(line)
    return {k: v for k, v in events[-1].items() if k != "kind"} if events else None


def told(read, written, **more):
    return {"usage": {"inputTokens": read, "outputTokens": written, "totalTokens": read + written}, **more}


def test_tokens_of_a_process_of_a_prompt_and_of_a_call_are_totals_of_the_run():
    figures = {"tokens": 170, "input": 150, "output": 20, "cost_usd": None}
    assert used("process", told(100, 10), told(150, 20)) == figures
    quota = {"_meta": {"quota": {"token_count": {"input_tokens": 100, "output_tokens": 10}}}}
    assert used("quota", quota, quota)["tokens"] == 220
    chunk = {"sessionUpdate": "agent_message_chunk", "content": {}, "_meta": told(100, 10)}
    assert used("chunk", chunk, chunk, {"stopReason": "end_turn"})["tokens"] == 220
    assert tokens.Used("chunk", {}).update(chunk)[0] == {"kind": "turn", "n": 1}


def test_tokens_of_the_last_call_alone_are_not_taken_for_a_total():
    assert used("", told(100, 10)) is None


def test_a_cost_of_the_session_becomes_one_of_the_run():
    cost = {"sessionUpdate": "usage_update", "cost": {"amount": 0.75, "currency": "USD"}}
    assert used("", cost, spent={"cost_usd": 0.5})["cost_usd"] == 0.25
    assert used("", {**cost, "cost": {"amount": 3, "currency": "EUR"}}) is None
    assert used("", {"sessionUpdate": "usage_update", "used": 5, "size": 10}) is None


# how they are started


def test_opencode_is_made_to_ask_over_what_the_person_has_there(monkeypatch):
    theirs = {"theme": "x", "permission": {"edit": "allow", "doom_loop": "deny"}}
    monkeypatch.setenv("OPENCODE_CONFIG_CONTENT", json.dumps(theirs))
    given = json.loads(Peer("opencode").talk.env["OPENCODE_CONFIG_CONTENT"])
    assert given["theme"] == "x"
    assert given["permission"]["edit"] == "ask" and given["permission"]["doom_loop"] == "deny"


def test_a_model_is_given_as_each_cli_takes_it():
    ways = {"gemini": ["-m", "m"], "qwen": ["-m", "m"], "copilot": ["--model", "m"], "opencode": []}
    for name, words in ways.items():
        argv = Peer(name, {"model": "m"}).talk.argv
        assert " ".join(words) in " ".join(argv) and ("m" in argv) == bool(words)


def test_cursors_options_stand_before_its_subcommand():
    assert Peer("cursor", {"model": "m"}).talk.argv == ["agent", "--model", "m", "acp"]
    assert Peer("cursor").talk.argv == ["agent", "acp"]


def test_nobody_enters_who_may_not():
    peer = Peer("cursor")
    peer.result("initialize", {"authMethods": [{"id": "cursor_login"}]})
    assert peer.heard[-1]["params"] == {"methodId": "cursor_login"}
    (end,) = peer.result("authenticate", error={"code": -32000, "message": "Authentication failed"})
    assert end["error"] == "Authentication failed"
    assert [m["method"] for m in peer.heard] == ["initialize", "authenticate"]


def test_the_person_names_another_program_of_a_known_agent():
    argv = Peer("opencode", settings={"opencode": {"program": "/opt/oc"}}).talk.argv
    assert argv == ["/opt/oc", "acp"]


def test_every_known_agent_has_a_row_with_known_keys():
    for name, row in quirks.KNOWN.items():
        assert set(row) <= set(quirks.PLAIN), name
        assert config.CLI[name] == row["argv"][0]


def test_a_call_is_told_in_one_line():
    for update, line in [
        ({"kind": "execute", "rawInput": {"command": "ls"}}, "Shell: ls"),
        ({"kind": "edit", "locations": [{"path": "/p/a"}]}, "Edit: /p/a"),
        ({"kind": "fetch", "rawInput": {"url": "http://x"}}, "Fetch: http://x"),
        ({"title": "Think hard"}, "Think hard"),
        ({}, "a tool"),
    ]:
        assert calls.line(calls.merged({}, {"toolCallId": "t", **update})) == line


# a stand-in with bad manners, as a person's own agent, under a real supervisor


def standin(lab, *manners: str, name: str = "mine", **keys) -> None:
    Path(paths.config_file()).parent.mkdir(parents=True, exist_ok=True)
    command = json.dumps([sys.executable, str(STANDIN), *manners])
    lines = [f"{key} = {json.dumps(value)}" for key, value in keys.items()]
    text = "\n".join([*lines, f"[backends.{name}]", 'protocol = "acp"', f"command = {command}\n"])
    Path(paths.config_file()).write_text(text)


def do(lab, script: str, name: str = "mine", **fields) -> str:
    (folder,) = lab.dispatch(name, text=f"work\nSCRIPT: {script}\n", **fields)
    assert not lab.result["refused"], lab.result
    return folder


def told_to(lab, folder: str) -> list[str]:
    """The prompts of the task's present session, as its agent had them."""
    kept = lab.project / ".dispatch/tasks" / os.path.basename(folder) / "sessions" / tasks.status(folder)["session"]
    return json.loads(kept.read_text())


def asked(folder: str, words: str) -> dict:
    def found():
        return next((q for q in questions.waiting(folder) if words in q["text"]), None)

    return wait_until(found, why=lambda: f"{tasks.status(folder)}")


def test_an_agent_of_the_persons_own_is_three_lines(lab):
    standin(lab)
    folder = do(lab, "run:deploy tick")
    asked(folder, "Shell: deploy")
    steer.answer(folder, "yes", "terminal", dict(os.environ))
    status = lab.wait(folder, "finished")
    assert (status["ticked"], status["summary"]) == (1, "ran deploy")
    assert len(questions.every(folder)) == 1  # its plan is its own
    assert alive(folder) == []


def test_cursor_as_it_is_documented_is_entered_given_its_model_and_asks_by_requests_of_its_own(lab):
    standin(lab, "--cursor", "acp", name="cursor")
    with open(paths.config_file(), "a") as f:
        f.write('[models.it]\nbackend = "cursor"\nname = "gpt-5"\n')
    folder = do(lab, "plan choose choose tick", "cursor", model="it", backend=None)
    for answer in ("2", "neither: white"):
        assert asked(folder, "Which colour?")["options"] == ["red", "blue"]
        steer.answer(folder, answer, "terminal", dict(os.environ))
    lab.wait(folder, "finished")
    log = (lab.project / ".dispatch/tasks" / os.path.basename(folder) / "worker.log").read_text()
    assert '{"outcome": {"outcome": "accepted"}}' in log
    assert '{"outcome": {"outcome": "answered", "answers": [{"questionId": "q", "selectedOptionIds": ["b"]}]}}' in log
    assert '"outcome": "skipped", "reason": "Which colour? The person answers: neither: white"' in log
    assert alive(folder) == []


def test_a_turn_that_ends_in_silence_after_a_no_is_gone_on_with(lab):
    standin(lab, "--shy")
    folder = do(lab, "run:deploy tick")
    asked(folder, "Shell: deploy")
    steer.answer(folder, "no: not today", "terminal", dict(os.environ))
    lab.wait(folder, "stopped")
    assert "not today" in told_to(lab, folder)[1]


def test_an_agent_that_hears_nothing_and_its_command_are_gone_after_a_cancel(lab):
    standin(lab, "--deaf", "--rude")
    folder = do(lab, "hang")
    wait_until(lambda: len(alive(folder)) > 1, why="the command that it leaves behind")
    steer.cancel(folder, dict(os.environ))
    lab.wait(folder, "cancelled", timeout=40)
    assert alive(folder) == []


def test_an_agent_that_goes_on_at_the_end_of_its_input_is_ended(lab):
    standin(lab, "--deaf")
    begun = time.monotonic()
    folder = do(lab, "tick")
    lab.wait(folder, "finished", timeout=40)
    assert alive(folder) == []
    assert time.monotonic() - begun < 35


def test_a_session_that_was_loaded_and_is_empty_is_begun_anew_with_the_plan(lab):
    standin(lab, "--forgetful")
    folder = do(lab, "tick")
    first = lab.wait(folder, "finished")["session"]
    steer.tell(folder, "and the garden", "terminal", dict(os.environ))
    wait_until(lambda: tasks.status(folder)["run"] == 2)
    status = lab.wait(folder, "finished")
    assert status["session"] != first
    log = (lab.project / ".dispatch/tasks" / os.path.basename(folder) / "worker.log").read_text()
    assert "begun anew" in log
    (words,) = told_to(lab, folder)
    assert "SCRIPT: tick" in words and "An earlier worker had this task" in words and "and the garden" in words


def test_what_was_said_to_a_run_that_was_killed_is_said_again(lab):
    standin(lab)
    folder = do(lab, "run:deploy hang")
    asked(folder, "Shell: deploy")
    steer.answer(folder, "no: mind the cat", "terminal", dict(os.environ))
    wait_until(lambda: (tasks.status(folder).get("taken") or {}).get("answers"))
    os.kill(tasks.status(folder)["worker"]["pid"], 9)
    lab.wait(folder, "failed")
    steer.tell(folder, "go on", "terminal", dict(os.environ))
    wait_until(lambda: tasks.status(folder)["run"] == 2)
    lab.wait(folder, "stopped", "finished")
    assert alive(folder) == []
    assert "mind the cat" in told_to(lab, folder)[1]
