"""The watcher: waits beside one host until news should wake its chat, and ends with the digest.

Claude Code starts it as a hook with asyncRewake. Ending with WAKE makes the gate end with 2, and what stands on
stderr then reaches the model in a turn of its own, or with the next tool result of a turn that runs.

It blocks on its bell, on the host's end and on the ends of its tasks' supervisors. It wakes only for what it has
itself claimed, and an item that it claimed once wakes nobody again.
"""

from __future__ import annotations

import os
import select
import sys
import time

from dispatch_hooks import after, config, digest, files, hosts, inbox, inputs, processes, recover, tasks
from dispatch_hooks.host import delivery, log_fault, session_end, worker
from dispatch_hooks.remote import engine, post

WAKE = 77
"""The one exit code that the gate turns into 2, Claude Code's sign to wake; no other way to end has it."""

GAP = 10.0
"""Seconds from one wake to the next: six a minute at most, whatever fails."""

ALONE = 60.0
"""Seconds that a watcher started for a prompt stays while its host has no tasks."""

LOOK = 5.0
"""Seconds between looks where no descriptor tells of the end of a process."""

PATIENCE = 60.0
"""Seconds between looks unrung: a logout takes bells away, a killed process may not have rung."""


def main() -> None:
    try:
        code = watch(dict(os.environ))
    except SystemExit:
        raise
    except BaseException:
        log_fault()
        code = 0
    sys.stdout.flush()
    os._exit(code)


def watch(env: dict) -> int:
    """Waits; returns WAKE with the digest on stderr, or 0 when there is nothing (more) to wait for."""
    pid = hosts.host_pid(env)
    if not wakes_here(pid, env) or worker(env):
        return 0
    files.own_folder(os.path.dirname(hosts.top()))
    lock = files.lock(hosts.place(pid, "watcher.lock"))
    if lock is None:
        return 0
    engine.patience = engine.PATIENT
    return Watcher(pid, env, lock).live()


def wakes_here(pid: int, env: dict) -> bool:
    """Not in plain `claude -p`, where asyncRewake holds the turn up; stream-json, which IDEs use, is told by argv."""
    if env.get("CLAUDE_CODE_ENTRYPOINT", "cli") == "cli":
        return True
    words = processes.arguments(pid)
    return ("stream-json" in words and "--input-format" in words) or "--input-format=stream-json" in words


