"""Worktrees in every state that a repository can be in: each works, or a sentence says what to type."""

import os
import subprocess
from pathlib import Path

import pytest

from dispatch_hooks import dispatch, recover, steer, tasks, worktrees
from dispatch_hooks.doctor import records
from dispatch_hooks.git import said
from dispatch_hooks.worktrees import orphans, showing
from tests.harness.repositories import (
    branches,
    checkouts,
    commit,
    discard,
    dispatched,
    finished,
    git,
    merge,
    nothing_left,
    record,
    refused,
    settings,
)
from tests.harness.waiting import wait_until
from tests.product import TICK

OWN = "git -c user.name=B -c user.email=b@b"


def test_a_branch_that_is_there_already_is_left_alone(repo):
    git(repo.project, "branch", "dispatch/good-1-1")
    folder = finished(repo, "good", "echo new > made")
    assert record(folder)["branch"] == "dispatch/good-1-1-2"
    merge(folder)
    assert branches(repo) == ["dispatch/good-1-1", "main"]


def test_a_branch_below_the_name_of_ours_is_left_alone(repo):
    git(repo.project, "branch", "dispatch/good-1-1/v2")
    folder = finished(repo, "good", "echo new > made")
    assert record(folder)["branch"] == "dispatch/good-1-1-2"
    merge(folder)
    assert branches(repo) == ["dispatch/good-1-1/v2", "main"]


def test_a_branch_in_the_way_is_said_with_what_to_type(repo):
    git(repo.project, "branch", "dispatch")
    folder = dispatched(repo, "good", TICK)
    assert "git branch -m dispatch other-name" in repo.wait(folder, "failed")["why"]
    assert branches(repo) == ["dispatch", "main"]


def test_a_detached_head_is_where_it_begins(repo):
    commit(repo.project, later="1\n")
    git(repo.project, "checkout", "--quiet", "main~1")
    folder = finished(repo, "good", "echo new > made; ls > $folder/saw")
    assert (repo.project / ".dispatch/tasks/good-1-1/saw").read_text().split() == ["made", "readme"]
    git(repo.project, "switch", "--quiet", "main")
    assert "(merge commit)" in merge(folder)
    nothing_left(repo)


def test_a_shallow_clone_works_like_any(repo, tmp_path):
    commit(repo.project, later="1\n")
    commit(repo.project, later="2\n")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{repo.project}", "shallow")
    repo.project = tmp_path / "shallow"
    folder = finished(repo, "good", "echo new > made")
    merge(folder)
    nothing_left(repo)


def test_a_sparse_checkout_works_like_any(repo):
    for name in ("api", "web"):
        (repo.project / name).mkdir()
        (repo.project / name / "file").write_text("1\n")
    commit(repo.project)
    git(repo.project, "sparse-checkout", "set", "api")
    folder = finished(repo, "good", "echo 2 > api/file; mkdir -p web; echo 2 > web/more; echo 3 > web/file")
    assert (record(folder)["trouble"], record(folder)["files"]) == ("", 3)
    merge(folder)
    assert git(repo.project, "show", "HEAD:web/more") == "2"
    nothing_left(repo)


def test_what_git_says_is_told_without_its_hints():
    assert said("web is outside\nhint: If you intend to,\nhint: use --sparse\n") == "web is outside"


def test_the_worktree_of_a_bare_repository_is_a_project_with_worktrees(repo, tmp_path):
    git(tmp_path, "clone", "--quiet", "--bare", str(repo.project), "repo.git")
    git(tmp_path / "repo.git", "worktree", "add", "--quiet", str(tmp_path / "work"), "main")
    repo.project = tmp_path / "work"
    assert tasks.project_of(str(repo.project)) == str(repo.project)
    folder = finished(repo, "good", "echo new > made")
    merge(folder)
    assert (repo.project / "made").exists()
    assert [line.split()[0] for line in checkouts(repo)] == [str(repo.project)]
    assert branches(repo) == ["main"]


def test_in_the_persons_own_worktree_the_project_is_the_main_one(repo, tmp_path):
    git(repo.project, "worktree", "add", "--quiet", "-b", "mine", str(tmp_path / "mine"))
    assert tasks.project_of(str(tmp_path / "mine")) == str(repo.project)
    folder = finished(repo, "good", "echo new > made")
    (tmp_path / "mine/inner").mkdir()
    said = dispatch.words(repo.result, str(tmp_path / "mine/inner")).splitlines()
    assert f'{repo.project} (main) is what is worked on, not {tmp_path}/mine: "in a worktree from mine"' in said[1]
    assert len(dispatch.words(repo.result, str(repo.project)).splitlines()) == 1
    discard(folder, True)
    assert [line.split()[0] for line in checkouts(repo)] == [str(tmp_path / "mine")]


