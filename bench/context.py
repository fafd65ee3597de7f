"""What we cost a conversation in tokens, read off the requests of a real Claude Code.

One chat is held twice against the scripted model server, with dispatch-hooks and without: the same person types the
same words and the same model replies. With it, the first prompt dispatches five tasks and is followed by one wake, when
the last has finished. What the last request holds more than its twin, in the system prompt, the tools and all messages,
is there because of us: the line on the dispatch, the wake with Claude Code's wrapper around it, the digest.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

from bench.measure import Row, until
from tests.harness.claude import Sandbox
from tests.harness.modelserver import ModelServer, Request, hold, host, tool, worker
from tests.harness.npm import Unavailable
from tests.harness.tmux import Chat

SUMMARIES = [
    "No findings in the session code",
    "Two weak spots in the login are closed and have tests",
    "Password reset leaks whether an address is known; fixed, with a test; 3 files changed",
    "All 14 queries of the report page have an index now; the slowest went from 900 ms to 12 ms on the test data",
    "Docs of 23 routes are written; 4 routes have no owner and are marked so; the examples were run against the dev "
    "server and all but one passed",
]
"""What five workers say at their end: 31 to 138 characters, they are asked for 150 at most."""

FIRST = "dispatch opus to do these:\n" + "\n".join(f"{n}. audit part {n} of the shop" for n in range(1, 6))
LAST = "and now something else"
REPLIES = ("All five are done.", "Fine.")


def rows(times: int) -> Iterator[str | Row]:
    yield "The host's context, in the real Claude Code"
    what, calls = "tokens a task: five, prompt to result, one wake", "model calls for the dispatch"
    try:
        ours, asked = dispatching()
        more = characters(ours) - characters(talking())
    except Unavailable as why:
        yield Row(what, None, note=f"not available: {why}")
        yield Row(calls, None, note=f"not available: {why}")
        return
    yield Row(what, more / 4 / len(SUMMARIES), "tokens", 100.0, note=f"{more} characters in all")
    yield Row(calls, asked, "calls", 0.0)


def characters(request: Request) -> int:
    tools = len(json.dumps(request.raw.get("tools", []), ensure_ascii=False))
    return tools + sum(len(words) for _, words in request.texts) + sum(map(len, request.tool_results))


def dispatching() -> tuple[Request, int]:
    """With us: (the last request, how many the dispatch itself took)."""
    with ModelServer() as server:
        for n, summary in enumerate(SUMMARIES, 1):
            look = tool("Bash", command="ls", description="look")
            server.rule(worker(f"audit part {n}"), hold("all run", look), ended(summary), "done")
        server.rule(host("task-notification"), REPLIES[0])
        server.rule(host(LAST), REPLIES[1])
        sandbox = Sandbox(server.url)
        try:
            sandbox.install_claude()
            sandbox.run(sys.executable, "-m", "dispatch_hooks", "install")
            here = Chat(sandbox)
            here.say(FIRST)
            here.wait_for("Dispatched 5 tasks")
            until(lambda: server.calls(worker("audit part")) == len(SUMMARIES), "five workers")
            asked = server.calls(host()) + sum(request.interactive for request in server.side)
            server.release("all run")
            here.wait_for(REPLIES[0])
            here.say(LAST)
            here.wait_for(REPLIES[1])
            return server.matching(host(LAST))[-1], asked
        finally:
            sandbox.end()


def ended(summary: str):
    """A worker's turn: tick the plan, write what came of it."""

    def turn(request: Request):
        folder = re.search(r"\.dispatch/tasks/[\w-]+", request.first_user_text)[0]
        done = f"sed -i 's/\\[ \\]/[x]/' {folder}/plan.md && echo '{summary}' >{folder}/output.md"
        return tool("Bash", command=done, description="tick")

    return turn


def talking() -> Request:
    """Without us: the last request of the same chat."""
    with ModelServer() as server:
        server.rule(host(FIRST), REPLIES[0])
        server.rule(host(LAST), REPLIES[1])
        sandbox = Sandbox(server.url)
        try:
            sandbox.install_claude()
            here = Chat(sandbox)
            here.say(FIRST)
            here.wait_for(REPLIES[0])
            here.say(LAST)
            here.wait_for(REPLIES[1])
            return server.matching(host(LAST))[-1]
        finally:
            sandbox.end()
