"""What a task has changed, for the diff of top: of its worktree, else of the files that its CLI says it changed."""

from __future__ import annotations

import os

from rich.text import Text

from dispatch_hooks import digest, tasks, worktrees
from dispatch_hooks.errors import FatalError

LIMIT = 400_000
"""Characters of a diff that are shown."""

STYLES = {"+": "green", "-": "red", "@": "cyan", "d": "bold"}


def text(folder: str) -> Text:
    task, status = tasks.read(folder), tasks.status(folder)
    if task is None:
        return Text("it was removed", "dim")
    try:
        return _of_worktree(folder) if status.get("worktree") else _of_files(task, status)
    except FatalError as error:
        return Text(str(error), "dim")


def _of_worktree(folder: str) -> Text:
    from dispatch_hooks.worktrees import showing

    out = painted(showing.difference(folder))
    new = showing.new_files(folder)
    return out.append(f"\nnew, not committed: {', '.join(digest.clean(name, 200) for name in new[:20])}" if new else "")


def _of_files(task: dict, status: dict) -> Text:
    """In a directory that all share: what these files are now, against the last commit, whoever changed them."""
    from dispatch_hooks.worktrees import keeping

    found = [os.path.join(worktrees.root(task, status), path) for path in status.get("files") or []]
    if not found:
        return Text("no changed files known", "dim")
    out = Text("".join(f"{digest.clean(path, 300)}\n" for path in found), "bold")
    inside = [path for path in found if path.startswith(os.path.join(task["project"], ""))]
    try:
        at = keeping.project_git(task)
        said = at("--literal-pathspecs", "diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD", "--", *inside)
    except FatalError:  # no repository, or nothing committed yet
        return out
    return out.append("\n").append(painted(said)) if inside and said else out


def painted(diff: str) -> Text:
    """A diff in its colours, without anything that a terminal would obey."""
    out = Text()
    for line in diff[:LIMIT].split("\n"):
        tame = "".join(c if c.isprintable() else " " for c in line[:2000].expandtabs(4))
        out.append(tame + "\n", STYLES.get(line[:1], ""))
    return out.append("…\n", "dim") if len(diff) > LIMIT else out
