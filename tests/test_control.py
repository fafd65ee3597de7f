"""Control words count where they fit, and nowhere else."""

import json
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_hooks import control, request

TASKS = {"security-audit": "finished", "api-docs": "asks", "fix-tests-2": "running", "Mixed-Case": "running"}


def state(*asking: str, own: bool = True) -> dict:
    return {"tasks": TASKS, "asking": list(asking), "own": own}


def parse(prompt: str, *asking: str, own: bool = True) -> dict | None:
    return control.parse(prompt, state(*asking, own=own))


def found(verb: str, task: str | None, text: str = "", **more) -> dict:
    return {"verb": verb, "task": task, "text": text, "model": None, "question": None, **more}


# answers


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("answer api-docs: the 3.1 one", "the 3.1 one"),
        ("answer api-docs the 3.1 one", "the 3.1 one"),
        ("Answer API-Docs: yes", "yes"),
        ("answer api-docs, yes", "yes"),
        ("answer api-docs : yes", "yes"),
        ("answer api-docs:yes", "yes"),
        ("@api-docs yes", "yes"),
        ("@api-docs: yes", "yes"),
        ("  @api-docs, yes ", "yes"),
        ("/dispatch answer api-docs: yes", "yes"),
        ("/dispatch-hooks:dispatch answer api-docs yes", "yes"),
        ("dispatch answer api-docs yes", "yes"),
        ("answer api-docs:\nuse 3.1\n\n  - and yaml\n", "use 3.1\n\n  - and yaml"),
        ("@api-docs\nuse 3.1\nand yaml", "use 3.1\nand yaml"),
        ("answer api-docs: what do you mean?", "what do you mean?"),
        ("answer api-docs: answer: yes", "answer: yes"),
    ],
)
def test_an_answer_names_its_task(prompt, text):
    assert parse(prompt, "api-docs", "fix-tests-2") == found("answer", "api-docs", text)


@pytest.mark.parametrize("prompt", ["answer api-docs #2: yes", "@api-docs #2 yes", "answer api-docs: #2 yes"])
def test_an_answer_may_name_the_question(prompt):
    assert parse(prompt, "api-docs") == found("answer", "api-docs", "yes", question=2)


def test_an_answer_reaches_a_task_that_asks_no_more():
    """What was asked may have been withdrawn meanwhile; it is for the caller to say so."""
    assert parse("answer api-docs: yes") == found("answer", "api-docs", "yes")


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("answer: yes", "yes"),
        ("answer:yes", "yes"),
        ("Answer: the second one, please", "the second one, please"),
        ("answer yes", "yes"),
        ("answer 2", "2"),
        ("answer no, use postgres", "no, use postgres"),
        ("answer: what do you mean by that?", "what do you mean by that?"),
        ("answer: line one\nline two", "line one\nline two"),
    ],
)
def test_an_answer_without_a_name_is_for_the_only_one_that_asks(prompt, text):
    assert parse(prompt, "api-docs") == found("answer", "api-docs", text)
    assert parse(prompt) is None


def test_an_answer_without_a_name_is_refused_when_several_ask():
    both = ["api-docs", "fix-tests-2"]
    assert parse("answer: yes", *both) == found("answer", None, "yes", ambiguous=both)
    assert parse("answer yes", *both) is None


@pytest.mark.parametrize(
    "prompt",
    [
        "answer my question about the login",
        "answer the question",
        "answer in one sentence: what does foo do?",
        "answer this: what does foo do?",
        "answer me",
        "answer briefly please",
        "answer honestly",
        "answer is wrong?",
        "answer with yes or no",
        "answer no-such-task: yes",
        "answer no-such-task yes",
        "answer yes\nand explain",
        "answer every point of the review that I have pasted",
        "answer",
        "answer:",
        "answer-me yes",
        "answers: yes",
        "answer? yes",
        "the answer: yes",
        "yes",
    ],
)
def test_an_ordinary_sentence_is_no_answer(prompt):
    assert parse(prompt, "api-docs") is None


# the other verbs


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("tell security-audit to fix number 2", found("tell", "security-audit", "fix number 2")),
        ("tell security-audit that we use postgres", found("tell", "security-audit", "we use postgres")),
        ("tell security-audit: skip the tests", found("tell", "security-audit", "skip the tests")),
        ("Tell Security-Audit to do this:\n- a\n- b", found("tell", "security-audit", "do this:\n- a\n- b")),
        ("tell mixed-case to stop", found("tell", "Mixed-Case", "stop")),
        ("@security-audit fix number 2", found("tell", "security-audit", "fix number 2")),
        ("@security-audit: fix number 2", found("tell", "security-audit", "fix number 2")),
        ("show security-audit", found("show", "security-audit")),
        ("show security-audit?", found("show", "security-audit")),
        ("Show security-audit.", found("show", "security-audit")),
        ("/dispatch show security-audit", found("show", "security-audit")),
        ("answer api-docs", found("show", "api-docs")),
        ("answer api-docs:", found("show", "api-docs")),
        ("@api-docs", found("show", "api-docs")),
        ("cancel fix-tests-2", found("cancel", "fix-tests-2")),
        ("cancel fix-tests-2!", found("cancel", "fix-tests-2")),
        ("cancel fix-tests-2 please", found("cancel", "fix-tests-2")),
        ("stop fix-tests-2", found("cancel", "fix-tests-2")),
        ("retry security-audit", found("retry", "security-audit")),
        ("retry security-audit with opus", found("retry", "security-audit", model="opus")),
        ("retry security-audit using gpt-5.3-codex.", found("retry", "security-audit", model="gpt-5.3-codex")),
        ("pause security-audit", found("pause", "security-audit")),
        ("pause security-audit please", found("pause", "security-audit")),
        ("Pause all", found("pause", None)),
        ("/dispatch pause everything.", found("pause", None)),
        ("resume fix-tests-2", found("resume", "fix-tests-2")),
        ("resume all", found("resume", None)),
        ("release fix-tests-2", found("release", "fix-tests-2")),
        ("start fix-tests-2 anyway", found("release", "fix-tests-2")),
        ("start fix-tests-2 now.", found("release", "fix-tests-2")),
        ("retry security-audit with a budget of $5", found("retry", "security-audit", budget={"usd": 5.0})),
        (
            "retry security-audit with opus and a budget of $5, within 20 minutes",
            found("retry", "security-audit", model="opus", budget={"usd": 5.0, "seconds": 1200.0}),
        ),
        ("retry security-audit, max 40 turns", found("retry", "security-audit", budget={"turns": 40})),
        ("status", found("status", None)),
        ("Status?", found("status", None)),
        ("status.", found("status", None)),
        ("/dispatch status", found("status", None)),
        ("dispatch status", found("status", None)),
    ],
)
def test_a_control_word_is_understood(prompt, wanted):
    assert parse(prompt, "api-docs") == wanted


