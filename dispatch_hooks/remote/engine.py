"""What an engine says of the jobs that it was handed, and what follows from it."""

from __future__ import annotations

import os
import time

from dispatch_hooks import files, launchers, paths, remote, tasks

FRESH = 5.0
"""Seconds for which an engine's word is not asked for again."""

SILENCE = 15.0
"""Seconds for which one that did not answer is not asked again."""

patience = 5.0
"""Seconds that this process waits for an engine's word: a person waits for most. A watcher has more (PATIENT)."""

PATIENT = 20.0

AHEAD = 60.0
"""Seconds by which an answer may be younger than the look that asked for it, or found it."""

SETTLE = 5.0
"""Seconds between an engine's "ended" and our believing that no record of the end will come: shared folders lag."""

SILENT = 120.0
"""Seconds without a renewal after which a job that its engine does not know any more is lost."""


def word(folder: str, config: dict, now: float) -> dict:
    """What the engine says of a task's job: VERDICT of launchers.Launcher.look, with "state" "unknown" for a job that
    it does not know, and "silent" when it does not answer (why: its words).
    """
    known = remote.job(folder)
    said = _said(known.get("launcher", ""), config, now)
    if said.get("fault"):
        return {"state": "silent", "why": said["fault"], "where": ""}
    return said["jobs"].get(known.get("id") or "") or {"state": "unknown", "why": "", "where": ""}


def last_word(folder: str) -> dict:
    """As word(), from what is on record: for looking only."""
    known = remote.job(folder)
    said = _kept(known.get("launcher", ""))
    return said["jobs"].get(known.get("id") or "") or {"state": "unknown", "why": said.get("fault", ""), "where": ""}


def requeued(folder: str) -> bool:
    """Whether a job that ran waits again: its engine said so last, and no supervisor renewed its lease since."""
    said = files.changed(_engine(remote.job(folder).get("launcher", "")))
    return last_word(folder)["state"] == "pending" and said > files.changed(remote.lease_file(folder))


def _engine(name: str) -> str:
    return os.path.join(paths.dirs().state, "remote", ".engines", name)


_read: dict[str, tuple[int, dict]] = {}


def _kept(name: str) -> dict:
    """What is on record of an engine; read once, as long as it does not change, whatever number of tasks ask."""
    stamp = files.changed(_engine(name))
    if _read.get(name, (0, {}))[0] != stamp or not stamp:
        _read[name] = stamp, files.read_json(_engine(name)) or {"at": 0, "jobs": {}}
    return _read[name][1]


def _said(name: str, config: dict, now: float) -> dict:
    """What an engine said of all its jobs, asked again when that is no longer fresh; one asks at a time."""
    kept = _kept(name)
    if _fresh(kept, now):
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


def _fresh(kept: dict, now: float) -> bool:
    """A silence is no news for who would wait longer than the one that met it."""
    if kept.get("fault"):
        return -AHEAD <= now - kept["at"] < SILENCE and kept.get("patience", 0) >= patience
    return -AHEAD <= now - kept["at"] < FRESH


def _ask(name: str, config: dict, now: float, kept: dict) -> dict:
    """What it says, with when it said so; or what it said before, with its fault."""
    begun = time.monotonic()
    try:
        said = {"jobs": _look(name, config, now, kept)}
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or error
        said = {"jobs": kept["jobs"], "fault": f"{name} does not answer: {words}", "patience": patience}
    return {"at": now + time.monotonic() - begun, **said}


def _look(name: str, config: dict, now: float, kept: dict) -> dict[str, dict]:
    table = {**launchers.table(name, config), "seconds": patience}
    known = [remote.job(folder) for folder in tasks.handed_over()]
    wanted = [one["id"] for one in known if one.get("launcher") == name and one["id"]]
    jobs = launchers.get(table["kind"]).look(table, wanted) if wanted else {}
    for one, verdict in jobs.items():
        was = kept["jobs"].get(one) or {}
        verdict["since"] = was.get("since", now) if was.get("state") == verdict["state"] else now
    return jobs


def verdict(folder: str, config: dict, now: float) -> tuple[str, str] | None:
    """(state, why) of a job that is over and left no record of its end; None while it may still be alive."""
    said = word(folder, config, now)
    if said["state"] == "ended" and now - said["since"] >= SETTLE:
        return "failed", said["why"]
    if said["state"] == "unknown" and files.age(remote.lease_file(folder), remote.job_file(folder)) > SILENT:
        return "lost", f"{remote.job(folder)['launcher']} does not know its job any more"
    return None
