"""What a worker's CLI says and what it means for its run: one function a kind of Backend event."""

from __future__ import annotations

from dispatch_hooks import conversation, limits


def session(run, event: dict, now: float) -> None:
    known = run.status.get("session")
    if known not in (None, event["id"]):  # the one that it should have resumed is gone
        conversation.new_session(run.status, event["id"])
    run.status["session"] = event["id"]
    if known != event["id"]:  # at once: whoever is killed now can still be resumed
        run.ledger.save()


def activity(run, event: dict, now: float) -> None:
    run.turn_over, run.retries = False, 0
    run.trouble.pop("status", None)
    if not run.turns_told:
        run.turns += 1
        run.status["turns"] = (run.before.get("turns") or 0) + run.turns
    run.ledger.changed.update(event["files"])
    run.status["last"] = run.ledger.hide.text(event["text"]).splitlines()[0][:200]
    run.last_words = run.ledger.hide.text(event["text"])[:4000]
    run.ledger.log(event["text"])


def turn(run, event: dict, now: float) -> None:
    """A call of the model; a CLI that tells them is believed."""
    run.turns_told = True
    run.status["turns"] = (run.before.get("turns") or 0) + event["n"]


def usage(run, event: dict, now: float) -> None:
    for key, name in conversation.FIGURES.items():
        if event[key] is not None:
            run.status[name] = (run.before.get(name) or 0) + event[key]
    if event.get("beside"):
        run.status["beside"] = event["beside"]


def retrying(run, event: dict, now: float) -> None:
    run.turn_over, run.retries = False, run.retries + 1
    run.trouble["status"] = event["status"] if isinstance(event.get("status"), int) else None
    run.status["last"] = run.ledger.hide.text(event["text"]).splitlines()[0][:200]
    run.ledger.log(event["text"])


def send(run, event: dict, now: float) -> None:
    run.worker.send(event["text"])


def background(run, event: dict, now: float) -> None:
    run.background = event["running"]


def ask(run, event: dict, now: float) -> None:
    run.asks.hear(event, now)


def withdrawn(run, event: dict, now: float) -> None:
    """Not for us who interrupt it to park: then the question stays open, and its answer resumes the worker."""
    if not (run.end.get("parked") or run.end.get("paused")):
        run.asks.withdraw(event["request"], now)


def limit(run, event: dict, now: float) -> None:
    run.trouble["resets"] = event["resets"]


def turn_end(run, event: dict, now: float) -> None:
    run.turn_over, run.turn_ended = True, now
    run.last_words = event["text"] or run.last_words
    if event["error"] and not run.end:  # else it is what our own interrupt made of it
        over = limits.over(run.task.get("budget"), run.status, now)  # its CLI may have a cap of its own
        words = event["error"].strip().partition("\n")[0][:300] or "an error without words"
        run.end["over" if over else "error"] = over or words
        run.trouble |= {k: v for k, v in (event.get("about") or {}).items() if v is not None}


HEAR = {
    f.__name__: f
    for f in (session, activity, turn, retrying, usage, background, ask, withdrawn, send, limit, turn_end)
}
