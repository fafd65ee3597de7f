"""What a task has changed, for the diff of top."""

from __future__ import annotations

from rich.text import Text

from dispatch_hooks import digest, tasks

LIMIT = 400_000
"""Characters of a diff that are shown."""

STYLES = {"+": "green", "-": "red", "@": "cyan"}


def text(folder: str) -> Text:
    """The files that it changed, as far as its CLI tells."""
    status = tasks.status(folder)
    out = Text()
    for path in status.get("files") or []:
        out.append(f"{digest.clean(path, 300)}\n")
    return out if out else Text("no changed files known", "dim")
