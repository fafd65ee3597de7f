"""The supervisor: the detached process that owns one run of one task.

It starts the worker CLI, hands questions to the person and answers to the worker, and records how the run ended
before it announces it. Its loop is step(now); whatever it hears of, it hears of through descriptors.

Rules that others lean on:
- It holds the task's lock from before its first write to after its last.
- Order at the end: no process left, status, event, off the active list, lock released, one more look for input.
- What the person said is taken from the trusted side only; files in the project are questions and ticks, no more.
"""

from __future__ import annotations

import os
import select
import time

from dispatch_hooks import backends, briefing, config, files, processes, questions, tasks, worker

GRACE = 5.0
"""Seconds between asking a worker to end and making it."""

BACKGROUND = 600.0
"""Seconds that a worker whose turn is over may wait for commands that it left in the background."""

TICK = 2.0
"""Seconds after which it looks around unrung: a sandboxed worker may not be able to ring."""


def main(folder: str) -> int:
    """Runs the task of a folder once, if it is nobody else's and there is anything to do."""
    lock = files.lock(tasks.lock_file(folder), wait=1.0)
    if lock is None:
        return 0
    task, status = tasks.read(folder), tasks.status(folder)
    inputs = pending(folder, status)
    if task is None or not (status["state"] == "starting" or inputs):
        return 0
    tasks.activate(folder)
    Run(folder, task, status, inputs).live()
    os.close(lock)
    if pending(folder, tasks.status(folder)):  # an answer that came while nobody held the lock
        return main(folder)
    return 0


def pending(folder: str, status: dict) -> dict | None:
    """What the person said that no worker has heard: {"answers": [(question, answer)], "notes": [note]} or None."""
    taken = status.get("taken") or {"answers": [], "notes": []}
    heard = {q["n"]: q for q in questions.every(folder)}
    answers = [
        (heard[a["n"]], a) for a in questions.answers(folder) if a["n"] in heard and a["n"] not in taken["answers"]
    ]
    notes = [note for note in questions.notes(folder) if note["n"] not in taken["notes"]]
    return {"answers": answers, "notes": notes} if answers or notes else None