def test_a_git_directory_elsewhere_works(lab, tmp_path):
    git(tmp_path, "init", "--quiet", "--initial-branch", "main", "--separate-git-dir", str(tmp_path / "elsewhere.git"),
        str(lab.project))  # fmt: skip
    commit(lab.project, readme="one\n")
    folder = finished(lab, "good", "echo new > made")
    merge(folder)
    assert (lab.project / "made").exists()
    assert (branches(lab), checkouts(lab)) == (["main"], [])


@pytest.fixture
def with_submodule(repo, tmp_path):
    """The repository with a submodule, lib, that is checked out."""
    library = tmp_path / "library"
    library.mkdir()
    git(library, "init", "--quiet")
    commit(library, code="1\n")
    git(repo.project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "lib")
    git(repo.project, "commit", "--quiet", "--message", "a library")
    return repo


def test_submodules_are_empty_in_a_worktree_and_the_worker_is_told(with_submodule):
    repo = with_submodule
    folder = finished(repo, "good", 'printf %s "$prompt" > $folder/prompt; echo new > made')
    assert "Submodules are empty here (lib)" in (repo.project / ".dispatch/tasks/good-1-1/prompt").read_text()
    merge(folder)
    assert (repo.project / "lib/code").exists()
    nothing_left(repo)


def test_commits_in_a_submodule_of_the_worktree_are_not_thrown_away(with_submodule):
    repo = with_submodule
    body = f"""git -c protocol.file.allow=always submodule --quiet update --init
    (cd lib && echo 2 > code && {OWN} commit -qam inner); git add lib; {OWN} commit -qm outer"""
    folder = finished(repo, "good", body)
    words = refused(merge, folder)
    assert "commits in a submodule are only in the worktree: lib" in words
    assert (repo.project / ".dispatch/worktrees/good-1-1/lib/code").read_text() == "2\n"
    assert "commits in a submodule" in refused(discard, folder)
    discard(folder, True)
    nothing_left(repo)


def test_a_submodule_itself_is_a_project_with_worktrees(with_submodule):
    repo, outer = with_submodule, with_submodule.project
    repo.project = outer / "lib"
    assert tasks.project_of(str(repo.project)) == str(repo.project)
    folder = finished(repo, "good", "echo new > made")
    merge(folder)
    assert (repo.project / "made").exists()
    assert checkouts(repo) == []


def test_a_repository_that_the_worker_made_is_not_thrown_away(repo):
    body = f"echo new > made; mkdir inner; cd inner; git init -q; echo > code; git add .; {OWN} commit -qm in; cd .."
    folder = finished(repo, "good", body)
    assert record(folder)["trouble"] == "a repository of its own is not on the branch: inner"
    assert "look into" in refused(merge, folder)
    inner = repo.project / ".dispatch/worktrees/good-1-1/inner"
    inner.rename(repo.project / "inner")
    merge(folder)
    assert (repo.project / "made").exists()


def test_a_worker_that_leaves_its_branch_for_another_loses_neither(repo):
    first = f"echo 1 > first; git add .; {OWN} commit -qm first; git checkout -q -b elsewhere main"
    folder = finished(repo, "good", f"{first}; echo 2 > second; git add .; {OWN} commit -qm second; echo 3 > third")
    tree = repo.project / ".dispatch/worktrees/good-1-1"
    assert git(repo.project, "ls-tree", "--name-only", "dispatch/good-1-1").split() == ["first", "readme"]
    assert git(repo.project, "ls-tree", "--name-only", "elsewhere").split() == ["readme", "second"]
    assert git(tree, "ls-tree", "--name-only", "HEAD").split() == ["readme", "second", "third"]
    other = git(tree, "rev-parse", "HEAD")[:12]
    assert f"its worker went on at {other}, which lacks what is on dispatch/good-1-1" in refused(merge, folder)
    assert "its worker went on" in refused(discard, folder)
    git(tree, "switch", "--quiet", "dispatch/good-1-1")
    git(tree, "merge", "--quiet", other)
    merge(folder)
    assert [(repo.project / name).read_text() for name in ("first", "second", "third")] == ["1\n", "2\n", "3\n"]
    assert branches(repo) == ["elsewhere", "main"]


