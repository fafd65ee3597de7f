"""The table: `python -m bench`, with --quick fewer runs. Exit status 0 even where a bound is missed; it says so."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from types import ModuleType

from bench import clusters, context, hooks, others, spawn, wake
from bench import line as drawn
from bench.measure import Row

UNITS = {"x": "", "ms": " ms", "MiB": " MiB", "KiB": " KiB", "tokens": " tok", "calls": ""}

WIDTH = 62

PARTS = {
    **{"hooks": hooks, "spawn": spawn, "wake": wake, "context": context, "line": drawn, "others": others},
    "clusters": clusters,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs: a look, not a measurement")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; repeat it")
    options = parser.parse_args()
    times = 5 if options.quick else 25
    chosen = [part for name, part in PARTS.items() if not options.only or name in options.only]
    print(f"Ratios to `python -I -S -c pass`, medians of {times} alternated runs.")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start.\n")
    print(line("", "ratio", "bound", "", "ms"), flush=True)
    met, unmet = show(chosen, times)
    print(f"\n{met} of {met + len(unmet)} bounds are met.")
    for what in unmet:
        print(f"  {what}")
    return 0


def show(parts: list[ModuleType], times: int) -> tuple[int, list[str]]:
    """Prints every row as soon as it is known: (how many bounds are met, what to say of the others)."""
    met, unmet, title = 0, [], ""
    for row in (row for part in parts for row in part.rows(times)):
        if isinstance(row, str):
            title = row
            print(f"\n{title}", flush=True)
            continue
        print(told(row), flush=True)
        if row.bound is not None:
            met += row.met
            unmet += [] if row.met else [f"{'NOT MEASURED' if row.value is None else 'MISSED'}: {title}: {row.what}"]
    return met, unmet


def told(row: Row) -> str:
    if row.value is None:
        return line(f"  {row.what}", "-", "", "", "", row.note)
    unit = UNITS[row.unit]
    value = f"{row.value:.2f}{unit}" if row.unit != "calls" else f"{row.value:.0f}"
    bound = "" if row.bound is None else f"{row.bound:g}{unit}"
    verdict = "" if row.bound is None else "ok" if row.met else "OVER"
    return line(f"  {row.what}", value, bound, verdict, "" if row.ms is None else f"{row.ms:.1f}", row.note)


def line(*cells: str) -> str:
    what, value, bound, verdict, ms, *note = cells
    return f"{what:<{WIDTH}} {value:>10} {bound:>8}  {verdict:<4} {ms:>8}  {''.join(note)}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
