"""make torture: every torture at its full length, one after the other; its figures and seeds on standard output."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.torture import clusters, delivery, fuzzing, kill, soak


def matrix(options: argparse.Namespace) -> int:
    results = kill.run(options.seed, options.points, options.rounds, options.minutes * 60, options.jobs)
    return sum(bool(result.faults) for result in results)


def events(options: argparse.Namespace) -> int:
    return len(delivery.run(options.seed, options.events, options.minutes * 60)["faults"])


def long_while(options: argparse.Namespace) -> int:
    return len(soak.run(options.seed, options.tasks, 40, options.minutes)["faults"])


def fuzz(options: argparse.Namespace) -> int:
    return fuzzing.run(options.seed, options.minutes)


def engines(options: argparse.Namespace) -> int:
    return len(clusters.run(options.seed, 200, options.minutes)["faults"])


def cases(_options: argparse.Namespace) -> int:
    """What needs no length: a case is a test, the same in the suite. Prints the counts, what was skipped and why."""
    faults = 0
    for name in ("truth", "machine", "cost", "security"):
        file = Path(__file__).with_name(f"test_{name}.py")
        argv = [sys.executable, "-m", "pytest", "-q", "-rs", "--no-header", "-p", "no:cacheprovider", str(file)]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
        *lines, count = done.stdout.splitlines() or [done.stderr]
        told = lines if done.returncode else [line for line in lines if line.startswith("SKIPPED")]
        print(f"{name}: {count}", *told, sep="\n  ")
        faults += done.returncode != 0
    return faults


TORTURES = {
    "cases": (cases, 15),
    "fuzz": (fuzz, 60),
    "soak": (long_while, 20),
    "delivery": (events, 30),
    "clusters": (engines, 30),
    "kill": (matrix, 240),
}
"""What there is, each with the minutes that it takes at most when nobody says otherwise."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="WHAT", help=f"some of: {', '.join(TORTURES)}; without, all")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--minutes", type=float, help="stop each after so many minutes")
    parser.add_argument("--points", type=int, default=48, help="kill: at how many points, of every role (48)")
    parser.add_argument("--rounds", type=int, default=20, help="kill: how often each point, each way (20)")
    parser.add_argument("--events", type=int, default=1000, help="delivery: how many (1000)")
    parser.add_argument("--tasks", type=int, default=300, help="soak: how many, forty at once (300)")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    if wrong := set(options.what) - set(TORTURES):
        parser.error(f"there is no {', '.join(wrong)}; there are {', '.join(TORTURES)}")
    os.environ["HOME"] = tempfile.mkdtemp(prefix="dh-home-")  # nothing here touches the home of who runs it
    faults, minutes = 0, options.minutes
    for what in options.what or TORTURES:
        run, usual = TORTURES[what]
        options.minutes = minutes or usual
        faults += run(options)
        sys.stdout.flush()
    print(f"torture: {faults} faults, seed {options.seed}")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