@pytest.mark.parametrize("back", ["--detach main", "HEAD~1", "-B mine HEAD~1"])
def test_a_worker_that_goes_back_to_an_older_commit_takes_nothing_off_its_branch(repo, back):
    both = "".join(f"echo {n} > file{n}; git add .; {OWN} commit -qm {n}\n" for n in (1, 2))
    folder = finished(repo, "good", f"{both}git checkout -q {back}")
    assert (repo.project / ".dispatch/worktrees/good-1-1/file2").exists()
    assert merge(folder).startswith("merged good-1-1 into main (fast-forward): 2 commits, 2 files +2 -0")
    assert [(repo.project / f"file{n}").read_text() for n in (1, 2)] == ["1\n", "2\n"]


def test_what_is_left_uncommitted_on_a_branch_of_the_persons_is_not_committed_to_it(repo):
    git(repo.project, "branch", "release")
    folder = finished(repo, "good", "git checkout -q release; echo new > made")
    assert git(repo.project, "log", "--format=%s", "release") == "a change"
    merge(folder)
    assert (repo.project / "made").exists()


@pytest.mark.parametrize(("what", "begins"), [
    ("merge", "merge -q main"), ("rebase", "rebase -q main"), ("merge", "merge -q --squash main"),
])  # fmt: skip
def test_what_a_worker_began_and_did_not_finish_is_left_as_it_is_and_not_merged(repo, what, begins):
    commit(repo.project, readme="uno\n")
    body = f"echo eins > readme; {OWN} commit -qam x; echo 1 > more; {OWN} {begins} > $folder/said || true"
    folder = finished(repo, "good", body, base="main~1")
    assert record(folder)["trouble"] == f"a {what} is unfinished in its worktree: readme"
    tree, before = repo.project / ".dispatch/worktrees/good-1-1", git(repo.project, "rev-parse", "main")
    status = git(tree, "status", "--porcelain")
    assert {"UU readme", "AA readme"} & set(status.splitlines())
    assert f"a {what} is unfinished in its worktree: readme; look into {tree}" in refused(merge, folder)
    assert f"a {what} is unfinished" in refused(discard, folder)
    assert (git(repo.project, "rev-parse", "main"), git(tree, "status", "--porcelain")) == (before, status)
    discard(folder, True)
    nothing_left(repo)


def test_what_a_worker_left_in_a_stash_is_told(repo):
    folder = finished(repo, "good", f"echo eins > readme; {OWN} stash -q")
    assert record(folder)["trouble"].startswith("its worker left work in git stash: stash@{0}")
    git(repo.project, "stash", "drop", "--quiet")
    assert merge(folder).startswith("good-1-1 is in main already")
    nothing_left(repo)


def test_a_worktree_that_a_worker_made_within_its_own_goes_with_it(repo):
    folder = finished(repo, "good", "git worktree add -q --detach inner; echo new > made")
    assert "a repository of its own is not on the branch: inner" in refused(discard, folder)
    discard(folder, True)
    nothing_left(repo)


def test_locks_of_a_git_that_was_killed_in_the_worktree_hinder_nobody(repo):
    body = "echo new > made; touch $(git rev-parse --git-dir)/index.lock $(git rev-parse --git-dir)/HEAD.lock"
    folder = finished(repo, "good", body)
    merge(folder)
    nothing_left(repo)


def test_a_worker_that_removes_its_worktree_or_branch_is_told_of(repo):
    gone = finished(repo, "gone", f"echo new > made; git add .; {OWN} commit -qm x; rm -rf ../gone-1-1")
    merge(gone)
    nothing_left(repo)
    body = "git update-ref -d refs/heads/dispatch/lost-2-1; cd /; rm -rf $OLDPWD"
    lost = finished(repo, "lost", body)
    assert "its branch dispatch/lost-2-1 is gone" in record(lost)["trouble"]
    discard(lost, True)
    nothing_left(repo)


def test_folders_that_may_not_be_written_to_go_too(repo):
    body = "mkdir -p cache/mod; echo cache > .gitignore; echo 1 > cache/mod/file; chmod 555 cache/mod cache"
    folder = finished(repo, "good", body)
    discard(folder, True)
    nothing_left(repo)


# what a fresh checkout lacks


