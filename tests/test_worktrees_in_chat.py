"""Worktrees in the real Claude Code: asked for, told of, merged and discarded by what a person types."""

from tests.harness.modelserver import host, tool, worker
from tests.harness.repositories import commit, git
from tests.harness.waiting import wait_until


def works(product, task: str, name: str, said: str):
    """What a scripted worker does in its worktree: write a file, tick its plan, write its summary."""
    place, own = product.folder(task), product.sandbox.project / ".dispatch/worktrees" / task
    ticks = f"sed -i 's/\\[ \\]/[x]/' {place}/plan.md && echo '{said}' > {place}/output.md"
    return [
        tool("Write", file_path=str(own / name), content="new\n"),
        tool("Bash", command=ticks, description="tick"),
        "done",
    ]


def test_a_worktree_from_the_request_to_the_merge_without_a_model_call(chat, product, server):
    project = product.sandbox.project
    product.configure('permissions = "auto"\n')  # where the machine is busy, Claude Code asks for a sed
    git(project, "init", "--quiet", "--initial-branch", "main")
    commit(project, readme="one\n")
    server.rule(worker("write the docs"), *works(product, "write-docs", "docs.md", "six pages"))
    server.rule(worker("write the tests"), *works(product, "write-tests", "tests.py", "six tests"))
    server.rule(host("task-notification"), "Both are done.", repeat=True)
    here = chat()
    here.type("/dispatch use opus, each in its own worktree:\n1) write the docs\n2) write the tests")
    here.enter()
    here.wait_for("write-docs (opus, 1 step, worktree)")
    for task in ("write-docs", "write-tests"):
        assert product.wait(task, "finished")["worktree"]["commits"] == 1, product.logs()
    asked = server.matching(worker("write the docs"))[0].first_user_text
    assert f"You work in a git worktree of your own, {project}/.dispatch/worktrees/write-docs" in asked
    here.wait_for("Both are done.")
    here.wait_for("dispatch/write-tests: 1 commit, 1 file +1 -0")
    before = server.calls(host())
    here.say("diff write-docs")
    here.wait_for("docs.md +1 -0")
    here.say("merge write-docs")
    here.wait_for("merged write-docs into main (fast-forward)")
    here.say("discard write-tests")
    here.wait_for("discard write-tests anyway")
    here.say("discard write-tests anyway")
    here.wait_for("discarded write-tests")
    assert server.calls(host()) == before
    assert (project / "docs.md").read_text() == "new\n"
    wait_until(lambda: git(project, "branch", "--format", "%(refname:short)") == "main")
    assert len(git(project, "worktree", "list").splitlines()) == 1
    assert git(project, "status", "--porcelain", "--ignored").splitlines() == ["!! .dispatch/"]
