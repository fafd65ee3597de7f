"""Processes: who is alive, who started whom, and how to start one that nobody takes along when he dies.

Linux reads /proc; elsewhere `ps` tells the same (slower). A pid alone is no name: with its start time it is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterable

try:
    from _sha1 import sha1  # what hashlib gives, without loading OpenSSL
except ImportError:
    from hashlib import sha1

LINUX = sys.platform.startswith("linux") and os.path.isdir("/proc/self")

SUPERVISOR = "dh-supervisor"
"""What a supervisor calls itself on Linux: by it all of its descendants know it, whatever their environment says. Only
a process itself can change its name.
"""


def _stat(pid: int) -> list[bytes] | None:
    """The fields of /proc/<pid>/stat after the command's name (which may hold spaces and brackets)."""
    return _named(pid)[1]


def _named(pid: int) -> tuple[str, list[bytes] | None]:
    """The name that a process goes by, and those fields."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            name, _, fields = f.read().rpartition(b")")
    except OSError:
        return "", None
    return name.partition(b"(")[2].decode(errors="replace"), fields.split()


def _ps(pid: int, field: str) -> str:
    import subprocess

    done = subprocess.run(["ps", "-o", f"{field}=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def started(pid: int) -> str:
    """When the process began, in words that are equal only for the same process; "" when there is none."""
    if LINUX:
        fields = _stat(pid)
        return fields[19].decode() if fields and fields[0] not in b"ZX" else ""
    return _ps(pid, "lstart")


def parent(pid: int) -> int:
    """The parent's pid, 0 when there is no such process."""
    if LINUX:
        fields = _stat(pid)
        return int(fields[1]) if fields else 0
    return int(_ps(pid, "ppid") or 0)


def parents(pid: int) -> dict[int, str]:
    """The pid and all its forebears up to, not including, the first process of the machine; on Linux with the names
    that they go by.
    """
    chain: dict[int, str] = {}
    while pid > 1 and pid not in chain:
        chain[pid], fields = _named(pid) if LINUX else ("", [b"", b"%d" % parent(pid)])
        pid = int(fields[1]) if fields else 0
    return chain


def arguments(pid: int) -> list[str]:
    """The process's command line; empty when it cannot be read."""
    if not LINUX:
        return _ps(pid, "args").split()
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def terminal(pid: int) -> bool:
    """Whether the process has a controlling terminal."""
    if LINUX:
        fields = _stat(pid)
        return bool(fields) and fields[4] != b"0"
    return _ps(pid, "tty") not in ("", "?", "??", "-")


def boot() -> str:
    """A name of this machine's present boot, or of a container's: its pids, too, mean nothing after it."""
    return (_line("/proc/sys/kernel/random/boot_id") or _sysctl("kern.bootsessionuuid") or _sysctl("kern.boottime")) + (
        _container()
    )


def _line(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return f.read(4096).strip()
    except OSError:
        return ""


def _container() -> str:
    """The name of this process's own space of pids, "" where that is the machine's."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""
    return "" if space == "pid:[4026531836]" else f" {space}"  # the kernel's PROC_PID_INIT_INO


def _sysctl(name: str) -> str:
    import subprocess

    try:
        return subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def machine() -> str:
    """A name that stays when the host name changes, as a laptop's does with its network. machine-id(5) is to be kept
    to the machine, so its hash; containers of one image share it, and are told apart by their host names.
    """
    known, name = _line("/etc/machine-id"), os.uname().nodename
    return sha1(f"dispatch-hooks {known}{_container() and name}".encode()).hexdigest()[:16] if known else name


def here(who: dict) -> bool:
    """Whether an identity is one of this machine; records of before 0.2 have its host name."""
    return who.get("machine") in (machine(), os.uname().nodename)


def identity(pid: int) -> dict:
    """What names a process for good: {"pid", "started", "boot", "machine"}."""
    return {"pid": pid, "started": started(pid), "boot": boot(), "machine": machine()}


def alive(who: dict | None) -> bool:
    """Whether the process of an identity still runs. Another machine's are never judged: taken as alive."""
    if not who or not who.get("pid"):
        return False
    if not here(who):
        return True
    return who.get("boot") == boot() and who["started"] == started(who["pid"]) != ""


def marked(name: str, value: str) -> list[int]:
    """The processes of this user whose environment holds name=value, whatever became of their parents."""
    want = f"{name}={value}".encode()
    found = []
    for entry in os.listdir("/proc") if LINUX else []:
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as f:
                if want in f.read().split(b"\0") and started(int(entry)):
                    found.append(int(entry))
    return found if LINUX else _marked_by_ps(want.decode())


def children(pid: int) -> list[int]:
    """The living children of a process; on Linux only, where orphans come to a subreaper."""
    found = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()] if LINUX else []
    return [child for child in found if parent(child) == pid and started(child)]


def _marked_by_ps(want: str) -> list[int]:
    import subprocess

    done = subprocess.run(["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=False)
    rows = (line.split(None, 1) for line in done.stdout.splitlines())
    return [int(row[0]) for row in rows if len(row) == 2 and want in row[1].split() and int(row[0]) != os.getpid()]


def signal_all(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_handle(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends; None where the system has none (then look)."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:  # it has ended already
        return None


def detach(act, log: str) -> None:
    """Has act() done by a process that outlives its starter, whoever kills that and however; it writes to the log.

    Claude Code kills a hook's whole tree by ancestry, sessions and groups or not; only a process whose parent
    has gone (two forks) survives (measured, docs/claude-code.md).
    """
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        _quiet(log)
        os.chdir("/")
        act()
        os._exit(0)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 0)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(127)


def _quiet(log: str) -> None:
    """Standard input from nowhere, output to the log, and nothing else of the starter's left open."""
    null = os.open(os.devnull, os.O_RDONLY)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.closerange(3, 1024)


def become_supervisor() -> None:
    """On Linux makes this process the parent of descendants whose own parent died (subreaper), and names it."""
    _prctl(36, 1)
    _prctl(15, SUPERVISOR.encode())


def die_with_parent(number: int) -> None:
    """On Linux has the kernel send this process a signal when its parent ends. Called between fork and exec."""
    _prctl(1, number)


def _prctl(option: int, value: int | bytes) -> None:
    if LINUX:
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
