"""git as we run it: with nothing of a worker's environment, no hook, no prompt, and no program that a repository names.

A repository's configuration may name programs (filters, drivers, a file system monitor, ssh, signing), and a worker
may write it. Every such key is put back to what the person's own configuration says of it, or out of force; hooks,
fetching and signing are off. What git would start inside a submodule is avoided by leaving submodules out.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator

from dispatch_hooks.errors import FatalError

KEPT = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH")
"""Of git's variables those that say how the person has set git up; all others are about some other repository."""

OFF = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.untrackedCache": "false",
    "commit.gpgSign": "false",
    "submodule.recurse": "false",
    "diff.ignoreSubmodules": "all",
    "merge.verifySignatures": "false",
    "gc.auto": "0",
    "advice.detachedHead": "false",
}

PROGRAM = re.compile(
    r"core\.(sshcommand|askpass|editor|pager|gitproxy|alternaterefscommand)|diff\.external|sequence\.editor|pager\..*"
    r"|filter\..*\.(clean|smudge|process|required)|diff\..*\.(command|textconv)|merge\..*\.driver"
    r"|gpg\.(.*\.)?(program|defaultkeycommand)|credential\.(.*\.)?helper|remote\..*\.(uploadpack|receivepack|vcs)",
    re.S,
)
"""Keys that name a program (or, of a filter, that it must run)."""

FILTER = re.compile(r"filter\.(.*)\.(?:clean|smudge|process)", re.S)

OWN = ("system", "global", "command")
"""Where the person's configuration comes from; `local` and `worktree` are the repository's."""


OLDEST = (2, 31)
"""The first version that takes configuration from its environment."""


class GitError(FatalError):
    """What git said, in one line."""


class Git:
    """git in one place: a work tree with its git directory found by git, or given (where what is there may lie)."""

    def __init__(self, cwd: str, git_dir: str = "", common: str = "", mark: str = "", stopped=None) -> None:
        """mark: the run that it is done for. stopped() is asked while git runs, and ends it."""
        self.cwd, self.stopped = cwd, stopped
        self._shield: dict[str, str] | None = None
        self._unfiltered: set[str] = set()
        tree = cwd if git_dir else ""
        own = {"GIT_DIR": git_dir, "GIT_COMMON_DIR": common, "GIT_WORK_TREE": tree, "DISPATCH_HOOKS_RUN": mark}
        self.env = {**environment(), **{name: value for name, value in own.items() if value}}

    def __call__(self, *args: str, text: str | None = None, **env: str) -> str:
        """Its output, without the last line end. GitError where it fails."""
        code, out, err = self.run(*args, text=text, **env)
        if code:
            raise GitError(f"git {args[0]}: {said(err) or said(out) or f'exit status {code}'}")
        return out.removesuffix("\n")

    def says(self, *args: str) -> bool:
        """Whether it ends well."""
        return self.run(*args)[0] == 0

    def run(self, *args: str, text: str | None = None, **env: str) -> tuple[int, str, str]:
        """(status, output, errors)."""
        if self._shield is None:
            off = _disarmed(self._run(("config", "--list", "--show-scope", "-z"), None, {})[1])
            self._shield = _counted({**OFF, **off})
            self._unfiltered = {found[1] for key in off if not off[key] and (found := FILTER.fullmatch(key))}
        return self._run(args, text, {**self._shield, **env})

    def unfiltered(self, names: list[str], *options: str, **env: str) -> list[str]:
        """Those of the names that a filter is for which only the repository's configuration defines: it is not run."""
        if not (names and self.disarmed()):
            return []
        words = self("check-attr", "-z", "--stdin", *options, "filter", text="\0".join(names), **env).split("\0")
        return [name for name, value in zip(words[::3], words[2::3], strict=False) if value in self._unfiltered]

    def disarmed(self) -> bool:
        """Whether there is such a filter."""
        self.says("--version")
        return bool(self._unfiltered)

    def _run(self, args: tuple, text: str | None, env: dict) -> tuple[int, str, str]:
        try:
            child = subprocess.Popen(
                [_program(self.env["PATH"]), *args], cwd=self.cwd, env={**self.env, **env},
                stdin=subprocess.DEVNULL if text is None else subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, encoding="utf-8", errors="surrogateescape",
                start_new_session=True,  # ^C, and a hook that is killed with its group, stop no git halfway
                pass_fds=_held,
            )  # fmt: skip
        except OSError as error:
            raise GitError(f"git cannot be run in {self.cwd}: {error.strerror}") from error
        return self._heard(child, text)

    def _heard(self, child: subprocess.Popen, text: str | None) -> tuple[int, str, str]:
        while True:
            try:
                out, err = child.communicate(text, timeout=0.2 if self.stopped else None)
            except subprocess.TimeoutExpired:
                if self.stopped():
                    child.kill()
            else:
                return child.returncode, out, err


_held: list[int] = []


@contextlib.contextmanager
def holding(lock: int) -> Iterator[None]:
    """A lock that each git that is started meanwhile holds too: if we are killed, it is held until git has ended."""
    _held.append(lock)
    try:
        yield
    finally:
        _held.remove(lock)
        os.close(lock)


def environment() -> dict:
    """The person's environment without what is about a repository, an editor or a prompt."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name in KEPT}
    path = [folder for folder in env.get("PATH", os.defpath).split(os.pathsep) if os.path.isabs(folder)]
    quiet = {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "GIT_EDITOR": ":", "GIT_PAGER": "cat"}
    # A clone that fetches what it lacks on demand would run what its configuration calls a transport.
    return {**env, **quiet, "GIT_ALLOW_PROTOCOL": "", "LC_ALL": "C", "PATH": os.pathsep.join(path)}


def _program(path: str) -> str:
    from shutil import which

    found = which("git", path=path)
    if found is None:
        raise GitError("git is not on PATH; install it")
    return found


def _disarmed(listed: str) -> dict[str, str]:
    """The keys of a repository's configuration that name programs, each with the person's own value, else harmless."""
    words = listed.split("\0")
    entries = [(scope, *entry.partition("\n")[::2]) for scope, entry in zip(words[::2], words[1::2], strict=False)]
    found = [(scope in OWN, key, value) for scope, key, value in entries if PROGRAM.fullmatch(key)]
    own = {key: value for ours, key, value in found if ours}
    return {key: own.get(key, _harmless(key)) for ours, key, _ in found if not ours}


def _harmless(key: str) -> str:
    """Nothing; for what must be something: a filter that need not run, a merge driver that finds a conflict."""
    return "false" if key.endswith((".required", ".driver")) else ""


def _counted(config: dict[str, str]) -> dict[str, str]:
    """Configuration as git takes it from its environment."""
    found = {"GIT_CONFIG_COUNT": str(len(config))}
    for n, (key, value) in enumerate(config.items()):
        found |= {f"GIT_CONFIG_KEY_{n}": key, f"GIT_CONFIG_VALUE_{n}": value}
    return found


def said(text: str) -> str:
    """The line that says what is wrong: the first that git calls fatal or an error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("hint:")]
    wrong = [line for line in lines if line.startswith(("fatal: ", "error: "))]
    return (wrong or lines[-1:] or [""])[0].partition(": ")[2 if wrong else 0][:300]


def version() -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", Git("/")._run(("--version",), None, {})[1])
    return tuple(map(int, found.groups())) if found else (0,)


def submodules(at: Git) -> list[str]:
    """The places of submodules, as the index has them."""
    rows = at("ls-files", "--stage", "-z").split("\0")
    return [row.partition("\t")[2] for row in rows if row.startswith("160000 ")]
