"""Tasks whose supervisor runs on another machine, under an engine (a launcher other than local).

    <state>/remote/<project>~<id>     a marker: an engine has the task; a line with its chat, a line with its launcher
    <state>/remote/.engines/<name>    what an engine said last, and when: {"at","jobs": {job: VERDICT},"fault"}
    <state>/remote/.run/<job>/…       the runtime folder of a far supervisor
    <task folder>/job.json            {"launcher","name","id","run"}; its id is "" until the engine has taken it
    <task folder>/lease               renewed by the far supervisor: {"who","beat"}

Nothing here leans on flock, pids, FIFOs or clocks across machines. The engine's word decides; a lease tells of a
supervisor that the engine believes in and nobody hears; a far supervisor whose lease is somebody else's gives up.
"""

from __future__ import annotations

import os
import sys
import time

from dispatch_hooks import files, inbox, inputs, launchers, paths, processes, resources, tasks

JOB = "DISPATCH_HOOKS_JOB"
"""On the far side: the name of the job."""

RENEW = 10.0
"""Seconds between renewals of a lease."""

SILENT = 120.0
"""Seconds without a renewal after which a job that its engine does not know any more is lost."""

FRESH = 5.0
"""Seconds for which an engine's word is not asked for again."""

SETTLE = 5.0
"""Seconds between an engine's "ended" and our believing that no record of the end will come: shared folders lag."""

PRESS = 30.0
"""Seconds that a far supervisor has for a cancel before its engine ends the job."""


# the host's side


def elsewhere(task: dict) -> bool:
    """Whether the task is one for an engine."""
    return task.get("launcher", "local") != "local"


def settings(task: dict, config: dict) -> dict:
    """The launcher's table of a task. OSError for one that the config no longer has."""
    name = task["launcher"]
    if name not in config["launchers"]:
        raise OSError(2, f"the launcher {name} is no longer in the configuration")
    return {"launcher": name, **config["launchers"][name]}


def job(folder: str) -> dict:
    return files.read_json(os.path.join(folder, "job.json")) or {}


def send(folder: str, task: dict, status: dict, table: dict) -> str:
    """Hands a task to its engine, under the task's lock; the engine's name for the job. OSError when it will not.

    The marker and the job's name are written first: after a kill in between, the engine is asked for that name.
    The status is written before the engine may start anybody who writes it.
    """
    tasks.set_status(folder, {**status, "state": "waiting", "why": f"for {table['launcher']}", "supervisor": None})
    module, run = launchers.get(table["kind"]), status["run"] + 1
    before = job(folder)
    if before.get("run") == run and not before.get("id"):
        found = module.find(table, before["name"])
    else:
        found, before = "", {"launcher": table["launcher"], "name": _name(folder, run), "id": "", "run": run}
        files.write_json(os.path.join(folder, "job.json"), before)
    files.write(tasks.handed_file(folder), f"{task['chat']}\n{table['launcher']}\n")
    try:
        found = found or module.start(table, _spec(folder, before, table))
    except OSError:
        files.remove(tasks.handed_file(folder))
        raise
    files.write_json(os.path.join(folder, "job.json"), {**before, "id": found})
    return found


def _name(folder: str, run: int) -> str:
    """What the engine calls the job: readable, unique, and a name that Kubernetes takes (63 of a-z, 0-9 and -)."""
    return f"dispatch-{os.path.basename(folder)[:40].strip('-')}-{tasks.digest(f'{folder}.{run}')}"


def _spec(folder: str, job: dict, table: dict) -> dict:
    def there(path: str) -> str:
        return launchers.there(table, path)

    dirs = paths.dirs()
    far = paths.Dirs(*(there(d) for d in dirs))._replace(runtime=there(_run_folder(job["name"])))
    names = "\n".join(f"{ours}\t{theirs}" for ours, theirs in table.get("map", {}).items())
    script = os.path.join(there(resources.shared("hooks")), "supervise.py")
    return {
        "name": job["name"],
        "folder": there(folder),
        "log": there(os.path.join(folder, "supervisor.log")),
        "environment": {paths.ENV: paths.join(far), JOB: job["name"], **({paths.MAP: names} if names else {})},
        "argv": [launchers.python(table), "-I", "-S", script, there(folder)],
    }


