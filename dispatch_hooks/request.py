"""Requests in what a person types: `/dispatch …`, `dispatch: …`, "dispatch opus to …". Deterministic, pure, no I/O.

docs/grammar.md is its description. Prompts without the word dispatch, which is nearly all, end after one search; what
looks closer is imported only behind it, because a hook pays for every import.
"""

from __future__ import annotations

LIMIT = 65536
"""Characters that are read. What lies behind them goes along with the request, unread."""

MOST = 50
"""Tasks of one prompt."""

SLASH = ("/dispatch-hooks:dispatch", "/dispatch")

KNOWN_ONLY = ("cancel", "stop", "show", "retry", "pause", "resume", "release", "diff", "merge", "discard", "logs")
"""With one word behind it, each of these speaks of a task."""

MACHINE = (
    "<task-notification", "<system-reminder", "<command-message", "<command-name", "<command-args", "<local-command-",
    "<bash-input", "<bash-stdout", "<bash-stderr", "<teammate-message", "<agent-message", "<user-prompt-submit-hook",
    "<new-diagnostics", "<ide_", "<tool_use_error", "<persisted-output", "<session-start-hook", "<user-memory-input",
    "<background-", "<cross-session-message", "<channel", "<hook_", "[SYSTEM NOTIFICATION", "[Request interrupted",
    "Caveat: The messages below", "This session is being continued from a previous conversation",
    "Operation stopped by hook", "Stop hook feedback", "Stop hook blocking error", "UserPromptSubmit hook",
)  # fmt: skip
"""How prompts begin that no person typed."""


def typed(prompt: str) -> bool:
    """Can a person have typed this? False for Claude Code's own notifications, which come the same way."""
    return not prompt.lstrip()[:100].startswith(MACHINE)


def parse(prompt: str, vocabulary: dict, taken=()) -> dict:
    """What of a prompt is a request for background workers.

    vocabulary: {"models","aliases","backends","tasks": names, "default": name or None}; taken: ids in use.
    Returns {"dispatch": bool, "pure": is the whole prompt the request, "tasks": [task], "context": what all share,
    "reason": one sentence, "command": None, or "" behind a lone /dispatch, or what grammar/commands.py reads there,
    "rest" and "change" with it; "change", too, as grammar/configuring.py reads it}.
    A task is {"id","title","text","model","alias","backend","worktree","base","after": [ids],
    "missing": [words that were to be ids],"read_only","budget": {"usd","tokens","turns"} or None,"timeout": seconds or
    None,"directory","permissions","launcher","plan": [words],"context"}; one is set of model, alias, backend.
    """
    if not typed(prompt):
        return _no("no person typed this")
    prompt = prompt.strip()
    text = prompt[:LIMIT].rstrip()
    more = prompt[len(text) :]
    body = _slash(text)
    if body is None and "dispatch" not in text.lower():
        return _no("it does not speak of dispatching")
    vocabulary = {**vocabulary, "tasks": {task.lower(): task for task in vocabulary.get("tasks", ())}}
    if body is not None:
        return _slashed(body, more, vocabulary, taken)
    return _spoken(text, more, vocabulary, taken)


def _no(reason: str, command: str | None = None) -> dict:
    return {"dispatch": False, "pure": False, "tasks": [], "context": "", "reason": reason, "command": command}


def _slash(text: str) -> str | None:
    """What follows /dispatch, None for any other text."""
    for name in SLASH:
        rest = text[len(name) :]
        if text[: len(name)].lower() == name and (not rest or rest[0].isspace()):
            body = rest.lstrip()
            line = rest[: len(rest) - len(body)].rpartition("\n")
            return (line[1] and line[2]) + body.rstrip()  # the indentation of a line of its own may be a list's
    return None


def _slashed(body: str, more: str, vocabulary: dict, taken) -> dict:
    if not body.strip("?.! "):
        return _no("it asks about dispatch itself", "")
    if not more and (command := _command(body, vocabulary)):
        return command
    if _names_no_task(body):
        return _no("it names a task that there is not")
    if not more and (change := _changes(body, vocabulary, True)):
        return change
    from dispatch_hooks.grammar import compose

    return _found([compose.whole(part, vocabulary) for part in _parts(body)], more, True, vocabulary, taken)


def _command(body: str, vocabulary: dict) -> dict | None:
    """The answer for what is no task."""
    from dispatch_hooks.grammar import commands

    found = commands.read(body, vocabulary)
    if not found:
        return None
    changes = found["command"] == "change"
    return {**_no("it changes the configuration" if changes else "it asks about dispatch itself"), **found}


def _changes(text: str, vocabulary: dict, slash: bool) -> dict | None:
    """The answer for words that change the configuration."""
    low = text.lower()
    named = any(word in low for word in ("default", "config", "alias", "models"))
    if not named and not (slash and len(text) < 200 and low.startswith(("add", "remove", "delete", "drop", "please"))):
        return None
    from dispatch_hooks.grammar import configuring

    found = configuring.read(text, vocabulary, slash)
    return found and {**_no("it changes the configuration", "change"), "change": found}


def _names_no_task(body: str) -> bool:
    """A control word about a task that there is not: control.parse was asked before and did not know it."""
    verb, *words = body.lower().split(None, 2)
    if verb.startswith("@"):
        return verb[1:].rstrip(":").replace("-", "").isalnum()
    if verb in ("answer", "tell"):
        return bool(words) and words[0].endswith(":")
    return verb in KNOWN_ONLY and len(words) == 1


