"""The screen of `top`: tasks on the left, one of them on the right, a box to answer in. Only here Textual is loaded.

It keeps no state of its own but what is selected: all is read from the files that the chat and every other top read,
and what is done goes through steer, as in the chat.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator

from rich.text import Text
from textual import on, work
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.css.query import NoMatches
from textual.widgets import Footer, Input, OptionList, RichLog, Static, TabbedContent, TabPane
from textual.widgets.option_list import Option

from dispatch_hooks import overview, paths, recover, tasks
from dispatch_hooks.errors import FatalError
from dispatch_hooks.view import changes, deeds, detail, words
from dispatch_hooks.view.confirm import Confirm
from dispatch_hooks.view.keys import Keys

EVERY = 1.0
"""Seconds between looks where no change was told of: what took 12 s takes 13 soon."""

RECOVER = 15.0
"""Seconds between looks for tasks that a kill left behind."""

NONE = "no tasks yet; in Claude Code, type for example: dispatch opus to review …"

DIFF = 5.0
"""Seconds between looks at a diff that nothing told a change of."""

SHOWN = 1000
"""Tasks in the list; a filter finds the others."""


class Box(Input):
    """A line to type into, which says how to send it and how to get out."""

    BINDINGS = [Binding("enter", "submit", "send"), Binding("escape", "app.back", "back to the list")]  # noqa: RUF012


class Top(App):
    TITLE = "dispatch-hooks"
    ENABLE_COMMAND_PALETTE = False
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (90, "-wide")]  # noqa: RUF012
    CSS = """
    #totals { height: 1; padding: 0 1; background: $panel; }
    #left { width: 42%; max-width: 64; }
    #filter { display: none; height: 1; border: none; padding: 0 1; }
    #filter.on { display: block; }
    OptionList { height: 1fr; border: none; padding: 0; scrollbar-size-vertical: 1; }
    #right { width: 1fr; border-left: solid $panel; }
    #title { height: auto; padding: 0 1; }
    #asks { height: auto; max-height: 50%; padding: 0 1; }
    #words { border: tall $panel; height: 3; padding: 0 1; }
    #words:focus { border: tall $accent; }
    #words.asks { border: tall $warning; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0 1; }
    RichLog, VerticalScroll { scrollbar-size-vertical: 1; background: $background; }
    .-narrow #main { layout: vertical; }
    .-narrow #left { width: 1fr; max-width: 100%; height: 35%; }
    .-narrow #right { border-left: none; border-top: solid $panel; }
    """
    BINDINGS = [  # noqa: RUF012
        Binding("q", "quit", "quit"),  # first, as a narrow terminal cuts the last ones off
        Binding("question_mark,f1", "keys", "keys", key_display="?"),
        Binding("a,t,enter", "speak", "answer/tell"),
        Binding("c", "do('cancel')", "cancel"),
        Binding("r", "do('retry')", "retry"),
        Binding("m", "do('merge')", "merge"),
        Binding("w", "open", "shell"),
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("d", "do('discard')", "discard", show=False),
        Binding("z", "do('pause')", "pause, resume", show=False),
        Binding("u", "do('release')", "start anyway", show=False),
        Binding("f", "follow", "follow", show=False),
        Binding("p", "project", "project", show=False),
        Binding("left,h", "tab(-1)", "tab", show=False),
        Binding("right,l", "tab(1)", "tab", show=False),
        Binding("j", "move(1)", "down", show=False),
        Binding("k", "move(-1)", "up", show=False),
        Binding("n", "next", "next that asks", show=False),
        Binding("escape", "back", "back", show=False),
        *(Binding(str(n), f"option({n})", f"option {n}", show=False) for n in range(1, 10)),
    ]

    def __init__(self, project: str | None, env: dict) -> None:
        """project: whose tasks; None for every project's."""
        super().__init__()
        self.animation_level = "none"
        self.board, self.env = overview.Board(project), env
        self.rows: list[dict] | None = None  # before the first look nobody knows whether there are tasks
        self.listed: list[tuple] = []
        self.selected = ""
        self.tails: dict[str, tuple[tuple[str, int], detail.Tail]] = {}
        self.shown: dict[str, object] = {}
        self.follow, self.diffed = True, ()
        self.asked = self.looking = False

    # the screen

    def compose(self) -> ComposeResult:
        yield Static(id="totals", markup=False)
        with Horizontal(id="main"):
            with Vertical(id="left"):
                yield Box(placeholder="filter: words of id, state or model", id="filter")
                yield OptionList(id="tasks", markup=False)
            with Vertical(id="right"):
                yield Static(id="title", markup=False)
                with VerticalScroll(id="asks"):
                    yield Static(id="question", markup=False)
                yield Box(id="words")
                with TabbedContent(id="tabs"):
                    with TabPane("Plan", id="plan"), VerticalScroll():
                        yield Static(id="checklist", markup=False)
                    with TabPane("Activity", id="activity"):
                        yield RichLog(id="worker-log", wrap=True, min_width=0, max_lines=5000)
                    with TabPane("Diff", id="diff"), VerticalScroll():
                        yield Static(id="changes", markup=False)
                    with TabPane("Log", id="log"):
                        yield RichLog(id="events", wrap=True, min_width=0, max_lines=2000)
        yield Footer()

    def on_mount(self) -> None:
        self.query_one("#tasks").focus()
        self.watch_files()
        self.set_interval(EVERY, self.look)
        self.set_interval(RECOVER, self.put_right)
        self.call_later(self.look)

    @work(exclusive=True, group="watch")
    async def watch_files(self) -> None:
        import watchfiles

        folder = os.path.join(paths.dirs().state, "projects")
        os.makedirs(folder, mode=0o700, exist_ok=True)
        async for _ in watchfiles.awatch(folder, debounce=200, step=50):
            self.look()

    @work(thread=True, exclusive=True, group="recover")
    def put_right(self) -> None:
        recover.recover(self.env)

    @work
    async def look(self) -> None:
        """Reads what has changed, and shows it; once more, if it was asked for meanwhile."""
        self.asked = True
        while self.asked and not self.looking:
            self.asked, self.looking = False, True
            try:
                self.rows = await asyncio.to_thread(self.board.rows)
                with self.while_shown():
                    self.show_list()
                await self.show_task()
            finally:
                self.looking = False

    def show_list(self) -> None:
        everywhere = self.board.project is None
        sought = self.query_one("#filter", Input).value.lower().split()
        found = [r for r in self.rows if all(word in _about(r) for word in sought)]
        where = "all projects" if everywhere else os.path.basename(self.board.project)
        said = f"{where} · {overview.totals(found) if found else 'no tasks'}"
        self.query_one("#totals", Static).update(Text(said, "bold", no_wrap=True, overflow="ellipsis"))
        width = self.query_one("#tasks").scrollable_content_region.width
        listed = [(_key(r), r["state"], _entry(r, everywhere, width)) for r in found[:SHOWN]]
        if listed != self.listed:
            self.listed = listed
            self._relist(listed)

    def _relist(self, listed: list[tuple]) -> None:
        """The list anew, with the same task selected where it is still there."""
        view = self.query_one("#tasks", OptionList)
        keys = [key for key, *_ in listed]
        with self.prevent(OptionList.OptionHighlighted):
            view.clear_options()
            view.add_options([Option(entry, id=key) for key, _, entry in listed])
            self.selected = self.selected if self.selected in keys else next(iter(keys), "")
            view.highlighted = keys.index(self.selected) if keys else None

    @on(OptionList.OptionHighlighted, "#tasks")
    async def select(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_id and event.option_id != self.selected:
            self.selected = event.option_id
            self.query_one("#words", Input).value = ""
            await self.show_task()

    @property
    def task(self) -> dict | None:
        """The row of the selected task."""
        return next((r for r in self.rows or () if _key(r) == self.selected), None)

    @contextlib.contextmanager
    def while_shown(self) -> Iterator[None]:
        """Lets a look end quietly whose screen was taken down meanwhile: the person has quit."""
        try:
            yield
        except NoMatches:
            if self.is_running:
                raise

    async def show_task(self) -> None:
        if self.rows is not None:
            with self.while_shown():
                await self._show_task()

    async def _show_task(self) -> None:
        r = self.task
        if r is None:
            self._show_nothing()
            return
        self._put("#title", detail.title(r))
        self._put("#question", detail.asked(r))
        box = self.query_one("#words", Input)
        box.set_class(bool(r["questions"]), "asks")
        box.placeholder = f"answer {r['id']} …" if r["questions"] else f"tell {r['id']} to …"
        await getattr(self, f"_show_{self.query_one('#tabs', TabbedContent).active}")(r)

    def _show_nothing(self) -> None:
        hint = "nothing fits the filter" if self.rows else NONE
        for name, said in (("#title", hint), ("#question", ""), ("#checklist", ""), ("#changes", "")):
            self._put(name, Text(said))
        for view in self.query(RichLog):
            view.clear()
        self.tails, self.diffed = {}, ()

    def _put(self, name: str, text: Text) -> None:
        """Updates only what differs, so that an idle screen is not drawn again."""
        if self.shown.get(name) != text.markup:
            self.shown[name] = text.markup
            self.query_one(name, Static).update(text)

    async def _show_plan(self, r: dict) -> None:
        self._put("#checklist", await asyncio.to_thread(detail.checklist, _folder(r)))

    async def _show_diff(self, r: dict) -> None:
        seen = (_key(r), r["state"], r["last"], time.monotonic() // DIFF)
        if seen != self.diffed:  # git is not asked at every look
            self.diffed = seen
            self._put("#changes", await asyncio.to_thread(changes.text, _folder(r)))

    async def _show_activity(self, r: dict) -> None:
        await self._tail("#worker-log", r, "worker.log")

    async def _show_log(self, r: dict) -> None:
        await self._tail("#events", r, "events.jsonl")

    async def _tail(self, name: str, r: dict, file: str) -> None:
        view = self.query_one(name, RichLog)
        shown = (_folder(r), view.scrollable_content_region.width)  # lines stay as they were folded when they came
        if self.tails.get(name, ((), None))[0] != shown:
            self.tails[name] = (shown, detail.Tail(shown[0], file))
            view.clear()
        _, tail = self.tails[name]
        for line in await asyncio.to_thread(tail.fresh):
            view.write(Text(line), scroll_end=self.follow)

    @on(TabbedContent.TabActivated)
    async def turn(self) -> None:
        await self.show_task()

    # moving about

    def action_move(self, by: int) -> None:
        view = self.query_one("#tasks", OptionList)
        view.action_cursor_down() if by > 0 else view.action_cursor_up()

    def action_next(self) -> None:
        """To the next task that asks."""
        keys = [key for key, state, _ in self.listed if state == "asks"]
        if not keys:
            self.notify("nothing asks")
            return
        after = keys.index(self.selected) + 1 if self.selected in keys else 0
        self.query_one("#tasks", OptionList).highlighted = [k for k, *_ in self.listed].index(keys[after % len(keys)])

    def action_tab(self, by: int) -> None:
        tabs = self.query_one("#tabs", TabbedContent)
        names = [pane.id for pane in tabs.query(TabPane)]
        tabs.active = names[(names.index(tabs.active) + by) % len(names)]

    def action_follow(self) -> None:
        self.follow = not self.follow
        self.query_one("#tabs", TabbedContent).active = "activity"
        for view in self.query(RichLog):
            view.auto_scroll = self.follow
            if self.follow:
                view.scroll_end(animate=False)
        self.notify("following what it does" if self.follow else "standing still; f follows again")

    def action_project(self) -> None:
        """The next project that has tasks, and after the last one all of them."""
        places = [None, *sorted(overview.projects())]
        at = places.index(self.board.project) if self.board.project in places else 0
        self.board = overview.Board(places[(at + 1) % len(places)])
        self.look()

    def action_filter(self) -> None:
        box = self.query_one("#filter", Input)
        box.add_class("on")
        box.focus()

    @on(Input.Changed, "#filter")
    def narrow(self) -> None:
        self.look()

    @on(Input.Submitted, "#filter")
    def action_back(self) -> None:
        """Out of a box, back to the list; from the list, out of the filter."""
        box = self.query_one("#filter", Input)
        if self.focused is not box and self.focused is self.query_one("#tasks"):
            box.value = ""
        if not box.value:
            box.remove_class("on")
        self.query_one("#tasks").focus()

    # doing

    def action_speak(self) -> None:
        self.query_one("#words").focus()

    @on(OptionList.OptionSelected, "#tasks")
    def chosen(self) -> None:
        self.action_speak()

    def action_option(self, n: int) -> None:
        """An option's number, for the person to send with Enter: a key alone answers nothing."""
        r = self.task
        if r and r["questions"] and n <= len(r["questions"][0]["options"]):
            box = self.query_one("#words", Input)
            box.value, box.cursor_position = str(n), 1
            box.focus()

    @on(Input.Submitted, "#words")
    async def say(self, event: Input.Submitted) -> None:
        r = self.task
        if r and event.value.strip() and await self._do(deeds.say, r, event.value):
            event.input.value = ""
            self.query_one("#tasks").focus()

    @work
    async def action_do(self, name: str) -> None:
        """A deed that is asked about first; one that cannot be done is not even asked about."""
        r = self.task
        if r is None:
            return
        try:
            question = deeds.question(name, _folder(r))
        except FatalError as error:
            self._complain(error)
            return
        if await self.push_screen_wait(Confirm(question)):
            await self._do(getattr(deeds, name), r)

    def action_keys(self) -> None:
        self.push_screen(Keys())

    def action_open(self) -> None:
        """A shell in the folder where the task works; its end leads back here."""
        r = self.task
        if r is None:
            return
        try:
            with self.suspend():
                deeds.shell(_folder(r), self.env)
        except FatalError as error:
            self._complain(error)
        self.refresh()

    async def _do(self, deed, r: dict, *args: str) -> bool:
        """Does something with a task and says what came of it. Whether it was done."""
        try:
            said = await asyncio.to_thread(deed, _folder(r), self.env, *args)
        except FatalError as error:
            self._complain(error)
            return False
        self.notify(said, markup=False)
        self.look()
        return True

    def _complain(self, error: FatalError) -> None:
        self.notify(str(error), severity="error", timeout=10, markup=False)


def _folder(r: dict) -> str:
    return tasks.folder(r["project"], r["id"])


def _key(r: dict) -> str:
    return tasks.key(_folder(r))


def _about(r: dict) -> str:
    return f"{r['project']}/{r['id']} {r['state']} {r['who']} {r['title']}".lower()


def _entry(r: dict, everywhere: bool, width: int) -> Text:
    out = Text(f"{r['state']:<9} ", words.COLOURS.get(r["state"], ""))
    out.append(f"{r['ticked']}/{r['items']}".rjust(5) + " ", "dim").append(words.name(r, everywhere), "default")
    out.truncate(max(width, 20), overflow="ellipsis")
    return out
