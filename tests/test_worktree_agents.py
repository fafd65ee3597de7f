"""Each real agent that speaks ACP works in a worktree: its files there, its plan and output in the main checkout."""

import pytest

from tests.harness.repositories import commit, git
from tests.test_real_agents import agent  # noqa: F401  a fixture


@pytest.mark.parametrize("agent", ["gemini", "qwen", "copilot"], indirect=True)  # opencode: test_isolation.py
def test_it_works_in_a_worktree_and_reaches_its_task_folder_unasked(agent, server):  # noqa: F811
    project = agent.sandbox.project
    commit(project, readme="one\n")
    folder, tree = agent.product.folder("paint-it"), project / ".dispatch/worktrees/paint-it"
    server.rule(
        "paint the house",
        agent.write(tree / "house", "blue\n"),
        agent.read(folder / "plan.md"),
        agent.edit(folder / "plan.md", "[ ]", "[x]"),
        agent.write(folder / "output.md", "the house is blue\n"),
        "all done",
    )
    done = agent.product("dispatch", "-m", "it", "--id", "paint-it", "--worktree", "paint the house")
    assert done.returncode == 0, done.stderr
    status = agent.product.wait("paint-it", "finished", "stopped", "parked", "failed", timeout=120)
    assert (status["state"], status["summary"]) == ("finished", "the house is blue"), agent.product.tasks()
    assert git(project, "show", "dispatch/paint-it:house") == "blue"
    assert agent.product("merge", "paint-it").returncode == 0
    assert (project / "house").read_text() == "blue\n"
    assert not (agent.product.records("paint-it") / "questions").exists()
    agent.alone()
