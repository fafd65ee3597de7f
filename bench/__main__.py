"""The table: `python -m bench`, with --quick fewer runs. Exit status 0 even where a bound is missed; it says so."""

from __future__ import annotations

import argparse
import sys
from types import ModuleType

from bench import context, hooks, others, spawn, wake
from bench.measure import Row

UNITS = {"x": "", "ms": " ms", "MiB": " MiB", "tokens": " tok", "calls": ""}

WIDTH = 62

PARTS = {"hooks": hooks, "spawn": spawn, "wake": wake, "context": context, "others": others}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs: a look, not a measurement")
    parser.add_argument("--only", action="append", choices=PARTS, help="a part; repeat it")
    options = parser.parse_args()
    times = 5 if options.quick else 25
    chosen = [part for name, part in PARTS.items() if not options.only or name in options.only]
    print(f"Ratios to `python -I -S -c pass`, medians of {times} alternated runs.\n")
    print(line("", "ratio", "bound", "", "ms"), flush=True)
    met, missed = show(chosen, times)
    print(f"\n{met} of {met + len(missed)} bounds are met." + "".join(f"\n  MISSED: {what}" for what in missed))
    return 0


def show(parts: list[ModuleType], times: int) -> tuple[int, list[str]]:
    """Prints every row as soon as it is known: (bounds that are met, those that are missed)."""
    met, missed, title = 0, [], ""
    for row in (row for part in parts for row in part.rows(times)):
        if isinstance(row, str):
            title = row
            print(f"\n{title}", flush=True)
            continue
        print(told(row), flush=True)
        met += row.bound is not None and not row.missed
        missed += [f"{title}: {row.what}"] if row.missed else []
    return met, missed


def told(row: Row) -> str:
    if row.value is None:
        return line(f"  {row.what}", "-", "", "", "", row.note)
    unit = UNITS[row.unit]
    value = f"{row.value:.2f}{unit}" if row.unit != "calls" else f"{row.value:.0f}"
    bound = "" if row.bound is None else f"{row.bound:g}{unit}"
    verdict = "" if row.bound is None else "OVER" if row.missed else "ok"
    return line(f"  {row.what}", value, bound, verdict, "" if row.ms is None else f"{row.ms:.1f}", row.note)


def line(*cells: str) -> str:
    what, value, bound, verdict, ms, *note = cells
    return f"{what:<{WIDTH}} {value:>10} {bound:>8}  {verdict:<4} {ms:>8}  {''.join(note)}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
