"""No program that a repository names is run by us, whatever its configuration, attributes and hooks say."""

import os
import shutil

import pytest

from dispatch_hooks.worktrees import orphans, showing
from tests.harness.repositories import commit, discard, finished, git, merge, record, refused, settings

CONFIG = (
    "core.fsmonitor", "core.sshCommand", "core.editor", "core.pager", "core.askPass", "sequence.editor", "pager.diff",
    "pager.log", "pager.status", "diff.external", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean",
    "filter.evil.smudge", "filter.evil.process", "merge.evil.driver", "gpg.program", "gpg.ssh.program",
    "credential.helper", "remote.origin.uploadpack", "core.gitProxy",
)  # fmt: skip

HOOKS = (
    "post-checkout", "pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "pre-merge-commit", "post-merge",
    "reference-transaction", "post-index-change", "post-rewrite", "fsmonitor-watchman", "pre-auto-gc", "post-update",
)  # fmt: skip


@pytest.fixture
def hostile(repo):
    """The repository, whose owner wants to be run by whoever looks at it; `ran` is what was."""
    repo.ran = repo.root / "ran"
    repo.ran.mkdir()
    commit(repo.project, **{".gitattributes": "* diff=evil merge=evil\nother filter=evil\n", "other": "1\n"})
    for key in CONFIG:
        program = repo.root / f"evil-{key}"
        program.write_text(f"#!/bin/sh\ntouch {repo.ran}/{key}\nexit 1\n")
        program.chmod(0o755)
        git(repo.project, "config", key, str(program))
    git(repo.project, "config", "filter.evil.required", "true")
    git(repo.project, "config", "commit.gpgSign", "true")
    hooks = repo.project / ".git/hooks"
    shutil.rmtree(hooks, ignore_errors=True)
    hooks.mkdir()
    for name in HOOKS:
        (hooks / name).write_text(f"#!/bin/sh\ntouch {repo.ran}/hook-{name}\n")
        (hooks / name).chmod(0o755)
    yield repo
    assert os.listdir(repo.ran) == []


def quiet(repo, *args):
    """git as a person who knows would run it, to make the states of this test."""
    off = ["core.fsmonitor=false", "core.hooksPath=/dev/null", "filter.evil.clean=", "filter.evil.smudge=",
           "filter.evil.process=", "filter.evil.required=false", "commit.gpgSign=false"]  # fmt: skip
    return git(repo.project, *[word for one in off for word in ("-c", one)], *args)


def test_git_itself_would_run_them(repo, request):
    """Else this test shows nothing."""
    hostile = request.getfixturevalue("hostile")
    git(hostile.project, "status", check=False)
    git(hostile.project, "-c", "diff.evil.command=", "diff", "HEAD~1", "HEAD", check=False)
    git(hostile.project, "worktree", "add", "-b", "x", str(hostile.root / "x"), check=False)
    ran = set(os.listdir(hostile.ran))
    assert {"core.fsmonitor", "filter.evil.process", "hook-reference-transaction"} <= ran
    shutil.rmtree(hostile.ran)
    hostile.ran.mkdir()


def test_nothing_of_a_repository_runs_when_a_task_has_a_worktree(hostile):
    folder = finished(hostile, "good", "echo eins > readme; echo new > made")
    assert "+eins" in showing.difference(folder)
    assert "made" in showing.summary(folder)
    assert orphans.branches(str(hostile.project)) == []
    (hostile.project / "other").write_text("2\n")
    quiet(hostile, "commit", "--quiet", "--all", "--message", "theirs")
    assert "(merge commit)" in merge(folder)
    assert (hostile.project / "readme").read_text() == "eins\n"


@pytest.mark.parametrize("how", ["merge", "squash"])
def test_nothing_of_a_repository_runs_in_a_conflict(hostile, how):
    folder = finished(hostile, "good", "echo eins > readme")
    (hostile.project / "readme").write_text("uno\n")
    quiet(hostile, "commit", "--quiet", "--all", "--message", "theirs")
    assert "conflicts with main in readme" in refused(merge, folder, how)
    discard(folder, True)


