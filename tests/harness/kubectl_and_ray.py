"""Stands for kubectl, ray, and Ray's head: `kubectl_and_ray.py FOLDER what they are given`.

Jobs are processes, noted down in the folder. Files there change how it is: "down" (nobody answers), "full" (there is no
room), "newer" (a Ray that speaks of a state that nobody knows).
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

TOP, WORDS = Path(sys.argv[1]), sys.argv[2:]

REFUSED = "The connection to the server was refused - did you specify the right host or port?"

TOLD = {"pending": {"active": 1}, "running": {"active": 1, "ready": 1}}

FAILED = {"conditions": [{"type": "FailureTarget", "reason": "Backoff"}, {"type": "Failed", "reason": "Backoff"}]}

RAY = {"pending": "PENDING", "running": "RUNNING", "ended": "FAILED"}

MESSAGE = "It said:\nmuch\nx running"


def note(name: str) -> Path:
    return TOP / f"{name}.json"


def start(name: str, argv: list[str] | str) -> None:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
    pid = 0 if (TOP / "full").exists() else subprocess.Popen(argv, shell=isinstance(argv, str), **quiet).pid
    note(name).write_text(json.dumps(pid))


def stop(name: str) -> None:
    pid = json.loads(note(name).read_text())
    if alive(pid):
        os.killpg(pid, signal.SIGTERM)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def jobs() -> Iterator[tuple[str, str]]:
    for path in sorted(TOP.glob("*.json")):
        pid = json.loads(path.read_text())
        yield path.stem, "pending" if not pid else "running" if alive(pid) else "ended"


def create(job: dict) -> None:
    assert job["metadata"]["labels"] == {"from": "dispatch-hooks"}
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["volumeMounts"][0]["mountPath"].startswith("/")
    start(job["metadata"]["name"], container["command"])


def filled(template: str, job: dict) -> str:
    """A jsonpath with one job's values."""

    def value(hole: re.Match) -> str:
        found = job
        for part in filter(None, hole[1].split(".")):
            here = part.removesuffix("[*]")
            found = [one[here] for one in found] if isinstance(found, list) else (found or {}).get(here)
        return " ".join(found) if isinstance(found, list) else str(found or "")

    return re.sub(r"{([^}]*)}", value, template.replace(r'{"\n"}', "\n"))


if (TOP / "down").exists():
    sys.exit(REFUSED)
match WORDS:
    case ["create", "-f", "-"]:
        create(yaml.safe_load(sys.stdin))
    case ["get", "jobs", "-l", "from=dispatch-hooks", "-o", given]:
        row = given.removeprefix("jsonpath={range .items[*]}").removesuffix("{end}")
        for job, state in jobs():
            print(filled(row, {"metadata": {"name": job}, "status": TOLD.get(state, FAILED)}), end="")
    case ["delete", "job", job, "--ignore-not-found", "--wait=false"]:
        if note(job).exists():
            stop(job)
            note(job).unlink()
    case ["job", "submit", "--no-wait", "--submission-id", job, "--", *argv]:
        print("Job submission server address: …")
        start(job, subprocess.list2cmdline(argv))
    case ["job", "stop", "--no-wait", job]:
        stop(job)
    case ["jobs"]:
        said = {**RAY, "running": "PAUSED"} if (TOP / "newer").exists() else RAY
        told = [{"submission_id": job, "status": said[state], "message": MESSAGE} for job, state in jobs()]
        print(json.dumps([{"submission_id": None, "status": "RUNNING", "message": None}, *told]))
    case _:
        sys.exit(f"unknown: {WORDS}")
