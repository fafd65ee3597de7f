"""What `status`, `/dispatch` and their kin say in the pane: whole where the person must answer, short where not."""

import re

import pytest

from dispatch_hooks import pane, paths
from tests.shop import QUESTION

STATUS = f"""\
7 tasks in this project: 1 asks, 1 failed, 1 running, 1 waiting, 1 finished, 1 checked, 1 cancelled · $1.63.
  write-api-docs: asks (2/5, sonnet, 10m, $0.31)
    {QUESTION}
      1. 3.0
      2. 3.1
    answer write-api-docs: …
  perf-audit: failed (1/3, opus, 9m, $1.20, bypass) claude ended with exit status 1: API Error: 529 overloaded
  audit-of-the-whole-payment-flow: running (1/3, opus, 10m) Bash: npm test
  deploy-docs: waiting (0/1, opus) after write-api-docs
  fix-tests: finished (2/2, opus, 50s, $0.12) All 41 tests pass again
  count: checked (1/1, opus, 50s, 1.5M tokens) There are 42
  old-one: cancelled (0/1, opus, 50s)"""


def test_status_says_what_is_asked_and_what_to_type(shop):
    shop.fill()
    said = re.sub(r"1[01]m", "10m", pane.project_text(str(shop.project)))
    assert said == STATUS


def test_one_asks_and_two_ask(shop):
    for name in ("a", "b"):
        shop.task(name, "running", asks=[{"text": "Red?"}])
    assert pane.project_text(str(shop.project)).startswith("2 tasks in this project: 2 ask.\n")


def test_what_is_long_over_is_counted(shop):
    for n in range(40):
        shop.task(f"old-{n}", "finished", ended=shop.now - n, made=shop.now - n, summary="x" * 300)
    shop.task("here", "running")
    said = pane.project_text(str(shop.project))
    assert "  here: running" in said
    assert said.count("old-") == pane.OVER
    assert said.endswith("and 35 more: dispatch-hooks status")
    assert len(said) < 1500


def test_a_permission_is_asked_for_with_what_counts(shop):
    shop.task("curl", "running", asks=[{"text": "Bash: curl x", "kind": "permission"}])
    assert "answer curl: yes, or no and why" in pane.project_text(str(shop.project))


def test_dispatch_alone_says_what_runs_and_what_is_configured(shop):
    said = pane.command_text("", "", str(shop.project))
    assert said.startswith("no tasks in this project yet.\n  6 at a time; workers edit files and ask for the rest;")
    assert said.endswith(pane.MORE)


def test_config_marks_what_is_the_persons_and_says_what_is_broken(shop):
    file = shop.root / "config/config.toml"
    file.parent.mkdir()
    file.write_text('wake = "off"\n[aliases.reviewer]\nmodel = "opus"\n')
    said = pane.command_text("config", "", str(shop.project))
    assert paths.config_file() in said
    assert re.search(r"^  wake +off +\(yours\)$", said, re.M)
    assert "(yours)" not in re.search(r"^  permissions.*$", said, re.M)[0]
    assert "your aliases reviewer" in said
    file.write_text("wake = 3\n")
    assert "not in force: " in pane.command_text("config", "", str(shop.project))


@pytest.mark.parametrize("name", ["", "help", "status", "models", "config"])
def test_the_pane_renders_no_markdown_so_there_is_none(shop, name):
    shop.fill()
    said = pane.command_text(name, "", str(shop.project))
    assert not re.search(r"\*\*|`|^#|\x1b|\t", said, re.M)


def test_a_key_is_told_alone_and_what_is_none_is_named(shop):
    said = pane.command_text("config", "wake", str(shop.project))
    assert said.startswith("wake           needed\n  /dispatch config set")
    assert '"merge": "merge"' in pane.command_text("config", "worktree.use", str(shop.project))
    said = pane.command_text("config", "parser", str(shop.project))
    assert said.startswith('there is no key "parser" in the configuration; for a task, say who is to do it')


def test_what_belongs_into_a_terminal_is_told_as_it_is_typed_there(shop):
    said = pane.command_text("terminal", "logs add-auth -n 20", str(shop.project))
    assert said == "in a terminal: dispatch-hooks logs add-auth -n 20"
