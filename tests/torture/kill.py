"""The kill matrix: one task's whole route (dispatch, question, wake, answer, flag, end, digest), a fault at one point.

Who is hit: every hook of the route, the supervisor, the worker, the watcher, and the host (while a hook of it stands
still at the point, which goes on afterwards). How: KILL, or STOP (a frozen hook's time runs out and its tree is killed,
as Claude Code does it; the others go on after a while). Afterwards a person goes on as people do, and then: every task
has a true state, every event was told exactly once, and no process, lock, claim or batch is left.
"""

import compileall
import itertools
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

import dispatch_hooks
from dispatch_hooks import digest, hosts, processes, questions, tasks
from tests.torture import faults
from tests.torture.chat import HOLD, Chat
from tests.torture.faults import KILL, STOP, Fault
from tests.torture.world import ASKS, FLAGS, TICKS, World, delivered

HOOKS = ("session-start", "dispatch", "wake", "stop", "answer", "news", "session-end")

SUPERVISORS = {
    "supervisor": "", "waiter": "", "worktree": " in a worktree", "budget": " within 2 seconds", "handover": " on own",
    "far": " on own",
}  # fmt: skip
"""Each with what its task is dispatched with. Of a task as it is, of one that waits for a place first, with a worktree
of its own, with a budget that it uses up; the one that hands its task over to an engine, and the one in the engine's
job.
"""

ROLES = (*HOOKS, *SUPERVISORS, "worker", "watcher")

TOLD = {**digest.VERBS, "question": "asks the person", "flag": "flags"}
"""What a digest says of each kind of event."""

DISPATCH = "dispatch asker to count the apples"


@dataclass(frozen=True)
class Point:
    """Where: the nth call of a kind of a role; name as the undisturbed route had it, with the number of a change that
    is made again; host: its host is hit there.
    """

    role: str
    call: str
    nth: int
    name: str
    host: bool = False

    def fault(self, how: str) -> Fault:
        if self.host:
            return Fault(self.call, self.nth, STOP, host=how)
        return Fault(self.call, self.nth, how, follow=self.role == "worker")


@dataclass
class Result:
    point: Point
    how: str
    struck: str = ""
    faults: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def way(self) -> tuple:
        return self.point.role, self.point.host, self.point.name, self.how


def route(world: World, point: Point | None, how: str, trace: str = "") -> Chat:
    """The route with the fault at the point; `trace` is a role whose calls are written down instead."""
    role = trace or (point.role if point else "")
    fault = Fault(follow=role == "worker") if trace else point.fault(how) if point else None
    at = {name: fault if name == role else None for name in ROLES}
    signalled = at[role].signal if role else ""
    world.worker("asker", "sleep 60\n" if role == "budget" else ASKS + FLAGS + TICKS, at["worker"])
    if role in ("handover", "far"):
        world.launcher("own")
    chat = Chat(world).start(fault=at["session-start"])
    person = Person(world, chat)
    if role == "waiter":
        person.fills_the_queue()
    if role in SUPERVISORS:
        world.tree.lay("supervise.py.far" if role == "far" else "supervise.py", at[role], world.log)
    person.says(DISPATCH + SUPERVISORS.get(role, ""), at["dispatch"])
    if not trace and signalled == STOP and role in (*SUPERVISORS, "worker"):
        person.thaws = True
    (world.root / "go").touch()
    if at["watcher"]:
        person.arms(at["watcher"], thaw=signalled == STOP and not trace)
    person.waits_for_the_question(at["wake"])
    person.answers(at["answer"])
    person.waits_for_the_end()
    person.says("hello", at["news"], at["stop"])
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

    def says(self, words: str, fault: Fault | None = None, stop: Fault | None = None) -> str:
        said = self.here().say(words, fault, stop)
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

    def waits_for_the_question(self, fault: Fault | None) -> None:
        def there() -> bool:
            if fault is None:
                self._minds()
            else:
                self.here().wake(fault)
            return (self._asks() and self._told("Which one?")) or self._over()

        _until(there, 8)
        if self._asks() and not self._told("Which one?"):
            self.says("what is new")

    def answers(self, fault: Fault | None) -> None:
        if self._asks():
            self.says("answer: red", fault)
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
            self.waits_for_the_end()
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
    """Every event that was delivered was read and answered by the model once, the end of each task among them."""
    text = "\n".join(chat.told)
    folders = {tasks.key(folder): folder for folder in world.folders()}
    seen = Counter(tuple(name.split(".")[:3:2]) for name in delivered(chat.session))
    for (key, kind), number in seen.items():
        if key not in folders:
            yield f"{key} ({kind}) is no task"
            continue
        times = len(re.findall(rf"- {re.escape(key.partition('~')[2])} {TOLD.get(kind, kind)}", text))
        answered = kind == "question" and times < number and not questions.waiting(folders[key])
        if times != number and not answered:
            yield f"{number} {kind} of {key} was told {times} times"
    for key, folder in folders.items():
        state = tasks.status(folder)["state"]
        if state != "cancelled" and not seen[key, state]:
            yield f"{key} is {state}, and that was never told"
    asked = [folder for folder in world.folders() if not folder.endswith("hold-place")]
    if len(asked) != 1:
        yield f"{len(asked)} tasks where one was asked for"


