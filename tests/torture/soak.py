"""Soak: many tasks, forty at once, for a long while, with stub workers that sleep, ask now and then, and tick.

Printed: throughput, memory (proportional) and open files of supervisors and of the watcher, early and late, their CPU
while nothing happens. Wanted: flat, and nothing lost.
"""

import contextlib
import os
import random
import time
from statistics import median

from dispatch_hooks import processes, questions, tasks
from tests.harness.waiting import wait_until
from tests.torture.chat import Chat
from tests.torture.world import World, delivered

ASK = """\
printf '%s' '{"text": "Which one?", "options": ["red", "blue"]}' > $folder/ipc/.new
mv $folder/ipc/.new $folder/ipc/001.question
echo > $folder/ipc/bell
while [ ! -e $folder/ipc/001.answer ]; do sleep 0.5; done
"""

BODY = """\
seed=$(printf '%s' "$DISPATCH_HOOKS_TASK" | cksum | cut -d' ' -f1)
sleep $((seed % {longest} + 1))
if [ $((seed % 10)) -lt 3 ]; then
{ask}
fi
sed -i 's/\\[ \\]/[x]/' $folder/plan.md
echo "done by seed $seed" > $folder/output.md
say ticked
"""

BATCH = 10

SIZES = ("mib_a_supervisor", "files_a_supervisor", "mib_watcher", "files_watcher")

FLAT = 1.2
"""So many times the size of the second third may be that of the last."""


class Soak:
    def __init__(self, seed: int, number: int, parallel: int, minutes: float) -> None:
        self.rng, self.number, self.parallel = random.Random(seed), number, parallel
        self.longest = max(2, int(2 * minutes * 60 * parallel / number * 0.8))
        self.samples: list[dict] = []
        self.dispatched = self.answers = 0

    def run(self, limit: float) -> dict:
        with World() as world:
            world.configure(f"max_parallel = {self.parallel}\nmax_waiting = {BATCH * 2}\n")
            world.worker("stub", BODY.format(longest=self.longest, ask=ASK))
            chat = Chat(world).start()
            began = time.monotonic()
            while time.monotonic() - began < limit and not self._all_done(world):
                self._step(world, chat)
            took = time.monotonic() - began
            self._tell_the_rest(world, chat)
            return {**self._figures(world, chat, took), **self._idle(world, chat)}

    def _step(self, world: World, chat: Chat) -> None:
        if self.dispatched < self.number and len(tasks.active()) < self.parallel + BATCH:
            few = range(self.dispatched, min(self.dispatched + BATCH, self.number))
            said = chat.say("dispatch stub:\n" + "\n".join(f"- count pile number {n}" for n in few))
            self.dispatched += said.count("(stub,")
        for folder in tasks.active():
            if questions.waiting(folder) and self.rng.random() < 0.2:
                chat.say(f"answer {os.path.basename(folder)}: {self.rng.choice(('red', 'blue'))}")
                self.answers += 1
        while chat.wake():
            pass
        self.samples.append(sample(world))
        time.sleep(0.5)

    def _all_done(self, world: World) -> bool:
        return self.dispatched >= self.number and not tasks.active()

    def _tell_the_rest(self, world: World, chat: Chat) -> None:
        for n in range(60):
            chat.wake()
            chat.say(f"what is new {n}")
            if not world.faults():
                return

    def _figures(self, world: World, chat: Chat, took: float) -> dict:
        states = [tasks.status(folder)["state"] for folder in world.folders()]
        ends = [name for name in delivered(chat.session) if ".question." not in name]
        third = len(self.samples) // 3 or 1
        thirds = self.samples[third : 2 * third], self.samples[-third:]
        sizes = {key: [_mid(samples, key) for samples in thirds] for key in SIZES}
        grown = [f"{key} grew: {early} to {late}" for key, (early, late) in sizes.items() if late > early * FLAT]
        faults = world.faults()[:5] + grown
        if states.count("finished") != self.number or len(ends) != self.number:
            faults.append(f"{states.count('finished')} finished, {len(ends)} told, of {self.number}")
        return {
            "tasks": len(states), "minutes": round(took / 60, 1), "tasks_a_minute": round(len(states) / took * 60, 1),
            "most_at_once": max(s["running"] for s in self.samples), "questions": self.answers,
            **sizes, "wakes": len(chat.wakes), "faults": faults,
        }  # fmt: skip

    def _idle(self, world: World, chat: Chat, seconds: float = 10) -> dict:
        """CPU seconds an hour of some supervisors and the watcher while their workers sleep."""
        number = min(10, self.parallel)
        world.worker("sleeper", "sleep 600\n")
        chat.say("dispatch sleeper:\n" + "\n".join(f"- watch pile number {n}" for n in range(number)))
        wait_until(lambda: [tasks.status(f)["state"] for f in tasks.active()] == ["running"] * number)
        time.sleep(3)  # the first look around of each
        before, began = cpu(world), time.monotonic()
        time.sleep(seconds)
        used, span = cpu(world), time.monotonic() - began
        hour = 3600 / span
        return {
            "idle_cpu_s_an_hour_a_supervisor": round((used[0] - before[0]) / number * hour, 1),
            "idle_cpu_s_an_hour_watcher": round((used[1] - before[1]) * hour, 1),
        }


def ours(world: World) -> tuple[list[int], list[int]]:
    """(supervisors, watchers) of a world."""
    running = [(tasks.status(folder).get("supervisor") or {}).get("pid") for folder in tasks.active()]
    watchers = [pid for chat in world.chats for pid in chat._watchers()]
    return [pid for pid in running if pid and processes.started(pid)], watchers


def sample(world: World) -> dict:
    supervisors, watchers = ours(world)
    running = sum(tasks.status(folder)["state"] == "running" for folder in tasks.active())
    return {"running": running, **dict(zip(SIZES, [*_size(supervisors), *_size(watchers)], strict=True))}


def _size(pids: list[int]) -> tuple[float, float]:
    """(MiB, open files) of the one in the middle; zeroes when there is none."""
    mib, files = [], []
    for pid in pids:
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/smaps_rollup") as f:
                mib.append(sum(int(line.split()[1]) for line in f if line.startswith("Pss:")) / 1024)
            files.append(len(os.listdir(f"/proc/{pid}/fd")))
    return median(mib or [0]), median(files or [0])


def cpu(world: World) -> tuple[float, float]:
    """CPU seconds that supervisors and watchers have used so far."""
    tick = os.sysconf("SC_CLK_TCK")

    def used(pid: int) -> float:
        fields = processes._stat(pid) or []
        return (int(fields[11]) + int(fields[12])) / tick if fields else 0.0

    return tuple(sum(map(used, pids)) for pids in ours(world))


def _mid(samples: list[dict], key: str) -> float:
    return round(median([s[key] for s in samples if s[key]] or [0]), 1)


def run(seed: int, number: int, parallel: int, minutes: float, tell=print) -> dict:
    figures = Soak(seed, number, parallel, minutes).run(minutes * 60 * 3)
    tell(f"soak: {figures}, seed {seed}")
    return figures
