"""What a person does in the real Claude Code around tasks: lists, mistakes, other ways to answer, coming and going."""

import json
import re

from tests.harness.modelserver import hold, host, text, tool, worker
from tests.harness.waiting import wait_until
from tests.test_delivery_in_chat import assert_told, wait_delivered
from tests.test_loop import ask, ticks

SWEEP = """/dispatch we launch Thursday, need a full pre-launch sweep:
1) security audit the auth flow and the stripe payment integration. use opus
2) performance - load test the top 5 API endpoints. sonnet
3) frontend audit - accessibility, bundle size. dispatch sonnet
4) generate OpenAPI specs for every endpoint that's missing one. use haiku
5) error handling audit - find uncaught exceptions. sonnet

ask me if anything is unclear. security is highest priority"""


def test_a_list_starts_all_its_tasks_at_once_each_with_its_own_model(chat, product, server):
    server.rule(worker(), hold("all", "done"), repeat=True)
    here = chat()
    here.type(SWEEP)
    here.enter()
    here.wait_for("Dispatched 5 tasks:")
    tasks = product.tasks()
    assert [task["who"] for task in sorted(tasks.values(), key=lambda t: t["made"])] == [
        "opus", "sonnet", "sonnet", "haiku", "sonnet",
    ]  # fmt: skip
    wait_until(lambda: len({r.session for r in server.matching(worker())}) == 5, why="five workers at the model")
    models = sorted(r.model.split("-")[1] for r in server.matching(worker()))
    assert models[:5].count("sonnet") + models.count("opus") + models.count("haiku") == 5
    for request in server.matching(worker()):
        assert "ask me if anything is unclear" in request.first_user_text
        assert "need a full pre-launch sweep" in request.first_user_text
    assert server.calls(host()) == 0


def test_a_seventh_task_waits_its_turn_and_the_person_reads_so(chat, product, server):
    server.rule(worker(), hold("all", "done"), repeat=True)
    here = chat()
    here.type("dispatch opus:\n" + "\n".join(f"- count the words of chapter {n}" for n in range(1, 8)))
    here.enter()
    here.wait_for("Dispatched 7 tasks:")
    here.wait_for("(waiting: next)")
    wait_until(lambda: sorted(t["state"] for t in product.tasks().values()) == ["running"] * 6 + ["waiting"])
    (last,) = [task for task in product.tasks().values() if task["state"] == "waiting"]
    assert last["why"] == "next"
    server.release("all")
    wait_until(lambda: all(t["state"] in ("finished", "stopped") for t in product.tasks().values()))


def test_a_request_inside_a_larger_prompt_starts_its_task_and_the_model_answers_the_rest(chat, product, server):
    server.rule(worker(), hold("all", "done"))
    server.rule(host("explain the auth flow"), "It flows.")
    here = chat()
    here.say("explain the auth flow to me, and dispatch opus to write its tests")
    here.wait_for("It flows.")
    assert_told(product, server, "Dispatched write-tests")


def test_talk_about_dispatching_starts_nothing(chat, product, server):
    server.rule(host("how does"), "Like this.")
    here = chat()
    here.say("how does store.dispatch work in this reducer?")
    here.wait_for("Like this.")
    assert product.tasks() == {}


def test_a_model_whose_cli_is_not_there_is_refused_with_how_to_get_it(chat, product, server):
    here = chat()
    here.say("dispatch gpt-9 to write the docs")
    here.wait_for("codex is not on PATH; install it (npm install -g @openai/codex)")
    assert product.tasks() == {} and server.calls(host()) == 0


def test_free_words_are_relayed_by_the_host_model(chat, product, server):
    server.rule(
        worker("write the docs"),
        ask("Which colour?"),
        lambda r: ticks("write-docs", "took " + r.tool_results[-1].split(": ")[-1].strip()),
        "done",
    )
    server.rule(host("task-notification"), "It wants a colour.")
    server.rule(
        host("let it be green"),
        tool("Bash", command='dispatch-hooks answer write-docs "green"', description="relay"),
        "I passed it on.",
    )
    here = chat()
    here.say("dispatch opus to write the docs")
    here.wait_for("It wants a colour.")
    here.say("let it be green, I think")
    here.wait_for("I passed it on.")
    assert product.wait("write-docs", "finished")["summary"] == "took green"
    answer = json.loads((product.records("write-docs") / "answers/001.json").read_text())
    assert answer["by"] == "relayed"


