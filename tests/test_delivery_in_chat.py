"""Delivery in the real Claude Code: each item once, whatever the person does at a bad moment."""

import json

from tests.harness.modelserver import hold, host, slow, tool, worker
from tests.harness.waiting import wait_until
from tests.test_loop import ask, ticks


def assert_told(product, server, words: str, times: int = 1) -> None:
    """The words stand so often in the newest request of a chat."""
    newest = server.matching(host())[-1]
    told = newest.all_text.count(words)
    found = f"{told} times in {newest.user_texts[-2:]}; {product.inboxes()}\n{product.hosts()}\n{product.logs()}"
    assert told == times, found


def wait_delivered(product, events: int = 1) -> None:
    wait_until(lambda: len(product.inboxes()["delivered"]) == events, why=product.inboxes)


def test_the_last_task_of_a_batch_wakes_the_chat_once_with_the_news_of_all(chat, product, server):
    for n in ("one", "two"):
        server.rule(worker(f"count number {n}"), hold(n, ticks(f"count-number-{n}", f"counted {n}")), "done")
    server.rule(host("task-notification"), "Both are done.", repeat=True)
    here = chat()
    here.say("dispatch opus to count number one")
    here.wait_for("Dispatched count-number-one")
    here.say("dispatch opus to count number two")
    here.wait_for("Dispatched count-number-two")
    server.release("one")
    product.wait("count-number-one", "finished")
    assert server.calls(host()) == 0
    server.release("two")
    here.wait_for("Both are done.")
    wake = server.matching(host("task-notification"))[-1].last_user_text
    assert "counted one" in wake and "counted two" in wake
    wait_delivered(product, 2)
    here.say("hello")
    here.wait_for("ok")
    assert server.calls(host("task-notification")) == 1
    assert_told(product, server, "counted one")


def test_half_typed_input_is_untouched_by_a_wake(chat, product, server):
    server.rule(worker("write the docs"), hold("now", ask("Which colour?")))
    server.rule(host("task-notification"), "It asks for a colour.", repeat=True)
    here = chat()
    here.say("dispatch opus to write the docs")
    here.wait_for("Dispatched write-docs")
    here.type("half a thought")
    server.release("now")
    here.wait_for("It asks for a colour.")
    assert here.typed == "half a thought"


def test_a_question_in_mid_turn_comes_with_the_next_tool_result_and_once(chat, product, server):
    server.rule(worker("write the docs"), hold("now", ask("Which colour?")))
    server.rule(
        host("work a while"),
        hold("turn", tool("Bash", command="echo first", description="first")),
        hold("second", tool("Bash", command="echo second", description="second")),
        "finished the turn",
    )
    here = chat("--allowedTools", "Bash(echo:*)")
    here.say("dispatch opus to write the docs")
    here.wait_for("Dispatched write-docs")
    here.say("work a while")
    server.wait_for(host("work a while"))
    server.release("now")
    wait_until(lambda: product.inboxes()["claimed"], why=product.inboxes)
    server.release("turn")
    server.release("second")
    here.wait_for("finished the turn")
    wait_delivered(product)
    here.say("anything else")
    here.wait_for("ok")
    assert_told(product, server, "Which colour?")


def test_a_wake_that_waits_behind_a_prompt_for_the_turns_end_is_told_once(chat, product, server):
    server.rule(worker("write the docs"), hold("now", ask("Which colour?")))
    server.rule(host("work a while"), hold("turn", "finished the turn"))
    here = chat()
    here.say("dispatch opus to write the docs")
    here.wait_for("Dispatched write-docs")
    here.say("work a while")
    server.wait_for(host("work a while"))
    here.say("what else is there")
    wait_until(lambda: queued(product, "what else is there"), why="the prompt in the queue")
    server.release("now")
    wait_until(lambda: queued(product, "Which colour?"), why="the wake in the queue")
    for claim in product.state.glob("inbox/*/claimed/*/.claim"):  # a long turn
        claim.write_text(json.dumps({**json.loads(claim.read_text()), "at": 0}))
    server.release("turn")
    wait_delivered(product)
    here.say("anything else")
    wait_until(lambda: "anything else" in server.matching(host())[-1].last_user_text)
    assert_told(product, server, "Which colour?")


def queued(product, words: str) -> bool:
    logs = (log.read_text() for log in product.sandbox.home.glob(".claude/projects/*/*.jsonl"))
    return any('"enqueue"' in line and words in line for log in logs for line in log.splitlines())


def test_esc_before_the_first_token_brings_the_digest_again(chat, product, server):
    server.rule(worker("count the lines"), ticks("count-lines", "there are 42"), "done")
    product.configure('wake = "off"\n')
    here = chat()
    here.say("dispatch opus to count the lines")
    product.wait("count-lines", "finished")
    server.rule(host("hello"), hold("never"))
    here.say("hello")
    server.wait_for(host("hello"))
    here.key("Escape")
    here.wait_for(lambda _: here.typed == "hello", why="Esc puts the prompt back")
    here.clear_box()
    server.rule(host("again"), "I see.")
    here.say("again")
    here.wait_for("I see.")
    assert_told(product, server, "there are 42")
    wait_delivered(product)
    here.say("and now")
    here.wait_for("ok")
    assert_told(product, server, "there are 42")


