"""What codex's app-server says and what is written back, without codex: races, rights, and where its program is."""

import json
import os
from pathlib import Path

import pytest

from dispatch_hooks.backends import codex, codex_items, codex_rights

TASK = {"id": "x", "model": "gpt-5.5", "permissions": "ask", "read_only": False, "backend": "codex", "project": "/p"}
RUN = {
    "n": 1, "prompt": "do it", "anew": "do it from the start", "session": None, "resume": False,
    "folder": "/p/.dispatch/tasks/x", "own": "/state/x", "cwd": "/p", "spent": {}, "since": None, "git": [],
}  # fmt: skip


def read(talk, **message):
    return talk.read(json.dumps(message).encode())


def sent(events):
    return [json.loads(line) for e in events if e["kind"] == "send" for line in e["text"].splitlines()]


@pytest.fixture
def talk():
    """One whose first turn runs."""
    talk = codex.Talk(TASK, RUN, {"backends": {}})
    read(talk, id=1, result={})
    read(talk, id=2, result={"account": None, "requiresOpenaiAuth": False})
    read(talk, id=3, result={"config": {}})
    read(talk, id=4, result=started(talk))
    read(talk, id=5, result={"turn": {"id": "U1"}})
    return talk


def started(talk):
    return {"thread": {"id": "T"}, "model": "m", "activePermissionProfile": {"id": talk._profile}}


def over(talk, turn, status="completed", **more):
    return read(talk, method="turn/completed", params={"threadId": "T", "turn": {"id": turn, "status": status, **more}})


def test_a_turn_that_ends_while_words_are_on_their_way_is_not_the_end(talk):
    talk.note("one more thing")
    assert over(talk, "U1") == []
    assert read(talk, id=6, result={"turn": {"id": "U2"}}) == []
    assert [e["kind"] for e in over(talk, "U2")] == ["turn_end"]


def test_words_that_joined_a_turn_in_its_last_moment_keep_nothing_open(talk):
    talk.note("one more thing")
    assert over(talk, "U1") == []
    assert [e["kind"] for e in read(talk, id=6, result={"turn": {"id": "U1"}})] == ["turn_end"]


def test_words_that_a_turn_does_not_take_are_said_after_it(talk):
    talk.note("one more thing")
    assert read(talk, id=6, error={"code": -32600, "message": "not steerable"}) == []
    (again,) = sent(over(talk, "U1"))
    assert (again["method"], again["params"]["input"][0]["text"]) == ("turn/start", "one more thing")


def test_a_helpers_turn_is_not_the_workers(talk):
    assert read(talk, method="turn/completed", params={"threadId": "H", "turn": {"id": "V"}}) == []
    said = {"threadId": "H", "item": {"type": "agentMessage", "id": "i", "text": "hello"}}
    assert read(talk, method="item/completed", params=said) == []


def test_the_reason_of_a_no_is_said_before_the_no_so_that_both_are_read_at_once(talk):
    (ask,) = read(talk, id=7, method="item/commandExecution/requestApproval",
                  params={"command": "/bin/bash -lc 'curl x'", "cwd": "/p", "reason": "network?"})  # fmt: skip
    assert ask["questions"][0]["text"] == "Shell: curl x\n(network?)"
    words, no = [json.loads(line) for line in talk.reply(ask, ["use wget"]).splitlines()]
    assert "use wget" in words["params"]["input"][0]["text"]
    assert no == {"id": 7, "result": {"decision": "decline"}}
    assert json.loads(talk.reply(ask, [""])) == {"id": 7, "result": {"decision": "accept"}}


def test_the_same_call_is_asked_in_the_same_words_in_every_run(talk):
    """Else a permission that was given while no worker ran would not be found again."""
    asks = [
        read(talk, id=n, method="item/commandExecution/requestApproval",
             params={"command": "/bin/bash -c 'curl x'", "cwd": "/p", "itemId": f"call_{n}", "startedAtMs": n})[0]
        for n in (7, 8)
    ]  # fmt: skip
    assert asks[0]["input"] == asks[1]["input"] == {"command": "curl x", "cwd": "/p"}


def test_what_it_used_is_counted_from_the_first_word_of_this_run_for_it_and_its_helpers(talk):
    def tell(thread, total, last):
        usage = {"total": figures(total), "last": figures(last)}
        return read(talk, method="thread/tokenUsage/updated", params={"threadId": thread, "tokenUsage": usage})[0]

    def figures(n):
        return {"totalTokens": n, "inputTokens": n - 1, "outputTokens": 1}

    over(talk, "U1")
    assert tell("T", 1000, 100)["tokens"] == 0  # an earlier run had a thousand: a thread that is resumed tells so
    talk.note("go on")
    read(talk, id=6, result={"turn": {"id": "U2"}})
    assert tell("T", 1010, 10)["tokens"] == 10
    assert tell("T", 1030, 20)["tokens"] == 30
    assert tell("H", 5, 5)["tokens"] == 35