@pytest.mark.parametrize(
    "prompt",
    [
        "cancel no-such-task",
        "cancel fix-tests-2 because it is useless",
        "cancel fix-tests-2 and api-docs",
        "cancel",
        "cancel all",
        "cancel the order",
        "please explain how to cancel fix-tests-2",
        "cancel: fix-tests-2",
        "show security-audit to me how",
        "show me security-audit",
        "show the diff",
        "show",
        "stop",
        "stop it",
        "tell security-audit we use postgres",
        "tell security-audit",
        "tell security-audit to",
        "tell security-audit:",
        "tell no-such-task to stop",
        "tell me about security-audit",
        "tell a joke",
        "retry",
        "retry that",
        "pause",
        "pause the game",
        "retry security-audit with opus and fix the tests",
        "retry security-audit with a budget of $5 and fix the tests",
        "retry security-audit and with opus",
        "pause all of the timers",
        "resume",
        "resume where we left off",
        "release the next version",
        "release v2",
        "start fix-tests-2",
        "start the server",
        "start all over again",
        "retry security-audit with more tests",
        "retry security-audit now and then",
        "status of the build",
        "status: green",
        "git status",
        "statuses",
        "what is the status?",
        "@no-such-task yes",
        "@src/main.py explain this",
        "@",
        "@ api-docs yes",
        "",
        "security-audit",
    ],
)
def test_what_does_not_fit_is_conversation(prompt):
    assert parse(prompt, "api-docs") is None


def test_status_counts_only_while_this_chat_has_tasks():
    assert parse("status", own=False) is None
    assert parse("/dispatch status", own=False) is None


# what no person typed


@pytest.mark.parametrize("machine", request.MACHINE)
def test_nothing_that_the_machine_says_is_a_control_word(machine):
    assert not request.typed(f"\n {machine} anything")
    for words in ("answer api-docs: yes", "cancel fix-tests-2", "status"):
        assert parse(f"{machine}\n{words}", "api-docs") is None


PIECES = st.sampled_from(
    "answer tell show cancel stop retry status diff merge discard pause resume release start all anyway @"
    " /dispatch dispatch api-docs security-audit no-such-task to that with opus : , #2 yes . ? ! please the \n é"
    .split(" ")
)
GAPS = st.sampled_from([" ", " ", "", "\n"])
TEXTS = st.one_of(st.text(), st.lists(st.tuples(PIECES, GAPS).map("".join)).map("".join))


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.sampled_from([[], ["api-docs"], ["api-docs", "fix-tests-2"]]), st.booleans())
def test_any_text_gives_a_whole_answer(prompt, asking, own):
    result = parse(prompt, *asking, own=own)
    if result is None:
        return
    assert json.loads(json.dumps(result)) == result
    assert result["verb"] in {*control._VERBS} - {"stop", "start"}  # these are called cancel and release
    of_all = result["verb"] in ("pause", "resume") or (result["verb"] == "status" and own)
    assert result["task"] in TASKS or (of_all and result["task"] is None) or result["ambiguous"] == asking
    assert bool(result["text"].strip()) == (result["verb"] in ("answer", "tell"))
    assert result["text"] in prompt


# the docs

GRAMMAR = (Path(__file__).parent.parent / "docs" / "grammar.md").read_text(encoding="utf-8")
TABLE = re.search(r"^\| typed \|.*\n\|[-| ]+\n((?:\|.*\n)+)", GRAMMAR, re.M)[1]
ROWS = [[cell.strip("|` ") for cell in row.split(" | ")] for row in TABLE.splitlines()]


@pytest.mark.parametrize(("prompt", "fields"), ROWS)
def test_a_control_word_of_the_docs_does_what_is_said_there(prompt, fields):
    wanted = tomllib.loads(f"x = {{ {fields} }}")["x"]
    result = parse(prompt, "api-docs")
    assert {k: result[k] for k in wanted} == wanted


@pytest.mark.parametrize("prompt", re.search(r"```text no control words\n(.*?)\n```", GRAMMAR, re.S)[1].split("\n"))
def test_conversation_of_the_docs_is_that(prompt):
    assert parse(prompt, "api-docs") is None
