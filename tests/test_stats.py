"""What runs used, summed by model and by task; where a CLI tells no cost, none is made up."""

import json
import time

import pytest

from dispatch_hooks import cli, digest, errors, outcome, schemas, tasks, usage

TASK = {"id": "a", "model": "opus", "alias": "", "backend": "claude"}


def status(**more) -> dict:
    told = {"state": "finished", "run": 1, "started": 100.0, "ended": 160.0}
    return {**told, "model": "opus", "backend": "claude", **more}


def past(run: int, **more) -> dict:
    told = {"run": run, "state": "waiting", "started": 10.0 * run, "ended": 10.0 * run + 5, "who": "opus"}
    return {**told, "model": "opus", "backend": "claude", "cost_usd": None, "tokens": None, **more}


def test_a_runs_own_figures_are_what_came_to_the_totals():
    earlier = [past(1, cost_usd=0.5, tokens=1000), past(2, cost_usd=0.75, tokens=1500)]
    now = status(run=3, earlier=earlier, model="gpt-9", backend="codex", cost_usd=0.75, tokens=4000)
    found = usage.runs(TASK, now, 200.0)
    assert [(run["model"], run["cost_usd"], run["tokens"]) for run in found] == [
        ("opus", 0.5, 1000), ("opus", 0.25, 500), ("gpt-9", None, 2500),
    ]  # fmt: skip
    assert [run["seconds"] for run in found] == [5.0, 5.0, 60.0]


def test_a_task_that_has_not_run_used_nothing():
    assert usage.runs(TASK, {"state": "starting", "run": 0}, 1.0) == []


def test_models_are_summed_and_what_is_not_told_is_none():
    told = usage.runs(TASK, status(cost_usd=0.5, tokens=10), 200.0)
    untold = usage.runs(TASK, status(model="", backend="qwen"), 200.0)
    (opus, qwen) = usage.by_model([("a", told[0]), ("b", told[0]), ("b", untold[0])])
    assert (opus["model"], opus["tasks"], opus["runs"], opus["cost_usd"], opus["tokens"]) == ("opus", 2, 2, 1.0, 20)
    assert (qwen["model"], qwen["cost_usd"], qwen["tokens"]) == ("qwen", None, None)
    total = usage.total([("a", told[0]), ("b", untold[0])])
    assert total == {"tasks": 2, "runs": 2, "seconds": 120.0, "cost_usd": 0.5, "tokens": 10}


def test_what_other_models_used_of_a_run_is_theirs():
    beside = {"haiku": {"tokens": 4, "cost_usd": 0.125}, "other": {"tokens": 1, "cost_usd": None}}
    (run,) = usage.runs(TASK, status(cost_usd=0.5, tokens=10, beside=beside), 200.0)
    rows = {row["model"]: (row["tokens"], row["cost_usd"], row["seconds"]) for row in usage.by_model([("a", run)])}
    assert rows == {"opus": (5, 0.375, 60.0), "haiku": (4, 0.125, 0.0), "other": (1, None, 0.0)}
    total = usage.total([("a", run)])
    assert (total["tokens"], total["cost_usd"], total["runs"]) == (10, 0.5, 1)


def test_the_digest_tells_dollars_or_else_tokens():
    event = {"ticked": 1, "items": 1, "model": "opus", "seconds": 60, "cost_usd": None, "tokens": 12_345}
    assert digest.figures(event) == "1/1, opus, 1m, 12k tokens"
    assert digest.figures({**event, "cost_usd": 0.5}) == "1/1, opus, 1m, $0.50"
    assert digest.figures({**event, "tokens": None}) == "1/1, opus, 1m"
    assert [digest.count(n) for n in (900, 12_345, 1_300_000)] == ["900", "12k", "1.3M"]


@pytest.fixture
def run(lab, monkeypatch, capsys):
    monkeypatch.chdir(lab.project)
    monkeypatch.setattr("sys.argv", ["dispatch-hooks"])

    def act(*args: str):
        code = errors.funnel(lambda: cli.app(["stats", *args], standalone_mode=False) or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return act


def made(lab, name: str, found: dict) -> None:
    told = {
        "id": name, "title": name, "text": name, "plan": [], "context": "", "directory": None, "read_only": False,
        "project": str(lab.project), "chat": lab.chat, "prompt": "p", "check": "", "made": 1.0, "model": "opus",
        "alias": "", "alias_prompt": "", "backend": "claude", "permissions": "ask",
    }  # fmt: skip
    tasks.set_status(tasks.create(told), found)


def test_stats_tells_both_and_fits_its_schema(lab, run):
    assert run()[1] == "nothing has run here yet\n"
    now = time.time()
    fresh = status(started=now - 60, ended=now, cost_usd=1.5, tokens=30_000)
    made(lab, "audit", {**fresh, "earlier": [past(1, started=now - 200_000, cost_usd=0.5, tokens=10_000)]})
    made(lab, "docs", status(started=now - 60, ended=now, model="gpt-9", backend="codex", tokens=2_000))
    code, out, _ = run()
    assert code == 0
    rows = [line.split() for line in out.splitlines() if line.strip()]
    assert rows[1][:3] == ["opus", "1", "2"] and rows[1][-2:] == ["30k", "$1.50"]
    assert rows[2] == ["gpt-9", "1", "1", "1m", "2k"]
    assert rows[3][0] == "all" and rows[3][-2:] == ["32k", "$1.50"]
    report = json.loads(run("--json")[1])
    assert schemas.wrong("stats", report) == ""
    assert report["total"]["tokens"] == 32_000
    recent = json.loads(run("--json", "--since", "1d")[1])
    assert (recent["total"]["runs"], recent["total"]["cost_usd"]) == (2, 1.0)


def test_a_since_that_is_no_time_says_how_to_write_it(run):
    code, _, err = run("--since", "yesterday")
    assert code == 1 and '"yesterday" is no time; write --since 24h' in err


def test_the_event_of_an_end_carries_the_tokens(lab):
    made(lab, "audit", status(cost_usd=None, tokens=7, ticked=1, items=1))
    folder = tasks.folder(str(lab.project), "audit")
    event = outcome.ended_event(folder, tasks.read(folder), tasks.status(folder))
    assert event["tokens"] == 7 and schemas.wrong("event", event) == ""
