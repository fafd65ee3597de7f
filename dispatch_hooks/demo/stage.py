"""What the demo prints: in a terminal a checklist that moves, elsewhere a line for every change."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dispatch_hooks import overview
from dispatch_hooks.commands import status
from dispatch_hooks.demo.chat import Said


class Stage:
    def __init__(self, console: Console) -> None:
        self.console = console
        self.seen: dict[str, tuple] = {}

    def say(self, text: str = "", style: str = "") -> None:
        self.console.print(Text(text, style=style), soft_wrap=True)

    def head(self, text: str) -> None:
        self.say(f"\n── {text}", "bold")

    def typed(self, words: str) -> None:
        first, *rest = words.splitlines()
        self.say("\n".join([f"❯ {first}", *(f"  {line}" for line in rest)]), "cyan")

    def note(self, text: str) -> None:
        self.say(text, "dim")

    def answered(self, said: Said) -> None:
        """As Claude Code shows a prompt that a hook has ended."""
        first, *rest = said.stop.splitlines()
        self.say("\n".join([f"● Operation stopped by hook: {first}", *(f"  {line}" for line in rest)]))

    def told(self, said: Said) -> None:
        """As Claude Code shows the person a hook's systemMessage."""
        first, *rest = said.message.splitlines()
        self.say("\n".join([f"  ⎿  UserPromptSubmit says: {first}", *(f"     {line}" for line in rest)]))

    def quote(self, text: str) -> None:
        """What enters Claude's context."""
        self.say("\n".join(f"  │ {line}" for line in text.splitlines()), "yellow")

    # tasks

    @contextlib.contextmanager
    def tasks(self, rows: Callable[[], list[dict]]) -> Iterator[Callable[[], None]]:
        """Within it, calling what it gives shows how the tasks are."""
        if not self.console.is_terminal:
            yield lambda: self._changes(rows())
            return
        with Live(console=self.console, auto_refresh=False) as live:
            yield lambda: live.update(self._checklist(rows()), refresh=True)

    @staticmethod
    def _checklist(rows: list[dict]) -> Table:
        out = status.table(rows, False)
        out.expand = True  # so that only the last column is cut
        return out

    def _changes(self, rows: list[dict]) -> None:
        for row in rows:
            now = (row["state"], row["ticked"], row["items"])
            if self.seen.get(row["id"]) != now:
                self.seen[row["id"]] = now
                self.say(f"  {overview.line({**row, 'seconds': None})}")

    def table(self, columns: list[str], lines: list[list[str]]) -> None:
        out = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for n, name in enumerate(columns):
            out.add_column(name, no_wrap=True, justify="left" if n == 0 else "right")
        for cells in lines:
            out.add_row(*map(Text, cells))
        self.console.print(out)