class Watcher:
    def __init__(self, pid: int, env: dict, lock: int) -> None:
        self.pid, self.env, self.lock = pid, env, lock
        self.begun = time.time()
        self.host_end = processes.end_handle(pid)
        self.ends: dict[str, tuple[int, int | None]] = {}
        self.host: dict | None = None
        self.leaving = self.rung = False
        self.fresh = True
        self.post = post.Post()
        self.chats: dict[str, str] = {}
        import signal

        signal.signal(signal.SIGTERM, self._leave)
        self._settle_in()

    def _settle_in(self) -> None:
        self.bell = files.bell(hosts.place(self.pid, "bell"))
        files.write(hosts.place(self.pid, "watching"), f"{os.getpid()}\n{processes.started(os.getpid())}\n")

    def _leave(self, *_) -> None:
        self.leaving = True
        files.ring(hosts.place(self.pid, "bell"))

    def live(self) -> int:
        """Opens the bell before it looks, looks before it blocks: what happens in between rings."""
        try:
            recover.recover(self.env)
            while True:
                if self.leaving or not processes.started(self.pid):
                    return self._hand_over()
                text, wait = self.step(time.time())
                if text:
                    os.write(2, text.encode("utf-8", "replace"))
                    delivery.handed(self.host, self.token)
                    return WAKE
                if wait is None:
                    return 0
                self._block(wait)
        finally:
            if self._stands():
                files.remove(hosts.place(self.pid, "watching"))

    def step(self, now: float) -> tuple[str, float | None]:
        """(the digest to wake with or "", seconds to wait or None to end)."""
        host = self._host()
        if host is None:
            return "", (ALONE if self.host is None and now - self.begun < ALONE else None)
        if not self._stands() and not self._return(host):
            return "", None
        if self.fresh:
            self.fresh = False
            delivery.take_back_wakes(host)
        delivery.mark(host, hosts.chats_of(host))
        own = self._own_tasks(host)
        self._mind_supervisors(own)
        if not own and not os.path.exists(hosts.place(self.pid, "tasks")) and now - self.begun > ALONE:
            return "", None
        due = self._due(host, own, config.load()["wake"])
        if not due:
            return "", self._patience(own)
        rest = self._last_wake() + GAP - now
        if 0 < rest <= GAP:
            return "", rest
        return self._claim(host, now), self._patience(own)

    def _patience(self, own: list[str]) -> float:
        """Short while there is an end that no descriptor tells of: a supervisor that has only been started, too."""
        ends = [self.host_end, *(self.ends.get(folder, (0, None))[1] for folder in self._here(own))]
        return LOOK if None in ends else PATIENCE

    def _host(self) -> dict | None:
        """The host's record. None before its first hook, and when it has handed over (then our bell was rung)."""
        found = files.read_json(hosts.place(self.pid, "host.json"))
        if found is None and self.host and not self.rung:
            return self.host
        self.host = found or self.host
        return found

    def _stands(self) -> bool:
        """Whether our bell is the one that others ring."""
        try:
            there, ours = os.stat(hosts.place(self.pid, "bell")), os.fstat(self.bell)
        except OSError:
            return False
        return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)

    def _return(self, host: dict) -> bool:
        """A logout takes the runtime folder away under a host that lives on (tmux, screen): its record is written
        again. False where another watcher has come first.
        """
        files.own_folder(os.path.dirname(hosts.top()))
        lock = files.lock(hosts.place(self.pid, "watcher.lock"))
        if lock is None:
            return False
        os.close(self.lock)
        os.close(self.bell)
        self.lock = lock
        files.write_json(hosts.place(self.pid, "host.json"), host)
        files.touch(hosts.place(self.pid, "tasks"))
        self._settle_in()
        return True

    def _own_tasks(self, host: dict) -> list[str]:
        chats, known = hosts.chats_of(host), self.chats
        self.chats = {folder: known.get(folder) or _chat(folder) for folder in tasks.active()}
        return [folder for folder, chat in self.chats.items() if chat in chats]

    def _mind_supervisors(self, own: list[str]) -> None:
        """Hears of the end of each supervisor; one that died without a record is put right at once."""
        for folder in [f for f in self.ends if f not in own]:
            self._unwatch(folder)
        gone = False
        for folder in self._here(own):
            who = tasks.status(folder).get("supervisor") or {}
            if who and self.ends.get(folder, (0, None))[0] != who["pid"]:
                self._unwatch(folder)
                self.ends[folder] = (who["pid"], processes.end_handle(who["pid"]))
            gone = gone or bool(who and not tasks.supervised(folder))
        if gone:
            recover.recover(self.env)

    def _unwatch(self, folder: str) -> None:
        handle = self.ends.pop(folder, (0, None))[1]
        if handle is not None:
            os.close(handle)

    def _here(self, own: list[str]) -> list[str]:
        """Those that no engine has: of the others `post` hears."""
        return [folder for folder in own if not self.post.minds(folder)] if self.post.expected() else own

    def _due(self, host: dict, own: list[str], policy: str) -> list[dict]:
        events = [event for chat in hosts.chats_of(host) for event in inbox.pending(chat)]
        fresh = [event for event in events if not delivery.moot(event)]
        more = any(not self._stuck(folder) for folder in own)
        return fresh if any(wakes(event, policy, more) for event in fresh) else []

    def _stuck(self, folder: str) -> bool:
        """Whether nothing more comes of a task by itself: it is paused, or what it comes after has failed."""
        waits = tasks.status(folder)["state"] == "waiting"
        return waits and (inputs.paused(folder) or bool(after.holding(folder, tasks.read(folder))))

    def _claim(self, host: dict, now: float) -> str:
        self.token = f"{delivery.WAKE}{self.pid}-{int(now * 1000)}"
        events = delivery.take(host, self.token, now)
        if not events:
            return ""
        files.write(hosts.place(self.pid, "woken"), f"{now}\n")
        return digest.for_model(events)

    def _last_wake(self) -> float:
        try:
            with open(hosts.place(self.pid, "woken"), encoding="ascii") as f:
                return float(f.read())
        except (OSError, ValueError):
            return 0.0

    def _block(self, wait: float) -> None:
        """Until something rings, or comes from another machine, or the time is over."""
        until = time.monotonic() + wait
        while not self._heard(min(wait, post.POLL if self.post.expected() else wait)):
            if self._arrived():
                return
            if time.monotonic() >= until:
                return

    def _arrived(self) -> bool:
        """Whether a far supervisor has posted anything; the engines are asked now and then, too."""
        if self.post.expected():
            self.post.round(lambda: recover.recover(self.env))
        moved = self.post.moved()
        if moved:
            hosts.mark(self.pid)
        return moved

    def _heard(self, wait: float) -> bool:
        handles = [self.bell, self.host_end, *(handle for _, handle in self.ends.values())]
        ready = select.select([handle for handle in handles if handle is not None], [], [], wait)[0]
        self.rung = bool(ready)
        files.drain(self.bell)
        for folder, (pid, handle) in self.ends.items():
            if handle in ready:  # told once: it would be ready for ever
                os.close(handle)
                self.ends[folder] = (pid, None)
        return self.rung

    def _hand_over(self) -> int:
        session_end.hand_over(self.pid, self.host)
        return 0


def _chat(folder: str) -> str:
    return (tasks.read(folder) or {}).get("chat", "")


def wakes(event: dict, policy: str, more_to_come: bool) -> bool:
    """Whether an event wakes an idle chat by itself; otherwise it rides on the next turn."""
    if policy in ("off", "all"):
        return policy == "all"
    if event["kind"] in ("question", "permission", "flag"):
        return True
    if policy == "questions":
        return False
    return event["kind"] in inbox.URGENT or not more_to_come
