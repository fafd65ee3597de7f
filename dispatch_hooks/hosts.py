"""Hosts: the running Claude Code processes, the chats they hold, and the bells that reach them.

    <runtime>/hosts/<pid>/host.json   {"pid","started","boot","machine","chat","former","project","transcript",…}
                          news        a marker: there is something for a hook to do (the gate looks at it)
                          tasks       a marker: this host has or had tasks
                          asks        a marker: the person may be needed; {"prompt","events"} of what woke the chat
                          watching    the pid of its watcher, and when that process began
                          bell        the watcher's FIFO
                          prompts/    which of our hooks took which prompt
"""

from __future__ import annotations

import os

from dispatch_hooks import files, inbox, paths, processes


def top() -> str:
    return os.path.join(paths.dirs().runtime, "hosts")


def place(pid: int, name: str = "") -> str:
    return os.path.join(top(), str(pid), name) if name else os.path.join(top(), str(pid))


def host_pid(env: dict) -> int:
    """The host's process: Claude Code says so; an older one is the parent of the shell that runs the hook."""
    named = env.get("CLAUDE_PID", "")
    if named.isdigit():
        return int(named)
    return processes.parent(os.getppid())


def register(pid: int, event: dict, project: str, env: dict) -> dict:
    """Records what a host is doing now; keeps the chats that it had before a /clear as `former`."""
    files.own_folder(paths.dirs().runtime)
    old = files.read_json(place(pid, "host.json"))
    if old and not processes.here(old):  # a machine that shares our folders has a process of the same number
        old = None
    elif old and not processes.alive(old):
        forget(pid)
        old = None
    record = old or {**processes.identity(pid), "former": []}
    chat = event.get("session_id") or ""
    former = [c for c in [*record["former"], record.get("chat", chat)] if c != chat]
    new = {
        **record,
        "chat": chat,
        "former": list(dict.fromkeys(former)),
        "project": project,
        "transcript": event.get("transcript_path") or "",
        "entrypoint": env.get("CLAUDE_CODE_ENTRYPOINT", ""),
    }
    if new != old:
        files.write_json(place(pid, "host.json"), new)
    return new


def forget(pid: int) -> None:
    """Clears a host's record away; its watcher, should one live, is rung and sees that it is gone."""
    files.remove(place(pid, "host.json"))
    files.ring(place(pid, "bell"))
    files.clear(place(pid))


def live() -> list[dict]:
    """The hosts that run, this machine's first: nobody knows whether another's still do, where machines share our
    folders. Records of dead ones are cleared away.
    """
    here, elsewhere = [], []
    for name in files.names(top()):
        record = files.read_json(place(int(name), "host.json")) if name.isdigit() else None
        if record and processes.alive(record):
            (here if processes.here(record) else elsewhere).append(record)
        elif record:
            forget(int(name))
    return [*here, *elsewhere]


def owner(chat: str, hosts: list[dict]) -> dict | None:
    """The host that a chat's news go to: the one that holds it, else the one that held it before a /clear."""
    return next((h for h in hosts if h["chat"] == chat), None) or next(
        (h for h in hosts if chat in h["former"]), None
    )


def chats_of(host: dict, hosts: list[dict] | None = None) -> list[str]:
    """The chats whose news this host may claim: its own, and those of its project that nobody else holds."""
    hosts = live() if hosts is None else hosts
    own = [chat for chat in [host["chat"], *host["former"]] if _is(host, owner(chat, hosts))]
    orphans = [
        chat for chat in inbox.chats() if owner(chat, hosts) is None and _about(chat, host["project"])
    ]
    return list(dict.fromkeys([*own, *orphans]))


def _is(host: dict, other: dict | None) -> bool:
    return other is None or other["pid"] == host["pid"]


def _about(chat: str, project: str) -> bool:
    """Whether an orphaned inbox holds anything of the project."""
    where = inbox.folder(chat)
    folders = [os.path.join(where, "new")]
    folders += [os.path.join(where, "claimed", token) for token in files.names(os.path.join(where, "claimed"))]
    names = ((folder, name) for folder in folders for name in files.names(folder))
    return any((files.read_json(os.path.join(f, n)) or {}).get("project") == project for f, n in names)


def notify(chat: str, project: str) -> bool:
    """Tells whoever a chat's news go to that there are some; without an owner, every host of the project.

    False where nobody lives to be told.
    """
    hosts = live()
    found = owner(chat, hosts)
    told = [found] if found else [h for h in hosts if h["project"] == project]
    for host in told:
        mark(host["pid"])
    return bool(told)


def mark(pid: int) -> None:
    files.touch(place(pid, "news"))
    files.ring(place(pid, "bell"))


def expect(pid: int) -> None:
    """Notes that a host has tasks: from now on its gate lets control words and the watcher through."""
    files.touch(place(pid, "tasks"))
    files.ring(place(pid, "bell"))


def clear_watching(pid: int) -> None:
    """Takes away what a killed watcher left, whose pid may be somebody else's by now: the gate would believe it."""
    path = place(pid, "watching")
    if os.path.lexists(path) and not files.held(place(pid, "watcher.lock")):
        files.remove(path)


def first(pid: int, what: str) -> bool:
    """Whether this hook is the first of ours (two installs, user and project) to see a host's event."""
    safe = "".join(c for c in what if c.isalnum() or c in "-.")[:150]
    return files.create(place(pid, os.path.join("prompts", safe)), "")
