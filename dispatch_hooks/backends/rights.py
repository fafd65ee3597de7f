"""What an agent may do unasked, where its protocol asks us before everything: the person's level decides, not the CLI.

ask     edit files in its directory; the rest is asked
auto    commands and the web, too
bypass  anything
read-only, at any level: its own task folder is all that it may change, and commands are asked

Its task folder, `dispatch-hooks ask` and `flag` are always open to it: without them there is no plan and no question.
What git and agents run by themselves (.git, .claude, …) is no ordinary file of a directory: changing it is asked.
"""

from __future__ import annotations

import os
import re

ALLOW, ASK = "allow", "ask"

EDITING = ("edit", "delete", "move")
LOOKING = ("read", "search", "think")
GOING = (*LOOKING, "other")
"""What may be done in its task folder besides editing; "other" is going there (opencode, from a worktree)."""

GUARDED = {".git", ".dispatch", ".claude", ".codex", ".gemini", ".opencode", ".qwen", ".copilot", ".cursor", ".vscode"}

WORD = r"""(?: [\w./:=,@%+-] | '[^']*' | "(?: [^"\\`$] | \\[\s\S] | \$(?![({\['"]) )*" )+"""
"""A word of a shell command in which nothing is run: plain, or in quotes without a substitution."""

OWN = re.compile(rf"dispatch-hooks\ (?: ask | flag ) (?: \ + {WORD} )+ \ *", re.VERBOSE)


def decide(call: dict, task: dict, folder: str, cwd: str) -> str:
    """ALLOW or ASK. call: {"kind", "paths", "command"}; folder: the task's, in the project."""
    level = "ask" if task["read_only"] else task["permissions"]
    kind, paths = call["kind"], [os.path.realpath(os.path.join(cwd, path)) for path in call["paths"]]
    if level == "bypass" or (kind == "execute" and own(call["command"])):
        return ALLOW
    if kind in GOING and paths and all(_inside(os.path.join(path, ""), folder) for path in paths):
        return ALLOW
    if kind in EDITING:
        return ALLOW if paths and all(_may_edit(path, task, folder, cwd) for path in paths) else ASK
    if kind in LOOKING and (level == "auto" or all(_inside(path, cwd) for path in paths)):
        return ALLOW
    return ALLOW if level == "auto" and kind in ("execute", "fetch") else ASK


def _may_edit(path: str, task: dict, folder: str, cwd: str) -> bool:
    if _inside(path, folder):
        return True
    below = os.path.relpath(path, os.path.realpath(cwd)).split(os.sep)
    return not task["read_only"] and _inside(path, cwd) and not GUARDED & set(below)


def _inside(path: str, folder: str) -> bool:
    """Whether a path without links is in the folder."""
    return path.startswith(os.path.join(os.path.realpath(folder), ""))


def own(command: str) -> bool:
    """Whether a command line is `dispatch-hooks ask` or `flag` and no more: nothing in it starts a second program."""
    return OWN.fullmatch(command) is not None
