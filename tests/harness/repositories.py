"""Real repositories for tests, and tasks that work in worktrees of them."""

import os
import subprocess
from pathlib import Path

import pytest

from dispatch_hooks import tasks
from dispatch_hooks.errors import FatalError
from dispatch_hooks.worktrees import finishing
from tests.product import TICK

IDENTITY = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org"]


def git(folder, *args, check=True):
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    done = subprocess.run(["git", *IDENTITY, *args], cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done.stdout.strip()


def commit(folder, **files):
    for name, text in files.items():
        (Path(folder) / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "a change")


@pytest.fixture
def repo(lab):
    """The lab, whose project is a repository with one commit."""
    git(lab.project, "init", "--quiet", "--initial-branch", "main")
    commit(lab.project, readme="one\ntwo\nthree\n")
    return lab


def settings(text):
    path = Path(os.environ["DISPATCH_HOOKS_DIRS"].split("\n")[0], "config.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + (path.read_text() if path.exists() else ""))


def dispatched(lab, name, body, **fields):
    lab.script(name, body)
    (folder,) = lab.dispatch(name, **{"worktree": True, **fields})
    return folder


def record(folder):
    return tasks.status(folder)["worktree"]


def checkouts(lab):
    return git(lab.project, "worktree", "list").splitlines()[1:]


def branches(lab):
    return git(lab.project, "branch", "--format", "%(refname:short)").split()


def finished(lab, name, body, **fields):
    folder = dispatched(lab, name, f"{body}; {TICK}", **fields)
    lab.wait(folder, "finished")
    return folder


def merge(folder, how="", **_):
    return finishing.merge(folder, how, dict(os.environ))


def discard(folder, force=False):
    return finishing.discard(folder, force, dict(os.environ))


def refused(act, *args):
    with pytest.raises(FatalError) as said:
        act(*args)
    return str(said.value)


def nothing_left(lab):
    admin = lab.project / ".git/worktrees"
    folders = list((lab.project / ".dispatch/worktrees").iterdir())
    assert (checkouts(lab), branches(lab), folders, admin.exists()) == ([], ["main"], [], False)
    assert git(lab.project, "status", "--porcelain") == ""
    assert not list((lab.project / ".git").glob("**/*.lock"))
    assert tasks.active() == []
