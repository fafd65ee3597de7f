"""The table: `python -m bench`, with --quick fewer runs. Exit status 0 even where a bound is missed; it says so."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from bench import hooks
from bench.measure import Row

UNITS = {"x": "", "ms": " ms", "MiB": " MiB", "tokens": " tok", "calls": ""}

WIDTH = 62


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs: a look, not a measurement")
    parser.add_argument("--only", default="", help="a part: hooks, spawn, wake, others or context")
    options = parser.parse_args()
    times = 5 if options.quick else 25
    print(f"Ratios to `python -I -S -c pass`, medians of {times} alternated runs.\n", flush=True)
    print(line("", "ratio", "bound", "", "ms"))
    seen = list(show(part.rows(times) for part in (hooks,)))
    missed = [row.what for row in seen if row.missed]
    bounds = sum(row.bound is not None for row in seen)
    print(f"\n{bounds - len(missed)} of {bounds} bounds are met." + "".join(f"\n  MISSED: {what}" for what in missed))
    return 0


def show(parts: Iterable[Iterable[str | Row]]) -> Iterable[Row]:
    for part in parts:
        for row in part:
            if isinstance(row, str):
                print(f"\n{row}", flush=True)
            else:
                print(told(row), flush=True)
                yield row


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
