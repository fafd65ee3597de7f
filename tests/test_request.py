"""Requests are found in what a person types, and nowhere else."""

import tomllib
from pathlib import Path

import pytest

from dispatch_hooks import request

VOCABULARY = {
    "models": ["opus", "sonnet", "haiku", "gpt-5.3-codex", "gemini-3.1-pro"],
    "aliases": ["security-reviewer", "docs-writer"],
    "backends": ["claude", "codex"],
    "tasks": ["add-auth", "api-docs"],
    "default": "claude",
}
PROMPTS = tomllib.loads((Path(__file__).parent / "prompts.toml").read_text(encoding="utf-8"))["prompt"]


def parse(prompt: str, taken=()) -> dict:
    return request.parse(prompt, VOCABULARY, taken)


def same(wanted, found) -> bool:
    return wanted == found or (not wanted and not found)


@pytest.mark.parametrize("label", PROMPTS, ids=lambda label: label["prompt"][:60])
def test_a_prompt_is_understood_as_labelled(label):
    found = parse(label["prompt"])
    assert (found["dispatch"], found["pure"]) == (label["dispatch"], label["pure"]), found["reason"]
    assert found["command"] == label.get("command")
    assert found["reason"]
    wanted = label.get("tasks", [])
    assert len(found["tasks"]) == len(wanted), [task["title"] for task in found["tasks"]]
    for task, fields in zip(found["tasks"], wanted, strict=True):
        assert {k: task[k] for k, v in fields.items() if not same(v, task[k])} == {}, fields
