"""Fixtures, and the guard that keeps every test away from the home of whoever runs it."""

import os
import pwd
import shutil
import sys
import tempfile
from contextlib import contextmanager

import pytest

from tests.harness.claude import Sandbox
from tests.harness.modelserver import ModelServer
from tests.harness.npm import Unavailable
from tests.harness.tmux import Chat

pytest_plugins = ["tests.product", "tests.shop", "tests.engines", "tests.harness.repositories"]

# ---- the real home

CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ACCOUNT_HOME = pwd.getpwuid(os.getuid()).pw_dir
# Set by the first process of the session; the workers of pytest-xdist inherit it, and a HOME that is already ours.
REAL_HOME = os.environ.setdefault("DISPATCH_HOOKS_REAL_HOME", os.environ.get("HOME") or ACCOUNT_HOME)
REAL_XDG = {name: path for name, path in os.environ.items() if name.startswith("XDG_") and os.path.isabs(path)}

OURS = (
    ".claude",
    ".claude.json",
    ".config/dispatch-hooks",
    ".local/state/dispatch-hooks",
    ".local/share/dispatch-hooks",
    ".cache/dispatch-hooks",
    ".dispatch",
)
TOUCHING = {
    "open", "os.chmod", "os.chown", "os.link", "os.listdir", "os.mkdir", "os.remove", "os.rename", "os.rmdir",
    "os.scandir", "os.symlink", "os.truncate", "os.utime", "shutil.rmtree", "sqlite3.connect",
}  # fmt: skip


class RealHomeTouched(Exception):
    """A test reached for the files of a real person."""


def _forbidden() -> tuple[str, ...]:
    real = [os.path.join(home, name) for home in {REAL_HOME, ACCOUNT_HOME} for name in OURS]
    return tuple(real + [os.path.join(folder, "dispatch-hooks") for folder in REAL_XDG.values()])


def _guard(forbidden: tuple[str, ...]):
    def hook(event: str, args: tuple) -> None:
        if event not in TOUCHING:
            return
        for path in args[:2]:
            name = os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""
            if name.startswith(forbidden) and not name.startswith(CHECKOUT + os.sep):
                raise RealHomeTouched(f"{event} {name}")

    return hook


def pytest_configure(config: pytest.Config) -> None:
    """A harmless home for this process and all its children, before anything is collected."""
    home = tempfile.mkdtemp(prefix="dh-home-")
    config.add_cleanup(lambda: shutil.rmtree(home, ignore_errors=True))
    for name in REAL_XDG:
        del os.environ[name]
    os.environ["HOME"] = home
    sys.addaudithook(_guard(_forbidden()))


# ---- fixtures


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, marker in (("claude", "claude"), ("chat", "tmux")):
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@contextmanager
def needed():
    """What this machine cannot have skips the test; with CI=true it fails."""
    try:
        yield
    except Unavailable as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(str(missing))


needs_strace = pytest.mark.skipif(
    not shutil.which("strace") and os.environ.get("CI") != "true", reason="strace is not installed"
)
"""Where CI=true a machine without it fails: the test runs, and misses it."""


@pytest.fixture
def server():
    """A scripted model server."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def sandbox(server):
    """A home and a project of their own, and whatever runs in them; without Claude Code."""
    sandbox = Sandbox(server.url)
    yield sandbox
    sandbox.end()


@pytest.fixture
def claude(sandbox):
    """The sandbox with the real Claude Code in it, talking to `server`."""
    with needed():
        sandbox.install_claude()
    return sandbox


@pytest.fixture
def chat(claude):
    """Starts chats: `chat("--model", "opus")` is a Chat in the sandbox's project."""

    def start(*args: str, **options) -> Chat:
        with needed():
            return Chat(claude, *args, **options)

    return start