def _run_folder(name: str) -> str:
    return os.path.join(paths.dirs().state, "remote", ".run", name)


# what the engine says


def word(folder: str, config: dict, now: float) -> dict:
    """What the engine says of a task's job: VERDICT of launchers.Launcher.look, with "state" "unknown" for a job that
    it does not know, and "silent" when it does not answer (why: its words).
    """
    known = job(folder)
    said = _said(known.get("launcher", ""), config, now)
    if said.get("fault"):
        return {"state": "silent", "why": said["fault"], "where": ""}
    return said["jobs"].get(known.get("id") or "") or {"state": "unknown", "why": "", "where": ""}


def last_word(folder: str) -> dict:
    """As word(), from what is on record: for looking only."""
    known = job(folder)
    said = files.read_json(_engine(known.get("launcher", ""))) or {"jobs": {}}
    return said["jobs"].get(known.get("id") or "") or {"state": "unknown", "why": said.get("fault", ""), "where": ""}


def _engine(name: str) -> str:
    return os.path.join(paths.dirs().state, "remote", ".engines", name)


def _said(name: str, config: dict, now: float) -> dict:
    """What an engine said of all its jobs, asked again when that is older than FRESH; one asks at a time."""
    kept = files.read_json(_engine(name)) or {"at": 0, "jobs": {}}
    if 0 <= now - kept["at"] < FRESH:
        return kept
    lock = files.lock(os.path.join(paths.dirs().runtime, f"engine-{name}.lock"))
    if lock is None:
        return kept
    try:
        said = _ask(name, config, now, kept)
        files.write_json(_engine(name), said)
    finally:
        os.close(lock)
    return said


def _ask(name: str, config: dict, now: float, kept: dict) -> dict:
    table = config["launchers"].get(name)
    if table is None:
        return {"at": now, "jobs": kept["jobs"], "fault": f"the launcher {name} is no longer in the configuration"}
    known = [job(folder) for folder in tasks.handed_over()]
    wanted = [one["id"] for one in known if one.get("launcher") == name and one["id"]]
    try:
        jobs = launchers.get(table["kind"]).look({"launcher": name, **table}, wanted) if wanted else {}
    except OSError as error:
        return {"at": now, "jobs": kept["jobs"], "fault": f"{name} does not answer: {error.strerror or error}"}
    for one, verdict in jobs.items():
        was = kept["jobs"].get(one) or {}
        verdict["since"] = was.get("since", now) if was.get("state") == verdict["state"] else now
    return {"at": now, "jobs": jobs}


def take_back(folder: str) -> None:
    """The engine has it no more."""
    files.clear(_run_folder(job(folder).get("name") or "none"))
    files.remove(os.path.join(folder, "lease"))
    files.remove(tasks.handed_file(folder))


POLL = 1.0
"""Seconds between looks at the inboxes that far supervisors write to: no bell rings across machines."""

ROUND = 15.0
"""Seconds between questions to the engines while a chat waits for their tasks."""


