"""The demo, as a person runs it: in a home where there is nothing, with nothing left of it afterwards."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from dispatch_hooks.demo import chat, real
from dispatch_hooks.errors import FatalError

EVENTS = Path(__file__).parent / "events"

PROMISED = [
    "● Operation stopped by hook: Dispatched 5 tasks:",
    "    api-docs (demo, 3 steps)",
    '  │ - api-docs asks the person: "Which OpenAPI version should the docs follow?" ["3.0" | "3.1"]',
    "  ⎿  UserPromptSubmit says: api-docs asks:",
    "       2. 3.1",
    "● Operation stopped by hook: answered api-docs: 3.1.",
    "security-review finished (3/3, demo",
    "  │ Background tasks (dispatch-hooks):",
    "acknowledges the news",
    "12 routes in OpenAPI 3.1, every example tried",
    "s on the clock for",
    "tokens for 5 tasks",
]
"""In this order."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where a home and a folder for temporary files are, both empty."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "home").mkdir()
    (folder / "tmp").mkdir()
    return folder


def run(place: Path, *args: str) -> subprocess.CompletedProcess:
    env = {"PATH": "/usr/bin:/bin", "HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), "LANG": "C.UTF-8"}
    command = [sys.executable, "-m", "dispatch_hooks", "demo", *args]
    return subprocess.run(
        command, env=env, cwd=place, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120
    )


def processes(place: Path) -> list[bytes]:
    """What runs with the place in its environment."""
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(place).encode() in file.read_bytes():
                found.append((file.parent / "cmdline").read_bytes())
        except OSError:
            continue
    return found


def left(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path not in (place / "home", place / "tmp")]


def test_five_tasks_run_one_asks_the_news_come_back_and_nothing_is_left(place):
    done = run(place, "--fast")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    rest = done.stdout
    for words in PROMISED:
        _, found, rest = rest.partition(words)
        assert found, f"{words!r} is missing, or too early, in:\n{done.stdout}"
    assert "\x1b" not in done.stdout
    assert (left(place), processes(place)) == ([], [])


def test_its_events_are_the_captured_ones():
    shipped = {path.name: path.read_text() for path in Path(chat.EVENTS).iterdir()}
    assert shipped == {name: (EVENTS / name).read_text() for name in shipped}


def test_a_real_chat_needs_a_terminal(place):
    done = run(place, "--claude")
    assert done.returncode == 1
    assert "run it in a terminal" in done.stderr


def test_a_real_chat_needs_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(real, "CHECKOUT", str(tmp_path))
    with pytest.raises(FatalError, match="needs a checkout"):
        real.open_claude()


def play_to_nobody() -> None:
    from rich.console import Console

    from dispatch_hooks.demo import box, play, stage

    with box.box(pace=0.1) as made:
        play.Play(made, stage.Stage(Console(quiet=True)), pause=0.0).run()


def test_a_promise_that_is_not_kept_is_an_error(monkeypatch, place):
    home = os.environ["HOME"]
    monkeypatch.setattr("dispatch_hooks.demo.play.REQUEST", "good morning")
    monkeypatch.setattr(tempfile, "tempdir", str(place / "tmp"))
    with pytest.raises(FatalError, match="five tasks were to be dispatched"):
        play_to_nobody()
    assert os.environ["HOME"] == home
    assert (left(place), processes(place)) == ([], [])