def _parts(body: str) -> list[str]:
    """The bodies of several /dispatch, each on a line of its own."""
    found: list[list[str]] = [[]]
    for line in body.split("\n"):
        again = _slash(line)
        if again is None:
            found[-1].append(line)
        else:
            found.append([again])
    return [part for part in ("\n".join(lines).rstrip() for lines in found) if part]


def _spoken(text: str, more: str, vocabulary: dict, taken) -> dict:
    from dispatch_hooks.grammar import compose, quoted, triggers

    if not more and (change := _changes(text, vocabulary, False)):
        return change
    masked = quoted.mask(text, vocabulary)
    begins, why = triggers.find(masked, vocabulary)
    if not begins:
        return _no(why)
    groups, pure = compose.spoken(text, masked, begins, vocabulary)
    return _found(groups, more, pure, vocabulary, taken)


# tasks


def _found(groups: list[dict], more: str, pure: bool, vocabulary: dict, taken) -> dict:
    """The answer for these requests, if they say what is to be done."""
    count = sum(len(group["items"]) for group in groups)
    if count > MOST:
        return _no(f"it lists {count} tasks, and one prompt takes {MOST}")
    items = _items(groups, vocabulary, taken)
    if not items:
        return _no("it does not say what is to be done")
    tasks = [_task(item, *_awaited(item, items, vocabulary)) for item in items]
    _append(tasks, more)
    shared = list(dict.fromkeys(task["context"] for task in tasks))
    reason = f"it asks for {len(tasks)} task{'s' if len(tasks) > 1 else ''}" + ("" if pure else ", and for more")
    context = shared[0] if len(shared) == 1 else ""
    return {"dispatch": True, "pure": pure, "tasks": tasks, "context": context, "reason": reason, "command": None}


def _items(groups: list[dict], vocabulary: dict, taken) -> list[dict]:
    """Every item with its directives and its id; read again where one speaks of another's id ("after paint-b")."""
    known = vocabulary["tasks"]
    while True:
        items = _read(groups, {**vocabulary, "tasks": known})
        _name(items, taken)
        texts = "\n".join(item["text"] for item in items).lower()
        fresh = {item["id"]: item["id"] for item in items if item["id"] not in known and item["id"] in texts}
        if len(items) < 2 or not fresh:
            return items
        known = {**known, **fresh}


def _name(items: list[dict], taken) -> None:
    from dispatch_hooks import ids

    used = set(taken)
    for item in items:
        item["id"] = ids.slug(item["title"], used)
        used.add(item["id"])


def _read(groups: list[dict], vocabulary: dict) -> list[dict]:
    """Every item with its directives and where `after 2` finds it."""
    found = []
    for place, group in enumerate(groups, 1):
        if group["listed"]:
            numbers = [item["number"] for item in group["items"]]
            found += _of(group, numbers, place, vocabulary)
        else:
            group["items"][0]["number"] = place
            found += _of(group, range(1, len(groups) + 1) if len(groups) > 1 else (), 0, vocabulary)
    return found


def _of(group: dict, numbers, place: int, vocabulary: dict) -> list[dict]:
    """The items of a request; one that is nothing but directives speaks for all of them."""
    from dispatch_hooks.grammar import directives

    named = not group["listed"] and any(group["said"].get(kind) for kind in ("model", "alias", "backend"))
    names = "clear" if named else "any"
    read = [directives.read(item["text"], vocabulary, numbers, names) for item in group["items"]]
    for_all = {k: v for said in read if not said["title"] for k, v in said.items()}
    found = []
    for item, said in zip(group["items"], read, strict=True):
        title = item.get("title") or said["title"]
        here = {**item, "title": title, "context": group["context"], "number": (place, item["number"])}
        found += [{**group["said"], **for_all, **said, **here}] if title else []
    return found


def _awaited(item: dict, items: list[dict], vocabulary: dict) -> tuple[list[str], list[str]]:
    """The ids behind the words after "after", and the words without one.

    Known tasks count first; then numbers, ids and words ("both") of the same list, or of the requests of a prompt.
    """
    group = [other for other in items if other["number"][0] == item["number"][0]]
    names: dict = {}
    for other in group:
        names.setdefault(str(other["number"][1]), [other["id"]])
    names |= {other["id"]: [other["id"]] for other in group} | _several(item, group)
    names |= {word: [name] for word, name in vocabulary["tasks"].items()}
    words = dict.fromkeys(item.get("after", []))
    found = [name for word in words for name in names.get(word, [])]
    return list(dict.fromkeys(found)), [word for word in words if not names.get(word)]


def _several(item: dict, group: list[dict]) -> dict:
    """The ids that "all" of a list, the "others" and "both" mean: "all" and "both" look up the list first."""
    place = group.index(item)
    above, below = [other["id"] for other in group[:place]], [other["id"] for other in group[place + 1 :]]
    both = next((found for found in (above, above + below) if len(found) == 2), [])
    return {"both": both, "all": above or below, "others": above + below}


def _task(item: dict, after: list[str], missing: list[str]) -> dict:
    fields = ("model", "alias", "backend", "base", "budget", "timeout", "directory", "permissions", "launcher")
    return {
        "id": item["id"],
        "title": item["title"],
        "text": item["text"],
        **{field: item.get(field) for field in fields},
        "worktree": item.get("worktree"),
        "after": after,
        "missing": missing,
        "read_only": bool(item.get("read_only")),
        "plan": item["plan"],
        "context": item["context"],
    }


def _append(tasks: list[dict], more: str) -> None:
    """What was not read goes to the only task's text, or to what several share."""
    if more and len(tasks) == 1:
        tasks[0]["text"] += more
    elif more:
        for task in tasks:
            task["context"] = f"{task['context']}\n\n{more}"