class Post:
    """What comes from far supervisors, seen without a bell; costs nothing while no engine has a task."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        self.chats: dict[str, str] = {}
        self.asked = time.monotonic()

    def expected(self) -> bool:
        return bool(tasks.handed_over())

    def moved(self) -> bool:
        """Whether an inbox that a far supervisor may write to has changed, or it is time to ask the engines."""
        self.chats = {f: self.chats.get(f) or tasks.handed_to(f)[0] for f in tasks.handed_over()}
        now = {chat: _changed(os.path.join(inbox.folder(chat), "new")) for chat in {*self.chats.values(), *self.seen}}
        before, self.seen = self.seen, now
        return any(stamp != before.get(chat, stamp) for chat, stamp in now.items())

    def due(self) -> bool:
        if time.monotonic() - self.asked < ROUND:
            return False
        self.asked = time.monotonic()
        return True


def _changed(folder: str) -> int:
    """When a folder changed. Opened, not only looked at: a shared file system then asks its server."""
    try:
        with files.opened(os.open(folder, os.O_RDONLY | os.O_DIRECTORY)) as fd:
            return os.fstat(fd).st_mtime_ns
    except OSError:
        return 0


def verdict(folder: str, config: dict, now: float) -> tuple[str, str] | None:
    """(state, why) of a job that is over and left no record of its end; None while it may still be alive."""
    said = word(folder, config, now)
    if said["state"] == "ended" and now - said["since"] >= SETTLE:
        return "failed", said["why"]
    if said["state"] == "unknown" and age(folder) > SILENT:
        return "lost", f"{job(folder)['launcher']} does not know its job any more"
    return None


def age(folder: str) -> float:
    """Seconds since a far supervisor renewed its lease (or its job was recorded), by the file server's clock alone."""
    probe = os.path.join(folder, f".now.{os.getpid()}")
    files.touch(probe)
    now = os.stat(probe).st_mtime
    files.remove(probe)
    marks = [os.path.join(folder, name) for name in ("lease", "job.json")]
    return now - max((os.stat(mark).st_mtime for mark in marks if os.path.exists(mark)), default=now)


def cancel(folder: str, config: dict, now: float) -> None:
    """Ends what no far supervisor will: a job that is pending, or one that was given its time. A fault is for later."""
    try:
        waits = word(folder, config, now)["state"] in ("pending", "unknown")
        if waits or now - inputs.cancelled_at(folder) > PRESS:
            end(folder, config)
            take_back(folder)
    except OSError as error:
        print(f"cannot end the job of {tasks.key(folder)}: {error.strerror or error}", file=sys.stderr)


def end(folder: str, config: dict) -> None:
    """Has the engine end the job. OSError when it does not answer."""
    known = job(folder)
    table = config["launchers"].get(known.get("launcher"))
    if table and known.get("id"):
        launchers.get(table["kind"]).end({"launcher": known["launcher"], **table}, known["id"])


# the far side


def is_far() -> bool:
    """Whether this process is a supervisor that an engine runs."""
    return JOB in os.environ


def arrive(folder: str) -> Lease:
    """The lease of a far supervisor, taken; and a runtime folder that no earlier start of the same job has."""
    dirs = paths.dirs()
    own = os.path.join(dirs.runtime, f"{processes.machine()}.{os.getpid()}")
    os.environ[paths.ENV] = paths.join(dirs._replace(runtime=own))
    files.own_folder(own)
    lease = Lease(folder)
    lease.take()
    return lease


def depart(folder: str, lease: Lease) -> int:
    """The last act of a far supervisor: the engine has the task no more, unless it is to start it again."""
    if tasks.status(folder)["state"] in tasks.RUNNING:
        return INTERRUPTED
    if lease.holds():
        take_back(folder)
    return 0


INTERRUPTED = 75
"""The exit status of a far supervisor that its engine ended (sysexits.h: a temporary failure)."""


class Lease:
    """Proof of life of a far supervisor; whoever took it last is the one that counts."""

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "lease")
        self.who = processes.identity(os.getpid())
        self.beat, self.at = 0, time.monotonic()

    def interrupted(self, status: dict) -> bool:
        """Whether an earlier start of this job was ended by its engine (preempted, requeued): its run goes on."""
        who = status.get("supervisor") or {}
        return status["state"] in tasks.RUNNING and who != self.who

    def take(self) -> None:
        self.beat, self.at = self.beat + 1, time.monotonic()
        files.write_json(self.path, {"who": self.who, "beat": self.beat})

    def renew(self) -> bool:
        """Whether it is still ours; renewed when it is time to."""
        if time.monotonic() - self.at < RENEW:
            return True
        if not self.holds():
            return False
        self.take()
        return True

    def holds(self) -> bool:
        """Whether nobody else has taken it since."""
        found = files.read_json(self.path)
        return found is None or found["who"] == self.who
