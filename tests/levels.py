"""The two ends of what a worker may do, bypass and read-only, tried with a real CLI: a task of each at once."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.harness.modelserver import ModelServer, Reply
from tests.product import Product

SECONDS = 6
"""For `ask_seconds`: nobody answers here."""


@dataclass
class Tried:
    state: str
    written: set[str]  # "shell" by a command, "tool" by its tool for files
    asked: list[str]


def both(product: Product, server: ModelServer, shell: Callable[[str], Reply], write: Callable) -> tuple[Tried, Tried]:
    """What came of leaving the project at bypass, and of writing in it read-only. The model is called `it`.

    write: makes the reply of a model that writes (path, text) with its CLI's tool for files.
    """
    outside, inside = product.sandbox.root, product.sandbox.project
    server.rule("free all doves", shell(f"touch {outside}/shell"), write(outside / "tool", "x\n"), "done")
    server.rule("look at doves", write(inside / "tool", "x\n"), shell("echo hi > shell"), "done")
    product.say("dispatch", "-m", "it", "--id", "free", "--permissions", "bypass", "free all doves")
    product.say("dispatch", "-m", "it", "--id", "look", "--read-only", "look at doves")
    found = []
    for task, words, place in (("free", "free all doves", outside), ("look", "look at doves", inside)):
        state = product.wait(task, "stopped", "parked")["state"]
        assert server.matching(lambda r, words=words: words in r.first_user_text and r.tool_results), product.logs()
        written = {name for name in ("shell", "tool") if (place / name).exists()}
        asked = [question["text"] for question in product.tasks()[task]["questions"]]
        found.append(Tried(state, written, asked))
    return found[0], found[1]
