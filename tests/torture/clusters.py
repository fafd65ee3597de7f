"""Clusters: many tasks over two nodes of a real Slurm, with questions, while nodes, controller and jobs are killed.

Wanted: every task comes to an end that is true (finished, or failed with the engine's words where its job was killed),
every question is answered, each event is there once, and no marker, lease or job is left.
"""

import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from dispatch_hooks import inbox, paths, questions, recover, remote, steer, tasks
from dispatch_hooks.remote import engine
from tests.harness import slurm
from tests.product import Bench

BODY = """\
seed=$(printf '%s' "$DISPATCH_HOOKS_TASK" | cksum | cut -d' ' -f1)
if [ $((seed % 3)) -eq 0 ] && [ ! -e "$folder/ipc/001.answer" ]; then
  printf '%s' '{"text": "Which one?", "options": ["red", "blue"]}' > "$folder/ipc/.new"
  mv "$folder/ipc/.new" "$folder/ipc/001.question"
  while [ ! -e "$folder/ipc/001.answer" ]; do sleep 0.5; done
fi
sleep $((seed % 4 + 1))
sed -i 's/\\[ \\]/[x]/' "$folder/plan.md"
echo "done by $DISPATCH_HOOKS_TASK" > "$folder/output.md"
"""

AT_ONCE = 60
"""Jobs that there may be at the same time: `max_parallel` of the launcher."""

OVER = {"finished", "checked", "failed", "stopped", "lost", "cancelled"}