def test_what_config_names_is_copied_linked_and_set_up_and_never_committed(repo):
    commit(repo.project, **{".gitignore": "node_modules/\n"})
    (repo.project / ".env").write_text("SECRET=1\n")
    (repo.project / "node_modules").mkdir()
    (repo.project / "node_modules/dep").write_text("1\n")
    setup = "cat .env > $DISPATCH_HOOKS_FOLDER/setup"
    settings(f'[worktree]\ncopy = [".env", "missing"]\nlink = ["node_modules"]\nsetup = "{setup}"\n')
    folder = finished(repo, "good", "cat node_modules/dep >> .env; cp .env $folder/env; echo new > made")
    at = repo.project / ".dispatch/tasks/good-1-1"
    assert ((at / "setup").read_text(), (at / "env").read_text()) == ("SECRET=1\n", "SECRET=1\n1\n")
    assert git(repo.project, "diff", "--name-only", "main...dispatch/good-1-1") == "made"
    assert showing.new_files(folder) == []
    assert (repo.project / ".env").read_text() == "SECRET=1\n"
    (repo.project / ".env").unlink()
    merge(folder)
    assert (repo.project / "node_modules/dep").exists()


def test_what_was_brought_and_is_committed_all_the_same_reaches_no_branch_of_the_persons(repo):
    commit(repo.project, **{".gitignore": "node_modules/\n"})
    (repo.project / "node_modules").mkdir()
    (repo.project / "node_modules/dep").write_text("1\n")
    (repo.project / ".env").write_text("SECRET=1\n")
    settings('[worktree]\ncopy = [".env"]\nlink = ["node_modules"]\n')
    folder = finished(repo, "good", f"echo new > made; git add --all; {OWN} commit -qm all")
    assert git(repo.project, "diff", "--name-only", "main...dispatch/good-1-1") == "made"
    merge(folder)
    assert (repo.project / "node_modules/dep").read_text() == "1\n"
    assert (repo.project / ".env").read_text() == "SECRET=1\n"


def test_what_set_up_and_check_leave_behind_is_not_taken_for_work(repo):
    commit(repo.project, version="1\n")
    settings('check = "echo junk > coverage; echo 2 > version"\n'
             '[worktree]\nsetup = "mkdir gen; echo 1 > gen/a; echo 1 > gen/b"\n')  # fmt: skip
    folder = dispatched(repo, "good", f"echo mine >> gen/b; echo new > gen/c; {TICK}")
    repo.wait(folder, "checked")
    assert git(repo.project, "log", "--format=%s", "main..dispatch/good-1-1").splitlines() == [
        "Changed by the check of task good-1-1", "Left uncommitted by task good-1-1 (run 1, finished)",
    ]  # fmt: skip
    assert (record(folder)["commits"], showing.new_files(folder)) == (2, [])
    assert (repo.project / ".dispatch/worktrees/good-1-1/coverage").exists()
    merge(folder)
    assert git(repo.project, "ls-files").split() == ["gen/b", "gen/c", "readme", "version"]
    nothing_left(repo)


def test_a_set_up_that_fails_says_so_and_leaves_nothing(repo):
    settings('[worktree]\nsetup = "echo no network; exit 4"\n')
    folder = dispatched(repo, "good", TICK)
    why = repo.wait(folder, "failed")["why"]
    assert why.startswith("the set-up command of your config failed: echo no network; exit 4 (exit status 4)")
    assert Path(folder, "setup.log").read_text() == "no network\n"
    nothing_left(repo)


def test_a_cancel_ends_a_set_up(repo):
    settings('[worktree]\nsetup = "sleep 300"\n')
    folder = dispatched(repo, "good", TICK)
    wait_until((repo.project / ".dispatch/worktrees/good-1-1/readme").exists)
    wait_until(Path(folder, "setup.log").exists)
    steer.cancel(folder, dict(os.environ))
    repo.wait(folder, "cancelled")
    nothing_left(repo)


def test_a_pause_ends_a_set_up_and_a_resume_begins_it_anew(repo):
    settings("[worktree]\nsetup = 'test -e $DISPATCH_HOOKS_FOLDER/again || sleep 300'\n")
    folder = dispatched(repo, "good", TICK)
    wait_until(Path(folder, "setup.log").exists)
    steer.pause(folder)
    assert repo.wait(folder, "waiting")["why"] == "paused"
    (repo.project / ".dispatch/tasks/good-1-1/again").touch()
    steer.resume(folder, "typed", dict(os.environ))
    assert repo.wait(folder, "finished")["worktree"]["state"] == "empty"
    nothing_left(repo)


