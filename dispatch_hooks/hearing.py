"""What a worker's CLI says and what it means for its run: one function a kind of Backend event."""

from __future__ import annotations


def session(run, event: dict, now: float) -> None:
    run.status["session"] = event["id"]


def activity(run, event: dict, now: float) -> None:
    run.turn_over = False
    run.ledger.changed.update(event["files"])
    run.status["last"] = event["text"].splitlines()[0][:200]
    run.last_words = event["text"][:4000]
    run.ledger.log(event["text"])


def usage(run, event: dict, now: float) -> None:
    if event["cost_usd"] is not None:
        run.status["cost_usd"] = run.status["cost_before"] + event["cost_usd"]
    run.status["tokens"] = (run.status.get("tokens") or 0) + (event["tokens"] or 0)


def background(run, event: dict, now: float) -> None:
    run.background = event["running"]


def ask(run, event: dict, now: float) -> None:
    run.asks.hear(event, now)


def withdrawn(run, event: dict, now: float) -> None:
    """Not for us who interrupt it to park: then the question stays open, and its answer resumes the worker."""
    if not run.end.get("parked"):
        run.asks.withdraw(event["request"], now)


def turn_end(run, event: dict, now: float) -> None:
    run.turn_over, run.turn_ended = True, now
    run.last_words = event["text"] or run.last_words
    if event["error"] and not run.end:  # else it is what our own interrupt made of it
        run.end["error"] = event["error"].strip().partition("\n")[0][:300] or "an error without words"


HEAR = {f.__name__: f for f in (session, activity, usage, background, ask, withdrawn, turn_end)}
