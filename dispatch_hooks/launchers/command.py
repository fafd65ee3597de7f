"""Any engine that commands of yours can speak to: kubectl, ray job, qsub, a script.

    [launchers.k8s]
    kind = "command"
    submit = ["dispatch-to-k8s", "{name}", "{log}"]   # the job's script is on standard input; prints the job's id
    poll   = ["kubectl-job-state", "{jobs}"]          # a line a job: its id, pending|running|ended, and why
    cancel = ["kubectl", "delete", "job", "{job}"]

Without an id from submit, the job is called by its name: {name} and {job} are then the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from dispatch_hooks import launchers
from dispatch_hooks.launchers import slurm

STATES = ("pending", "running", "ended")


def start(settings: dict, job: dict) -> str:
    holes = {"{name}": job["name"], "{log}": job["log"], "{folder}": job["folder"]}
    said = launchers.ask(_filled(settings["submit"], holes), slurm.script(job)).split()
    return said[-1] if said else job["name"]


def look(settings: dict, jobs: list[str]) -> dict[str, dict]:
    """One question for all of them where the template takes {jobs}, else one each."""
    words = settings["poll"]
    each = [jobs] if "{jobs}" in words else [[job] for job in jobs]
    patience = settings.get("seconds", launchers.LONG)
    said = [launchers.ask(_spread(words, some), seconds=patience) for some in each]
    return {job: found for text in said for job, found in _verdicts(text, set(jobs))}


def _spread(words: list[str], jobs: list[str]) -> list[str]:
    filled = _filled(words, {"{job}": jobs[0], "{name}": jobs[0]})
    return [word for own in filled for word in (jobs if own == "{jobs}" else [own])]


def _verdicts(text: str, jobs: set[str]) -> Iterator[tuple[str, dict]]:
    """What is said of the jobs; a line of anything else (a heading, a warning) is none of ours."""
    for line in text.splitlines():
        job, state, why = [*line.split(None, 2), "", "", ""][:3]
        if job not in jobs:
            continue
        if state and state.lower() not in STATES:
            raise OSError(5, f"its poll command said {state!r} of {job}, not one of {', '.join(STATES)}")
        if state:
            yield job, {"state": state.lower(), "why": why.strip()[:300], "where": ""}


def find(settings: dict, name: str) -> str:
    """Only an engine that calls jobs by our names can be asked for one."""
    try:
        return name if look(settings, [name]) else ""
    except BlockingIOError:
        raise
    except OSError:
        return ""


def end(settings: dict, job: str) -> None:
    launchers.ask(_filled(settings["cancel"], {"{job}": job, "{name}": job}))


def _filled(words: list[str], holes: dict[str, str]) -> list[str]:
    for hole, value in holes.items():
        words = [word.replace(hole, value) for word in words]
    return words
