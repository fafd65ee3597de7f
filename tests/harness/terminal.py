"""A program in a terminal of a person's size, in tmux: what they see is what is tested."""

import contextlib
import itertools
import os
import shlex
import subprocess
import tempfile

from .npm import Unavailable
from .tmux import TMUX
from .waiting import PATIENCE, wait_fitting

_numbers = itertools.count(1)


class Terminal:
    """`Terminal(argv, env, cwd)` runs until it ends by itself or end() is called."""

    def __init__(self, argv: list[str], env: dict[str, str], cwd, width: int = 80, height: int = 24):
        if not TMUX:
            raise Unavailable("tmux is not on PATH")
        self.env = env
        self.socket = os.path.join(tempfile.gettempdir(), f"dh-term-{os.getpid()}-{next(_numbers)}")
        size = ["-x", str(width), "-y", str(height)]
        stay = ["set-option", "-g", "remain-on-exit", "on"]
        session = ["new-session", "-d", *size, "-c", str(cwd), "exec " + shlex.join(argv)]
        self._tmux("start-server", ";", *stay, ";", *session)

    def screen(self, colours: bool = False) -> str:
        return self._tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def type(self, words: str) -> None:
        self._tmux("send-keys", "-l", "--", words)

    def key(self, *names: str) -> None:
        """Keys by tmux's names: Enter, Escape, C-c, Up, Tab…"""
        self._tmux("send-keys", *names)

    def click(self, column: int, row: int) -> None:
        """A press and release of the left button, as terminals report it (SGR), counted from 1."""
        for end in "Mm":
            self._tmux("send-keys", "-l", f"\x1b[<0;{column};{row}{end}")

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def wait_for(self, what, timeout: float = PATIENCE) -> str:
        """The screen, as soon as it holds the words (or fits)."""
        fits = what if callable(what) else (lambda screen: what in screen)
        return wait_fitting(self.screen, fits, timeout, f"{what}")

    @property
    def ended(self) -> bool:
        return self._tmux("list-panes", "-F", "#{pane_dead}").strip() == "1"

    def end(self) -> None:
        with contextlib.suppress(AssertionError):
            self._tmux("kill-server")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)

    def _tmux(self, *command: str) -> str:
        argv = [TMUX, "-S", self.socket, "-f", "/dev/null", *command]
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"tmux {command[0]}: {done.stderr.strip()}")
        return done.stdout