def _lost_needlessly(world: World, point: Point, how: str) -> Iterator[str]:
    """Only who kills a supervisor or a worker makes a task end otherwise than well."""
    states = [tasks.status(folder)["state"] for folder in world.folders()]
    mild = how == STOP or point.role not in (*SUPERVISORS, "worker")
    if mild and set(states) != {"stopped" if point.role == "budget" else "finished"}:
        yield f"the task is {states}, and nothing was done to it or its supervisor but {how} of {point.role}"
    if mild and point.role != "budget" and not any(".flag" in name for name in delivered(world.chats[0].session)):
        yield "its flag is lost"


# all points


def points(role: str) -> list[Point]:
    """Every point of a role on the undisturbed route: its calls of each name, and each change of one name by itself."""
    with World() as world:
        route(world, None, "", trace=role)
        found: dict[str, Point] = {}
        times: Counter = Counter()
        for call, nth, name in faults.calls(world.log, world.root):
            times[name] += 1
            again = f" ({times[name]})" if times[name] > 1 and _changes(call, name) else ""
            found.setdefault(name + again, Point(role, call, nth, name + again))
    own = list({(p.call, p.nth): p for p in found.values()}.values())  # of a worker, where each process counts its own
    return own + [replace(point, host=True) for point in own if role in HOOKS]


def _changes(call: str, name: str) -> bool:
    return call in faults.CHANGES or "/." in name  # a temporary file is opened to be written


def chosen(found: list[Point], number: int, rng: random.Random) -> list[Point]:
    """So many of them, as evenly from each role and host as there are; all when there are not more."""
    groups: dict[tuple, list[Point]] = {}
    for point in rng.sample(found, len(found)):
        groups.setdefault((point.role, point.host), []).append(point)
    rows = itertools.zip_longest(*groups.values())
    return [point for row in rows for point in row if point][:number]


def plan(found: list[Point], rounds: int, rng: random.Random) -> list[tuple[Point, str]]:
    """Each point, each way, so many times, in an order that the seed gives."""
    every = [(point, how) for point in found for how in (KILL, STOP)] * rounds
    rng.shuffle(every)
    return every


AGAIN = 5
"""Where nothing was hit the process made fewer calls this time: tried so often once more, each time a call before."""


def run(seed: int, number: int, rounds: int, limit: float, jobs: int = 2, tell=print) -> list[Result]:
    """The matrix at so many points, for at most `limit` seconds; tells the figures and every fault."""
    compileall.compile_dir(Path(dispatch_hooks.__file__).parent, quiet=2)  # else who comes first writes that, too
    rng, end = random.Random(seed), time.monotonic() + limit
    results: list[Result] = []
    said = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool:
        found = [point for some in pool.map(points, ROLES) for point in some]
        some = chosen(found, number, rng)
        todo = [(*way, AGAIN) for way in plan(some, rounds, rng)]
        tell(f"kill matrix: {len(some)} of {len(found)} points, {len(todo)} trials ({rounds} of each), seed {seed}")
        running: dict = {}
        while running or (todo and time.monotonic() < end):
            while todo and len(running) < jobs and time.monotonic() < end:
                point, how, again = todo.pop()
                running[pool.submit(trial, point, how)] = again
            for each in wait(running, return_when=FIRST_COMPLETED).done:
                again, result = running.pop(each), each.result()
                results.append(result)
                if result.faults:
                    tell(describe(result))
                if not result.struck and again and result.point.nth > 1:
                    todo.append((replace(result.point, nth=result.point.nth - 1), result.how, again - 1))
            if time.monotonic() - said >= 60:
                said = time.monotonic()
                tell(f"  {len(results)} done, {sum(bool(r.struck) for r in results)} struck, {len(todo)} to come")
    tell(figures(results))
    return results


def describe(result: Result) -> str:
    where = f"{result.how} {'host at ' if result.point.host else ''}{result.point.role} {result.point.name}"
    return f"FAULT {where} (struck {result.struck or 'nothing'}):\n  " + "\n  ".join(result.faults)


def figures(results: list[Result]) -> str:
    struck = [r for r in results if r.struck]
    each = Counter(r.way() for r in struck)
    least = min((each[r.way()] for r in results), default=0)
    never = sorted({f"{r.how} {r.point.role} {r.point.name}" for r in results if not each[r.way()]})
    points = len({way[:3] for way in each})
    roles = Counter(f"{'host at ' if r.point.host else ''}{r.point.role} {r.how}" for r in struck)
    bad = sum(bool(r.faults) for r in results)
    lines = [
        f"kill matrix: {len(results)} trials, {len(struck)} struck at {points} points,"
        f" each way at least {least} times, {bad} with faults",
        *(f"  {name}: {count}" for name, count in sorted(roles.items())),
        *(f"  never met: {way}" for way in never),
    ]
    return "\n".join(lines)
