"""Slurm: sbatch, squeue, sacct, scancel.

    [launchers.cluster]
    kind = "slurm"
    partition = "long"          # account, cpus, memory ("8G"), time ("12:00:00"): as sbatch takes them
    options = ["--gres=gpu:1"]  # any other word for sbatch

The environment goes the way of sbatch (--export=ALL), never in argv or in the job's script. Measured with 22.05.8
(docs/clusters.md): a finished job stays in squeue for MinJobAge (300 s), then only sacct knows it.
"""

from __future__ import annotations

import shlex

from dispatch_hooks import launchers

FLAGS = {
    "partition": "--partition",
    "account": "--account",
    "cpus": "--cpus-per-task",
    "memory": "--mem",
    "time": "--time",
}

QUEUE = ["squeue", "--noheader", "--all", "--me", "--states=all"]
"""All jobs of ours, those in hidden partitions, too."""

PENDING = (
    "PENDING CONFIGURING REQUEUED REQUEUE_FED REQUEUE_HOLD RESV_DEL_HOLD SPECIAL_EXIT SUSPENDED".split()
)
RUNNING = "RUNNING COMPLETING STOPPED RESIZING SIGNALING STAGE_OUT".split()

WORDS = {
    "TIMEOUT": "it ran into its time limit",
    "DEADLINE": "it ran into its deadline",
    "OUT_OF_MEMORY": "it ran out of memory",
    "NODE_FAIL": "its node was lost",
    "BOOT_FAIL": "its node did not boot",
    "PREEMPTED": "it was preempted",
    "CANCELLED": "somebody cancelled its job",
    "COMPLETED": "its job ended without a word",
    "FAILED": "its job failed",
    "REVOKED": "its job was revoked",
}
"""Slurm's job states in words (man squeue, JOB STATE CODES)."""


def start(settings: dict, job: dict) -> str:
    argv = ["sbatch", "--parsable", f"--job-name={job['name']}", f"--output={job['log']}", "--open-mode=append"]
    argv += [f"--chdir={job['folder']}", "--requeue", "--export=ALL", "--no-kill"]
    argv += [f"{flag}={settings[key]}" for key, flag in FLAGS.items() if settings.get(key)]
    said = launchers.ask([*argv, *settings.get("options", [])], script(job))
    return said.strip().rpartition("\n")[2].partition(";")[0]


def script(job: dict) -> str:
    """The job: what it needs to find its records, and the supervisor in the shell's place, so that signals reach it."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in job["environment"].items()]
    return "\n".join(["#!/bin/sh", *lines, f"exec {shlex.join(job['argv'])}", ""])


def look(settings: dict, jobs: list[str]) -> dict[str, dict]:
    seconds, wanted = settings.get("seconds", launchers.LONG), set(jobs)
    rows = launchers.ask([*QUEUE, "--format=%i|%T|%N|%r"], seconds=seconds).splitlines()
    found = {row[0]: verdict(*row[1:]) for row in _rows(rows) if row[0] in wanted}
    gone = [job for job in jobs if job not in found]
    return {**_accounted(gone, seconds), **found} if gone else found


def _rows(lines: list[str]) -> list[list[str]]:
    return [row for line in lines if len(row := line.split("|", 3)) == 4]


def _accounted(jobs: list[str], seconds: float) -> dict[str, dict]:
    """What the accounting knows of jobs that the controller has forgotten; many clusters keep none."""
    argv = ["sacct", "--noheader", "--parsable2", "--allocations", f"--jobs={','.join(jobs)}"]
    try:
        rows = launchers.ask([*argv, "--format=JobIDRaw,State,NodeList,Reason"], seconds=seconds).splitlines()
    except OSError:
        return {}
    return {row[0]: verdict(*row[1:]) for row in _rows(rows)}


def verdict(state: str, node: str = "", reason: str = "") -> dict:
    """Slurm's state and reason as {"state","why","where"}. sacct says who: "CANCELLED by 1000"."""
    word = state.partition(" ")[0].rstrip("+")
    node = "" if node in ("None assigned", "(null)") else node
    because = "" if reason in ("None", "(null)", "") else reason
    if word in PENDING:
        return {"state": "pending", "why": because or word.lower(), "where": node}
    if word in RUNNING:
        return {"state": "running", "why": "", "where": node}
    why = f"{WORDS.get(word, 'its job ended')} ({', '.join(part for part in (f'Slurm: {state}', because) if part)})"
    return {"state": "ended", "why": why, "where": node}


def find(settings: dict, name: str) -> str:
    found = launchers.ask([*QUEUE, f"--name={name}", "--format=%i"]).split()
    return found[-1] if found else ""


def end(settings: dict, job: str) -> None:
    launchers.ask(["scancel", job])
