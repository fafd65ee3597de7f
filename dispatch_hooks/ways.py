"""What a person types to have something done: a phrase in the chat, a command everywhere else.

by: how they speak, as the records of answers and notes have it: "typed" (in the chat), "relayed" or "terminal".
"""

from __future__ import annotations

PHRASES = {
    "answer": "answer {task}: {words}",
    "tell": "tell {task} to {words}",
    "retry": "retry {task} with a budget of {words}",
}

COMMANDS = {
    "answer": 'answer {task} "{words}"',
    "tell": 'tell {task} "{words}"',
    "retry": "retry {task} --budget '{words}'",
}


def way(by: str, verb: str, task: str, words: str = "") -> str:
    """ "tell x to go on", or its command. words: what is answered or told, the budget of a retry."""
    form = (PHRASES if by == "typed" else COMMANDS)[verb] if words else "{verb} {task}"
    said = form.format(verb=verb, task=task, words=words)
    return said if by == "typed" else f"dispatch-hooks {said}"
