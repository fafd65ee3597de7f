"""The demo's stand-in for an agent CLI: `worker.py PACE GATE`, the task on standard input.

It works through its checklist as time goes by, asks where its script says so, and says what came of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

WORK = {
    "security-review": {
        "seconds": 2.0,
        "said": "Nothing secret in the code; the session cookie lacked SameSite, fixed",
    },
    "api-docs": {
        "seconds": 1.5,
        "said": "12 routes in OpenAPI {answer}, every example tried",
        "ask": ("Which OpenAPI version should the docs follow?", "3.0", "3.1"),
        "gate": True,
    },
    "load-test": {
        "seconds": 1.7,
        "said": "200 requests a second before the queue grows; the slowest page is the report",
        "plan": ["warm the caches", "raise the load", "read the graphs", "write it up"],
    },
    "accessibility-check": {
        "seconds": 1.4,
        "said": "3 labels were missing and are there now; contrast is fine",
        "plan": ["walk through by keyboard", "listen to a screen reader", "measure the contrast"],
    },
    "release-notes": {
        "seconds": 2.6,
        "said": "14 changes since the last release, 2 of them breaking",
        "plan": ["collect the changes", "sort them"],
    },
}
"""Seconds an item, the summary, a checklist of its own; it asks after the first item and may wait in the second."""


def main(pace: float, gate: str) -> None:
    sys.stdin.read()
    folder = os.environ["DISPATCH_HOOKS_FOLDER"]
    work = WORK[os.environ["DISPATCH_HOOKS_TASK"]]
    path, answer = os.path.join(folder, "plan.md"), ""
    if "plan" in work:
        change(path, lambda text: own_plan(text, work["plan"]))
    last = items(path) - 1
    for n in range(last + 1):
        print(f"item {n + 1} …", flush=True)
        time.sleep(work["seconds"] * pace)
        if n == 1 and work.get("gate"):
            wait_for(gate)
        if n == last:
            report(os.path.join(folder, "output.md"), work["said"].format(answer=answer))
        change(path, lambda text: text.replace("- [ ] ", "- [x] ", 1))
        if n == 0 and "ask" in work:
            answer = ask(*work["ask"])


def report(path: str, said: str) -> None:
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{said}\n")


def change(path: str, how) -> None:
    with open(path, encoding="utf-8") as f:
        text = f.read()
    with open(f"{path}.new", "w", encoding="utf-8") as f:
        f.write(how(text))
    os.replace(f"{path}.new", path)


def own_plan(text: str, steps: list[str]) -> str:
    """The plan with the one item that stands for the whole task replaced."""
    head, _, rest = text.partition("- [ ] ")
    return head + "\n".join(f"- [ ] {step}" for step in steps) + "\n" + rest.partition("\n")[2]


def items(path: str) -> int:
    with open(path, encoding="utf-8") as f:
        return f.read().partition("\n## Task\n")[0].count("- [ ] ")


def ask(question: str, *options: str) -> str:
    command = ["dispatch-hooks", "ask", question]
    for option in options:
        command += ["--option", option]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return told.rpartition("The person answers: ")[2].strip()


def wait_for(gate: str) -> None:
    while not os.path.exists(gate):
        time.sleep(0.05)


if __name__ == "__main__":
    main(float(sys.argv[1]), sys.argv[2])