def test_a_codex_that_drops_the_limits_is_not_let_loose():
    talk = codex.Talk(TASK, RUN, {"backends": {}})
    read(talk, id=1, result={})
    read(talk, id=2, result={})
    read(talk, id=3, result={})
    (end,) = read(talk, id=4, result={**started(talk), "activePermissionProfile": {"id": "dispatch-hooks"}})
    assert (end["kind"], end["error"]) == ("turn_end", codex.UNPROTECTED)
    assert talk.note("go on") is None


@pytest.mark.parametrize(
    ("shown", "meant"),
    [
        ("/bin/bash -lc 'ls -l'", "ls -l"),
        ("/bin/bash -c ls", "ls"),
        ("bash -lc \"sed -i 's/a/b/' x\"", "sed -i 's/a/b/' x"),
        ("git status", "git status"),
        ("/bin/bash -lc 'it is open", "/bin/bash -lc 'it is open"),
        ("env -c x", "env -c x"),
    ],
)
def test_a_command_is_shown_as_its_model_wrote_it(shown, meant):
    assert codex_items.command(shown) == meant


# its program


def test_behind_npms_launcher_the_program_itself_is_run(tmp_path, monkeypatch):
    package = tmp_path / "lib/node_modules/@openai/codex"
    native = package.parent / "codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex"
    for file in (package / "bin/codex.js", native):
        file.parent.mkdir(parents=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/codex").symlink_to(package / "bin/codex.js")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert codex.program(TASK, {"backends": {}}) == str(native)
    native.unlink()
    assert codex.program(TASK, {"backends": {}}) == "codex"
    assert codex.program(TASK, {"backends": {"codex": {"program": "my-codex"}}}) == "my-codex"


# rights


def profile(project: Path, trusted=(), **changes):
    run = {**RUN, "cwd": str(project), "folder": str(project / ".dispatch/tasks/x"), **changes.pop("run", {})}
    task = {**TASK, "project": str(project), **changes}
    name = codex_rights.profile(task)
    fields = codex_rights.of(task, run, name, {str(path): {"trust_level": "trusted"} for path in trusted})
    return fields, fields["config"].get("permissions", {}).get(name, {})


def test_git_can_commit_and_not_be_told_what_to_run(tmp_path):
    git = tmp_path / ".git"
    (git / "hooks").mkdir(parents=True)
    (git / "config").touch()
    files = profile(tmp_path)[1]["filesystem"]
    assert (files[str(git)], files[str(git / "hooks")], files[str(git / "config")]) == ("write", "read", "read")
    assert files[str(tmp_path / ".dispatch")] == "read"
    assert files[str(tmp_path / ".dispatch/tasks/x")] == "write"


def test_what_a_repository_has_not_cannot_be_planted_there_either(tmp_path):
    (tmp_path / ".git").mkdir()
    files = profile(tmp_path)[1]["filesystem"]
    for name in ("hooks", "modules"):
        assert (tmp_path / ".git" / name).is_dir() and files[str(tmp_path / ".git" / name)] == "read"
    assert files[str(tmp_path / ".git/config.worktree")] == "read"


def test_a_git_directory_that_leads_out_of_the_project_is_not_opened(tmp_path):
    elsewhere, project = tmp_path / "elsewhere", tmp_path / "project"
    elsewhere.mkdir()
    project.mkdir()
    (project / ".git").symlink_to(elsewhere)
    written = [path for path, way in profile(project)[1]["filesystem"].items() if way == "write"]
    assert written == [str(project), str(project / ".dispatch/tasks/x")]
    (project / ".git").unlink()
    (project / ".git").write_text(f"gitdir: {elsewhere}\n")
    assert not [path for path in profile(project)[1]["filesystem"] if str(elsewhere) in path]


def test_levels(tmp_path):
    assert profile(tmp_path)[1]["network"] == {"enabled": False}
    auto = profile(tmp_path, permissions="auto")[1]
    assert (auto["filesystem"][os.path.realpath(tmp_path)], auto["network"]) == ("write", {"enabled": True})
    free, _ = profile(tmp_path, permissions="bypass")
    assert (free["approvalPolicy"], free["permissions"]) == ("never", ":danger-full-access")
    _, held = profile(tmp_path, permissions="bypass", read_only=True)
    assert held["filesystem"] == {os.path.realpath(tmp_path / ".dispatch/tasks/x"): "write"}


@pytest.mark.parametrize("permissions", ["ask", "auto", "bypass"])
def test_a_project_is_trusted_by_the_person_alone(tmp_path, permissions):
    fields, _ = profile(tmp_path, permissions=permissions)
    assert fields["config"]["projects"] == {str(tmp_path): {"trust_level": "untrusted"}}
    fields, _ = profile(tmp_path, permissions=permissions, trusted=[tmp_path])
    assert "projects" not in fields["config"]


def test_no_file_can_know_the_name_of_the_limits(tmp_path):
    assert profile(tmp_path)[0]["permissions"] != profile(tmp_path)[0]["permissions"]
