"""Requests are found in what a person types, and nowhere else."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dispatch_hooks import ids, request

ROOT = Path(__file__).parent.parent

VOCABULARY = {
    "models": ["opus", "sonnet", "haiku", "gpt-5.3-codex", "gemini-3.1-pro"],
    "aliases": ["security-reviewer", "docs-writer"],
    "backends": ["claude", "codex"],
    "tasks": ["add-auth", "api-docs"],
    "launchers": ["local", "cluster", "gpu-box"],
    "default": "claude",
}

PROMPTS = tomllib.loads((Path(__file__).parent / "prompts.toml").read_text(encoding="utf-8"))["prompt"]

REQUESTS = [label for label in PROMPTS if label["dispatch"]]

FIELDS = {
    "id": str,
    "title": str,
    "text": str,
    "model": str | None,
    "alias": str | None,
    "backend": str | None,
    "worktree": bool | None,
    "base": str | None,
    "after": list,
    "missing": list,
    "read_only": bool,
    "budget": dict | None,
    "timeout": float | None,
    "directory": str | None,
    "launcher": str | None,
    "permissions": str | None,
    "plan": list,
    "context": str,
}


def parse(prompt: str, taken=()) -> dict:
    return request.parse(prompt, VOCABULARY, taken)


def same(wanted, found) -> bool:
    """In the labels "", 0, {} and [] stand for nothing."""
    return wanted == found or (not wanted and not found)


# the labelled prompts


@pytest.mark.parametrize("label", PROMPTS, ids=lambda label: label["prompt"][:60])
def test_a_prompt_is_understood_as_labelled(label):
    found = parse(label["prompt"])
    assert (found["dispatch"], found["pure"]) == (label["dispatch"], label["pure"]), found["reason"]
    assert found["command"] == label.get("command")
    change = label.get("change", {})
    assert {key: found.get("change", {}).get(key) for key in change} == change
    assert found["context"] == label.get("context", found["context"])
    wanted = label.get("tasks", [])
    assert len(found["tasks"]) == len(wanted), [task["title"] for task in found["tasks"]]
    for task, fields in zip(found["tasks"], wanted, strict=True):
        assert {k: task[k] for k, v in fields.items() if not same(v, task[k])} == {}, fields


def test_the_labels_are_many_and_differ():
    prompts = [label["prompt"] for label in PROMPTS]
    assert len(set(prompts)) == len(prompts)
    assert sum(label["dispatch"] for label in PROMPTS) >= 200
    assert sum(not label["dispatch"] for label in PROMPTS) >= 200


@pytest.mark.parametrize("label", REQUESTS, ids=lambda label: label["prompt"][:60])
@pytest.mark.parametrize("before", ["<task-notification>\n", "[Request interrupted by user]\n", "\n <bash-input>"])
def test_no_request_counts_behind_words_of_the_machine(label, before):
    assert not parse(before + label["prompt"])["dispatch"]


SPOKEN = [label for label in REQUESTS if label["prompt"].lower().startswith("dispatch") and "`" not in str(label)]


@pytest.mark.parametrize("label", SPOKEN, ids=lambda label: label["prompt"][:60])
def test_a_request_that_is_quoted_or_turned_round_is_none(label):
    prompt = label["prompt"]
    quoted = "\n".join(f"> {line}" for line in prompt.split("\n"))
    turned = ("never ", "don't ", "how do I ", "if it fails, ", "he told me to ", "I'd rather not ", "The docs say: ")
    for words in (f"```\n{prompt}\n```", quoted, *(before + prompt for before in turned)):
        found = parse(words)
        assert prompt not in [task["text"] for task in found["tasks"]]
        assert len(found["tasks"]) < len(label["tasks"]), words


# names, numbers, ids


def test_the_vocabulary_is_what_may_be_named():
    said = "dispatch night-owl to review the auth module"
    assert not parse(said)["dispatch"]
    for kind, field in (("models", "model"), ("aliases", "alias"), ("backends", "backend")):
        found = request.parse(said, {kind: ["Night-Owl"]})
        assert found["tasks"][0][field] == "Night-Owl"


def test_ids_are_unique_among_themselves_and_those_taken():
    found = parse("/dispatch\n- review auth\n- review auth", taken={"review-auth", "review-auth-3"})
    assert [task["id"] for task in found["tasks"]] == ["review-auth-2", "review-auth-4"]


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("security audit the auth flow (JWT, sessions)", "security-audit-auth"),
        ("review the auth module", "review-auth-module"),
        ("generate OpenAPI specs for every endpoint", "generate-openapi-specs"),
        ("frontend audit - accessibility, bundle size", "frontend-audit"),
        ("fix the N+1 queries", "fix-n1-queries"),
        ("don't break the build", "dont-break-build"),
        ("Ärger mit Größen", "arger-mit-grossen"),
        ("status", "status-task"),
        ("the", "the-task"),
        ("show", "show-task"),
        ("", "task"),
        ("修复", "task"),
        ("internationalization characterization documentation", "internationalization-task"),
        ("x" * 80, "x" * 27 + "-task"),
    ],
)
def test_an_id_is_a_few_words_of_the_title(title, slug):
    assert ids.slug(title) == slug


def test_a_taken_id_gets_the_first_free_number():
    assert ids.slug("fix it now", ["fix-task"]) == "fix-task-2"
    assert ids.slug("fix it now", ["fix-task", "fix-task-2", "fix-task-4"]) == "fix-task-3"
    long = ids.slug("characterization documentation22 b")
    assert len(long) == 32
    assert ids.slug("characterization documentation22 b", [long]) == long[:30] + "-2"


# limits


def test_a_prompt_has_at_most_fifty_tasks():
    items = "\n".join(f"- fix number {n}" for n in range(51))
    refused = parse(f"/dispatch\n{items}")
    assert not refused["dispatch"]
    assert "51 tasks" in refused["reason"]
    assert len(parse(f"/dispatch\n{items[: items.rindex(chr(10))]}")["tasks"]) == 50


def test_what_lies_behind_the_limit_goes_along_unread():
    tail = "x dispatch sonnet to write the docs" * 10_000
    found = parse(f"dispatch opus to review {tail}")
    assert [task["text"] for task in found["tasks"]] == [f"review {tail}"]
    assert not parse("x" * request.LIMIT + "\n\ndispatch opus to review auth")["dispatch"]
    listed = parse("/dispatch\n- review auth\n- write docs\n\n" + "y " * request.LIMIT + "end")
    assert [task["text"] for task in listed["tasks"]] == ["review auth", "write docs"]
    assert all(task["context"].endswith("y end") for task in listed["tasks"])


HARD = """
import sys
sys.path.insert(0, sys.argv[1])
from dispatch_hooks import request
names = {"models": ["opus"], "aliases": ["a-b"], "backends": ["claude"], "tasks": [f"t-{n}" for n in range(10000)]}
before = set(sys.modules)
request.parse("review the auth module " * 100, names)
assert "re" not in set(sys.modules) - before, "an idle prompt pays for re"
pieces = [
    "dispatch ", "dispatch opus to ", "dispatch opus to x. ", "dispatch: ", "dispatch opus:\\n\\n", "- a b\\n",
    "dispatch a worker\\n", "1. a b\\n", "1) a ", "\\n  - a b", "\\n\\n- dispatch opus to x", " ", "\\n", "\\0", "(",
    '"', "`", "'a", "```\\n", "<pasted_content ", "</pre>", "/*", "\\n/*", ":\\n", ". ", ", ", "ok, ", "after 1, ",
    "a and ", "use opus, ", "opus, ", "in a new git worktree ", "at most ",
]
for piece in pieces:
    for head in ("/dispatch ", "dispatch opus to ", "dispatch opus to x", "ok, ", ""):
        request.parse(head + piece * (200_000 // len(piece)) + "dispatch opus to y", names)
request.parse("/dispatch review " + "lorem ipsum, dolor. " * 500_000, names)
request.parse("\\n".join(" " * n + "- dispatch opus to x" for n in range(2000)), names)
loaded = set(sys.modules) & {"dataclasses", "typing", "pathlib", "argparse", "logging", "json", "inspect"}
assert not loaded, loaded
print("done")
"""


def test_no_prompt_is_hard_and_the_standard_library_is_enough():
    """Two hundred thousand characters of whatever could be quadratic, or worse: it would take hours if it were."""
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", HARD, str(ROOT)], capture_output=True, text=True, timeout=300, check=False
    )
    assert (ran.stdout, ran.stderr) == ("done\n", "")


# any text

PIECES = st.sampled_from(
    "dispatch /dispatch Dispatch: opus sonnet security-reviewer codex gpt-9 a worker two agents to review write the "
    "auth module this these with use using have and then if not please can you ? . , : ; - ( ) ` \" ' after once 1 2 "
    "3) 1. #2 is done add-auth in own worktree from main read-only budget $2 max 40 turns 200k tokens within 30 "
    "minutes timeout 1h directory src permissions bypass ``` > <pasted_content> </pasted_content> /* */ \0 İ ſ é 修 "
    "… → —".split()
)
GAPS = st.sampled_from([" "] * 5 + ["", "\n", "\n\n", "\n- ", "\n1. ", "\n   ", "\r\n", "\t", "\u2028", "\x0b"])
PHRASES = st.lists(st.tuples(PIECES, GAPS).map("".join), max_size=30).map("".join)
HEADS = st.sampled_from(["", "dispatch opus to review ", "/dispatch "])
TEXTS = st.one_of(st.text(), st.tuples(HEADS, PHRASES).map("".join))

ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.sets(st.sampled_from(["review-auth", "review-auth-module", "task", "write-task"])))
def test_any_text_gives_a_whole_answer(prompt, taken):
    found = parse(prompt, taken)
    assert json.loads(json.dumps(found)) == found
    assert found["dispatch"] == bool(found["tasks"])
    assert found["reason"]
    assert not (found["pure"] and not found["dispatch"])
    names = [task["id"] for task in found["tasks"]]
    assert len(set(names)) == len(names)
    assert not taken & set(names)
    for task in found["tasks"]:
        assert {k: type(v) for k, v in task.items() if not isinstance(v, FIELDS[k])} == {}
        assert task.keys() == FIELDS.keys()
        assert task["title"].strip()
        assert task["text"].strip()
        assert ID.fullmatch(task["id"])
        assert len(task["id"]) <= ids.LONGEST
        assert len([k for k in ("model", "alias", "backend") if task[k]]) <= 1
        assert set(task["after"]) <= {*names, *VOCABULARY["tasks"]}


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_nothing_is_dispatched_without_the_word(prompt):
    assert not parse(re.sub("dispatch", "send", prompt, flags=re.I))["dispatch"]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_nothing_is_dispatched_from_a_fence_or_a_quoted_block(prompt):
    assert not parse("> " + prompt.replace("\n", "\n> "))["dispatch"]
    assert not parse("<pasted_content id='1'>\n" + prompt.replace("</", "") + "\n</pasted_content>")["dispatch"]
    if "```" not in prompt:
        assert not parse(f"```\n{prompt}\n```")["dispatch"]


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(['""', "``", "“”", "«»"]))
def test_nothing_is_dispatched_from_quotation_marks(prompt, marks):
    line = "".join(c for c in " ".join(prompt.split()) if c not in "\"`“”«»„</*")
    assert not parse(marks[0] + line + marks[1])["dispatch"]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_slash_makes_everything_pure(prompt):
    found = parse("/dispatch " + prompt)
    assert found["pure"] == found["dispatch"]


@settings(max_examples=300, deadline=None)
@given(PHRASES)
def test_the_workers_text_is_the_persons(prompt):
    for task in parse("dispatch opus to review " + prompt)["tasks"]:
        for line in task["text"].split("\n"):
            assert line.strip() in prompt or line.strip() in "review " + prompt


# the docs

GRAMMAR = (ROOT / "docs" / "grammar.md").read_text(encoding="utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```text {kind}\n(.*?)\n```$", GRAMMAR, re.M | re.S)


@pytest.mark.parametrize("prompt", [line for block in blocks("requests") for line in block.split("\n")])
def test_a_request_of_the_docs_is_one(prompt):
    assert parse(prompt)["dispatch"], parse(prompt)["reason"]


@pytest.mark.parametrize("prompt", [line for block in blocks("conversation") for line in block.split("\n")])
def test_conversation_of_the_docs_is_that(prompt):
    found = parse(prompt)
    assert not found["dispatch"], found["tasks"]
    assert found["command"] is None


@pytest.mark.parametrize("block", blocks("parsed"))
def test_a_prompt_of_the_docs_gives_the_tasks_beneath_it(block):
    prompt, _, wanted = block.partition("\n---\n")
    found = parse(prompt)
    shown = [f"pure: {'yes' if found['pure'] else 'no'}"]
    shown += [f"context: {line}" for line in found["context"].split("\n") if line]
    for task in found["tasks"]:
        who = task["model"] or task["alias"] or task["backend"] or "default"
        after = f" after {', '.join(task['after'])}" if task["after"] else ""
        shown.append(f"{task['id']} ({who}{', worktree' if task['worktree'] else ''}){after}: {task['title']}")
        shown += [f"  [ ] {step}" for step in task["plan"]]
    assert wanted.split("\n") == shown


def rows(first: str) -> list[tuple[str, dict]]:
    """The rows of the table whose first heading is this, the last cell read as fields."""
    table = re.search(rf"^\| {first} \|.*\n\|[-| ]+\n((?:\|.*\n)+)", GRAMMAR, re.M)[1]
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in table.splitlines()]
    return [(row[0].strip("` "), tomllib.loads(f"x = {{ {row[-1].strip('` ')} }}")["x"]) for row in cells]


@pytest.mark.parametrize(("words", "fields"), rows("in an item"))
def test_a_directive_of_the_docs_sets_what_is_said_there(words, fields):
    task = parse(f"/dispatch {words}")["tasks"][0]
    assert {k: task[k] for k in fields} == fields
    assert task["title"] == "review the parser"


@pytest.mark.parametrize(("words", "fields"), rows("subject matter"))
def test_subject_matter_of_the_docs_sets_nothing(words, fields):
    task = parse(f"/dispatch {words}")["tasks"][0]
    assert {k: task[k] or False for k in fields} == fields
    assert task["title"] == words


@pytest.mark.parametrize(("words", "fields"), rows("phrase"))
def test_a_phrase_of_the_docs_changes_what_is_said_there(words, fields):
    found = parse(words)
    assert (found["dispatch"], found["command"]) == (False, "change")
    assert {key: found["change"][key] for key in fields} == fields


@pytest.mark.parametrize(("words", "fields"), rows("behind /dispatch"))
def test_what_is_no_task_behind_a_slash_is_answered_as_the_docs_say(words, fields):
    for each in words.split("`, `"):
        found = parse(f"/dispatch {each}")
        assert {"rest": "", **found} == {"rest": "", **found, **fields, "dispatch": False}, each


def test_every_command_of_the_terminal_is_told_and_starts_no_worker():
    import typer.main

    from dispatch_hooks import cli
    from dispatch_hooks.grammar import commands

    assert set(typer.main.get_command(cli.app).commands) == commands.TERMINAL
    for name in commands.TERMINAL:
        assert parse(f"/dispatch {name}")["command"] in ("terminal", *commands.ANSWERED)
