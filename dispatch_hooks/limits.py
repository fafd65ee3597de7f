"""What a task may use up, and how long its worker may be silent: pure, told by figures.

A budget is {"usd","tokens","turns","seconds"}, any of them. Who tells a task something, or has it tried again, grants
it the same once more: `granted` of a status is what had been used then. An answer and a resume grant nothing.
Turns are calls of the model where the CLI tells them, else what the worker was seen to do.
"""

from __future__ import annotations

KINDS = ("usd", "tokens", "turns", "seconds")


def budget(item: dict, named: str, settings: dict) -> dict | None:
    """What a task may use: the item's own words before the alias's, the model's, and the config's."""
    alias = settings["aliases"].get(named, {})
    model = settings["models"].get(alias.get("model", named), {})
    own = {**(item.get("budget") or {}), **({"seconds": item["timeout"]} if item.get("timeout") else {})}
    found = {**table(settings["budget"]), **table(model.get("budget")), **table(alias.get("budget")), **own}
    return found or None


def table(given: dict | None) -> dict:
    """A budget of the config, where time is in minutes, as it is kept."""
    given = dict(given or {})
    minutes = given.pop("minutes", None)
    return {**given, **({"seconds": minutes * 60} if minutes else {})}


def used(status: dict, now: float) -> dict:
    """What a task has used in all its runs; a figure that its CLI does not tell is 0.

    While the person is asked no time is used.
    """
    until = status.get("asks_since") or now
    runs = status["state"] == "running" and status.get("started")
    seconds = until - status["started"] - (status.get("waited") or 0) if runs else 0
    return {
        "usd": status.get("cost_usd") or 0,
        "tokens": status.get("tokens") or 0,
        "turns": status.get("turns") or 0,
        "seconds": (status.get("worked") or 0) + seconds,
    }


def wait(status: dict, asks: bool, now: float) -> None:
    """Notes in a run's status whether it waits for the person at this moment."""
    since = status["asks_since"]
    if asks and since is None:
        status["asks_since"] = now
    elif since is not None and not asks:
        status.update(asks_since=None, waited=status["waited"] + now - since)


def grant(status: dict, now: float) -> None:
    """From now on the budget counts anew."""
    status["granted"] = used(status, now)


def left(budget: dict | None, status: dict, now: float) -> dict:
    """What of a budget is left, of each kind that it limits."""
    before, so_far = status.get("granted") or {}, used(status, now)
    return {kind: most - (so_far[kind] - before.get(kind, 0)) for kind, most in (budget or {}).items()}


def over(budget: dict | None, status: dict, now: float) -> str:
    """ "over its budget: $2.10 of $2", or "" while something is left of everything."""
    for kind, rest in left(budget, status, now).items():
        if rest <= 0:
            most = budget[kind]
            return f"over its budget: {figure(kind, most - rest)} of {figure(kind, most)}"
    return ""


def figure(kind: str, amount: float) -> str:
    """$2, $2.10, 180k tokens, 40 turns, 12m."""
    if kind == "usd":
        return f"${amount:.4f}" if 0 < amount < 0.01 else f"${amount:.2f}".removesuffix(".00")
    if kind == "seconds":
        return f"{amount / 60:.0f}m" if amount >= 120 else f"{amount:.0f}s"
    short = f"{amount / 1000:.0f}k" if amount >= 10_000 else f"{amount:.0f}"
    return f"{short} {kind}"


def words(budget: dict | None) -> str:
    """A budget as a person reads it; "" for none."""
    return ", ".join(figure(kind, amount) for kind, amount in (budget or {}).items())


FIGURES = {"usd": "cost", "tokens": "tokens"}
"""What a CLI must tell for these to be counted; turns and time always are."""


def untold(budget: dict | None, backend: str, settings: dict) -> str:
    """ "plain tells no cost: $2 is no limit"; "" where all of a budget can be counted."""
    counted = [kind for kind in FIGURES if kind in (budget or {})]
    if not counted:
        return ""
    from dispatch_hooks.backends import table

    told = table.told(backend, settings)
    lacking = [] if told is None else [kind for kind in counted if FIGURES[kind] not in told]
    amounts = words({kind: budget[kind] for kind in lacking})
    what = " and no ".join(FIGURES[kind] for kind in lacking)
    return f"{backend} tells no {what}: {amounts} {'are' if len(lacking) > 1 else 'is'} no limit" if lacking else ""


# silence


def look(view: dict, now: float, config: dict) -> tuple[str, str]:
    """What a running worker calls for: (what, why) of "over", "error", "silent", or "".

    view: {"status","budget","heard" (when its CLI last said something),"asks": does it wait for the person,
    "told": was this silence told of,"retries": tries of its model in a row}.
    """
    why = over(view["budget"], view["status"], now)
    if why:
        return "over", why
    if view["retries"] >= config["max_retries"]:
        return "error", f"its model did not answer, {view['retries']} times in a row"
    quiet, limit = now - view["heard"], config["silence_seconds"]
    if not limit or view["asks"] or quiet < limit:
        return "", ""
    if quiet >= 2 * limit:
        return "error", f"it said nothing for {figure('seconds', quiet)}, and was stopped"
    return ("", "") if view["told"] else ("silent", f"has said nothing for {figure('seconds', quiet)}")
