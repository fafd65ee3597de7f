"""Events over two interleaved sessions of the real Claude Code, while hooks, watchers, posters and Claude Code itself
are killed at random moments: none lost, none twice, none in the wrong chat.

Told is what the model answered to in the turn that brought it. Twice is what stands in the conversation again after
that. A turn that was killed before its request stays in a conversation that is resumed, its digest with it: that one
comes again, and what the model so reads once more is counted apart. The two sessions are of two projects: news of a
dead chat may go to the next one of its own.
"""

import contextlib
import json
import os
import random
import re
import signal
import sys
import time
import uuid
from collections import Counter
from pathlib import Path

from dispatch_hooks import digest
from tests.harness.claude import Sandbox, Session
from tests.harness.modelserver import ModelServer
from tests.harness.waiting import wait_until
from tests.product import Product

WHO = ("nobody",) * 8 + ("poster", "watcher", "hook", "hook", "claude")

TOKEN = re.compile(r"token ([ab]\d+) told")


class Talk:
    """One conversation, through all the Claude Codes that hold it one after the other."""

    def __init__(self, product: Product, letter: str) -> None:
        self.product, self.letter, self.id = product, letter, str(uuid.uuid4())
        self.project = product.sandbox._folder(f"project-{letter}")
        product.sandbox.run("git", "init", "-q", str(self.project), cwd=self.project)
        product.sandbox.trust(self.project)
        self.session: Session | None = None
        self.posted: list[str] = []
        self.starts = 0

    def here(self) -> Session:
        if self.session is None or self.session.process.poll() is not None:
            known = any(path.stem == self.id for path in self.product.sandbox.transcripts())
            how = ("--resume", self.id) if known else ("--session-id", self.id)
            self.session = self.product.sandbox.session(*how, cwd=self.project)
            self.starts += 1
        return self.session

    def say(self, words: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.here().send(words)

    def turn_over(self, before: int) -> bool:
        if self.session.process.poll() is not None:
            return True
        return sum(event.get("type") == "result" for event in list(self.session.events)) > before

    def results(self) -> int:
        return sum(event.get("type") == "result" for event in list(self.here().events))

    def chain(self) -> list[dict]:
        """The entries from the first to the last of the conversation that lives on."""
        entries = {e["uuid"]: e for e in self.product.sandbox.transcript(self.id) if e.get("uuid")}
        at = next((e for e in reversed(entries.values()) if not e.get("isSidechain")), None)
        found = []
        while at:
            found.append(at)
            at = entries.get(at.get("parentUuid") or at.get("logicalParentUuid"))
        return found[::-1]

    def told(self) -> tuple[Counter, Counter, set]:
        """(how often each token was told and answered to, how often one was told again after that, what stands in a
        turn that was killed).
        """
        answered, again, open_now, killed = Counter(), Counter(), set(), set()
        for entry in self.chain():
            if entry.get("type") == "assistant":
                if entry["message"].get("model") == "<synthetic>":  # Claude Code's own, after a turn that was killed
                    killed |= open_now
                else:
                    answered.update(open_now)
                open_now = set()
                continue
            found = set(TOKEN.findall(json.dumps(entry))) if _carrier(entry) else set()
            again.update(token for token in found if answered[token])
            open_now |= found
        return answered, again, killed


def _carrier(entry: dict) -> bool:
    kind = (entry.get("attachment") or {}).get("type")
    return entry.get("type") == "user" or kind in ("hook_additional_context", "queued_command")


class Torment:
    def __init__(self, seed: int, events: int) -> None:
        self.rng, self.events, self.killed = random.Random(seed), events, Counter()

    def run(self, limit: float) -> dict:
        """Figures: {"events","told","lost","twice","wrong","wakes","seconds","killed","faults"}."""
        began = time.monotonic()
        with ModelServer() as server:
            sandbox = Sandbox(server.url)
            try:
                sandbox.install_claude()
                product = Product(sandbox).install()
                talks = [Talk(product, "a"), Talk(product, "b")]
                for talk in talks:
                    talk.say("hello")
                    wait_until(lambda t=talk: t.turn_over(0))
                self._rounds(talks, began + limit)
                self._drain(talks)
                return {**self._judge(talks, product), "seconds": round(time.monotonic() - began)}
            finally:
                sandbox.end()

    def _rounds(self, talks: list[Talk], end: float) -> None:
        left = self.events
        while left and time.monotonic() < end:
            talk = self.rng.choice(talks)
            number = min(left, self.rng.randint(0, digest.SHOWN - self._waiting(talk)))  # beyond, they are only counted
            names = [f"{talk.letter}{len(talk.posted) + n}" for n in range(number)]
            talk.posted += names
            left -= number
            who = self.rng.choice(WHO)
            self._post(talk, names, who == "poster")
            if who == "watcher":
                self._kill(talk, "watch.py", who)
            if self.rng.random() < 0.8 or who != "nobody":
                self._turn(talk, who)

    def _waiting(self, talk: Talk) -> int:
        return sum(1 for _ in talk.product.state.glob(f"inbox/{talk.id}/[nc]*/**/*.json"))

    def _post(self, talk: Talk, names: list[str], kill: bool) -> None:
        kind = self.rng.choice(("finished", "finished", "failed"))
        argv = [sys.executable, "-m", "tests.torture.poster", talk.id, str(talk.project), kind, *names]
        if not names:
            return
        poster = talk.product.sandbox.spawn(*argv, cwd=Path(__file__).parents[2])
        if kill:
            time.sleep(self.rng.uniform(0.05, 0.4))
            poster.kill()
            self.killed["poster"] += 1
            poster.wait()
            poster = talk.product.sandbox.spawn(*argv, cwd=Path(__file__).parents[2])
        assert poster.wait(60) == 0

    def _turn(self, talk: Talk, who: str) -> None:
        before = talk.results()
        talk.say(f"go on {uuid.uuid4().hex[:6]}")
        if who == "hook":
            self._kill(talk, self.rng.choice(("user_prompt_submit.py", "stop.py")), who)
        if who == "claude":
            time.sleep(self.rng.uniform(0, 0.5))
            talk.session.process.send_signal(signal.SIGKILL)
            talk.session.process.wait()
            self.killed[who] += 1
            return
        wait_until(lambda: talk.turn_over(before), 60)

    def _kill(self, talk: Talk, script: str, who: str) -> None:
        """The next process of a script that this chat's Claude Code runs, should there be one soon."""
        end = time.monotonic() + 0.5
        while time.monotonic() < end:
            for pid in _of(talk.session.process.pid, script):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                    self.killed[who] += 1
                    return

    def _drain(self, talks: list[Talk]) -> None:
        """Prompts until nothing is undelivered; a wake that is on its way comes in between."""
        product = talks[0].product
        for _ in range(30):
            for talk in talks:
                before = talk.results()
                talk.say("and now")
                wait_until(lambda t=talk, b=before: t.turn_over(b), 60)
            time.sleep(0.5)
            found = product.inboxes()
            if not found["new"] and not found["claimed"]:
                return
            time.sleep(2.0)

    def _judge(self, talks: list[Talk], product: Product) -> dict:
        lost, twice, wrong, told, once_more = [], [], [], 0, 0
        for talk in talks:
            answered, again, killed = talk.told()
            told += len(answered)
            once_more += len(killed & {*answered})
            lost += [name for name in talk.posted if not answered[name]]
            twice += [name for name, times in again.items() if times]
            wrong += [name for name in {*answered, *again} if name not in talk.posted]
        boxes = product.inboxes()
        found = {"lost": lost, "twice": twice, "in the wrong chat": wrong, **boxes, "delivered": []}
        faults = [f"{what}: {names}" for what, names in found.items() if names]
        more = {"starts": sum(t.starts for t in talks), "killed": dict(self.killed)}
        more |= {"read_once_more_after_a_killed_turn": once_more, "faults": faults}
        posted = sum(len(talk.posted) for talk in talks)
        return {"events": posted, "told": told, "lost": len(lost), "twice": len(twice), "wrong": len(wrong), **more}


def _of(host: int, script: str) -> list[int]:
    """The processes of a script whose host this is."""
    want = f"CLAUDE_PID={host}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline", "rb") as words:
                if script.encode() not in words.read():
                    continue
                with open(f"/proc/{entry}/environ", "rb") as env:
                    if want in env.read().split(b"\0"):
                        found.append(int(entry))
    return found


def run(seed: int, events: int, limit: float, tell=print) -> dict:
    figures = Torment(seed, events).run(limit)
    tell(f"delivery: {json.dumps(figures)}, seed {seed}")
    return figures
