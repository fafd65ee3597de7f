"""Tasks whose supervisor runs on another machine, under an engine (a launcher other than local).

    <state>/remote/<project>~<id>     a marker: an engine has the task; a line with its chat, a line with its launcher
    <state>/remote/.engines/<name>    what an engine said last: {"at","jobs": {job: VERDICT},"fault","patience"}
    <task folder>/job.json            {"launcher","name","id","run"}; its id is "" until the engine has taken it;
                                      "over": true when it was taken back
    <task folder>/lease               renewed by the far supervisor: {"who","beat","at" (by its own clock),"node"}

Nothing here leans on flock, pids, FIFOs or clocks across machines: a far supervisor has a runtime folder of its own, on
its own machine's disk. The engine's word decides; a lease tells of a supervisor that the engine believes in and nobody
hears; a far supervisor whose lease is somebody else's, or whose job was taken back, gives up.
"""

from __future__ import annotations

import os

from dispatch_hooks import files, tasks


def elsewhere(task: dict) -> bool:
    """Whether the task is one for an engine."""
    return task.get("launcher", "local") != "local"


def job(folder: str) -> dict:
    return files.read_json(job_file(folder)) or {}


def set_job(folder: str, known: dict) -> None:
    files.write_json(job_file(folder), known)


def job_file(folder: str) -> str:
    return os.path.join(folder, "job.json")


def lease(folder: str) -> dict:
    return files.read_json(lease_file(folder)) or {}


def lease_file(folder: str) -> str:
    return os.path.join(folder, "lease")


def recorded(folder: str) -> bool:
    """Whether it is on record how the job's run ended; a task that waits for a job has not had its run yet."""
    status = tasks.status(folder)
    waits = status["state"] == "waiting" and status["run"] < job(folder).get("run", 0)
    return not waits and status["state"] not in tasks.RUNNING


def take_back(folder: str) -> None:
    """The engine has it no more. Its marker goes last: whoever finds that does all of this again."""
    set_job(folder, {**job(folder), "over": True})
    files.remove(lease_file(folder))
    files.remove(tasks.handed_file(folder))
