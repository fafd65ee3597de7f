"""Workers in worktrees of real repositories: what they get, what is kept, and that nothing else is touched."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dispatch_hooks import digest, dispatch, hosts, overview, pane, recover, steer, tasks, worktrees
from dispatch_hooks.backends import rights
from dispatch_hooks.worktrees import finishing, merging, sharing
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
from tests.product import TELLS, TICK

ROOT = Path(__file__).parent.parent


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


def test_diff_says_so_where_nothing_is_changed_yet(repo, monkeypatch, capsys):
    from dispatch_hooks.commands import diff

    monkeypatch.chdir(repo.project)
    folder = dispatched(repo, "thinker", "exec sleep 600")
    repo.wait(folder, "running")
    wait_until(lambda: record(folder)["state"] == "open")
    diff.diff("thinker-1-1", False)
    assert capsys.readouterr() == ("", "thinker-1-1 has changed nothing yet\n")


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


def test_where_the_config_gives_a_worktree_the_way_out_is_told_in_words_that_count(lab):
    settings('[worktree]\nuse = "always"\n')
    dispatched(lab, "good", TICK, worktree=None)
    assert lab.result["refused"][0]["why"].endswith('or say "no worktree" (your config gives every task one)')
    folder = dispatched(lab, "next", TICK, worktree=False)
    lab.wait(folder, "finished")


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


# merging


def test_a_merge_brings_the_work_and_leaves_nothing_else(repo):
    folder = finished(repo, "good", "echo new > made")
    assert merge(folder) == (
        "merged good-1-1 into main (fast-forward): 1 commit, 1 file +1 -0; its worktree and dispatch/good-1-1 are gone"
    )
    assert (repo.project / "made").read_text() == "new\n"
    nothing_left(repo)
    assert refused(merge, folder) == "good-1-1 is merged already"


@pytest.mark.parametrize("way", ["_by_merge_tree", "_by_checkout"])
def test_what_both_sides_did_is_merged_with_a_merge_commit(repo, monkeypatch, way):
    monkeypatch.setattr(merging, "WRITES_TREES", (2, 38) if way == "_by_merge_tree" else (99, 0))
    folder = finished(repo, "good", "sed -i s/one/eins/ readme")
    commit(repo.project, readme="one\ntwo\nthree\nfour\nfive\nsix\n", other="x\n")
    commit(repo.project, readme="one\ntwo\nthree\n")
    commit(repo.project, other="y\n")
    assert "(merge commit)" in merge(folder)
    assert (repo.project / "readme").read_text() == "eins\ntwo\nthree\n"
    assert git(repo.project, "log", "-1", "--format=%p").count(" ") == 1
    nothing_left(repo)


def test_squashed_it_is_one_commit_that_says_what_it_is(repo):
    own = "git -c user.name=B -c user.email=b@b commit -qm"
    body = f"for n in 1 2 3; do echo $n > file$n; git add .; {own} part$n; done"
    folder = finished(repo, "good", body)
    assert "(squashed): 3 commits, 3 files +3 -0" in merge(folder, "squash")
    said = git(repo.project, "log", "--format=%s|%b", "main~1..main")
    assert said.startswith("task of good|all of it is done\n\n* part1\n* part2\n* part3\n")
    nothing_left(repo)


@pytest.mark.parametrize("way", ["_by_merge_tree", "_by_checkout"])
def test_a_conflict_is_told_with_its_files_and_both_sides_are_untouched(repo, monkeypatch, way):
    monkeypatch.setattr(merging, "WRITES_TREES", (2, 38) if way == "_by_merge_tree" else (99, 0))
    folder = finished(repo, "good", "sed -i s/one/eins/ readme; echo 1 > 'a\033file'")
    commit(repo.project, readme="uno\ntwo\nthree\n", **{"a\033file": "2\n"})
    (repo.project / "draft").write_text("mine")
    before = git(repo.project, "rev-parse", "HEAD", "dispatch/good-1-1")
    words = refused(merge, folder)
    assert words.startswith("good-1-1 conflicts with main in a file, readme; nothing was changed.")
    assert git(repo.project, "rev-parse", "HEAD", "dispatch/good-1-1") == before
    assert git(repo.project, "status", "--porcelain") == "?? draft"
    assert len(checkouts(repo)) == 1
    assert record(folder)["state"] == "open"


def test_work_of_the_persons_that_would_be_overwritten_stops_a_merge(repo):
    folder = finished(repo, "good", "echo new > readme; echo new > draft")
    (repo.project / "readme").write_text("mine\n")
    assert "changes what you have not committed" in refused(merge, folder)
    git(repo.project, "checkout", "readme")
    (repo.project / "draft").write_text("mine\n")
    assert "changes what you have not committed" in (words := refused(merge, folder))
    assert ": draft; nothing was changed" in words
    assert [(repo.project / name).read_text() for name in ("readme", "draft")] == ["one\ntwo\nthree\n", "mine\n"]
    (repo.project / "draft").unlink()
    merge(folder)
    nothing_left(repo)


@pytest.mark.parametrize("mine", ["local.cfg", "local.cfg/own"])
def test_what_git_ignores_in_the_persons_checkout_is_not_overwritten_by_a_merge(repo, mine):
    commit(repo.project, **{".gitignore": "local.cfg\n"})
    folder = finished(repo, "good", "echo theirs > local.cfg; git add --force local.cfg")
    (repo.project / mine).parent.mkdir(exist_ok=True)
    (repo.project / mine).write_text("mine\n")
    before = git(repo.project, "rev-parse", "HEAD")
    assert f"in {repo.project}: local.cfg; nothing was changed" in refused(merge, folder)
    assert (git(repo.project, "rev-parse", "HEAD"), (repo.project / mine).read_text()) == (before, "mine\n")


def test_uncommitted_work_that_a_merge_does_not_touch_stays_as_it_is(repo):
    commit(repo.project, other="1\n")
    folder = finished(repo, "good", "echo new > made")
    (repo.project / "other").write_text("2\n")
    (repo.project / "readme").write_text("staged\n")
    git(repo.project, "add", "readme")
    merge(folder)
    assert git(repo.project, "status", "--porcelain").splitlines() == ["M other", "M  readme"]


def test_ff_alone_refuses_what_is_none(repo):
    folder = finished(repo, "good", "echo new > made")
    commit(repo.project, other="1\n")
    assert "main has 1 commits that it has not" in refused(merge, folder, "ff")
    settings('[worktree]\nmerge = "squash"\n')
    assert "(squashed)" in merge(folder)


def test_what_the_person_merged_by_hand_is_seen(repo):
    folder = finished(repo, "good", "echo new > made")
    git(repo.project, "merge", "--quiet", "dispatch/good-1-1")
    assert merge(folder).startswith("good-1-1 is in main already")
    nothing_left(repo)


def test_a_merge_is_refused_while_another_one_a_rebase_or_no_branch_is_there(repo, monkeypatch):
    folder = finished(repo, "good", "echo new > made")
    (repo.project / ".git/MERGE_HEAD").write_text(git(repo.project, "rev-parse", "HEAD") + "\n")
    assert f"a merge is under way in {repo.project}" in refused(merge, folder)
    (repo.project / ".git/MERGE_HEAD").unlink()
    git(repo.project, "checkout", "--quiet", "--detach")
    assert "has no branch checked out" in refused(merge, folder)
    git(repo.project, "switch", "--quiet", "main")
    monkeypatch.setattr(merging, "TRIES", 1)
    for name in ("index", "HEAD", "refs/heads/main"):
        lock = repo.project / f".git/{name}.lock"
        lock.touch()
        assert f"rm {lock} first" in refused(merge, folder)
        assert not (repo.project / "made").exists()
        lock.unlink()
    merge(folder)
    nothing_left(repo)


def test_a_running_task_is_not_merged(repo):
    folder = dispatched(repo, "slow", "echo half > half; sleep 300")
    repo.wait(folder, "running")
    assert refused(merge, folder) == "slow-1-1 is running; merge it when it has ended, or cancel it first"
    assert "slow-1-1 is running" in refused(discard, folder)


def test_the_hosts_model_throws_nothing_away(repo):
    folder = finished(repo, "good", "echo new > made")

    def run():
        words = [sys.executable, "-m", "dispatch_hooks", "discard", os.path.basename(folder), "--force"]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(words, cwd=repo.project, env=env, capture_output=True, text=True, check=False)

    event = {"session_id": "c", "transcript_path": "", "cwd": str(repo.project), "hook_event_name": "Stop"}
    hosts.register(os.getpid(), event, str(repo.project), {})
    done = run()
    assert (done.returncode, done.stdout) == (1, "")
    assert "only the person throws it away; they type: discard good-1-1 anyway" in done.stderr
    assert record(folder)["state"] == "open"
    hosts.forget(os.getpid())
    assert run().stdout.startswith("discarded good-1-1")


def test_what_nobody_merged_is_discarded_only_with_a_word(repo):
    folder = finished(repo, "good", "echo new > made")
    words = refused(discard, folder)
    assert words.startswith("good-1-1: nobody merged it: 1 commit, 1 file +1 -0; to throw it away, type: discard good")
    assert "dispatch/good-1-1" in branches(repo)
    rescue = discard(folder, True).partition("git branch rescue ")[2].split()[0]
    nothing_left(repo)
    assert git(repo.project, "show", f"{rescue}:made") == "new"


def test_a_task_spoken_to_after_a_merge_begins_anew_from_what_is_checked_out(repo):
    body = f'printf %s "$prompt" > $folder/prompt; [ -e made ] && echo again > more; echo new > made; {TICK}'
    folder = finished(repo, "good", body)
    merge(folder)
    steer.tell(folder, "one more", "terminal", dict(os.environ))
    wait_until(lambda: tasks.status(folder)["run"] == 2)
    repo.wait(folder, "finished")
    assert [record(folder)[key] for key in ("branch", "commits", "before")] == ["dispatch/good-1-1", 1, "merged"]
    merge(folder)
    assert (repo.project / "more").exists()
    nothing_left(repo)


def test_a_merge_that_was_killed_after_it_was_done_is_ended_by_recover(repo, monkeypatch):
    folder = finished(repo, "good", "echo new > made")
    commit(repo.project, other="1\n")
    with monkeypatch.context() as killed:
        killed.setattr(finishing, "finish", lambda *_: os._exit(9))
        pid = os.fork()
        if not pid:
            merge(folder, "squash")
        os.waitpid(pid, 0)
    assert (record(folder)["state"], (repo.project / "made").exists()) == ("open", True)
    recover.recover(dict(os.environ))
    assert (record(folder)["state"], record(folder)["into"]) == ("merged", "main")
    nothing_left(repo)


def test_an_empty_git_folder_makes_no_project(tmp_path):
    """codex leaves such ones behind, in the temporary folder too."""
    inner = tmp_path / "a/b"
    inner.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert tasks.project_of(str(inner)) == str(inner)
    git(tmp_path, "init", "--quiet")
    assert tasks.project_of(str(inner)) == str(tmp_path)


def test_a_git_file_that_only_says_so_leads_a_chat_into_no_other_project(repo, tmp_path):
    git(repo.project, "worktree", "add", "--quiet", "-b", "mine", str(tmp_path / "mine"))
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    own = hostile / "x/.git/worktrees/pipe"
    own.mkdir(parents=True)
    os.mkfifo(own / "gitdir")
    for place in (*(f"{repo.project}/.git/worktrees/{name}" for name in ("mine", "none", "\0")), own):
        (hostile / ".git").write_text(f"gitdir: {place}\n")
        assert tasks.project_of(str(hostile)) == str(hostile)
    assert tasks.project_of(str(tmp_path / "mine")) == str(repo.project)


# without worktrees


def test_two_workers_in_the_same_folder_are_allowed_and_told_of_once(repo):
    wait = 'while [ ! -e "$folder/go" ]; do sleep 0.05; done'
    repo.script("first", f"{wait}; {TICK}")
    repo.script("second", f"{wait}; {TICK}")
    one, two = repo.dispatch("first", "second")
    line = 'first-1-1, second-1-2 work in the same folder; "in a worktree" gives a task its own.'
    assert line in dispatch.words(repo.result, "/")
    repo.wait(one, "running")
    repo.wait(two, "running")
    assert [overview.row(folder)["shares"] for folder in (one, two)] == [["second-1-2"], ["first-1-1"]]
    assert "[in the same folder as second-1-2]" in pane.project_text(str(repo.project))
    for folder in (one, two):
        (repo.project / ".dispatch/tasks" / os.path.basename(folder) / "go").touch()
        repo.wait(folder, "finished")
    assert [event.get("shares") for event in repo.pending()] == [["second-1-2"], None]
    assert "in the same folder, still at work: second-1-2" in digest.for_model(repo.pending())


def start(repo, **fields):
    (folder,) = repo.dispatch("slow", **fields)
    repo.wait(folder, "running")
    return folder


def test_worktrees_read_only_tasks_and_other_folders_share_nothing(repo):
    (repo.project / "docs").mkdir()
    repo.script("slow", "sleep 300")
    folders = [start(repo, **fields) for fields in (
        {"worktree": True}, {"read_only": True}, {"directory": "docs"}, {"directory": ".git"},
    )]  # fmt: skip
    assert [sharing.beside(tasks.read(folder)) for folder in folders] == [[], [], [], []]
    whole = start(repo)
    assert sharing.beside(tasks.read(whole)) == ["slow-3-1", "slow-4-1"]
    (later,) = repo.dispatch("slow", after=["slow-5-1"])
    repo.wait(later, "waiting")
    assert not any("same folder" in line for line in dispatch.words(repo.result, "/").splitlines())
    assert "slow-6-1" not in sharing.beside(tasks.read(whole))


def test_the_config_may_give_every_task_that_changes_files_a_worktree(repo):
    settings('[worktree]\nuse = "always"\n')
    folder = dispatched(repo, "good", f"pwd > $folder/where; {TICK}", worktree=None)
    repo.wait(folder, "finished")
    where = (repo.project / ".dispatch/tasks/good-1-1/where").read_text().strip()
    assert where == str(repo.project / ".dispatch/worktrees/good-1-1")
    repo.script("looker", TICK)
    (looker,) = repo.dispatch("looker", read_only=True)
    assert tasks.read(looker)["worktree"] is None


def test_a_parked_or_paused_worker_finds_its_worktree_as_it_left_it(repo):
    ask = 'echo half > half; printf "which?" > "$folder/ipc/001.question"; sleep 300'
    again = f'case $prompt in *"answers: red"*) git status --porcelain > $folder/saw; {TICK}; exit;; esac\n'
    settings("ask_seconds = 0\n")
    folder = dispatched(repo, "asker", again + ask)
    repo.wait(folder, "parked")
    assert git(repo.project / ".dispatch/worktrees/asker-1-1", "status", "--porcelain") == "?? half"
    assert "it waits; answer it or cancel it" in refused(merge, folder)
    steer.answer(folder, "red", "terminal", dict(os.environ))
    repo.wait(folder, "finished")
    assert (repo.project / ".dispatch/tasks/asker-1-1/saw").read_text() == "?? half\n"
    merge(folder)
    nothing_left(repo)


def test_a_fault_of_ours_at_the_end_of_a_run_throws_nothing_away(repo):
    """What could not be brought onto the branch stays in the worktree."""
    folder = finished(repo, "good", "echo new > made; mkdir $(git rev-parse --git-dir)/index.lock")
    assert "index.lock" in record(folder)["trouble"]
    assert (repo.project / ".dispatch/worktrees/good-1-1/made").exists()
    assert "index.lock: Is a directory" in refused(merge, folder)
    assert "nobody merged it" not in refused(discard, folder)
    discard(folder, True)
    nothing_left(repo)


def test_a_fallback_finds_what_the_one_before_it_had_not_committed(repo):
    settings('fallback = "second"\n')
    repo.script("second", f"cat half > $folder/found; {TICK}")
    repo.script("first", """echo half done > half; echo '{"error": "usage limit reached"}'""", fields=TELLS)
    (folder,) = repo.dispatch("first", worktree=True)
    repo.wait(folder, "finished")
    assert (repo.project / ".dispatch/tasks/first-1-1/found").read_text() == "half done\n"


@pytest.mark.parametrize("kind", ["read", "edit", "other"])
def test_an_agent_that_asks_before_everything_reaches_its_task_folder_from_a_worktree(kind):
    own, tree = "/p/.dispatch/tasks/x", "/p/.dispatch/worktrees/x"
    task = {"read_only": False, "permissions": "ask"}

    def decide(*paths):
        return rights.decide({"kind": kind, "paths": list(paths), "command": ""}, task, own, tree)

    assert decide(f"{own}/plan.md", *([own] if kind != "edit" else [])) == rights.ALLOW
    assert [decide(f"{own}/plan.md", "/p/.dispatch/tasks/other"), decide("/p/readme"), decide(f"{own}/../y")] == [
        rights.ASK, rights.ASK, rights.ASK,
    ]  # fmt: skip