def test_a_permission_cannot_be_relayed_by_the_host_model(chat, product, server):
    server.rule(worker("fetch the licence"), tool("Bash", command="curl --version > v.txt", description="look"))
    server.rule(host("task-notification"), "It needs permission.")
    server.rule(
        host("I do not care"),
        tool("Bash", command='dispatch-hooks answer fetch-licence "yes"', description="relay"),
        lambda r: tool("Bash", command="dispatch-hooks dispatch --permissions bypass 'fetch it'", description="again")
        + text("It said: " + r.tool_results[-1]),
        lambda r: text("And then: " + r.tool_results[-1]),
    )
    here = chat("--allowedTools", "Bash(dispatch-hooks dispatch:*)")
    here.say("dispatch opus to fetch the licence")
    here.wait_for("It needs permission.")
    here.say("I do not care")
    here.wait_for("which only the person can give")
    here.wait_for("only the person gives a worker these rights")
    assert {name: row["state"] for name, row in product.tasks().items()} == {"fetch-licence": "asks"}


def test_a_claude_worker_asks_with_its_own_question_tool(chat, product, server):
    question = {
        "question": "Which database?", "header": "db", "multiSelect": False,
        "options": [{"label": "postgres", "description": "big"}, {"label": "sqlite", "description": "small"}],
    }  # fmt: skip
    server.rule(
        worker("set up storage"),
        tool("AskUserQuestion", questions=[question]),
        lambda r: ticks("set-up-storage", "heard " + ("sqlite" if "sqlite" in r.tool_results[-1] else "nothing")),
        "done",
    )
    here = chat()
    here.say("dispatch opus to set up storage")
    here.wait_for("Which database?")
    here.wait_for("2. sqlite")
    here.say("answer: 2")
    here.wait_for("answered set-up-storage: sqlite.")
    assert product.wait("set-up-storage", "finished")["summary"] == "heard sqlite"


def test_a_note_reaches_a_worker_that_is_busy(chat, product, server):
    server.rule(
        worker("audit the login"),
        hold("go", tool("Bash", command="echo working", description="work")),
        lambda r: ticks("audit-login", "told" if "skip the staging db" in r.all_text else "not told"),
        "done",
    )
    here = chat()
    here.say("dispatch opus to audit the login")
    server.wait_for(worker("audit the login"))
    here.say("tell audit-login to skip the staging db")
    here.wait_for("audit-login: told.")
    wait_until(lambda: product.status("audit-login").get("taken", {}).get("notes") == [1], why="the note is heard")
    server.release("go")
    assert product.wait("audit-login", "finished")["summary"] == "told"


def test_workers_run_on_when_the_terminal_is_closed(chat, product, server):
    server.rule(worker("count the lines"), hold("now", ticks("count-lines", "there are 42")), "done")
    here = chat()
    here.say("dispatch opus to count the lines")
    here.wait_for("Dispatched count-lines")
    server.wait_for(worker("count the lines"))
    here.close_terminal()
    server.release("now")
    product.wait("count-lines", "finished")
    again = chat()
    again.say("hello there")
    wait_delivered(product)
    assert_told(product, server, "there are 42")


def test_a_fork_leaves_the_news_with_the_original(chat, product, server):
    server.rule(worker("count the lines"), hold("now", ticks("count-lines", "there are 42")), "done")
    product.configure('wake = "off"\n')
    first = chat()
    first.say("hello")
    first.wait_for("ok")
    session = first.session
    first.say("dispatch opus to count the lines")
    first.wait_for("Dispatched count-lines")
    fork = chat("--resume", session, "--fork-session")
    server.release("now")
    product.wait("count-lines", "finished")
    fork.say("what about the fork")
    server.wait_for(host("what about the fork"))
    assert_told(product, server, "there are 42", times=0)
    first.say("what about me")
    server.wait_for(host("what about me"))
    assert_told(product, server, "there are 42")


