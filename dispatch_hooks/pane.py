"""What is told in Claude Code's pane about tasks and configuration, without a model call.

Plain text: no markdown is rendered there, lines are wrapped at the pane's width, and all of it stays in the chat's
context. So it is short: what needs the person, what runs, the last few that are over; the rest is counted.
"""

from __future__ import annotations

import json

from dispatch_hooks import after, config, digest, overview, paths, tasks

OVER = 5
"""Ended tasks that are listed."""

LISTED = 20

QUIET = ("finished", "checked", "cancelled")
"""The ends that want nothing of the person."""

QUESTION = 300

MORE = "/dispatch help says what can be typed"

MAY = {"ask": "workers edit files and ask for the rest", "auto": "workers edit files and run commands unasked"}

WAKE = {
    "off": "nothing wakes an idle chat", "questions": "questions wake an idle chat",
    "needed": "an idle chat is woken when you are needed", "all": "all news wakes an idle chat",
}  # fmt: skip


def project_text(project: str) -> str:
    """What `status` says."""
    found = overview.rows(project)
    if not found:
        return "no tasks in this project yet."
    going = [r for r in found if r["state"] not in tasks.ENDED]
    over = [r for r in found if r["state"] in tasks.ENDED]
    needy = [r for r in over if r["state"] not in QUIET]
    shown = [*going, *needy, *(r for r in over if r not in needy)][: max(min(len(going) + OVER, LISTED), OVER)]
    listed = [f"  {line}" for r in sorted(shown, key=overview.urgency) for line in _lines(r)]
    more = f"  and {len(found) - len(shown)} more: dispatch-hooks status" if len(shown) < len(found) else ""
    return "\n".join([_head(found), *listed, *([more] if more else [])])


def _head(found: list[dict]) -> str:
    """ "3 tasks in this project: 1 asks, 2 running. $0.40" """
    count, _, states = overview.totals(found).partition(": ")
    return f"{count} in this project: {states}."


def _lines(r: dict) -> list[str]:
    """A task; what it asks in full, and what to type."""
    if r["state"] == "held":
        folder = tasks.folder(r["project"], r["id"])
        ways = after.ways(folder, tasks.read(folder), "typed")
        return [overview.line(r), f"  {', or '.join(ways)}"]
    if not r["questions"]:
        return [overview.line(r)]
    asked = r["questions"][0]
    hint = "yes, or no and why" if asked["kind"] == "permission" else "…"
    options = [f"    {n}. {digest.clean(option, 100)}" for n, option in enumerate(asked["options"], 1)]
    return [
        overview.line({**r, "questions": [], "last": "", "why": "", "summary": ""}),
        f"  {digest.clean(asked['text'], QUESTION)}",
        *options,
        f"  answer {r['id']}: {hint}",
    ]


def command_text(name: str, rest: str, project: str) -> str:
    """What `/dispatch`, `/dispatch help` and their kin answer. rest: the key or command line that is asked about."""
    if name == "help":
        return overview.HELP
    if name == "status":
        return project_text(project)
    if name == "models":
        return f"what can be dispatched:\n{overview.models_text()}\n  in a terminal: dispatch-hooks models"
    if name == "config":
        return key_text(rest) if rest else config_text()
    if name == "terminal":
        return f"in a terminal: dispatch-hooks {digest.clean(rest, 300)}"
    return "\n".join([project_text(project), f"  {rules_text()}", overview.models_text(), f"  {MORE}"])


def rules_text() -> str:
    """The configuration in one line."""
    settings = config.load()
    check = f"; done is checked by: {digest.clean(settings['check'], 60)}" if settings["check"] else ""
    return f"{settings['max_parallel']} at a time; {MAY[settings['permissions']]}; {WAKE[settings['wake']]}{check}"


CHANGE = "/dispatch config set max_parallel 4 changes one"


def config_text() -> str:
    """Every key that stands for itself, the person's own marked, and how to change one."""
    settings = config.load()
    lines = [_line(key, settings) for key, usual in config.DEFAULTS.items() if not isinstance(usual, dict)]
    names = [f"{key} {', '.join(settings[key])}" for key in ("models", "aliases", "backends") if settings[key]]
    broken = [f"  not in force: {digest.clean(settings['broken'], 300)}"] if settings["broken"] else []
    return "\n".join(
        [
            f"your configuration, {paths.config_file()}", *broken, *lines, *(f"  your {each}" for each in names),
            f"  {CHANGE}; in a terminal: dispatch-hooks config show, config --help",
        ]
    )  # fmt: skip


def _line(key: str, settings: dict) -> str:
    own = "" if settings[key] == config.DEFAULTS[key] else "   (yours)"
    value = settings[key] if isinstance(settings[key], (str, int)) else json.dumps(settings[key], ensure_ascii=False)
    return f"  {key:<14} {digest.clean(str(value), 300) if settings[key] else '-'}{own}"


def key_text(key: str) -> str:
    """What one key says; of a table all that is in it."""
    top = key.partition(".")[0]
    if top not in config.DEFAULTS:
        way = "for a task, say who is to do it: dispatch opus to …"
        return f'there is no key "{digest.clean(key, 60)}" in the configuration; {way}\n{config_text()}'
    return f"{_line(top, config.load()).strip()}\n  {CHANGE}"
