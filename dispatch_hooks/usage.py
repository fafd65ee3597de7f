"""What runs used: tokens and cost, as far as their CLIs told it; nothing is made up."""

from __future__ import annotations

FIGURES = ("cost_usd", "tokens")


def runs(task: dict, status: dict, now: float) -> list[dict]:
    """Each run of a task: {"model","backend","who","state","started","seconds","cost_usd","tokens","beside"}.

    A status tells the task's totals at the end of each run; a run's own are what came to them. None: its CLI told none.
    beside: what of a run's figures other models than its own used, {name: {"tokens","cost_usd"}}.
    """
    last = {**status, "model": _model(task, status), "backend": status.get("backend") or task["backend"]}
    found, before = [], dict.fromkeys(FIGURES, 0)
    for run in [*(status.get("earlier") or []), *([last] if status.get("started") else [])]:
        total = {key: before[key] if run.get(key) is None else run[key] for key in FIGURES}
        used = {key: total[key] - before[key] if total[key] > before[key] else None for key in FIGURES}
        about = {key: run.get(key) or "" for key in ("model", "backend", "who", "state")}
        seconds = max(0.0, (run.get("ended") or now) - run["started"])
        more = {"started": run["started"], "seconds": seconds, "beside": run.get("beside") or {}}
        found.append({**about, **more, **used})
        before = total
    return found


def _model(task: dict, status: dict) -> str:
    if "model" in status:
        return status["model"]
    return (status.get("changed") or {}).get("model", task["model"])


def by_model(entries: list[tuple[str, dict]]) -> list[dict]:
    """What each model was used for, the dearest first, of (task, run): totals as below, and "model", "backend"."""
    found: dict[tuple, dict] = {}
    for task, run in [(task, share) for task, whole in entries for share in _shares(whole)]:
        name = run["model"] or run["backend"]
        empty = {"model": name, "backend": run["backend"], "tasks": set(), "runs": 0, "seconds": 0.0}
        row = found.setdefault((name, run["backend"]), {**empty, **dict.fromkeys(FIGURES)})
        row["tasks"].add(task)
        row["runs"] += 1
        row["seconds"] += run["seconds"]
        for key in FIGURES:
            row[key] = row[key] if run[key] is None else (row[key] or 0) + run[key]
    rows = [{**row, "tasks": len(row["tasks"])} for row in found.values()]
    return sorted(rows, key=lambda row: (-(row["cost_usd"] or 0), -(row["tokens"] or 0), -row["seconds"]))


def _shares(run: dict) -> list[dict]:
    """A run as parts, one a model: its own, with the time, and those beside."""
    others = [{**run, **row, "model": name, "seconds": 0.0} for name, row in run["beside"].items()]
    own = {key: _without(run[key], [row[key] or 0 for row in others]) for key in FIGURES}
    return [{**run, **own}, *others]


def _without(whole: float | None, parts: list) -> float | None:
    return None if whole is None else max(whole - sum(parts), 0)


def total(entries: list[tuple[str, dict]]) -> dict:
    """{"tasks","runs","seconds","cost_usd","tokens"} of all."""
    runs = [run for _, run in entries]
    sums = {key: sum(run[key] for run in runs if run[key] is not None) or None for key in FIGURES}
    counts = {"tasks": len({task for task, _ in entries}), "runs": len(runs)}
    return {**counts, "seconds": sum(run["seconds"] for run in runs), **sums}