class Run:
    """One life of a worker for a task."""

    def __init__(self, folder: str, task: dict, status: dict, inputs: dict | None) -> None:
        self.folder, self.task, self.inputs = folder, dict(task), inputs
        self.config = config.load()
        self.status = {**status, "run": status["run"] + 1, "state": "running", "why": "", "ended": None}
        self.status.setdefault("taken", {"answers": [], "notes": []})
        self._follow_orders()
        self.backend = backends.get(self.task["backend"])
        self.mark = worker.mark(folder, self.status["run"])
        self.asks: dict[str, dict] = {}
        self.end: dict = {}
        self.deadline: float | None = None
        self.worker: worker.Worker | None = None
        self.nudged = self.turn_over = False
        self.background, self.turn_ended = 0, 0.0
        self.last_words, self.written = "", 0.0
        self.changed: set[str] = set(status.get("files") or [])

    def _follow_orders(self) -> None:
        """A retry may name another model, which then stays, and always starts a new conversation."""
        orders = [note["retry"] for note in (self.inputs or {}).get("notes", []) if "retry" in note]
        self.anew = bool(orders)
        self.status["changed"] = {**(self.status.get("changed") or {}), **(orders[-1] if orders else {})}
        self.task.update(self.status["changed"])

    # the route

    def live(self) -> None:
        try:
            self._start()
        except OSError as error:
            self.end["error"] = f"cannot start {error.filename or 'the worker'}: {error.strerror}"
        except Exception as error:
            self._own_fault(error)
        else:
            try:
                while not self._over():
                    self._wait()
                    self.step(time.time())
            except Exception as error:
                self._own_fault(error)
        self._close(time.time())

    def _own_fault(self, error: Exception) -> None:
        """A fault of ours ends the run, and says so; without a record it would be started again and again."""
        import traceback

        traceback.print_exc()
        self.end["error"] = f"a fault of its supervisor: {type(error).__name__}: {error}"

    def step(self, now: float) -> None:
        self._hear_worker(now)
        self._hear_person(now)
        self._hear_files(now)
        self._settle_turn()
        self._mind_the_clock(now)
        self._show(now)

    # start

    def _start(self) -> None:
        self.place = os.path.join(self.task["project"], tasks.place(self.task))
        self.bell = files.bell(tasks.bell_file(self.folder))
        self.ipc = files.folder(self.task["project"], ".dispatch", "tasks", self.task["id"], "ipc", make=True)
        self.knock = files.bell("bell", dir_fd=self.ipc)
        spec = self.backend.start(self.task, self._run(), self.config)
        env = worker.environment(self.task, self.mark, self.place, spec["env"], self.config["env"].get("drop", []))
        self.worker = worker.Worker(spec["argv"], env, self._cwd(), os.path.join(self.folder, "stderr.txt"))
        self.worker.send(spec["stdin"])
        if spec["stdin"] is None or self.backend.ends_by_itself:
            self.worker.hang_up()
        self._record_start()

    def _run(self) -> dict:
        resume = bool(self.status.get("session")) and not self.anew and not self.backend.ends_by_itself
        if not resume:
            self.status.update(session=_uuid(), cost_before=self.status.get("cost_usd") or 0)
        return {
            "n": self.status["run"],
            "prompt": self._prompt(resume),
            "session": self.status["session"],
            "resume": resume,
            "folder": self.place,
        }

    def _prompt(self, resume: bool) -> str:
        inputs = self.inputs or {"answers": [], "notes": []}
        news = briefing.news(inputs["answers"], inputs["notes"])
        if resume:
            return news
        if self.status["run"] == 1:
            return briefing.first(self.task, self.place)
        done = tasks.status(self.folder).get("why") or tasks.status(self.folder)["state"]
        return briefing.again(self.task, self.place, done) + (f"\n{news}" if self.inputs else "")

    def _cwd(self) -> str:
        return os.path.join(self.task["project"], self.task.get("directory") or "")

    def _record_start(self) -> None:
        processes.adopt_orphans()
        self.status.update(
            started=time.time(),
            supervisor=processes.identity(os.getpid()),
            worker=processes.identity(self.worker.pid),
            backend=self.task["backend"],
            who=self.task["alias"] or self.task["model"] or self.task["backend"],
        )
        self._take()
        self._save()
        self.journal = _journal(self.folder)
        self._note_log(f"run {self.status['run']} started")
        import signal

        signal.signal(signal.SIGTERM, lambda *_: self.end.setdefault("error", "its supervisor was told to end"))

    def _take(self) -> None:
        """What the start's prompt told counts as heard."""
        for kind in ("answers", "notes") if self.inputs else ():
            heard = [item[1] if kind == "answers" else item for item in self.inputs[kind]]
            self.status["taken"][kind] = [*self.status["taken"][kind], *(item["n"] for item in heard)]

    # waiting

    def _wait(self) -> None:
        wait = TICK if self.worker.end is not None and self.deadline is None else 0.2
        try:
            select.select([*self.worker.descriptors(), self.bell, self.knock], [], [], wait)
        except InterruptedError:
            pass
        files.drain(self.bell)
        files.drain(self.knock)

    def _over(self) -> bool:
        if not self.worker.ended():
            return False
        self._hear_worker(time.time())
        return True

    # the worker's side

    def _hear_worker(self, now: float) -> None:
        for line in self.worker.lines():
            os.write(self.journal, line + b"\n")
            for event in self.backend.read(line):
                getattr(self, f"_on_{event['kind']}")(event, now)

    def _on_session(self, event: dict, now: float) -> None:
        self.status["session"] = event["id"]

    def _on_activity(self, event: dict, now: float) -> None:
        self.turn_over = False
        self.changed.update(event["files"])
        self.status["last"] = event["text"].splitlines()[0][:200]
        self.last_words = event["text"][:4000]
        self._note_log(event["text"])

    def _on_usage(self, event: dict, now: float) -> None:
        if event["cost_usd"] is not None:
            self.status["cost_usd"] = self.status["cost_before"] + event["cost_usd"]
        self.status["tokens"] = (self.status.get("tokens") or 0) + (event["tokens"] or 0)

    def _on_background(self, event: dict, now: float) -> None:
        self.background = event["running"]

    def _on_withdrawn(self, event: dict, now: float) -> None:
        """The worker's CLI took an ask back (an interrupt): its questions need no answer any more."""
        for n in self.asks.pop(event["request"], {"numbers": []})["numbers"]:
            if not self.end.get("parked"):
                questions.answer(self.folder, n, "(withdrawn)", "terminal", now)
                self._heard("answers", n)

    def _on_turn_end(self, event: dict, now: float) -> None:
        self.turn_over, self.turn_ended = True, now
        self.last_words = event["text"] or self.last_words
        if event["error"]:
            self.end.setdefault("error", event["error"].splitlines()[0][:300])

    def _on_ask(self, event: dict, now: float) -> None:
        refusal = self._not_allowed(event) or self._granted(event)
        if refusal is not None:
            self.worker.send(refusal)
            return
        about = {"tool": event["tool"], "input": event["input"]}
        numbers = [self._question({**question, **about}, now) for question in event["questions"]]
        self.asks[event["request"]] = {**event, "numbers": numbers}

    def _not_allowed(self, event: dict) -> str | None:
        if self.task["read_only"] and event["tool"] in ("Edit", "Write", "MultiEdit", "NotebookEdit"):
            return self.backend.refuse(event, "This task is read-only: only your own task folder may change.")
        return None

    def _granted(self, event: dict) -> str | None:
        """A permission that the person gave to exactly this call while no worker ran: used once."""
        for question, answer in (self.inputs or {}).get("answers", []):
            same = question.get("tool") == event["tool"] and question.get("input") == event["input"]
            if same and question["kind"] == "permission" and questions.allowed(answer["text"])[0]:
                self.inputs["answers"].remove((question, answer))
                return self.backend.reply(event, [""])
        return None

    def _question(self, asked: dict, now: float) -> int:
        from dispatch_hooks import outcome

        question = questions.add(self.folder, {**asked, "asked": now, "run": self.status["run"]})
        self._note_log(f"asks: {question['text']}")
        self._save()
        outcome.tell(outcome.asked_event(self.folder, self.task, self.status, question))
        return question["n"]

    # the files that any worker can write

    def _hear_files(self, now: float) -> None:
        known = {q.get("ref") for q in questions.every(self.folder)} if self._asked_names() else set()
        for name in self._asked_names():
            ref = f"ipc/{self.status['run']}/{name}"
            data = None if ref in known or self._old(name) else files.read_in(self.ipc, name, 1 << 16)
            if data is not None:
                self._question({**_asked(data), "ref": ref}, now)

    def _asked_names(self) -> list[str]:
        try:
            return sorted(n for n in os.listdir(self.ipc) if n.endswith(".question") and n[0] != ".")[:100]
        except OSError:
            return []

    def _old(self, name: str) -> bool:
        """A question of an earlier run: it was recorded then."""
        return any((q.get("ref") or "").endswith(f"/{name}") for q in questions.every(self.folder))

    # the person's side

    def _hear_person(self, now: float) -> None:
        if os.path.exists(os.path.join(self.folder, "cancel")):
            self._stop("cancelled", True, now)
        said = pending(self.folder, self.status)
        for question, answer in said["answers"] if said else []:
            self._pass_on(question, answer)
        for note in said["notes"] if said else []:
            self._pass_note(note, now)

    def _pass_on(self, question: dict, answer: dict) -> None:
        if question.get("ref") and question["run"] == self.status["run"]:
            name = os.path.basename(question["ref"]).removesuffix(".question")
            files.write_in(self.ipc, f"{name}.answer", questions.choice(answer["text"], question["options"]) + "\n")
            self._heard("answers", question["n"])
            return
        request = next((r for r, ask in self.asks.items() if question["n"] in ask["numbers"]), None)
        if request is not None:
            self._reply(request)

    def _reply(self, request: str) -> None:
        ask = self.asks[request]
        given = [questions.answer_of(self.folder, n) for n in ask["numbers"]]
        if None in given:
            return
        words = [_words(q, a["text"]) for q, a in zip(ask["questions"], given, strict=True)]
        del self.asks[request]
        self.worker.send(self.backend.reply(ask, words))
        for n in ask["numbers"]:
            self._heard("answers", n)

    def _pass_note(self, note: dict, now: float) -> None:
        if "retry" in note:
            self._stop("error", "started again", now)
            return
        words = self.backend.note(f"The person says: {note['text']}")
        if words is None:
            self._note_in_plan(note["text"])
        self.turn_over = False
        self.worker.send(words)
        self._heard("notes", note["n"])

    def _note_in_plan(self, words: str) -> None:
        from dispatch_hooks import plan

        inner = tasks.open_project_folder(self.task)
        files.write_in(inner, "plan.md", plan.note(tasks.read_text(self.task, "plan.md"), words))
        os.close(inner)

    def _heard(self, kind: str, n: int) -> None:
        self.status["taken"][kind] = [*self.status["taken"][kind], n]
        self._save()

    # ends

    def _settle_turn(self) -> None:
        """At the end of a turn: a nudge for what is not ticked, once; then the worker may go."""
        if not self.turn_over or self.asks or self.worker.stdin is None or self.deadline is not None:
            return
        if self.background and time.time() - self.turn_ended < BACKGROUND:
            return
        left = [item["text"] for item in self._items() if item["mark"] == " "]
        if self.end.get("error") or not left or self.nudged or self._blocked(time.time()):
            self.deadline = time.monotonic() + GRACE
            self.worker.hang_up()
            return
        self.nudged, self.turn_over = True, False
        words = "; ".join(f'"{text[:80]}"' for text in left[:5])
        self.worker.send(self.backend.note(briefing.UNTICKED.format(plan=f"{self.place}/plan.md", items=words)))

    def _blocked(self, now: float) -> bool:
        """A worker that stopped at a [?] item asked by its plan: that is a question too."""
        from dispatch_hooks import plan

        asked = {q.get("ref") for q in questions.every(self.folder)}
        for text in plan.marked(self._items(), "?"):
            if f"plan/{text}" not in asked:
                self._question({"kind": "question", "text": text, "options": [], "ref": f"plan/{text}"}, now)
        if self._waiting():
            self.end["parked"] = True
        return bool(self._waiting())

    def _waiting(self) -> list[dict]:
        return questions.waiting(self.folder)

    def _mind_the_clock(self, now: float) -> None:
        if self.deadline is not None:
            self._press_on()
            return
        oldest = min((q["asked"] for q in self._waiting() if q["run"] == self.status["run"]), default=now)
        if now - oldest > self.config["ask_seconds"]:
            self._stop("parked", True, now)

    def _stop(self, how: str, value: object, now: float) -> None:
        """Begins to end the worker: an interrupt where its CLI takes one, then signals."""
        if how in self.end:
            return
        self.end[how] = value
        self.worker.send(self.backend.interrupt())
        self.deadline = time.monotonic() + (GRACE if self.backend.interrupt() and not self.asks else 0)

    def _press_on(self) -> None:
        interrupted = self.turn_over and bool(self.end) and not self.worker.signalled
        if time.monotonic() < self.deadline and not interrupted:
            return
        self.worker.hang_up()
        self.worker.press()
        self.deadline = time.monotonic() + GRACE

    def _close(self, now: float) -> None:
        """No process left, then the record, then the news of it, then off the list."""
        from dispatch_hooks import outcome

        worker.leave_none(self.mark)
        self._judge_exit()
        if self._waiting() and not self.end.get("cancelled"):
            self.end.setdefault("parked", True)
        state, why = outcome.judge(self.end, self._items())
        output = bool(tasks.read_text(self.task, "output.md", 1))
        self.status.update(state=state, why=why, ended=now, output=output, worker=None)
        self.status["summary"] = outcome.summary(self.task, self.last_words)
        if state == "finished":
            self._check()
        self._save()
        files.remove(os.path.join(self.folder, "cancel"))
        outcome.announce(self.folder, self.task, self.status)
        tasks.deactivate(self.folder)

    def _judge_exit(self) -> None:
        """An end that nobody asked for: before its turn was over, or with a status that says failure."""
        code = self.worker.code if self.worker else None
        if self.end or code is None:
            return
        if self.backend.ends_by_itself and code == 0:
            return
        if self.turn_over and not self.backend.ends_by_itself:
            return
        how = f"ended with exit status {code}" if code >= 0 else f"was killed by signal {-code}"
        said = worker.tail(os.path.join(self.folder, "stderr.txt"))
        said = said or (self.last_words if self.backend.ends_by_itself else "")
        self.end["error"] = f"{self.task['backend']} {how}" + (f": {said.splitlines()[-1][:200]}" if said else "")

    def _check(self) -> None:
        command = self.task.get("check") or self.config["check"]
        if not command:
            return
        import subprocess

        with open(os.path.join(self.folder, "check.log"), "wb") as log:
            try:
                done = subprocess.run(
                    ["/bin/sh", "-c", command], cwd=self._cwd(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    timeout=self.config["check_seconds"], check=False,
                )  # fmt: skip
                how = f"exit status {done.returncode}" if done.returncode else ""
            except subprocess.TimeoutExpired:
                how = f"no end after {self.config['check_seconds']} s"
        if how:
            self.status.update(state="failed", why=f"check failed: {command} ({how})")
        else:
            self.status["state"] = "checked"

    # records

    def _items(self) -> list[dict]:
        from dispatch_hooks import plan

        return plan.read(tasks.read_text(self.task, "plan.md"))

    def _show(self, now: float) -> None:
        if now - self.written >= 1.0:
            self._save()

    def _save(self) -> None:
        from dispatch_hooks import plan

        self.written = time.time()
        self.status["ticked"], self.status["items"] = plan.count(self._items())
        self.status["files"] = sorted(self.changed)[:200]
        if self.status != getattr(self, "saved", None):
            tasks.set_status(self.folder, self.status)
            self.saved = {**self.status, "taken": {**self.status["taken"]}}

    def _note_log(self, text: str) -> None:
        """worker.log in the task's folder: what a person reads with tail -f."""
        stamp = time.strftime("%H:%M:%S")
        line = "".join(c if c.isprintable() else " " for c in text[:2000].replace("\n", " ⏎ "))
        append(self.task, f"{stamp} {line}\n")


def append(task: dict, line: str) -> None:
    try:
        inner = tasks.open_project_folder(task)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        log = os.open("worker.log", flags, 0o644, dir_fd=inner)
        os.write(log, line.encode())
        os.close(log)
        os.close(inner)
    except OSError:
        pass


def _journal(folder: str) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    return os.open(os.path.join(folder, "events.jsonl"), flags, 0o600)


def _asked(data: bytes) -> dict:
    """A question file: JSON {"text","options"} as `dispatch-hooks ask` writes it, or plain words."""
    import json

    try:
        given = json.loads(data)
        text, options = str(given["text"]), [str(option) for option in given.get("options") or []]
    except (ValueError, TypeError, KeyError, AttributeError):
        text, options = data.decode(errors="replace"), []
    return {"kind": "question", "text": text.strip()[:8000] or "(an empty question)", "options": options[:20]}


def _words(question: dict, text: str) -> str:
    if question["kind"] == "permission":
        granted, why = questions.allowed(text)
        return "" if granted else why or "The person said no."
    return questions.choice(text, question["options"])


def _uuid() -> str:
    bits = bytearray(os.urandom(16))
    bits[6], bits[8] = bits[6] & 0x0F | 0x40, bits[8] & 0x3F | 0x80
    text = bits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