def test_a_worker_that_leads_git_elsewhere_leads_nobody(hostile):
    """Its own .git file, the worktree's config, a commondir: what lies where a worker writes is not believed."""
    elsewhere = hostile.root / "elsewhere"
    git(hostile.root, "clone", "--quiet", str(hostile.project), str(elsewhere))
    git(elsewhere, "config", "core.fsmonitor", f"touch {hostile.ran}/elsewhere; false")
    git(elsewhere, "config", "core.worktree", str(hostile.root))
    folder = finished(hostile, "good", f'echo new > made; echo "gitdir: {elsewhere}/.git" > .git')
    assert quiet(hostile, "show", "dispatch/good-1-1:made") == "new"
    merge(folder)
    assert git(elsewhere, "-c", "core.fsmonitor=false", "-c", "core.worktree=" + str(elsewhere), "branch", "--list",
               "dispatch/*") == ""  # fmt: skip


CRYPT = "* -text\nsecret* filter=crypt\n"


@pytest.fixture
def crypt(repo):
    """The repository, whose own configuration has a filter: what is called secret is stored as ciphertext."""
    repo.own = ["filter.crypt.clean=tr a-z b-za", "filter.crypt.smudge=tr b-za a-z"]
    for one in repo.own:
        git(repo.project, "config", *one.split("=", 1))
    commit(repo.project, **{".gitattributes": CRYPT, "secret": "abc\n"})
    assert git(repo.project, "show", "HEAD:secret") == "bcd"
    return repo


def test_a_file_that_we_cannot_filter_is_not_committed_and_not_merged_by_us(crypt):
    own = "git -c user.name=B -c user.email=b@b commit -qm x"
    folder = finished(crypt, "good", f"echo xyz > secret; touch -d yesterday secret; git add .; {own}; echo new > made")
    assert record(folder)["trouble"] == ""
    assert git(crypt.project, "show", "dispatch/good-1-1:secret") == "yza"
    words = refused(merge, folder)
    assert f"good-1-1 changes secret, whose filter is in the configuration of {crypt.project} alone" in words
    assert "type: git merge dispatch/good-1-1; then merge good-1-1 again" in words
    assert (crypt.project / "secret").read_text() == "abc\n"
    git(crypt.project, "merge", "--quiet", "dispatch/good-1-1")
    assert merge(folder).startswith("good-1-1 is in main already")
    assert [(crypt.project / name).read_text() for name in ("secret", "made")] == ["xyz\n", "new\n"]


def test_a_file_that_we_cannot_filter_and_that_nobody_committed_is_told_of(crypt):
    folder = finished(crypt, "good", "echo xyz > secret2; echo new > made")
    assert record(folder)["notes"][0].startswith("Not filtered, because")
    assert record(folder)["trouble"].startswith("not committed, as no filter")
    assert record(folder)["trouble"].endswith(": secret2")
    assert git(crypt.project, "diff", "--name-only", "main...dispatch/good-1-1") == "made"
    assert "secret2" in refused(discard, folder)
    other = finished(crypt, "other", "echo new > file")
    assert "(fast-forward)" in merge(other)


def test_what_the_persons_own_configuration_says_of_a_filter_is_done(repo, monkeypatch):
    own = repo.root / "gitconfig"
    own.write_text('[user]\nname = Ann\nemail = ann@x\n[filter "case"]\nsmudge = tr a-z A-Z\nclean = tr A-Z a-z\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(own))
    commit(repo.project, **{".gitattributes": "readme filter=case\n"})
    git(repo.project, "config", "filter.case.smudge", "cat")
    folder = finished(repo, "good", "cat readme > $folder/saw; echo FOUR >> readme")
    assert (repo.project / ".dispatch/tasks/good-1-1/saw").read_text() == "ONE\nTWO\nTHREE\n"
    assert git(repo.project, "show", "dispatch/good-1-1:readme").endswith("three\nfour")
    assert git(repo.project, "log", "-1", "--format=%an", "dispatch/good-1-1") == "Ann"
    discard(folder, True)


def test_a_program_in_the_project_is_not_taken_for_git(repo, monkeypatch):
    (repo.project / "git").write_text(f"#!/bin/sh\ntouch {repo.root}/ran\n")
    (repo.project / "git").chmod(0o755)
    commit(repo.project)
    monkeypatch.setenv("PATH", f".::{os.environ['PATH']}")
    folder = finished(repo, "good", "rm -f git; echo new > made")
    merge(folder)
    assert not (repo.root / "ran").exists()


def test_a_core_worktree_that_leads_elsewhere_is_refused(repo, tmp_path):
    settings("")
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "mine").write_text("1")
    folder = finished(repo, "good", "echo new > made")
    git(repo.project, "config", "core.worktree", str(victim))
    assert "core.worktree" in refused(merge, folder)
    assert os.listdir(victim) == ["mine"]
