"""Claude Code in a terminal, as a person has it: in tmux, 200 by 50."""

import itertools
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable

from .claude import Sandbox
from .npm import Unavailable
from .waiting import PATIENCE, wait_fitting, wait_until

TMUX = shutil.which("tmux")
WIDTH, HEIGHT = 200, 50
BOX = re.compile(r"^─{20,}[^\n]*\n[❯!](?P<typed>.*?)\n─{20,}", re.M | re.S)
PIECE = 60  # keys

_numbers = itertools.count(1)


class Chat:
    """One interactive Claude Code. `say` types and sends; every failing wait shows the screen."""

    def __init__(self, sandbox: Sandbox, *args: str, cwd=None, env: dict[str, str] | None = None):
        if not TMUX:
            raise Unavailable("tmux is not on PATH")
        self.sandbox = sandbox
        self.cwd = cwd or sandbox.project
        self.env = env or {}
        self.socket = sandbox.root / f"chat{next(_numbers)}.sock"
        self.start(*args)

    # life

    def start(self, *args: str) -> None:
        """Start `claude ARGS…` and wait for its input box. Also after exit() or kill9(), on a fresh screen."""
        env = self.sandbox.env(**self.env)
        size = ["-x", str(WIDTH), "-y", str(HEIGHT)]
        # auto, the default, asks the real API to judge each command
        mode = [] if "--permission-mode" in args else ["--permission-mode", "default"]
        scrollback = ["set-option", "-g", "history-limit", "20000"]
        # One word that replaces its shell: so pane_pid is Claude Code itself.
        session = ["new-session", "-d", *size, "-c", str(self.cwd), "exec " + shlex.join(["claude", *mode, *args])]
        self._tmux("start-server", ";", *scrollback, ";", *session, env=env)
        self.pid = int(self._tmux("display-message", "-p", "#{pane_pid}"))
        self.wait_for(BOX.search)

    def resume(self, *args: str) -> None:
        """Start again with the conversation that was last (`-c`), or as `args` say."""
        self.start(*(args or ("-c",)))

    def exit(self) -> None:
        self.type("/exit")
        self.enter()
        self.wait_ended()

    def kill9(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.wait_ended()

    def close_terminal(self) -> None:
        """What closing the window does: SIGHUP."""
        self._tmux("kill-server")
        self.wait_ended()

    def wait_ended(self, timeout: float = PATIENCE) -> None:
        wait_until(lambda: not self.alive, timeout, lambda: f"claude still runs:\n{self.screen()}")
        wait_until(lambda: not self._has_server, timeout, "the tmux server still runs")

    @property
    def alive(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    # typing

    def type(self, words: str) -> None:
        """Type, and wait until the input box shows it; a line break is ctrl+j, as a person's would be.

        Piece by piece, each seen before the next: Claude Code takes many keys at once for a paste.
        """
        shown = squeezed(self.typed)
        for piece in re.findall(rf"\n|[^\n]{{1,{PIECE}}}", words):
            self._tmux("send-keys", *(["C-j"] if piece == "\n" else ["-l", "--", piece]))
            shown += squeezed(piece)
            self.wait_for(lambda _, shown=shown: squeezed(self.typed).endswith(shown[-200:]), why=f"typed {words!r}")

    def key(self, *names: str) -> None:
        """Keys by tmux's names: Enter, Escape, C-c, Up, BSpace…"""
        self._tmux("send-keys", *names)

    def enter(self) -> None:
        self.key("Enter")

    def say(self, words: str) -> None:
        """Type and send. Returns when the box has let go of it.

        For a prompt that a hook puts back into the box use type() and enter().
        """
        self.type(words)
        self.enter()
        self.wait_for(lambda _: squeezed(words)[-60:] not in squeezed(self.typed), why=f"sent {words!r}")

    def clear_box(self) -> None:
        """Empty the input box. One C-u takes one line of it."""

        def empty() -> bool:
            if self.typed:
                self.key("C-e", "C-u")
            return not self.typed

        wait_until(empty, why=lambda: f"the box stays full:\n{self.screen()}")

    def paste(self, words: str) -> None:
        """Paste text of many lines, as a terminal does (bracketed).

        From four lines or some 800 characters on the box shows `[Pasted text #1 +3 lines]`, and hooks and model get
        it between <pasted_content> marks.
        """
        before = self.typed
        self._tmux("load-buffer", "-", input=words)
        self._tmux("paste-buffer", "-p", "-d")
        self.wait_for(lambda _: self.typed != before, why=f"pasted {words!r}")

    # looking

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-J")

    def history(self) -> str:
        """The screen with all that has scrolled off."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-")

    @property
    def typed(self) -> str:
        """What is in the input box."""
        box = list(BOX.finditer(self.screen()))
        return box[-1]["typed"].strip() if box else ""

    def wait_for(self, what: str | Callable[[str], object], timeout: float = PATIENCE, why: str = "") -> str:
        """The screen, as soon as it holds the words (or fits)."""
        fits = what if callable(what) else (lambda screen: squeezed(what) in squeezed(screen))
        return wait_fitting(self.screen, fits, timeout, f"{why or what}")

    def wait_gone(self, words: str, timeout: float = PATIENCE) -> None:
        self.wait_for(lambda screen: squeezed(words) not in squeezed(screen), timeout, f"still there: {words}")

    def wait_idle(self, timeout: float = PATIENCE) -> None:
        """Until the turn is over. First wait for a sign of the turn itself: a prompt just sent leaves it idle."""
        self.wait_for(lambda screen: self.status == "idle" and BOX.search(screen), timeout, "not idle")

    def confirm(self, *keys: str, timeout: float = PATIENCE) -> None:
        """Answer the dialog that is open by these keys (Enter: its first choice).

        Claude Code lets keys fall that come right after a dialog opened, so they are sent again until it closes.
        """
        wait_until(lambda: self.status == "waiting", timeout, lambda: f"no dialog:\n{self.screen()}")
        opened = self.record.get("statusUpdatedAt")
        presses = itertools.count()

        def closed() -> bool:
            if self.record.get("statusUpdatedAt") != opened:
                return True
            if next(presses) % 10 == 0:
                self.key(*(keys or ("Enter",)))
            return False

        wait_until(closed, timeout, lambda: f"the dialog stays:\n{self.screen()}")

    # the conversation

    @property
    def record(self) -> dict:
        """What Claude Code itself notes about a running session, {} while it writes it."""
        try:
            return json.loads((self.sandbox.claude_dir / f"sessions/{self.pid}.json").read_text())
        except (FileNotFoundError, ValueError):
            return {}

    @property
    def status(self) -> str:
        """idle, busy, or waiting (a dialog is open)."""
        return self.record.get("status", "")

    @property
    def session(self) -> str:
        """The id of the session that the chat is in now."""
        return wait_until(lambda: self.record.get("sessionId"), 5, "no record of the session")

    def transcript(self) -> list[dict]:
        return self.sandbox.transcript(self.session)

    def _tmux(self, *command: str, input: str | None = None, env: dict[str, str] | None = None) -> str:
        argv = [TMUX, "-S", str(self.socket), "-f", "/dev/null", *command]
        done = subprocess.run(
            argv, input=input, env=env or self.sandbox.env(), capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(f"tmux {command[0]}: {done.stderr.strip()} (did claude end?)")
        return done.stdout

    @property
    def _has_server(self) -> bool:
        try:
            return bool(self._tmux("list-sessions"))
        except AssertionError:
            return False


def squeezed(words: str) -> str:
    """Without white space: a screen wraps and pads as it likes."""
    return re.sub(r"\s+", "", words)