@pytest.mark.parametrize(("name", "why"), [("../secret", "leads out of"), ("/etc/hostname", "is no path within")])
def test_nothing_is_brought_from_outside_of_the_project(repo, tmp_path, name, why):
    (tmp_path / "secret").write_text("1")
    settings(f'[worktree]\ncopy = ["{name}"]\n')
    folder = dispatched(repo, "good", TICK)
    assert why in repo.wait(folder, "failed")["why"]
    nothing_left(repo)


# killed


@pytest.mark.parametrize("step", ["worktree", "rev-parse", "setup"])
def test_a_supervisor_that_is_killed_while_it_makes_a_worktree_is_followed_by_one_that_makes_it(repo, step, tmp_path):
    """git kills its parent at the step; the next time it is git again."""
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    once = f'if [ ! -e {tmp_path}/killed ]; then touch {tmp_path}/killed; kill -9 $PPID; sleep 1; fi'
    case = {"worktree": "worktree,add", "rev-parse": "rev-parse,--path-format=absolute,--git-dir"}.get(step, "nothing")
    program.write_text(
        f'#!/bin/sh\nsaid=$(IFS=,; echo "$*")\ncase $said in {case}*) {once};; esac\nexec /usr/bin/git "$@"\n'
    )
    program.chmod(0o755)
    if step == "setup":
        settings(f"[worktree]\nsetup = '''{once}'''\n")
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    try:
        folder = dispatched(repo, "good", f"echo new > made; {TICK}")
        wait_until((tmp_path / "killed").exists)
        wait_until(lambda: not tasks.supervised(folder))
        wait_until(lambda: recover.recover(dict(os.environ)) or tasks.supervised(folder))
        repo.wait(folder, "finished", timeout=40)
    finally:
        os.environ["PATH"] = os.environ["PATH"].partition(":")[2]
    assert (record(folder)["branch"], record(folder)["commits"]) == ("dispatch/good-1-1", 1)
    merge(folder)
    nothing_left(repo)


def test_another_worktree_that_is_half_made_at_that_moment_is_waited_for(repo, tmp_path):
    """Of two that git adds at once, one may read the other's commondir before that is written."""
    program, half = tmp_path / "bin/git", repo.project / ".git/worktrees/half"
    program.parent.mkdir()
    half_made = f"mkdir -p {half}; echo /none/.git > {half}/gitdir; : > {half}/commondir; touch {tmp_path}/half"
    made = f"[ -e {tmp_path}/half ] && rm -rf {half} || {{ {half_made}; }}"
    program.write_text(
        f'#!/bin/sh\nsaid=$(IFS=,; echo "$*")\ncase $said in worktree,add*) {made};; esac\nexec /usr/bin/git "$@"\n'
    )
    program.chmod(0o755)
    os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
    try:
        folder = finished(repo, "good", "echo new > made")
    finally:
        os.environ["PATH"] = os.environ["PATH"].partition(":")[2]
    assert (tmp_path / "half").exists() and record(folder)["commits"] == 1


# orphans


def test_doctor_names_what_no_task_knows(repo, tmp_path):
    git(repo.project, "worktree", "add", "--quiet", "-b", "dispatch/old", str(repo.project / ".dispatch/worktrees/old"))
    folder = finished(repo, "good", "echo new > made")
    assert orphans.checkouts(str(repo.project)) == [str(repo.project / ".dispatch/worktrees/old")]
    assert orphans.branches(str(repo.project)) == ["dispatch/old"]

    class Ground:
        project, env = str(repo.project), dict(os.environ)

    fixes = [finding.fix for finding in records.worktrees(Ground)]
    assert len(fixes) == 2
    for fix in fixes:
        subprocess.run(fix, shell=True, check=True, capture_output=True)
    assert records.worktrees(Ground) == []
    assert worktrees.waiting(str(repo.project)) == [
        f"dispatch/good-1-1 in {repo.project} (1 commit, 1 file +1 -0); git merge it, or git branch -D it"
    ]
    assert worktrees.unmerged(tasks.status(folder))


def test_a_dependent_begins_from_the_branch_of_its_parent(repo):
    parent = finished(repo, "parent", "echo new > made")
    child = finished(repo, "child", "cat made > copy", base="parent-1-1")
    assert record(child)["base"] == git(repo.project, "rev-parse", "dispatch/parent-1-1")
    assert record(child)["source"] == "parent-1-1"
    assert record(child)["commits"] == 1
    merge(child)
    assert merge(parent).startswith("parent-1-1 is in main already")
    nothing_left(repo)


