"""What README says can be typed is there."""

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from dispatch_hooks import cli, config, control, request
from dispatch_hooks.models import Config

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
VOCABULARY = {**config.vocabulary(config.DEFAULTS, ["security-audit", "api-docs", "x"]), "aliases": []}
TASKS = {"security-audit": "finished", "api-docs": "running", "x": "running"}
STATE = {"tasks": TASKS, "asking": ["api-docs"], "own": True}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.M | re.S)


def test_the_configuration_in_readme_is_one():
    (text,) = blocks("toml")
    assert Config(**tomllib.loads(text))


def test_every_command_that_readme_names_exists():
    known = set(get_command(cli.app).commands)
    named = set(re.findall(r"dispatch-hooks ([a-z]+)\b", "\n".join(re.findall(r"`[^`]*`", README))))
    listed = re.search(r"In a terminal the same as commands:(.*?)\. Each has", README, re.S)[1]
    named |= set(re.findall(r"`(?:dispatch-hooks )?([a-z]+)", listed))
    assert named <= known, named - known


@pytest.mark.parametrize("words", re.findall(r"^\| `([^|]*?)`", README, re.M))
def test_what_can_be_typed_is_understood(words):
    for example in re.split("`, `", words):
        typed = example.replace("…", "review the auth module").rstrip("`")
        typed = re.sub(":$", ":\n- review the login\n- review the logout", typed)
        parsed = request.parse(typed, VOCABULARY)
        assert parsed["dispatch"] or control.parse(typed, STATE), typed


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)h][^)]*)\)", README))))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()
