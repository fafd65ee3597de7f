"""The kill matrix: one task's whole route (dispatch, question, wake, answer, end, digest), and a fault at one point.

Who is hit: every hook of the route, the supervisor, the worker, the watcher, and the host (killed while a hook of it
stands still at the point, which goes on afterwards). How: KILL, or STOP (a frozen hook's time runs out and its tree
is killed, as Claude Code does it; the others go on after a while). Afterwards a person goes on as people do, and then:
every task has a true state, every event was told exactly once, and no process, lock, claim or batch is left.
"""

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace

from dispatch_hooks import hosts, processes, questions, tasks
from tests.torture import faults
from tests.torture.chat import HOLD, Chat
from tests.torture.faults import KILL, STOP, Fault
from tests.torture.world import ASKS, TICKS, World, delivered

HOOKS = ("session-start", "dispatch", "wake", "stop", "answer", "news", "session-end")

SUPERVISORS = ("supervisor", "waiter", "worktree")
"""Of a task as it is, of one that waits for a place first, and of one with a worktree of its own."""

ROLES = (*HOOKS, *SUPERVISORS, "worker", "watcher")

DISPATCH = "dispatch asker to count the apples"


@dataclass(frozen=True)
class Point:
    """Where: the nth call of a kind of a role; name as the undisturbed route had it; host: its host dies there."""

    role: str
    call: str
    nth: int
    name: str
    host: bool = False

    def fault(self, how: str) -> Fault:
        return Fault(self.call, self.nth, how, follow=self.role == "worker")


@dataclass
class Result:
    point: Point
    how: str
    struck: str = ""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0


def route(world: World, point: Point | None, how: str, trace: str = "") -> Chat:
    """The route with the fault at the point; `trace` is a role whose calls are written down instead."""
    role = trace or (point.role if point else "")
    fault = Fault(follow=role == "worker") if trace else point.fault(how) if point else None
    host = bool(point and point.host)
    at = {name: fault if name == role else None for name in ROLES}
    signalled = at[role].signal if role else ""
    world.worker("asker", ASKS + TICKS, at["worker"])
    chat = Chat(world).start(fault=at["session-start"])
    person = Person(world, chat)
    if role == "waiter":
        person.fills_the_queue()
    if role in SUPERVISORS:
        world.tree.lay("supervise.py", at[role], world.log)
    person.says(DISPATCH + (" in a worktree" if role == "worktree" else ""), at["dispatch"], host)
    if not trace and signalled == STOP and role in (*SUPERVISORS, "worker"):
        person.thaws = True
    (world.root / "go").touch()
    if at["watcher"]:
        person.arms(at["watcher"], thaw=signalled == STOP and not trace)
    person.waits_for_the_question(at["wake"], host)
    person.answers(at["answer"], host)
    person.waits_for_the_end()
    person.says("hello", at["news"], host, at["stop"])
    person.leaves_and_comes_back(at["session-end"])
    person.sees_to_the_rest()
    return chat


