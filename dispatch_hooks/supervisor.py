"""The supervisor: the detached process that owns one run of one task.

It starts the worker CLI, hands questions to the person and answers to the worker, and records how the run ended
before it announces it. Its loop is step(now); whatever it hears of, it hears of through descriptors.

Rules that others lean on:
- It holds the task's lock from before its first write to after its last.
- Order at the end: no process left, status, event, off the active list, lock released, one more look for input.
- What the person said is taken from the trusted side only; files in the project are questions and ticks, no more.
- It never waits for anything but its descriptors and the clock: no pipe, FIFO or file of a worker's holds it up.
- A worker that is being ended is told nothing any more: what comes then is for the next run.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time

from dispatch_hooks import (
    asks,
    backends,
    briefing,
    config,
    conversation,
    ending,
    files,
    hearing,
    inputs,
    limits,
    outcome,
    processes,
    queue,
    remote,
    tasks,
    waiting,
    worker,
    worktrees,
)
from dispatch_hooks.backends import events
from dispatch_hooks.errors import FatalError
from dispatch_hooks.ledger import Ledger, earlier
from dispatch_hooks.remote import far, handover
from dispatch_hooks.worktrees import sharing

GRACE = 5.0
"""Seconds between asking a worker to end and making it."""

BACKGROUND = 600.0
"""Seconds that a worker whose turn is over may wait for commands that it left in the background."""

TICK = 2.0
"""Seconds after which it looks around unrung: a sandboxed worker may not be able to ring."""


def main(folder: str, *waited: str) -> int:
    """Runs the task of a folder if it is nobody else's, for as long as there is anything new to do.

    waited: the descriptors that one which has waited for its turn brings along.
    """
    lock = waiting.back(*waited) if waited else None
    lease = far.arrive(folder) if far.is_far() else None
    while True:
        lock = lock or files.lock(tasks.lock_file(folder), wait=1.0)
        if lock is None:
            return 0
        said = _run(folder, lock, lease)
        os.close(lock)
        if tasks.handed(folder) and not lease:
            if inputs.cancelled(folder):
                handover.cancel(folder, config.load(), time.time())
            return 0
        if said is None or not (inputs.since(folder, said) or (_waits(folder) and not lease)):
            return far.depart(folder, lease) if lease else 0
        lock = None


def _waits(folder: str) -> bool:
    """Whether its run was paused: it waits for its turn again."""
    return tasks.status(folder)["state"] == "waiting"


def _run(folder: str, lock: int, lease=None) -> dict | None:
    """One run, under the task's lock, if there is anything to do. What it was started with; None: it is not ours."""
    handed = tasks.handed(folder) and not lease  # before the status: who has the task may record its end meanwhile
    task, status = tasks.read(folder), tasks.status(folder)
    if task is None or not (lease.holds() if lease else handed or not _anothers(status)):
        return None
    said = inputs.pending(folder, status)
    if handed:  # one that was killed, or heard no answer, has begun to
        if not remote.job(folder).get("id") and not inputs.cancelled(folder):
            _hand_over(folder, task, status, lock, again=True)
    elif inputs.cancelled(folder):
        inputs.end_cancelled(folder, status, time.time())
    elif status["state"] in tasks.UNSTARTED or said or (lease and lease.interrupted(status)):
        with contextlib.suppress(OSError):  # a full disk; it stands there as a rule
            tasks.activate(folder)
        if not lease:
            waiting.rest(folder, task, status, said, lock)
        slots = [] if lease else waiting.turn(folder, conversation.ordered(task, status, said), status, lock)
        try:
            if remote.elsewhere(task) and not lease:
                _hand_over(folder, task, status, lock)
            else:
                Run(folder, task, status, said, lease).live()
        finally:
            queue.leave(slots)
    return said or inputs.NOTHING


def _hand_over(folder: str, task: dict, status: dict, lock: int, again: bool = False) -> None:
    """Where it is not known whether the engine took it, this never returns: the process waits, and begins anew."""
    why = ending.hand_over(folder, task, status, time.time(), again)
    if why:
        waiting.again(folder, why, lock)


def _anothers(status: dict) -> bool:
    """Whether a logout took the lock away from a supervisor that lives."""
    who = status.get("supervisor") or {}
    return who.get("pid") != os.getpid() and status["state"] in tasks.SUPERVISED and processes.alive(who)


