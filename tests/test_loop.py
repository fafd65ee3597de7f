"""The main loop in the real Claude Code, as a person sees it: the pane, and what the model server was asked."""

import json

from tests.harness.modelserver import hold, host, tool, worker

DIGEST = "Background tasks (dispatch-hooks)"


def ticks(task: str, said: str):
    """What a scripted worker does: tick its plan, write its summary."""
    folder = f".dispatch/tasks/{task}"
    return tool(
        "Bash",
        command=f"sed -i 's/\\[ \\]/[x]/' {folder}/plan.md && echo '{said}' > {folder}/output.md",
        description="tick",
    )


def context_of(request) -> str:
    return json.dumps(request.raw)


def test_a_typed_dispatch_starts_a_worker_without_a_model_call(chat, product, server):
    product.configure('wake = "off"\n')
    server.rule(worker("review the auth module"), ticks("review-auth-module", "two weak spots"), "done")
    here = chat()
    here.say("dispatch opus to review the auth module")
    here.wait_for("Dispatched review-auth-module (opus, 1 step).")
    assert here.typed == ""
    product.wait("review-auth-module", "finished")
    assert server.calls(host()) == 0

    server.rule(host(), "hello yourself")
    here.say("hello")
    here.wait_for("hello yourself")
    seen = context_of(server.matching(host())[-1])
    assert seen.count("review-auth-module finished (1/1, opus") == 1
    here.wait_for("two weak spots")


def test_a_slash_dispatch_does_the_same(chat, product, server):
    server.rule(worker("review the auth module"), hold("go", "done"))
    here = chat()
    here.say("/dispatch use opus to review the auth module")
    here.wait_for("Dispatched review-auth-module (opus, 1 step).")
    product.wait("review-auth-module", "running")
    assert server.calls(host()) == 0


def ask(words: str, *options: str):
    """What a scripted worker does to ask: our command, in its shell."""
    chosen = "".join(f" --option '{option}'" for option in options)
    return tool("Bash", command=f"dispatch-hooks ask '{words}'{chosen}", description="ask the person")


def test_a_question_wakes_an_idle_chat_in_its_exact_words_and_the_answer_goes_back(chat, product, server):
    server.rule(
        worker("write the api docs"),
        ask("Which OpenAPI version, 3.0 or 3.1?", "3.0", "3.1"),
        lambda request: ticks("write-api-docs", "told: " + request.tool_results[-1].split(": ")[-1].strip()),
        "done",
    )
    server.rule(host("task-notification"), "A worker has a question for you.", repeat=True)
    here = chat()
    here.say("dispatch opus to write the api docs")
    here.wait_for("Dispatched write-api-docs")
    here.wait_for("Which OpenAPI version, 3.0 or 3.1?")
    here.wait_for("2. 3.1")
    here.wait_for("A worker has a question for you.")
    wakes = server.calls(host("task-notification"))
    here.say("answer write-api-docs: 2")
    here.wait_for("answered write-api-docs: 3.1.")
    assert product.wait("write-api-docs", "finished")["summary"] == "told: 3.1"
    here.wait_for("write-api-docs finished")
    server.wait_for(host("task-notification"), nth=wakes + 1)
    assert (wakes, server.calls(host("task-notification"))) == (1, 2)


def test_a_permission_ask_waits_for_what_the_person_types(chat, product, server):
    server.rule(
        worker("fetch the licence"),
        tool("Bash", command="curl --version > version.txt", description="look"),
        ticks("fetch-licence", "got it"),
        "done",
    )
    server.rule(host("task-notification"), "It wants to run curl.", repeat=True)
    here = chat()
    here.say("dispatch opus to fetch the licence")
    here.wait_for("needs your permission:")
    here.wait_for("Bash: curl --version > version.txt")
    assert not (product.sandbox.project / "version.txt").exists()
    here.say("answer: yes")
    here.wait_for("answered fetch-licence: yes.")
    product.wait("fetch-licence", "finished")
    assert (product.sandbox.project / "version.txt").exists()


def test_a_parked_question_and_permission_are_answered_hours_later_in_the_same_session(chat, product, server):
    product.configure("ask_seconds = 1\n")
    fetch = tool("Bash", command="curl --version > version.txt", description="look")
    server.rule(worker("write the api docs"), ask("Which version?"), fetch, fetch)
    server.rule(worker("write the api docs"), ticks("write-api-docs", "went on"), "done")
    here = chat()
    here.say("dispatch opus to write the api docs")
    first = product.wait("write-api-docs", "parked")
    here.wait_for("Which version?")
    here.say("answer write-api-docs: the 3.1 one")
    here.wait_for("Bash: curl --version > version.txt")
    product.wait("write-api-docs", "parked")
    here.say("answer write-api-docs: yes")
    last = product.wait("write-api-docs", "finished")
    assert (last["session"], last["run"]) == (first["session"], 3)
    assert (product.sandbox.project / "version.txt").exists()
    resumed = server.matching(worker("write the api docs"))[-1]
    assert "The person answers: the 3.1 one" in resumed.all_text
    assert "You asked: Which version?" in resumed.all_text
    assert "The person allows, once: Bash: curl --version > version.txt" in resumed.all_text
    assert len(list((product.records("write-api-docs") / "questions").iterdir())) == 2


def test_a_finished_worker_is_spoken_to_again_in_its_own_conversation(chat, product, server):
    server.rule(worker("audit the login"), ticks("audit-login", "two findings"), "done")
    here = chat()
    here.say("dispatch opus to audit the login")
    first = product.wait("audit-login", "finished")
    server.rule(worker("audit the login"), "fixed number 2")
    here.say("tell audit-login to fix number 2")
    here.wait_for("audit-login: told; it goes on.")
    server.wait_for(lambda r: "The person says: fix number 2" in r.last_user_text)
    assert product.wait("audit-login", "finished")["session"] == first["session"]


def test_cancel_in_the_chat_ends_the_worker(chat, product, server):
    server.rule(worker("audit the login"), hold("never", "done"))
    here = chat()
    here.say("dispatch opus to audit the login")
    product.wait("audit-login", "running")
    here.say("cancel audit-login")
    here.wait_for("cancelling audit-login.")
    product.wait("audit-login", "cancelled")
    assert not [line for _, line in product.sandbox.processes() if "stream-json" in line]


def test_status_and_show_answer_without_a_model_call(chat, product, server):
    server.rule(worker("audit the login"), hold("never", "done"))
    here = chat()
    here.say("dispatch opus to audit the login")
    product.wait("audit-login", "running")
    here.say("status")
    here.wait_for("1 task in this project: 1 running.")
    here.say("show audit-login")
    here.wait_for("[ ] audit the login")
    assert server.calls(host()) == 0
