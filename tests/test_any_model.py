"""Any model, one interface: five different real CLIs at once out of one prompt in the real chat, and one digest."""

import re

import pytest

from tests.conftest import needed
from tests.harness import workers
from tests.harness.claude import Sandbox
from tests.harness.modelserver import host, tool, worker
from tests.harness.tmux import Chat
from tests.harness.waiting import wait_until
from tests.product import Product

CONFIG = f"""\
wake = "off"
permissions = "auto"

[models.kimi]
backend = "opencode"
name = "{workers.CLIS["opencode"].model}"

[aliases.queue-expert]
model = "copilot"
prompt = "You know queues."
"""

PROMPT = """/dispatch five audits, ask me how deep:
1) audit the login with opus
2) audit the payments with gpt-5.3-codex
3) audit the search with gemini-2.5-pro
4) audit the mail with kimi
5) have queue-expert audit the jobs"""

CLIS = {
    "audit-login": "claude",
    "audit-payments": "codex",
    "audit-search": "gemini",
    "audit-mail": "opencode",
    "audit-jobs": "copilot",
}
"""Which real program has which of the tasks."""

MODELS = {
    "audit-login": "opus", "audit-payments": "gpt-5.3-codex", "audit-search": "gemini-2.5-pro",
    "audit-mail": workers.CLIS["opencode"].model, "audit-jobs": "queue-expert",
}  # fmt: skip
"""As whose work each is told of: the model's name or the alias."""


def shell(cli: str, command: str):
    if cli == "claude":
        return tool("Bash", command=command, description="run it")
    return workers.CLIS[cli].shell(command)


def script(server, task: str, cli: str) -> None:
    """What the model of a task does: ask until it is answered, do as it is told, tick, sum up."""
    words, folder, steps = task.replace("-", " the ", 1), f".dispatch/tasks/{task}", []

    def turn(request):
        told = re.findall(r"The person answers: (\w+)", request.all_text)
        if not told:  # some CLIs give the shell back before a command has ended
            steps.append("ask")
            again = "--again 001" if len(steps) > 1 else f"'How deep, for {task}?' --option deeply --option briefly"
            return shell(cli, f"dispatch-hooks ask {again}")
        if "done" in steps:
            return "done"
        steps.append("done")
        said = f"{words}: looked {told[-1]}"
        return shell(cli, f"sed -i 's/\\[ \\]/[x]/' {folder}/plan.md && echo '{said}' > {folder}/output.md")

    server.rule(worker(words), turn, repeat=True)


@pytest.fixture
def house(server):
    """The real Claude Code with dispatch-hooks, and five more real CLIs beside it."""
    sandbox = Sandbox(server.url, workers.homes())
    try:
        with needed():
            sandbox.install_claude()
            for cli in CLIS.values():
                if cli != "claude":
                    workers.install(sandbox, cli)
        product = Product(sandbox).install()
        product.configure(CONFIG)
        sandbox.run("git", "init", "-q")
        yield product
    finally:
        sandbox.end()


@pytest.mark.claude
@pytest.mark.tmux
def test_one_prompt_fans_out_to_five_real_clis_that_ask_are_answered_and_are_told_of_alike(house, server):
    for task, cli in CLIS.items():
        script(server, task, cli)
    with needed():
        here = Chat(house.sandbox)
    here.type(PROMPT)
    here.enter()
    here.wait_for("Dispatched 5 tasks:")

    wait_until(lambda: all(r["questions"] for r in house.tasks().values()), 180, lambda: f"{house.tasks()}")
    rows = house.tasks()
    assert {name: row["backend"] for name, row in rows.items()} == CLIS
    for task, row in rows.items():
        (question,) = row["questions"]
        assert (question["text"], question["options"]) == (f"How deep, for {task}?", ["deeply", "briefly"])
    assert server.calls(host()) == 0

    for n, task in enumerate(CLIS):
        here.say(f"answer {task}: {1 + n % 2}")
        here.wait_for(f"answered {task}: {['deeply', 'briefly'][n % 2]}.")
    for task in CLIS:
        house.wait(task, "finished", timeout=120)
    assert server.calls(host()) == 0

    server.rule(host(), "good to hear")
    here.say("what came of it?")
    here.wait_for("good to hear")
    (told,) = server.matching(host())
    lines = [line for line in told.all_text.splitlines() if re.match(r"\W*audit-\w+ finished \(1/1, [^)]+\): \"", line)]
    for n, (task, who) in enumerate(MODELS.items()):
        deep = ["deeply", "briefly"][n % 2]
        (line,) = [line for line in lines if f"{task} finished" in line]
        assert f"{task} finished (1/1, {who}" in line, line
        assert f"{task.replace('-', ' the ', 1)}: looked {deep}" in line
    assert len(lines) == 5
