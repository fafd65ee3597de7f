"""The far side: a supervisor that an engine runs, and its proof of life."""

from __future__ import annotations

import os
import stat
import time

from dispatch_hooks import files, launchers, paths, processes, remote, tasks

RENEW = 10.0
"""Seconds between renewals of a lease."""

PREFIX, ALIVE = "dispatch-hooks-far-", "alive"
"""The name of a far supervisor's own folder, and of the lock in it."""

MINUTE = 60.0

INTERRUPTED = 75
"""The exit status of a far supervisor that its engine ended (sysexits.h: a temporary failure)."""


def is_far() -> bool:
    """Whether this process is a supervisor that an engine runs."""
    return launchers.JOB in os.environ


def arrive(folder: str) -> Lease:
    """The lease of a far supervisor, taken if its job counts; and a runtime folder on this machine's own disk, so that
    locks and FIFOs need nothing of the shared folder.
    """
    os.environ[paths.ENV] = paths.join(paths.dirs()._replace(runtime=_runtime()))
    lease = Lease(folder)
    if lease.wanted():
        lease.take()
    return lease


def _runtime() -> str:
    """A folder of our own that is ours as long as we hold its lock; those that killed ones left are removed."""
    import tempfile  # it loads OpenSSL, which no supervisor here needs

    for entry in os.scandir(tempfile.gettempdir()):
        if entry.name.startswith(PREFIX) and _left(entry):
            files.clear(entry.path)
    own = tempfile.mkdtemp(prefix=PREFIX)
    files.lock(os.path.join(own, ALIVE))
    return own


def _left(entry: os.DirEntry) -> bool:
    """Whether a folder of ours has nobody: old enough for its maker to have locked it."""
    try:
        found = os.lstat(entry.path)
    except OSError:  # its maker is done with it
        return False
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return ours and not 0 <= time.time() - found.st_mtime < MINUTE and not files.held(os.path.join(entry.path, ALIVE))


def depart(folder: str, lease: Lease) -> int:
    """The last act of a far supervisor: the engine has the task no more, unless it is to start it again."""
    files.clear(paths.dirs().runtime)
    if not lease.holds():
        return 0
    if tasks.status(folder)["state"] in tasks.RUNNING:
        return INTERRUPTED
    remote.take_back(folder)
    return 0


class Lease:
    """Proof of life of a far supervisor; whoever took it last is the one that counts."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.node = os.environ.get("SLURMD_NODENAME") or os.uname().nodename
        self.who = processes.identity(os.getpid())
        self.beat, self.at = 0, time.monotonic()
        self.before = remote.lease(folder)
        """The lease of an earlier start of the job."""

    def interrupted(self, status: dict) -> bool:
        """Whether an earlier start of this job was ended by its engine (preempted, requeued): its run goes on."""
        who = status.get("supervisor") or {}
        return status["state"] in tasks.RUNNING and who != self.who

    def worked(self, status: dict) -> float:
        """Seconds that the task's runs took, with one that its engine ended: until its lease was renewed last."""
        known = status.get("worked") or 0
        if not self.interrupted(status) or not status.get("started"):
            return known
        return known + max(0.0, self.before.get("at", 0) - status["started"])

    def take(self) -> None:
        self.beat, self.at = self.beat + 1, time.monotonic()
        known = {"who": self.who, "beat": self.beat, "at": time.time(), "node": self.node}
        files.write_json(remote.lease_file(self.folder), known)

    def renew(self) -> bool:
        """Whether it is still ours; renewed when it is time to."""
        if time.monotonic() - self.at < RENEW:
            return True
        if not self.holds():
            return False
        self.take()
        return True

    def holds(self) -> bool:
        """Whether nobody else has taken it since, nor the job back."""
        return remote.lease(self.folder).get("who", self.who) == self.who and self.wanted()

    def wanted(self) -> bool:
        """Whether the task is in the hands of our job. A record, not the marker: who looks for a file on a shared
        folder may be told for a minute that it is not there.
        """
        known = remote.job(self.folder)
        return known.get("name") == os.environ[launchers.JOB] and not known.get("over")
