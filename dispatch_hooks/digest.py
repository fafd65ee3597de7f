"""The short text made of events: facts for the host's model, and the same in the person's words.

What a worker wrote is data: control characters go, look-alikes of tags are neutralised, it is cut and quoted. The
person reads the exact words; those never reach the model.
Facts, not orders: imperative hook text trips Claude's defences against injection (docs/claude-code.md).
"""

from __future__ import annotations

import itertools
import os

SHOWN = 8
"""Events told in full; the rest is counted."""

LONGEST = 8000
"""Characters of a digest: from 10,000 on Claude Code puts a file in its place (docs/claude-code.md)."""

QUOTED = 160
"""Characters of a worker's summary in a digest (median of real ones is longer: the path leads to the rest)."""

QUESTION = 700
"""Characters of a question; it must be whole to be answered."""

VERBS = {
    "finished": "finished",
    "checked": "finished and checked",
    "stopped": "stopped early",
    "failed": "failed",
    "lost": "was lost",
    "cancelled": "was cancelled",
    "waiting": "waits",
}


def clean(text: str, limit: int) -> str:
    """One line without control characters, at most limit characters."""
    flat = " ".join("".join(c if c.isprintable() else " " for c in text[: limit * 4]).split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def tame(text: str) -> str:
    """Text without anything that could pass for markup of the host: no tag, no fence begins in it."""
    first, *rest = text.replace("```", "'''").split("<")
    return first + "".join(("‹" if piece[:1].isalpha() or piece[:1] in ("/", "!") else "<") + piece for piece in rest)


def quoted(text: str, limit: int = QUOTED) -> str:
    return '"' + tame(clean(text, limit)).replace('"', "'") + '"'


def age(seconds: float) -> str:
    """Seconds in the two figures that a person reads: 45s, 12m, 3h05, 4d."""
    if seconds < 60:
        return f"{max(0, int(seconds))}s"
    if seconds < 3600:
        return f"{int(seconds // 60)}m"
    if seconds >= 48 * 3600:
        return f"{int(seconds // 86400)}d"
    return f"{int(seconds // 3600)}h{int(seconds % 3600 // 60):02}"


def figures(event: dict) -> str:
    """What a run took: "3/3, opus, 4m, $0.12"; nothing is shown that its CLI did not tell."""
    parts = [f"{event['ticked']}/{event['items']}"] if event.get("items") else []
    parts += [event["model"]] if event.get("model") else []
    parts += [age(event["seconds"])] if event.get("seconds") is not None else []
    parts += [spent(event)] if spent(event) else []
    return ", ".join(parts)


def spent(told: dict) -> str:
    """Dollars, else tokens, as far as its CLI tells either."""
    if told.get("cost_usd"):
        return f"${told['cost_usd']:.2f}"
    return f"{count(told['tokens'])} tokens" if told.get("tokens") else ""


def count(number: int) -> str:
    """A number of tokens in the figures that matter: 900, 12k, 1.3M."""
    if number >= 1e6:
        return f"{number / 1e6:.1f}M"
    return f"{number / 1e3:.0f}k" if number >= 1e3 else str(number)


def counted(tasks: int, state: str) -> str:
    """ "1 asks", "2 ask", "2 running" """
    return f"{tasks} {'ask' if state == 'asks' and tasks != 1 else state}"


def for_model(events: list[dict]) -> str:
    """The digest for Claude's context, about 120 characters an event."""
    lines = _fitting([f"- {_fact(event)}" for event in events[:SHOWN]])
    lines += _rest(events, len(lines))
    lines += _how(events[:SHOWN])
    return "Background tasks (dispatch-hooks):\n" + "\n".join(lines)


def _fitting(lines: list[str]) -> list[str]:
    """The first ones that fit; one that is too long by itself is not made here."""
    ends = list(itertools.accumulate(len(line) + 1 for line in lines))
    return [line for line, end in zip(lines, ends, strict=True) if end <= LONGEST]


def _fact(event: dict) -> str:
    kind = event["kind"]
    if kind == "question":
        return f"{event['task']} asks the person: {quoted(event['text'], QUESTION)}{_options(event)}"
    if kind == "permission":
        return f"{event['task']} needs the person's permission: {quoted(event['text'], QUESTION)}"
    if kind == "flag":
        return f"{event['task']} flags: {quoted(event['text'], 300)}"
    if kind == "silent":
        return f"{event['task']} {clean(event['text'], QUOTED)}; it is stopped if that goes on"
    if kind == "held":
        return f"{event['task']} is held: {clean(event['text'], QUOTED)}, and it comes after that"
    said = f": {quoted(event['text'])}" if event.get("text") else ""
    more = f" {event['path']}" if event.get("path") else ""
    more += f"; branch {event['branch']}: {tame(clean(event['work'], QUOTED))}" if event.get("branch") else ""
    more += f"; in the same folder, still at work: {', '.join(event['shares'][:3])}" if event.get("shares") else ""
    return f"{event['task']} {VERBS.get(kind, kind)} ({figures(event)}){said}{more}"


def _options(event: dict) -> str:
    options = " | ".join(quoted(option, 80) for option in event.get("options") or [])
    return f" [{options}]" if options else ""


def _rest(events: list[dict], shown: int = SHOWN) -> list[str]:
    more = events[shown:]
    return [f"- and {len(more)} more; `dispatch-hooks status` lists them"] if more else []


def _how(events: list[dict]) -> list[str]:
    """One line on how answers travel, only when something is asked."""
    asking = next((e["task"] for e in events if e["kind"] == "question"), None)
    command = os.environ.get("DISPATCH_HOOKS_COMMAND", "dispatch-hooks")
    return [f'The person\'s own words are passed on by: {command} answer {asking} "…"'] if asking else []


def for_person(events: list[dict]) -> str:
    """The same for the pane: questions in their exact words, with what to type; no markdown is rendered there."""
    told = _fitting(["\n".join(_told(event)) for event in events[:SHOWN]])
    return "\n".join([*told, *(line[2:] for line in _rest(events, len(told)))])


def _told(event: dict) -> list[str]:
    kind = event["kind"]
    if kind == "question":
        return [f"{event['task']} asks:", *_body(event), _answer_hint(event)]
    if kind == "permission":
        hint = f"  answer {event['task']}: yes, or no and why"
        return [f"{event['task']} needs your permission:", *_body(event), hint]
    if kind == "flag":
        return [f"{event['task']} flags:", *_body(event)]
    if kind == "silent":
        hint = f"  tell {event['task']} to …, or cancel {event['task']}; it is stopped after as long again"
        return [f"{event['task']} {clean(event['text'], QUOTED)}", hint]
    if kind == "held":
        hint = f"  retry {event['parent']}, or release {event['task']}, or cancel {event['task']}"
        return [f"{event['task']} is held: {clean(event['text'], QUOTED)}", hint]
    said = f": {clean(event['text'], QUOTED)}" if event.get("text") else ""
    more = [f"  {event['path']}"] if event.get("path") else []
    if kind == "stopped" and event.get("text", "").startswith("over its"):
        name = event["task"]
        more.append(f"  tell {name} to go on (with as much once more), or retry {name} with a budget of …")
    if event.get("branch"):
        ways = " | ".join(f"{verb} {event['task']}" for verb in ("diff", "merge", "discard"))
        more.append(f"  {event['branch']}: {clean(event['work'], QUOTED)}  ({ways})")
    if event.get("shares"):
        more.append(f"  in the same folder, still at work: {', '.join(event['shares'][:5])}")
    return [f"{event['task']} {VERBS.get(kind, kind)} ({figures(event)}){said}", *more]


def _body(event: dict) -> list[str]:
    lines = [clean(line, QUESTION) for line in event["text"][: QUESTION * 2].splitlines() if line.strip()]
    return [
        *(f"  {line}" for line in lines[:20]),
        *(f"  {n}. {clean(option, 200)}" for n, option in enumerate(event.get("options") or [], 1)),
    ]


def _answer_hint(event: dict) -> str:
    return f"  answer {event['task']}: …"
