"""The person's own notification command, for when they are needed and no Claude Code lives to tell them.

`notify` in the configuration is an argument list. No shell sees it, and a worker's words are whole arguments of it,
never a part of one: {title} and {text} stand alone. Without them they are appended.
"""

from __future__ import annotations

import os

from dispatch_hooks import config, digest, files, inbox, tasks

WORDS = ("{title}", "{text}")

TITLES = {
    "question": "{} asks", "permission": "{} needs your permission", "flag": "{} flags", "held": "{} is held",
    "silent": "{} is silent", "failed": "{} failed", "lost": "{} was lost", "stopped": "{} stopped early",
    "finished": "{} finished", "checked": "{} finished and checked", "waiting": "{} waits",
}  # fmt: skip

TEXT = 200


def tell(event: dict) -> None:
    """Runs the command for an event that needs the person, and waits for nothing."""
    command = config.load()["notify"]
    if command and needed(event):
        start(arguments(command, event))


def needed(event: dict) -> bool:
    """A question, a failure, or the end of the chat's last task that runs."""
    if event["kind"] in inbox.URGENT:
        return True
    others = (tasks.read(folder) or {} for folder in tasks.active() if tasks.key(folder) != event["key"])
    return not any(task.get("chat") == event["chat"] for task in others)


def title(event: dict) -> str:
    return TITLES.get(event["kind"], "{} has news").format(event["task"])


def arguments(command: list[str], event: dict) -> list[str]:
    """The command with title and text, each in one line without control characters, markup or a dash in front."""
    text = digest.tame(digest.clean(event.get("text") or "", TEXT)).lstrip("- ")
    known = dict(zip(WORDS, (digest.clean(title(event), TEXT), text), strict=True))
    missing = [] if known.keys() & set(command) else list(known.values())
    return [*(known.get(word, word) for word in command), *missing]


def start(argv: list[str]) -> None:
    """A process of its own, whose fate and words concern nobody; the log says why it could not be started."""
    from dispatch_hooks import paths, processes

    log = paths.log_file()
    files.make_folder(os.path.dirname(log))

    def act() -> None:
        try:
            os.execvp(os.path.expanduser(argv[0]), argv)
        except OSError as error:
            print(f"notify: {argv[0]}: {error.strerror}; see notify in {paths.config_file()}", flush=True)
        os._exit(0)

    processes.detach(act, log)
