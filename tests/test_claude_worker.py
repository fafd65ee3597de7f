"""The real Claude Code as a worker, where its model does not answer."""

import json
import os
import signal
import time

import pytest

from tests import levels
from tests.harness.modelserver import error, tool, worker
from tests.harness.waiting import wait_until
from tests.product import Product


def ticks(task: str):
    folder = f".dispatch/tasks/{task}"
    return tool("Bash", command=f"sed -i 's/\\[ \\]/[x]/' {folder}/plan.md && echo done > {folder}/output.md")


def test_each_error_of_the_api_is_told_in_its_own_words_after_as_many_tries_as_the_person_wants(claude, server):
    product = Product(claude)
    product.configure('max_retries = 2\npermissions = "auto"\n')
    replies = {
        "no-key": error(401, "authentication_error", "that key is unknown"),
        "too-much": error(429, "rate_limit_error", "slow down"),
        "broken": error(500, "api_error", "the server fell over"),
    }
    for name, reply in replies.items():
        server.rule(worker(f"this is {name}"), reply, repeat=True)
        done = product("dispatch", "-m", "opus", "--id", name, f"this is {name}")
        assert done.returncode == 0, done.stderr
    said = {name: product.wait(name, "failed", timeout=120) for name in replies}
    assert (said["no-key"]["failure"], said["broken"]["failure"]) == ("login", "down")
    assert "that key is unknown" in said["no-key"]["why"] or "log in" in said["no-key"]["why"]
    assert said["too-much"]["failure"] == "rate"
    assert "the server fell over" in said["broken"]["why"] or said["broken"]["failure"] == "down"
    for name in replies:
        assert server.calls(worker(f"this is {name}")) == 2  # the first, and one more
        assert "retrying (" in (product.folder(name) / "worker.log").read_text()
    claude.wait_alone()


def test_an_endpoint_that_nobody_serves_and_a_killed_cli_are_told_and_leave_nothing(claude, server):
    product = Product(claude)
    product.configure('max_retries = 2\npermissions = "auto"\n')
    server.rule(worker("dig a hole"), tool("Bash", command="until [ -e go ]; do sleep 0.2; done"))
    assert product("dispatch", "-m", "opus", "--id", "killed", "dig a hole").returncode == 0
    wait_until(lambda: any("until [ -e go ]" in line for _, line in claude.processes()), why=product.logs)
    claude.url, there = "http://127.0.0.1:9", claude.url
    assert product("dispatch", "-m", "opus", "--id", "nobody", "knock at the door").returncode == 0
    claude.url = there
    first = product.status("killed")
    os.kill(first["worker"]["pid"], signal.SIGKILL)
    status = product.wait("killed", "failed")
    assert (status["failure"], status["why"]) == ("", "claude was killed by signal 9")
    status = product.wait("nobody", "failed")
    assert status["failure"] == "down" and status["why"].startswith("the model behind claude cannot be reached"), status
    assert server.calls(worker("knock at the door")) == 0
    claude.wait_alone()


def test_a_limit_with_a_known_end_is_waited_for_and_the_conversation_goes_on_by_itself(claude, server):
    product = Product(claude)
    product.configure('max_retries = 1\npermissions = "auto"\n')

    def limit(request):
        return error(429, "rate_limit_error", f"Claude AI usage limit reached|{int(time.time()) + 4}")

    server.rule(worker("paint the door"), tool("Bash", command="echo primed"), limit, ticks("paint-door"), "done")
    assert product("dispatch", "-m", "opus", "--id", "paint-door", "paint the door").returncode == 0
    status = product.wait("paint-door", "finished")
    (first,) = status["earlier"]
    assert (first["state"], status["run"], status["until"]) == ("waiting", 2, None)
    resumed = server.requests[-1]
    assert "paint the door" in resumed.first_user_text and "primed" in resumed.tool_results
    assert "Go on from where you stopped" in resumed.last_user_text
    assert {request.session for request in server.requests} == {status["session"]}
    (told,) = (json.loads(path.read_text()) for path in product.state.glob("inbox/*/*/*.waiting.json"))
    assert told["text"].startswith("claude has reached its usage limit, until ") and "it goes on at " in told["text"]
    claude.wait_alone()


def test_what_it_used_and_how_often_it_called_its_model_is_told(claude, server):
    product = Product(claude)
    product.configure('permissions = "auto"\n')
    server.rule(worker("audit the login"), tool("Bash", command="true"), ticks("audit-login"), "done")
    assert product("dispatch", "-m", "opus", "--id", "audit-login", "audit the login").returncode == 0
    status = product.wait("audit-login", "finished", timeout=60)
    assert (status["turns"], server.calls(worker("audit the login"))) == (3, 3)
    assert status["tokens"] == status["tokens_in"] + status["tokens_out"] > 0
    assert status["cost_usd"] > 0
    wait_until(lambda: not claude.processes())


def test_bypass_leaves_the_project_unasked_and_read_only_changes_nothing(claude, server):
    product = Product(claude)
    product.configure(f'ask_seconds = {levels.SECONDS}\n[models.it]\nbackend = "claude"\nname = "opus"\n')
    free, look = levels.both(
        product,
        server,
        shell=lambda command: tool("Bash", command=command, description="do it"),
        write=lambda path, text: tool("Write", file_path=str(path), content=text),
    )
    assert free == levels.Tried("stopped", {"shell", "tool"}, [])
    assert look == levels.Tried("parked", set(), ["Bash: echo hi > shell"])
    claude.wait_alone()


def test_what_its_helper_used_is_told_as_its_models_own(claude, server):
    product = Product(claude)
    product.configure('permissions = "auto"\n')
    helper = tool("Agent", description="look", prompt="look around", subagent_type="Explore", model="haiku")
    server.rule(worker("audit the login"), helper, ticks("audit-login"), "done", repeat=True)
    assert product("dispatch", "-m", "opus", "--id", "audit-login", "audit the login").returncode == 0
    status = product.wait("audit-login", "finished")
    rows = {row["model"]: row for row in json.loads(product("stats", "--json").stdout)["models"]}
    assert set(rows) == {"opus", "claude-haiku-5-5"}, (rows, status)
    assert all(row["tokens"] > 0 and row["cost_usd"] > 0 for row in rows.values())
    assert sum(row["tokens"] for row in rows.values()) == status["tokens"]
    assert sum(row["cost_usd"] for row in rows.values()) == pytest.approx(status["cost_usd"])
    claude.wait_alone()


def test_a_worker_reads_what_to_run_while_nobody_has_answered(claude, server):
    """Its command ends with 75 then, which Claude Code takes for a failure: the words say that nothing failed."""
    product, seen = Product(claude), []
    ask = tool("Bash", command="dispatch-hooks ask --wait 0 'Which colour?'", description="ask the person")

    def again(request):
        seen.append(request.all_text)
        return "I wait"

    server.rule(worker("paint the door"), ask, again, repeat=True)
    product("dispatch", "-m", "opus", "--id", "paint-door", "paint the door")
    wait_until(lambda: seen, why=product.logs)
    assert "nothing failed. To go on waiting, run: dispatch-hooks ask --again 001" in seen[0]
    product("cancel", "paint-door")
    product.wait("paint-door", "cancelled")
    wait_until(lambda: not claude.processes())