class Run:
    """One life of a worker for a task."""

    def __init__(self, folder: str, task: dict, status: dict, said: dict | None, lease=None) -> None:
        """lease: proof of life, where an engine of another machine runs us (dispatch_hooks.remote)."""
        self.lease = lease
        self.folder, self.task, self.said = folder, dict(task), said or inputs.NOTHING
        self.status = {**status, "run": status["run"] + 1, "state": "running", "why": ""}
        self.status.update({"worked": lease.worked(status)} if lease else {})
        self.status.update(started=None, ended=None, was="", failure="", until=None, earlier=earlier(self.task, status))
        self.status.update(waited=0, asks_since=None, beside={})
        self.before = dict(self.status)
        self.mark = worker.mark(folder, self.status["run"])
        self.ledger = Ledger(folder, self.task, self.status, *([lease.holds] if lease else []))
        self.end: dict = {}
        self.deadline: float | None = None
        self.worker: worker.Worker | None = None
        self.told_to_end = self.nudged = self.turn_over = False
        self.background, self.turn_ended = 0, 0.0
        self.trouble: dict = {}
        """What its CLI told of its error beside the words: {"status","code","resets"}, what of these it tells."""
        self.turns, self.turns_told, self.retries = 0, False, 0
        self.heard = self.silence_told = 0.0
        self.last_words = ""

    # the route

    def live(self) -> None:
        try:
            self._start()
        except FatalError as error:
            asked = {"cancelled": inputs.cancelled(self.folder), "paused": inputs.paused(self.folder)}
            self.end.update(error=str(error), **{how: True for how, true in asked.items() if true})
        except OSError as error:
            self.end["error"] = f"cannot start {error.filename or 'the worker'}: {error.strerror}"
        except Exception as error:
            self.own_fault(error)
        else:
            self._accompany()
        ending.close(self, time.time())

    def _accompany(self) -> None:
        try:
            while not self._over():
                self._wait()
                self.step(time.time())
        except Exception as error:
            self.own_fault(error)

    def own_fault(self, error: Exception) -> None:
        """A fault of ours ends the run, and says so; without a record it would be started again and again."""
        import traceback

        files.say(traceback.format_exc())
        self.end["error"] = f"a fault of its supervisor: {type(error).__name__}: {error}"

    def step(self, now: float) -> None:
        self._hear_worker(now)
        self._hear_person(now)
        self.asks.look(now)
        self._settle_turn(now)
        self._mind_the_clock(now)
        self.ledger.show()
        if self.lease and not self.lease.renew():
            self._stop("superseded", True)

    # start

    def _start(self) -> None:
        signal.signal(signal.SIGTERM, self._told_to_end)
        processes.become_supervisor()
        conversation.follow_orders(self.task, self.status, self.said)
        if self.status["run"] == 1 or inputs.grants(self.said):
            limits.grant(self.status, time.time())
        self.config = config.load()
        worktrees.prepare(self)
        self.bell = files.bell(tasks.bell_file(self.folder))
        self.talk = self._talk(backends.get(self.task["backend"], self.config))
        self.asks = asks.Asks(self.ledger, self.talk, self._send, self.said["answers"])
        drop = [*self.config["env"].get("drop", []), *worktrees.foreign(self.task)]
        self.env = worker.environment(self.task, self.mark, self.place, self.talk.env, drop)
        self._hold(self.talk.not_before)
        self.status.update(supervisor=processes.identity(os.getpid()))
        self.ledger.save()  # first: whoever is killed from here on is lost, and never started as if nothing had run
        self.worker = worker.Worker(self.talk.argv, self.env, self.cwd(), os.path.join(self.folder, "stderr.txt"))
        self.worker.send(self.talk.stdin)
        if self.talk.stdin is None or self.talk.ends_by_itself:
            self.worker.hang_up()
        self._record_start()

    def _talk(self, backend) -> backends.Talk:
        resumes = backend.resumes(self.task, self.config)
        begun = conversation.begin(self.folder, self.task, self.status, self.said, resumes)
        self.place = begun["folder"]
        talk = backend.talk(self.task, {**begun, "cwd": self.cwd()}, self.config)
        self.status["session"] = talk.session
        return talk

    def _hold(self, until: float) -> None:
        """Waits where a CLI would lose its session if it were started at once."""
        if time.time() < until:
            self.status.update(supervisor=processes.identity(os.getpid()), last="waits for its CLI's session to settle")
            self.ledger.save()
        while (left := until - time.time()) > 0 and not self.unwanted():
            select.select([self.bell], [], [], min(left, TICK))
            files.drain(self.bell)

    def unwanted(self) -> bool:
        """Whether what is at work for a run (its set-up, its check) is to be left off; a pause keeps its check."""
        paused = self.worker is None and inputs.paused(self.folder)
        return self.told_to_end or inputs.cancelled(self.folder) or paused

    def _told_to_end(self, *_) -> None:
        self.told_to_end = True
        files.ring(tasks.bell_file(self.folder))

    def cwd(self) -> str:
        return os.path.join(worktrees.root(self.task, self.status), self.task.get("directory") or "")

    def _record_start(self) -> None:
        self.heard = time.time()
        self.status.update(
            started=self.heard,
            supervisor=processes.identity(os.getpid()),
            worker=processes.identity(self.worker.pid),
            backend=self.task["backend"],
            model=self.task["model"],
            who=self.task["alias"] or self.task["model"] or self.task["backend"],
        )
        inputs.take(self.status, self.said)
        self.status["opened"] = self.status["taken"]
        sharing.begin(self.task, self.status)
        self.ledger.save()
        self.ledger.log(f"run {self.status['run']} started")

    # waiting

    def _wait(self) -> None:
        wait = TICK if self.worker.end is not None and self.deadline is None else 0.2
        heard = [*self.worker.descriptors(), self.bell, *self.asks.channel.descriptors()]
        select.select(heard, self.worker.unsent(), [], wait)
        self.worker.flush()
        files.drain(self.bell)
        self.asks.channel.drain()

    def _over(self) -> bool:
        if not self.worker.ended():
            return False
        self._hear_worker(time.time(), last=True)
        return True

    # the worker's side

    def _send(self, text: str | None) -> None:
        self.turn_over = self.turn_over and not text
        self.worker.send(text)

    def _hear_worker(self, now: float, last: bool = False) -> None:
        lines = self.worker.lines(last)
        self.ledger.journal(lines)
        self.heard = now if lines else self.heard
        for line in lines:
            for event in events.heard(self.talk, line):
                hearing.HEAR[event["kind"]](self, event, now)

    # the person's side

    def _hear_person(self, now: float) -> None:
        if inputs.cancelled(self.folder):
            self._stop("cancelled", True)
        if inputs.paused(self.folder):
            self._stop("paused", True)
        if self.told_to_end:  # by an engine: which then says why, or starts us again
            self._stop(*(("interrupted", True) if self.lease else ("error", "its supervisor was told to end")))
        said = inputs.pending(self.folder, self.status) if self.deadline is None else None
        for question, answer in said["answers"] if said else []:
            if self.asks.pass_on(question, answer):
                self._heard({"answers": [(question, answer)], "notes": []})
        for note in said["notes"] if said else []:
            if self._pass_note(note):
                self._heard({"answers": [], "notes": [note]})

    def _heard(self, said: dict) -> None:
        inputs.take(self.status, said)
        self.ledger.save()

    def _pass_note(self, note: dict) -> bool:
        """Whether the worker was given it; one that takes no messages finds it in its plan."""
        if "retry" in note:
            self._stop("error", "started again")
        if self.deadline is not None or not self.talk.hears:
            return False
        words = self.talk.note(f"The person says: {note['text']}")
        self._send(words)
        return words is not None or self.ledger.note(note["text"])

    # ends

    def _settle_turn(self, now: float) -> None:
        """At the end of a turn: a nudge for what is not ticked, once; then the worker may go."""
        if not self.turn_over or self.asks.open or not self.worker.listens() or self.deadline is not None:
            return
        if self.background and now - self.turn_ended < BACKGROUND:
            return
        left = [item["text"] for item in self.ledger.items() if item["mark"] == " "]
        over = limits.over(self.task.get("budget"), self.status, now) if left and not self.end else ""
        self.end.update({"over": over} if over else {})
        if self.end.get("error") or self.end.get("over") or not left or self.nudged or self._asks_by_plan(now):
            self.deadline = time.monotonic() + GRACE
            self.worker.hang_up()
            return
        self.nudged = True
        words = "; ".join(f'"{text[:80]}"' for text in left[:5])
        self._send(self.talk.note(briefing.UNTICKED.format(plan=f"{self.place}/plan.md", items=words)))

    def _asks_by_plan(self, now: float) -> bool:
        """A worker that stopped at a [?] item asked by its plan: that is a question too."""
        self.asks.marked(now)
        return bool(self.asks.waiting())

    def _mind_the_clock(self, now: float) -> None:
        if self.deadline is not None:
            self._press_on()
        elif self.asks.overdue(now, self.config["ask_seconds"]):
            self._stop("parked", True)
        else:
            self._mind_the_limits(now)

    def _mind_the_limits(self, now: float) -> None:
        asks = bool(self.asks.waiting())
        self.heard = now if asks else self.heard
        limits.wait(self.status, asks, now)
        view = {"status": self.status, "budget": self.task.get("budget"), "heard": self.heard, "asks": asks}
        view.update(told=self.silence_told == self.heard, retries=self.retries)
        what, why = limits.look(view, now, self.config)
        if what == "silent":
            self.silence_told = self.heard
            outcome.tell(outcome.silent_event(self.folder, self.task, self.status, why, self.heard, now))
        elif what:
            self._stop(what, why)

    def _stop(self, how: str, value: object) -> None:
        """Begins to end the worker: an interrupt where its CLI takes one, then signals."""
        if how in self.end:
            return
        self.end[how] = value
        words = self.talk.interrupt()
        self.worker.send(words)
        self.deadline = time.monotonic() + (GRACE if words and not self.asks.open else 0)

    def _press_on(self) -> None:
        interrupted = self.turn_over and bool(self.end) and not self.worker.signalled
        if time.monotonic() < self.deadline and not interrupted:
            return
        self.worker.hang_up()
        self.worker.press()
        self.deadline = time.monotonic() + GRACE
