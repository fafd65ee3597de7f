"""Faults at exact points of a process's way, put into its system calls by strace: production code has no flag for it.

A point is the n-th call of one kind ("rename", 3) of one process; its name ("rename state/inbox/…/new/…") is read
from the trace afterwards, so what is counted is what was really hit.
"""

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dispatch_hooks import processes

STRACE = shutil.which("strace")

CHANGES = "rename renameat renameat2 link linkat unlink unlinkat rmdir mkdir mkdirat mknod mknodat".split()

CALLS = [*CHANGES, "open", "openat", "execve", "clone", "fork", "vfork"]
"""Whatever changes the world or brings another program into it."""

KILL, STOP = "KILL", "STOP"


@dataclass(frozen=True)
class Fault:
    """signal (KILL, STOP) or error (ENOSPC) at the nth call of a kind; without either a trace that changes nothing.

    host: what a hook's host meets (KILL, STOP) while its hook stands still at the point.
    """

    call: str = ""
    nth: int = 0
    signal: str = ""
    error: str = ""
    follow: bool = False
    host: str = ""

    def argv(self, log: Path) -> list[str]:
        what = f"signal={self.signal}" if self.signal else f"error={self.error}"
        inject = ["-e", f"inject={self.call}:{what}:when={self.nth}"] if self.call else []
        return [
            STRACE, *(["-f"] if self.follow else []), "-o", str(log), "-s", "300", "-e",
            "trace=" + ",".join(f"?{call}" for call in CALLS), *inject, "--",
        ]  # fmt: skip


LINE = re.compile(r"^(?:(?P<pid>\d+) +)?(?P<call>\w+)\((?P<rest>.*)$")

PATH = re.compile(r'"((?:[^"\\]|\\.)*)"')


def calls(log: Path, root: Path) -> list[tuple[str, int, str]]:
    """(call, which one of its kind in its process, its name) of all calls that concern us, in the order of a trace."""
    seen: Counter = Counter()
    found = []
    for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
        match = LINE.match(line)
        if match and match["call"] in CALLS:
            seen[match["pid"], match["call"]] += 1
            if name := _name(match["call"], match["rest"], root):
                found.append((match["call"], seen[match["pid"], match["call"]], name))
    return found[1:] if found and found[0][0] == "execve" else found  # strace's own start of the program


def _name(call: str, rest: str, root: Path) -> str:
    """A point's name without what changes from run to run; "" for what is none of ours (a library, /proc)."""
    if call in ("clone", "fork", "vfork"):
        return call
    paths = PATH.findall(rest)
    if call == "execve":
        return f"execve {os.path.basename(paths[0])}" if paths else ""
    if not paths or not (str(root) in rest or not paths[-1].startswith("/")):
        return ""
    name = _plain(paths[-1].replace(f"{root}/", ""))
    return "" if name.startswith(("tree", str(root))) else f"{call} {name}"  # an import is no step of the route


def _plain(path: str) -> str:
    path = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "U", path)
    path = re.sub(r"[0-9a-f]{10}\b", "H", path)
    return re.sub(r"\d+", "#", path)


def struck(log: Path, root: Path) -> str:
    """The name of the call at which the traced process was hit, "" if it was not."""
    text = log.read_text(errors="replace") if log.exists() else ""
    head, mark, _ = text.partition("--- SIGSTOP")
    if not mark:
        head, mark, _ = text.partition("+++ killed by SIGKILL")
    if not mark:
        return ""
    last = next((m for m in map(LINE.match, reversed(head.splitlines())) if m), None)
    return (_name(last["call"], last["rest"], root) or f"{last['call']} elsewhere") if last else ""


def frozen(log: Path) -> bool:
    return log.exists() and "stopped by SIGSTOP" in log.read_text(errors="replace")


def tracees(log: Path) -> list[int]:
    """The processes that are traced into this log."""
    owners = [pid for pid in _pids() if str(log) in (words := processes.arguments(pid)) and "strace" in words[0]]
    return [found for pid in owners for found in below(pid)]


def below(pid: int) -> list[int]:
    """All descendants, as Claude Code finds them when it kills a hook."""
    return [found for child in processes.children(pid) for found in [child, *below(child)]]


def tracers(root: Path) -> list[int]:
    """The straces that write below a folder."""
    return [
        pid for pid in _pids()
        if (words := processes.arguments(pid)) and words[0].endswith("strace") and any(str(root) in w for w in words)
    ]  # fmt: skip


def _pids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