class Clusters:
    def __init__(self, seed: int, number: int, pause: float) -> None:
        """pause: seconds between two acts of violence."""
        self.rng, self.number, self.pause = random.Random(seed), number, pause
        self.sent: list[str] = []
        self.acts: Counter[str] = Counter()
        self.killed: set[str] = set()
        self.down: dict[str, float] = {}
        self.last = 0.0
        self.answers = 0

    def run(self, limit: float) -> dict:
        top = Path(tempfile.mkdtemp(prefix="dh-clusters-"))
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, top, ignore_errors=True)
            (top / "slurm").mkdir()
            self.slurm = slurm.Slurm(top / "slurm").start()
            stack.callback(self.slurm.stop)
            self._make(top)
            began = time.monotonic()
            while time.monotonic() - began < limit and not self._done():
                self._step()
                time.sleep(0.3)
            return self._figures(time.monotonic() - began)

    def _make(self, top: Path) -> None:
        os.environ.update(self.slurm.env)
        os.environ[paths.ENV] = "\n".join(str(top / name) for name in ("config", "state", "runtime", "data"))
        self.lab = Bench(top)
        (top / "config").mkdir()
        head = f'max_waiting = 1000\n[launchers.engine]\nkind = "slurm"\nmax_parallel = {AT_ONCE}\n'
        (top / "config/config.toml").write_text(head)
        self.lab.script("stub", BODY)

    # what happens

    def _step(self) -> None:
        if len(self.sent) < self.number and len(tasks.active()) < AT_ONCE + 20:
            count = min(10, self.number - len(self.sent))
            self.sent += self.lab.dispatch(*["stub"] * count, launcher="engine")
        for folder in self.sent:
            for question in questions.waiting(folder):
                steer.answer(folder, "blue", "typed", dict(os.environ), question["n"])
                self.answers += 1
        recover.recover(dict(os.environ))
        self._repair()
        if time.monotonic() - self.last > self.pause:
            self.last = time.monotonic()
            self._hurt()

    def _hurt(self) -> None:
        act = self.rng.choice(["job", "job", "node", "controller", "requeue"])
        if act == "job" and len(self.killed) >= self.number / 4:  # else a slow machine has nothing left that ends well
            return
        running = [name for name, state in self.slurm.jobs().items() if state == "RUNNING"]
        if act in ("node", "controller") and not self.down:
            name = self.rng.choice(self.slurm.nodes) if act == "node" else "slurmctld"
            self.slurm.kill(name)
            self.down[name] = time.monotonic()
        elif act in ("job", "requeue") and running and "slurmctld" not in self.down:
            name = self.rng.choice(running)
            kill, requeue = ["scancel", "--signal=KILL", "--full", name], ["scontrol", "requeue", name]
            self.slurm(*(kill if act == "job" else requeue))
            self.killed |= {name} if act == "job" else set()
        else:
            return
        self.acts[act] += 1

    def _repair(self) -> None:
        """What is down comes back; what was requeued need not wait its two minutes."""
        for name, since in list(self.down.items()):
            if time.monotonic() - since > (14 if name in self.slurm.nodes else 4):
                self.slurm.start_node(name) if name in self.slurm.nodes else self.slurm.start_controller()
                del self.down[name]
        if not self.down and self.rng.random() < 0.1:
            said = self.slurm("squeue", "-h", "-t", "PENDING", "-o", "%i %r").stdout.splitlines()
            for row in said:
                if "BeginTime" in row:
                    self.slurm("scontrol", "update", f"JobId={row.split()[0]}", "StartTime=now")

    # what is wanted

    def _done(self) -> bool:
        return len(self.sent) == self.number and all(
            tasks.status(folder)["state"] in OVER and not tasks.handed(folder) for folder in self.sent
        )

    def _figures(self, took: float) -> dict:
        states = Counter(tasks.status(folder)["state"] for folder in self.sent)
        faults = [fault for folder in self.sent for fault in self._faults(folder)]
        left = [name for name in os.listdir(os.path.join(paths.dirs().state, "remote")) if name[0] != "."]
        faults += [f"left: {name}" for name in left]
        runs = sum(tasks.status(folder)["run"] for folder in self.sent)
        return {"states": dict(states), "acts": dict(self.acts), "answers": self.answers, "runs": runs,
                "minutes": took / 60, "a minute": self.number / took * 60, "faults": faults}  # fmt: skip

    def _faults(self, folder: str) -> list[str]:
        status, name = tasks.status(folder), os.path.basename(folder)
        told = [event for event in inbox.pending(self.lab.chat) if event["task"] == name]
        ends = [event["kind"] for event in told if event["kind"] in OVER]
        faults = self._unheard(folder, [event["question"] for event in told if event["kind"] == "question"])
        if status["state"] not in OVER:
            faults.append(f"{name} is {status['state']}: {engine.last_word(folder)}")
        elif ends != [status["state"]]:
            faults.append(f"{name} is {status['state']}, and its events say {ends}")
        if status["state"] == "finished" and not self._ticked(folder):
            faults.append(f"{name} is finished and did nothing")
        if status["state"] == "failed" and remote.job(folder).get("id") not in self.killed:
            faults.append(f"{name} failed though nobody killed its job: {status['why']}")
        return [*faults, *(f"{name} asks in vain" for _ in questions.waiting(folder))]

    def _unheard(self, folder: str, told: list[int]) -> list[str]:
        """Each question is told once; a job that was killed may ask and not come to telling."""
        asked = {question["n"] for question in questions.every(folder)}
        doubled = [n for n, times in Counter(told).items() if times > 1]
        untold = asked - set(told) if remote.job(folder).get("id") not in self.killed else ()
        name = os.path.basename(folder)
        return [*(f"{name} told question {n} twice" for n in doubled), *(f"{name} never told {n}" for n in untold)]

    def _ticked(self, folder: str) -> bool:
        plan = self.lab.project / ".dispatch/tasks" / os.path.basename(folder) / "plan.md"
        return "[x]" in plan.read_text()


def run(seed: int, number: int, minutes: float, pause: float = 4.0) -> dict:
    """Prints and returns the figures; none where there is no Slurm."""
    if why := slurm.missing():
        print(f"clusters: skipped: {why}")
        return {"faults": []}
    figures = Clusters(seed, number, pause).run(minutes * 60)
    print(f"clusters: seed {seed}, {number} tasks, {json.dumps({k: v for k, v in figures.items() if k != 'faults'})}")
    for fault in figures["faults"]:
        print(f"  FAULT {fault}")
    return figures


if __name__ == "__main__":
    sys.exit(len(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))["faults"]))
