"""Workers in worktrees of real repositories: what they get, what is kept, and that nothing else is touched."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from dispatch_hooks import recover, steer, tasks, worktrees
from tests.harness.waiting import wait_until
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


def test_a_worker_in_a_worktree_leaves_its_work_on_its_branch_and_the_checkout_alone(repo):
    (repo.project / "readme").write_text("the person works on this\n")
    (repo.project / "draft").write_text("and on this\n")
    body = "pwd > $folder/where; cat readme > $folder/saw; echo new > made; git add made\n"
    body += f"git -c user.name=Bot -c user.email=b@b commit -qm made; echo rest > rest; {TICK}"
    folder = dispatched(repo, "good", body)
    repo.wait(folder, "finished")
    found, own = record(folder), Path(repo.project / ".dispatch/worktrees/good-1-1")
    assert (repo.project / ".dispatch/tasks/good-1-1/where").read_text().strip() == str(own)
    assert (repo.project / ".dispatch/tasks/good-1-1/saw").read_text() == "one\ntwo\nthree\n"
    assert (found["branch"], found["commits"], found["files"], found["added"]) == ("dispatch/good-1-1", 2, 2, 2)
    assert git(repo.project, "log", "--format=%s", "main..dispatch/good-1-1").splitlines() == [
        "Left uncommitted by task good-1-1 (run 1, finished)", "made",
    ]
    assert git(repo.project, "status", "--porcelain").splitlines() == ["M readme", "?? draft"]
    assert git(own, "status", "--porcelain") == ""
    assert len(checkouts(repo)) == 1


def test_a_worker_is_told_what_it_does_not_see(repo):
    (repo.project / "readme").write_text("changed\n")
    (repo.project / "draft").write_text("new\n")
    folder = dispatched(repo, "reader", 'printf %s "$prompt" > $folder/prompt; echo x > new; ' + TICK)
    repo.wait(folder, "finished")
    prompt = (repo.project / ".dispatch/tasks/reader-1-1/prompt").read_text()
    assert "changes that are not committed and that you do not see: readme, draft." in prompt
    assert "on branch dispatch/reader-1-1" in prompt


def test_a_worktree_without_a_change_goes_and_so_does_its_branch(repo):
    folder = dispatched(repo, "looker", TICK)
    repo.wait(folder, "finished")
    assert record(folder)["state"] == "empty"
    assert (checkouts(repo), branches(repo)) == ([], ["main"])
    assert not (repo.project / ".git/worktrees").exists()


def test_a_named_base_is_where_it_begins(repo):
    git(repo.project, "switch", "--quiet", "--create", "release-2")
    commit(repo.project, old="2\n")
    git(repo.project, "switch", "--quiet", "main")
    folder = dispatched(repo, "based", f"cp old copy; {TICK}", base="release-2")
    repo.wait(folder, "finished")
    assert (record(folder)["source"], record(folder)["files"]) == ("release-2", 1)


def test_a_base_that_there_is_not_fails_with_what_to_type(repo):
    folder = dispatched(repo, "based", TICK, base="relase")
    why = repo.wait(folder, "failed")["why"]
    assert why == f'there is no branch, tag or commit "relase" in {repo.project}; git branch -a lists them'
    assert (checkouts(repo), branches(repo)) == ([], ["main"])


def test_no_repository_a_bare_one_and_one_without_commits_are_refused_at_once(lab):
    dispatched(lab, "good", TICK)
    assert "is no git repository" in lab.result["refused"][0]["why"]
    git(lab.project, "init", "--quiet")
    dispatched(lab, "next", TICK)
    assert "has no commit yet" in lab.result["refused"][0]["why"]
    assert tasks.ids(str(lab.project)) == []
    lab.project = lab.root / "bare.git"
    git(lab.root, "init", "--quiet", "--bare", str(lab.project))
    dispatched(lab, "last", TICK)
    assert "is a bare repository" in lab.result["refused"][0]["why"]


def test_a_cancelled_worker_leaves_no_worktree_and_its_work_on_its_branch(repo):
    folder = dispatched(repo, "slow", "echo half > half; sleep 300")
    repo.wait(folder, "running")
    wait_until((repo.project / ".dispatch/worktrees/slow-1-1/half").exists)
    steer.cancel(folder, dict(os.environ))
    repo.wait(folder, "cancelled")
    assert checkouts(repo) == []
    assert git(repo.project, "show", "dispatch/slow-1-1:half") == "half"
    assert worktrees.unmerged(tasks.status(folder))


def test_a_killed_supervisor_leaves_the_work_on_its_branch_and_a_retry_goes_on_with_it(repo):
    folder = dispatched(repo, "second", f"[ -e half ] && {{ {TICK}; exit; }}; echo half > half; sleep 300")
    pid = repo.wait(folder, "running")["supervisor"]["pid"]
    wait_until((repo.project / ".dispatch/worktrees/second-1-1/half").exists)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not tasks.supervised(folder))
    recover.recover(dict(os.environ))
    assert (tasks.status(folder)["state"], record(folder)["commits"]) == ("lost", 1)
    steer.retry(folder, {}, "terminal", dict(os.environ))
    assert repo.wait(folder, "finished")["run"] == 2
    assert branches(repo) == ["dispatch/second-1-1", "main"]
