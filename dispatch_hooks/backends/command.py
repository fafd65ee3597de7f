"""Any CLI that takes a prompt, from the person's config:

    [backends.mycli]
    command = ["mycli", "--model", "{model}", "--prompt", "{prompt}"]     # without {prompt} it comes on stdin
    resume = ["mycli", "--resume", "{session}", "--prompt", "{prompt}"]   # if it can
    fields = { text = "message.text", session = "session_id", cost = "cost_usd", tokens = "usage.total" }

Its output is its log, or with `fields` JSON, an object a line; it asks with `dispatch-hooks ask`, ticks its plan, and
its end is the end of the work.
"""

from __future__ import annotations

from dispatch_hooks import backends


def program(task: dict, config: dict) -> str:
    return argv_of(task, config)[0]


def argv_of(task: dict, config: dict, key: str = "command") -> list[str]:
    own = config["backends"][task["backend"]]
    words = [str(word) for word in own[key]]
    return [own.get("program") or words[0], *words[1:]]


def resumes(task: dict, config: dict) -> bool:
    own = config["backends"][task["backend"]]
    return bool(own.get("resume") and own.get("fields", {}).get("session"))


class Talk(backends.Talk):
    ends_by_itself = True

    def __init__(self, task: dict, run: dict, config: dict) -> None:
        words = argv_of(task, config, "resume" if run["resume"] else "command")
        holes = {"{prompt}": run["prompt"], "{model}": task["model"] or "", "{folder}": run["folder"]}
        holes["{session}"] = run["session"] or ""
        super().__init__([_filled(word, holes) for word in words])
        self.stdin = None if any("{prompt}" in word for word in words) else run["prompt"]
        self.session = run["session"] if run["resume"] else None
        self.fields = config["backends"][task["backend"]].get("fields") or {}
        self.before = run["spent"].get("cost_usd") or 0

    def read(self, line: bytes) -> list[dict]:
        if self.fields:
            return self._told(backends.message(line))
        text = line.decode(errors="replace").strip()
        return [{"kind": "activity", "text": text, "files": []}] if text else []

    def _told(self, message: dict) -> list[dict]:
        """The events of a line of JSON."""
        found = {field: _at(message, path) for field, path in self.fields.items()}
        text, session, error = found.get("text"), found.get("session"), found.get("error")
        cost, used = _number(found.get("cost")), _number(found.get("tokens"))
        events = [{"kind": "session", "id": session, "model": ""}] if session and isinstance(session, str) else []
        if isinstance(text, str) and text.strip():
            events.append({"kind": "activity", "text": text.strip(), "files": []})
        if cost is not None or used is not None:
            cost = None if cost is None else max(0.0, cost - self.before)
            used = None if used is None else int(used)
            events.append({"kind": "usage", "tokens": used, "input": None, "output": None, "cost_usd": cost})
        if error:
            words = error if isinstance(error, str) else str(text or "an error without words")
            events.append({"kind": "turn_end", "error": words, "text": words})
        return events


talk = Talk


def _at(value: object, path: str) -> object:
    """What is at a path of keys and numbers with dots between; None where nothing is."""
    for step in path.split("."):
        if isinstance(value, list) and step.isdecimal():
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _filled(word: str, holes: dict) -> str:
    for hole, value in holes.items():
        if hole in word:
            return word.replace(hole, value)  # one a word: what a prompt says is never filled in again
    return word
