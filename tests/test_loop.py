"""The main loop in the real Claude Code, as a person sees it: the pane, and what the model server was asked."""

import json

from tests.harness.modelserver import hold, host, tool, worker

DIGEST = "Background tasks (dispatch-hooks)"


def ticks(task: str, said: str):
    """What a scripted worker does: tick its plan, write its summary."""
    folder = f".dispatch/tasks/{task}"
    return tool(
        "Bash",
        command=f"sed -i 's/\\[ \\]/[x]/' {folder}/plan.md && echo '{said}' > {folder}/output.md",
        description="tick",
    )


def context_of(request) -> str:
    return json.dumps(request.raw)


def test_a_typed_dispatch_starts_a_worker_without_a_model_call(chat, product, server):
    server.rule(worker("review the auth module"), ticks("review-auth-module", "two weak spots"), "done")
    here = chat()
    here.say("dispatch opus to review the auth module")
    here.wait_for("Dispatched review-auth-module (opus, 1 step).")
    assert here.typed == ""
    product.wait("review-auth-module", "finished")
    assert server.calls(host()) == 0

    server.rule(host(), "hello yourself")
    here.say("hello")
    here.wait_for("hello yourself")
    seen = context_of(server.matching(host())[-1])
    assert seen.count("review-auth-module finished (1/1, opus") == 1
    here.wait_for("two weak spots")


def test_a_slash_dispatch_does_the_same(chat, product, server):
    server.rule(worker("review the auth module"), hold("go", "done"))
    here = chat()
    here.say("/dispatch use opus to review the auth module")
    here.wait_for("Dispatched review-auth-module (opus, 1 step).")
    product.wait("review-auth-module", "running")
    assert server.calls(host()) == 0