class Person:
    """Who goes on after whatever happened, as people do."""

    def __init__(self, world: World, chat: Chat) -> None:
        self.world, self.chat, self.thaws, self.looked = world, chat, False, 0.0

    def here(self) -> Chat:
        if not self.chat.alive:
            self.chat.start("resume")
        return self.chat

    def says(self, words: str, fault: Fault | None = None, host: bool = False, stop: Fault | None = None) -> str:
        said = self.here().say(words, fault, kill_host=host, stop_fault=stop)
        if words.startswith(DISPATCH) and not said:  # nothing was seen of it: typed again
            said = self.here().say(words)
        return said

    def fills_the_queue(self) -> None:
        """One place, and somebody in it until the other one waits."""
        self.world.configure("max_parallel = 1\n")
        self.world.worker("holder", f"while [ ! -e {self.world.root}/go ]; do sleep 0.05; done\n" + TICKS)
        self.says("dispatch holder to hold the place")
        _until(lambda: any(tasks.status(f)["state"] == "running" for f in self.world.folders()), 10)

    def arms(self, fault: Fault, thaw: bool) -> None:
        """Another watcher instead of the one that waits."""
        self._without_watcher()
        self.thaws = self.thaws or thaw
        self.chat.watch(fault=fault)

    def _without_watcher(self) -> None:
        processes.signal_all(self.here()._watchers(), signal.SIGKILL)
        _until(lambda: not self.chat._watchers(), 10)

    def _minds(self) -> None:
        """What goes on by itself meanwhile: wakes, a thaw, the next command's putting right."""
        if self.thaws and faults.frozen(self.world.log):  # of a worker each process counts its own calls
            time.sleep(HOLD)
            processes.signal_all(faults.tracees(self.world.log), signal.SIGCONT)
        while self.here().wake():
            pass
        if time.monotonic() - self.looked > 0.3:  # as often as commands and other chats would
            self.looked = time.monotonic()
            self.world.put_right()

    def waits_for_the_question(self, fault: Fault | None, host: bool) -> None:
        def there() -> bool:
            if fault is None:
                self._minds()
            else:
                self.here().wake(fault, host)
            return (self._asks() and self._told("Which one?")) or self._over()

        _until(there, 8)
        if self._asks() and not self._told("Which one?"):
            self.says("what is new")

    def answers(self, fault: Fault | None, host: bool) -> None:
        if self._asks():
            self.says("answer: red", fault, host)
        if self._asks():
            self.says("answer: red")

    def waits_for_the_end(self) -> None:
        def over() -> bool:
            self._minds()
            if self._asks():
                self.says("answer: red")
            return self._over()

        _until(over, 20)

    def leaves_and_comes_back(self, fault: Fault | None) -> None:
        if fault:  # SessionEnd has work where there are news and no watcher that hands over before it
            self._without_watcher()
            hosts.mark(self.here().pid)
        self.here().exit(fault)
        self.chat.start("resume")

    def sees_to_the_rest(self) -> None:
        """Two prompts and the quiet after them."""
        for n in range(4):
            self._minds()
            self.says(f"and now {n}")
            if n and not self.world.faults():
                break
        self.chat.exit()
        _until(lambda: not self.world.ours(), 10)

    def _asks(self) -> bool:
        return any(questions.waiting(folder) for folder in self.world.folders())

    def _told(self, words: str) -> bool:
        return any(words in text for text in self.chat.told)

    def _over(self) -> bool:
        found = self.world.folders()
        return bool(found) and all(tasks.status(f)["state"] in tasks.ENDED and not tasks.supervised(f) for f in found)


