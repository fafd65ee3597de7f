"""What a worker is told: its task, its checklist, how to ask, and how to end."""

from __future__ import annotations

import os

from dispatch_hooks import questions

HEAD = """\
You are a background worker. Nobody watches your screen; the person who sent you hears from you only through \
the files and the command below.

# Task

{text}
"""

RULES = """\
# How to work

- Your checklist is {plan}. {first}Work through it top to bottom and tick each item in that file the moment it \
is done: `[ ]` becomes `[x]`. Use your tool for editing files, not the shell; keep the rest of the file as it is.
- If you need a decision that only the person can make, run `dispatch-hooks ask "your question" [--option A \
--option B]`, alone on its line, with the longest time limit that your shell tool takes, and wait: it prints the \
answer. If it says that it is still waiting, run it again as it says. Do not guess what you can ask, and do not ask \
what you can find out.
- What the person must know at once, run as `dispatch-hooks flag "…"`; it does not wait.{flag}
- If an item cannot be done at all, mark it `[!]` with the reason on the same line and go on or stop, as makes sense.
- At the end write {output}: first one plain line that says what came of it (at most 150 characters), then the \
details. Tick your last item after that.
- Files under .dispatch other than these are not yours.
"""

OWN_PLAN = "It holds only the task itself: first replace that one item by a short checklist of your own. "

FLAG = " Where you are asked to flag something, do it so the moment you see it, not at the end."
"""For a task whose words speak of flagging."""

STOPPED = "If you must stop before the end, write what you know into {context} first.\n"


def first(task: dict, place: str) -> str:
    """The prompt of a task's first run. place: the task's folder as the worker sees it."""
    parts = [task["alias_prompt"], HEAD.format(text=task["text"].strip()), _context(task)]
    return "\n".join(part for part in [*parts, rules(task, place)] if part)


def _context(task: dict) -> str:
    return f"# Said about it\n\n{task['context'].strip()}\n" if task["context"].strip() else ""


def rules(task: dict, place: str) -> str:
    plan, output, context = (os.path.join(place, name) for name in ("plan.md", "output.md", "context.md"))
    flag = FLAG if "flag" in f"{task['text']} {task['context']}".lower() else ""
    text = RULES.format(plan=plan, output=output, first="" if task["plan"] else OWN_PLAN, flag=flag)
    text += f"- {STOPPED.format(context=context)}"
    if task["read_only"]:
        text += f"- Change no file outside {place}: this task is read-only.\n"
    return text


def again(task: dict, place: str, done: str) -> str:
    """The prompt of a run that starts anew after earlier ones: what they left is told."""
    plan = os.path.join(place, "plan.md")
    return (
        f"{first(task, place)}\n# Earlier work\n\nAn earlier worker had this task and ended ({done}). Its ticks are in "
        f"{plan}, its notes may be in {place}: look at what is there, then go on from the first item without a tick.\n"
    )


def news(answers: list[tuple[dict, dict]], notes: list[dict]) -> str:
    """The message that brings a stopped worker the answers and notes that came since."""
    return f"{said(answers, notes)}Go on from where you stopped; plan and rules are as before."


CUT = "Your last run was cut short. If you do not remember it, this was said during it:\n\n"


def said(answers: list[tuple[dict, dict]], notes: list[dict]) -> str:
    """What the person said since the task was dispatched."""
    words = [answered(question, answer) for question, answer in answers]
    words += [f"The person says: {note['text']}" for note in notes if note["text"]]
    return "".join(f"{text}\n\n" for text in words)


def answered(question: dict, answer: dict) -> str:
    """An answer in words that need no question before them."""
    if question["kind"] == "permission":
        granted, why = questions.allowed(answer["text"])
        if granted:
            return f"The person allows, once: {question['text']}\nRun exactly that again."
        return f"The person does not allow: {question['text']}\n{why}".rstrip()
    return f"You asked: {question['text']}\nThe person answers: {questions.meant(question, answer['text'])}"


UNTICKED = """\
Your checklist {plan} has items without a tick: {items}. Tick what is done, do what is left, or mark an item `[!]` \
with the reason on its line; then end your turn."""