def test_a_dependent_of_two_is_told_whose_work_its_checkout_lacks(repo):
    one, two = finished(repo, "one", "echo 1 > one"), finished(repo, "two", "echo 2 > two")
    both = [os.path.basename(folder) for folder in (one, two)]
    child = finished(repo, "child", "ls > $folder/saw; echo 3 > three", after=both)
    assert record(child)["source"] == "dispatch/one-1-1"
    assert record(child)["notes"] == [
        "What is on dispatch/two-2-1 is not in this checkout; git merge it if you need it.",
    ]  # fmt: skip


def test_many_worktrees_at_once_are_all_made_and_all_gone(repo):
    names = [f"good{n}" for n in range(6)]
    for name in names:
        repo.script(name, f"echo $$ > {name}; {TICK}" if name < "good3" else TICK)
    folders = repo.dispatch(*names, worktree=True)
    for folder in folders:
        repo.wait(folder, "finished", timeout=60)
    assert [record(folder)["state"] for folder in folders] == ["open"] * 3 + ["empty"] * 3
    for folder in folders[:3]:
        merge(folder)
    nothing_left(repo)


def test_a_branch_that_the_person_has_checked_out_is_not_taken_from_them(repo):
    folder = dispatched(repo, "slow", "echo half > half; sleep 300")
    wait_until((repo.project / ".dispatch/worktrees/slow-1-1/half").exists)
    steer.cancel(folder, dict(os.environ))
    repo.wait(folder, "cancelled")
    git(repo.project, "switch", "--quiet", "dispatch/slow-1-1")
    assert "itself checked out; git switch to the branch to merge into" in refused(merge, folder)
    assert f"is checked out in {repo.project}" in refused(discard, folder, True)
    git(repo.project, "switch", "--quiet", "main")
    merge(folder)
    nothing_left(repo)


def test_a_cancelled_task_goes_on_in_a_checkout_of_its_branch(repo):
    again = f"[ -e half ] && {{ echo more >> half; {TICK}; exit; }}"
    folder = dispatched(repo, "slow", f"{again}; echo half > half; sleep 300")
    wait_until((repo.project / ".dispatch/worktrees/slow-1-1/half").exists)
    steer.cancel(folder, dict(os.environ))
    repo.wait(folder, "cancelled")
    steer.retry(folder, {}, "terminal", dict(os.environ))
    wait_until(lambda: tasks.status(folder)["run"] == 2)
    repo.wait(folder, "finished")
    merge(folder)
    assert (repo.project / "half").read_text() == "half\nmore\n"
    nothing_left(repo)


def test_what_was_squashed_by_hand_is_seen(repo):
    folder = finished(repo, "good", "echo new > made")
    git(repo.project, "merge", "--quiet", "--squash", "dispatch/good-1-1")
    git(repo.project, "commit", "--quiet", "--message", "by hand")
    assert merge(folder, "squash").startswith("main holds all of good-1-1 already")
    assert git(repo.project, "log", "-1", "--format=%s") == "by hand"
    nothing_left(repo)


def test_a_directory_that_is_not_committed_is_said(repo):
    (repo.project / "new").mkdir()
    folder = dispatched(repo, "good", TICK, directory="new")
    why = "there is no folder new in main, from which the worktree begins: commit it"
    assert repo.wait(folder, "failed")["why"] == why
    nothing_left(repo)


def test_a_lock_is_held_until_the_git_of_a_killed_merge_has_ended(repo, tmp_path):
    """Else the next one would run beside it, and take its lock for one that nobody holds."""
    folder = finished(repo, "good", "echo new > made")
    program = tmp_path / "bin/git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" != merge ] || {{ touch {tmp_path}/begun; while [ ! -e {tmp_path}/go ]; do '
                       f'sleep 0.05; done; }}\nexec /usr/bin/git "$@"\n')  # fmt: skip
    program.chmod(0o755)
    pid = os.fork()
    if not pid:
        os.environ["PATH"] = f"{program.parent}:{os.environ['PATH']}"
        merge(folder)
        os._exit(0)
    wait_until((tmp_path / "begun").exists)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    assert "is running" in refused(merge, folder)
    recover.recover(dict(os.environ))
    assert record(folder)["merging"]
    (tmp_path / "go").touch()
    wait_until(lambda: recover.recover(dict(os.environ)) == [] and record(folder)["state"] == "merged")
    nothing_left(repo)