def test_news_of_a_hook_that_printed_them_and_did_not_end_in_time_come_again(chat, product, server):
    frozen = product.sandbox.root / "frozen"
    known = json.loads(product.sandbox.settings_file.read_text())
    (ours,) = [hook for entry in known["hooks"]["UserPromptSubmit"] for hook in entry["hooks"] if hook["timeout"] < 60]
    ours["command"] = ours["command"].replace("exit 0 #", f"[ ! -e {frozen} ] || kill -STOP $$; exit 0 #")
    ours["timeout"] = 5
    product.sandbox.write_settings(known)
    server.rule(worker("count the lines"), ticks("count-lines", "there are 42"), "done")
    server.rule(host("hello"), slow("nothing new that I know of"))
    product.configure('wake = "off"\n')
    here = chat()
    here.say("dispatch opus to count the lines")
    product.wait("count-lines", "finished")
    frozen.touch()
    here.say("hello")
    here.wait_for("timed out after 5s")
    here.wait_for("nothing new that I know of")
    assert_told(product, server, "there are 42", times=0)
    here.wait_gone("esc to interrupt")  # what is typed before belongs to that turn
    frozen.unlink()
    server.rule(host("again"), "I see.")
    here.say("again")
    here.wait_for("I see.")
    assert_told(product, server, "there are 42")
    wait_delivered(product)


def test_news_survive_clear(chat, product, server):
    server.rule(worker("count the lines"), hold("now", ticks("count-lines", "there are 42")), "done")
    server.rule(host("task-notification"), "Counted.", repeat=True)
    here = chat()
    here.say("dispatch opus to count the lines")
    here.wait_for("Dispatched count-lines")
    here.say("/clear")
    here.wait_gone("Dispatched count-lines")
    server.release("now")
    here.wait_for("Counted.")
    assert_told(product, server, "there are 42")


def test_news_survive_compact(chat, product, server):
    server.rule(worker("count the lines"), hold("now", ask("Which lines?")))
    product.configure('wake = "off"\n')
    here = chat()
    here.say("hello")
    here.wait_for("ok")
    here.say("dispatch opus to count the lines")
    here.wait_for("Dispatched count-lines")
    server.release("now")
    wait_until(lambda: product.inboxes()["new"], why=product.inboxes)
    here.say("hello again")
    wait_delivered(product)
    here.say("/compact")
    here.wait_for("Compacted")
    here.say("what is open")
    server.wait_for(host("what is open"))
    assert_told(product, server, "Which lines?")


def test_news_wait_for_the_person_who_left_and_came_back(chat, product, server):
    server.rule(worker("count the lines"), hold("now", ticks("count-lines", "there are 42")), "done")
    here = chat()
    here.say("hello")
    here.wait_for("ok")
    here.say("dispatch opus to count the lines")
    here.wait_for("Dispatched count-lines")
    here.exit()
    server.release("now")
    product.wait("count-lines", "finished")
    here.resume()
    here.say("I am back")
    wait_delivered(product)
    assert_told(product, server, "there are 42")


def test_news_of_a_killed_host_go_to_the_next_chat_of_the_project(chat, product, server):
    server.rule(worker("count the lines"), hold("now", ticks("count-lines", "there are 42")), "done")
    first = chat()
    first.say("dispatch opus to count the lines")
    first.wait_for("Dispatched count-lines")
    first.kill9()
    server.release("now")
    product.wait("count-lines", "finished")
    second = chat()
    second.say("who are you")
    wait_delivered(product)
    assert_told(product, server, "there are 42")


def test_news_go_only_to_the_chat_that_asked(chat, product, server):
    server.rule(worker("count the lines"), hold("now", ticks("count-lines", "there are 42")), "done")
    first, second = chat(), chat()
    first.say("dispatch opus to count the lines")
    first.wait_for("Dispatched count-lines")
    server.release("now")
    product.wait("count-lines", "finished")
    second.say("I know nothing")
    server.wait_for(host("I know nothing"))
    assert_told(product, server, "there are 42", times=0)
    first.wait_for("there are 42")


def test_two_installs_handle_a_prompt_once(chat, product, server):
    # Claude Code trusts a repository by its top; a worker's sandbox may have left an empty .git far above this folder.
    product.sandbox.run("git", "init", "-q")
    product.install("--scope", "project")
    server.rule(worker("count the lines"), ticks("count-lines", "there are 42"), "done")
    product.configure('wake = "off"\n')
    here = chat()
    here.say("dispatch opus to count the lines")
    here.wait_for("Dispatched count-lines")
    product.wait("count-lines", "finished")
    assert list(product.tasks()) == ["count-lines"]
    here.say("hello")
    server.wait_for(host("hello"))
    assert_told(product, server, "there are 42")
