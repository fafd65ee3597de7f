"""`demo --claude`: the real Claude Code in a sandbox, where a scripted server speaks for the model. In a checkout only:
the sandbox and the server are those of the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from dispatch_hooks import resources
from dispatch_hooks.errors import FatalError

if TYPE_CHECKING:
    from tests.harness.claude import Sandbox

CHECKOUT = os.path.dirname(resources.HERE)

TYPE = """\
The real Claude Code, in a home of its own; a scripted server on this machine speaks for every model. Type, with
ctrl+j between the lines:

  dispatch opus:
  1. security review
  2. API docs
  3. load test
  4. accessibility check
  5. release notes

and go on chatting. One worker will ask: answer api-docs: 3.1
Also: status, show api-docs, cancel load-test, tell release-notes to be brief. /exit ends it; nothing of it is left.
"""

STEP = """\
#!/bin/sh
# One item of a scripted worker's checklist; with --end the summary too.
sleep 3
plan=$DISPATCH_HOOKS_FOLDER/plan.md
if [ "$1" = --end ]; then
    sed -i.old 's/- \\[ \\]/- [x]/' "$plan"
    echo "$2" >"$DISPATCH_HOOKS_FOLDER/output.md"
elif [ "$1" = --plan ]; then
    shift
    for item; do echo "- [ ] $item"; done >"$plan.items"
    sed -i.old -e "/^- \\[ \\]/{r $plan.items" -e 'd;}' "$plan"
else
    awk '!done && sub(/^- \\[ \\]/, "- [x]") { done = 1 } { print }' "$plan" >"$plan.new" && mv "$plan.new" "$plan"
fi
"""

WORK = {
    "security review": (
        ["scan for secrets", "check the cookie", "try the reset"],
        "The session cookie lacked SameSite; fixed",
    ),
    "API docs": (
        ["list the routes", "write the pages", "try every example"],
        "12 routes, every example tried",
    ),
    "load test": (
        ["warm the caches", "raise the load", "read the graphs"],
        "200 requests a second before the queue grows; the report page is the slowest",
    ),
    "accessibility check": (
        ["walk through by keyboard", "measure the contrast"],
        "3 labels were missing and are there now; contrast is fine",
    ),
    "release notes": (
        ["collect the changes", "sort them"],
        "14 changes since the last release, 2 of them breaking",
    ),
}
"""What each task's worker does and says, by how the task begins."""

ASKING = "API docs"

QUESTION = 'dispatch-hooks ask "Which OpenAPI version should the docs follow?" --option 3.0 --option 3.1'

HOST = "(A scripted server speaks here instead of a model: it has read what stands above and thinks it is fine.)"


def open_claude() -> int:
    """Runs until the person leaves Claude Code; its exit status."""
    program = _program()
    sys.path.insert(0, CHECKOUT)
    from tests.harness.claude import Sandbox

    sandbox = Sandbox()
    server = None
    try:
        server, sandbox.url = _serve(sandbox)
        _furnish(sandbox, program)
        print(TYPE, flush=True)
        return _chat(sandbox)
    finally:
        if server:
            server.terminate()
            server.wait(10)
        sandbox.end()


def _program() -> str:
    """Claude Code's own program: from PATH, else the one that the tests have installed."""
    if not os.path.isdir(os.path.join(CHECKOUT, "tests", "harness")):
        raise FatalError("demo --claude needs a checkout of dispatch-hooks; there, type: make demo ARGS=--claude")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise FatalError("demo --claude opens Claude Code for you to type into: run it in a terminal")
    sys.path.insert(0, CHECKOUT)
    from tests.harness.claude import VERSION

    cached = os.path.join(CHECKOUT, ".cache", f"claude-code-{VERSION}", "node_modules", ".bin", "claude")
    found = shutil.which("claude") or (cached if os.path.exists(cached) else None)
    if found is None:
        raise FatalError(f"there is no claude on PATH and none in {CHECKOUT}/.cache; make test installs one there")
    return os.path.abspath(found)


def _serve(sandbox: Sandbox) -> tuple[subprocess.Popen, str]:
    script = sandbox.root / "script.json"
    script.write_text(json.dumps(_rules()))
    argv = [sys.executable, "-m", "tests.harness.modelserver", "--script", str(script)]
    server = subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    return server, server.stdout.readline().strip()


def _rules() -> list[dict]:
    """The turns of five workers, known by how their prompts begin, and one reply for all that a chat may say."""
    workers = [{"when": f"# Task\n\n{name}", "turns": _turns(name, *work)} for name, work in WORK.items()]
    return [*workers, {"when": "", "turns": [HOST], "repeat": True}]


def _turns(name: str, items: list[str], said: str) -> list:
    steps = [_run("demo-step --plan " + " ".join(f'"{item}"' for item in items)), _run("demo-step")]
    asks = [_run(QUESTION)] if name == ASKING else []
    more = [_run("demo-step") for _ in items[2:]]
    return [*steps, *asks, *more, _run(f'demo-step --end "{said}"'), said]


def _run(command: str) -> dict:
    return {"tool": "Bash", "input": {"command": command, "description": "work"}}


def _furnish(sandbox: Sandbox, program: str) -> None:
    """Claude Code, dispatch-hooks and what the scripted workers run; the person's node, where the program needs it."""
    os.environ["DISPATCH_HOOKS_CLAUDE"] = program
    sandbox.install_claude()
    node = shutil.which("node")
    if node:
        (sandbox.bin / "node").symlink_to(node)
    stub = f'#!/bin/sh\nPYTHONPATH="{CHECKOUT}" exec "{sys.executable}" -m dispatch_hooks "$@"\n'
    for name, text in (("dispatch-hooks", stub), ("demo-step", STEP)):
        (sandbox.bin / name).write_text(text)
        (sandbox.bin / name).chmod(0o755)
    sandbox.write_settings({"permissions": {"allow": ["Bash(demo-step:*)"]}})
    done = sandbox.run("dispatch-hooks", "install")
    if done.returncode:
        raise FatalError(f"dispatch-hooks install failed in the sandbox:\n{done.stdout}{done.stderr}")


def _chat(sandbox: Sandbox) -> int:
    signal.signal(signal.SIGINT, lambda *_: None)  # ^C is Claude Code's
    terminal = ("TERM", "COLORTERM", "LANG", "LC_ALL", "NO_COLOR")
    taken = {name: os.environ[name] for name in terminal if name in os.environ}
    # auto, Claude Code's default, asks the real API to judge each command
    argv = [str(sandbox.bin / "claude"), "--permission-mode", "default"]
    return subprocess.run(argv, env=sandbox.env(**taken), cwd=sandbox.project, check=False).returncode