def _until(so, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not so():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


# one trial, judged


def trial(point: Point, how: str) -> Result:
    began = time.monotonic()
    result = Result(point, how)
    with World() as world:
        try:
            chat = route(world, point, how)
        except Exception as error:
            result.faults.append(f"the trial itself: {type(error).__name__}: {error}")
        else:
            result.faults = [*world.faults(), *_told_wrongly(world, chat), *_lost_needlessly(world, point, how)]
            if left := world.ours():
                result.faults.append(f"processes are left: {[processes.arguments(pid) for pid in left]}")
        result.struck = faults.struck(world.log, world.root)
        if result.faults:
            result.faults.append(_evidence(world))
    result.seconds = time.monotonic() - began
    return result


def _evidence(world: World) -> str:
    wanted = ("log.txt", "projects/*/tasks/*/*.log", "projects/*/tasks/*/*.json", "projects/*/tasks/*/[qan]*/*.json")
    found = [path for pattern in wanted for path in world.root.glob(f"state/{pattern}")]
    seen = [f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}" for path in found]
    chats = [f"--- chat {chat.session[:8]}\ntold {chat.told}\nshown {chat.shown}" for chat in world.chats]
    return "\n".join([*seen, *chats, f"--- journal\n{world.journal.read_text()}"])


def _told_wrongly(world: World, chat: Chat) -> Iterator[str]:
    """Every event that was delivered was read and answered by the model once, the question and the end of each task."""
    text = "\n".join(chat.told)
    for name in delivered(chat.session):
        folder = next((f for f in world.folders() if name.startswith(f"{tasks.key(f)}.")), None)
        if folder is None:
            yield f"{name} is of no task"
            continue
        kind = name.split(".")[2]
        verb = {"question": "asks the person", "lost": "was lost", "stopped": "stopped early"}.get(kind, kind)
        times = len(re.findall(rf"- {re.escape(name.partition('~')[2].split('.')[0])} {verb}", text))
        answered = kind == "question" and times == 0 and not questions.waiting(folder)
        if times != 1 and not answered:
            yield f"{name} was told {times} times"
    tasks_seen = {name.split(".")[0] for name in delivered(chat.session)}
    for folder in world.folders():
        if tasks.status(folder)["state"] != "cancelled" and tasks.key(folder) not in tasks_seen:
            yield f"nothing was ever told of {folder}"
    asked = [folder for folder in world.folders() if not folder.endswith("hold-place")]
    if len(asked) != 1:
        yield f"{len(asked)} tasks where one was asked for"


def _lost_needlessly(world: World, point: Point, how: str) -> Iterator[str]:
    """Only who kills a supervisor or a worker makes a task end otherwise than well."""
    states = [tasks.status(folder)["state"] for folder in world.folders()]
    mild = how == STOP or point.role not in (*SUPERVISORS, "worker")
    if mild and set(states) != {"finished"}:
        yield f"the task is {states}, and nothing was done to it or its supervisor but {how} of {point.role}"


# all points


def points(roles: tuple[str, ...] = ROLES) -> list[Point]:
    """Every point of the undisturbed route: each call of each role, of the calls that concern us."""
    found = []
    for role in roles:
        with World() as world:
            route(world, None, "", trace=role)
            seen = {}
            for call, nth, name in faults.calls(world.log, world.root):
                seen.setdefault(name, Point(role, call, nth, name))
            found += seen.values()
    return found + [replace(p, host=True) for p in found if p.role in ("dispatch", "wake", "answer", "news")]


def plan(found: list[Point], rounds: int, rng: random.Random) -> list[tuple[Point, str]]:
    """Each point, each way, so many times, in an order that the seed gives."""
    ways = [(point, how) for point in found for how in ((STOP,) if point.host else (KILL, STOP))]
    every = ways * rounds
    rng.shuffle(every)
    return every


def run(seed: int, rounds: int, limit: float, jobs: int = 2, tell=print) -> list[Result]:
    """The matrix, for at most `limit` seconds; tells the figures and every fault."""
    rng, began = random.Random(seed), time.monotonic()
    found = points()
    todo = plan(found, rounds, rng)
    tell(f"kill matrix: {len(found)} points, {len(todo)} trials wanted ({rounds} of each), seed {seed}")
    results: list[Result] = []
    with ProcessPoolExecutor(jobs) as pool:
        waiting = []
        while (todo or waiting) and (time.monotonic() - began < limit or waiting):
            while todo and len(waiting) < jobs and time.monotonic() - began < limit:
                waiting.append(pool.submit(trial, *todo.pop()))
            done = [each for each in waiting if each.done()]
            waiting = [each for each in waiting if not each.done()]
            for each in done:
                results.append(each.result())
                if results[-1].faults:
                    tell(describe(results[-1]))
            time.sleep(0.02)
    tell(figures(results))
    return results


def describe(result: Result) -> str:
    where = f"{result.how} {'host at ' if result.point.host else ''}{result.point.role} {result.point.name}"
    return f"FAULT {where} (struck {result.struck or 'nothing'}):\n  " + "\n  ".join(result.faults)


def figures(results: list[Result]) -> str:
    struck = [r for r in results if r.struck]
    places = Counter((r.point.role, r.point.host, r.struck) for r in struck)
    roles = Counter(f"{r.point.role}{' (host)' if r.point.host else ''} {r.how}" for r in struck)
    bad = sum(bool(r.faults) for r in results)
    lines = [
        f"kill matrix: {len(results)} trials, {len(struck)} struck, {len(places)} different points, {bad} with faults",
        *(f"  {name}: {count}" for name, count in sorted(roles.items())),
    ]
    return "\n".join(lines)