def test_wake_off_and_completions_ride_on_the_next_prompt(chat, product, server):
    product.configure('wake = "off"\n')
    server.rule(worker("count the lines"), ticks("count-lines", "there are 42"), "done")
    here = chat()
    here.say("dispatch opus to count the lines")
    product.wait("count-lines", "finished")
    here.say("anything new")
    server.wait_for(host("anything new"))
    assert_told(product, server, "there are 42")
    assert server.calls(host("task-notification")) == 0


def test_an_idle_person_is_notified_on_the_desktop(chat, product, server):
    product.sandbox.configure(messageIdleNotifThresholdMs=500)
    product.configure('[backends.broken]\ncommand = ["sh", "-c", "sleep 1; exit 3"]\n')
    server.rule(worker("write the docs"), ask("Which colour?"))
    product.sandbox.record("Notification")
    here = chat()
    log = product.sandbox.tmp / "pane"
    here._tmux("pipe-pane", f"cat > {log}")
    here.say("dispatch broken to count the lines")
    wait_until(lambda: b"]777;notify;count-lines failed;" in log.read_bytes(), 30, "the terminal's sequence")
    here.say("dispatch opus to write the docs")
    here.wait_for("Which colour?")
    wait_until(lambda: b"]777;notify;write-docs asks;Which colour?" in log.read_bytes(), 30, "the terminal's sequence")


def test_print_mode_dispatches_and_is_not_held_up(product, server):
    server.rule(worker("count the lines"), hold("now", "done"))
    done = product.sandbox.run_print("dispatch opus to count the lines", timeout=20)
    assert done.stdout.startswith("Operation stopped by hook: Dispatched count-lines (opus, 1 step).")
    product.wait("count-lines", "running")
    done = product.sandbox.run_print("hello", timeout=20)
    assert done.stdout.strip() == "ok"


def test_a_stream_json_host_gets_its_news_too(product, server):
    server.rule(worker("count the lines"), hold("now", ticks("count-lines", "there are 42")), "done")
    session = product.sandbox.session()
    session.send("dispatch opus to count the lines")
    session.wait_for("result")
    product.wait("count-lines", "running")
    server.release("now")
    product.wait("count-lines", "finished")
    woken = session.wait_for("result", timeout=20)
    assert woken.get("origin", {}).get("kind") == "task-notification"


def test_dispatch_alone_and_help_answer_without_a_model_call(chat, product, server):
    here = chat()
    here.say("/dispatch")
    here.wait_for("/dispatch help says what can be typed")
    here.say("/dispatch help")
    here.wait_for("answer ID: WORDS")
    product.configure("max_parallel = 3\n")
    here.say("/dispatch config")
    screen = here.wait_for("config set max_parallel")
    assert re.search(r"^ +max_parallel +3 +\(yours\)$", screen, re.M)
    here.say("/dispatch config set max_parallel 5")
    here.wait_for("max_parallel = 5")
    here.say("/dispatch doctor")
    here.wait_for("in a terminal: dispatch-hooks doctor")
    here.say("/dispatch models")
    here.wait_for("what can be dispatched:")
    here.say("/dispatch status")
    here.wait_for("no tasks in this project yet.")
    assert not re.search(r"[*`#]{2}|Unknown command", screen)
    assert server.calls(host()) == 0


def test_a_broken_configuration_is_told_once_and_breaks_nothing(chat, product, server):
    product.configure("max_parallel = 'many'\n")
    server.rule(worker(), hold("all", "done"), repeat=True)
    here = chat()
    here.say("dispatch opus to count the apples")
    here.wait_for("Dispatched count-apples")
    here.wait_for("Your configuration is not in force")
    here.say("dispatch opus to count the pears")
    here.wait_for("Dispatched count-pears")
    assert here.history().count("Your configuration is not in force") == 1
