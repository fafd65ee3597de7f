"""UserPromptSubmit: what the person typed, and the digest on every prompt."""

from __future__ import annotations

from dispatch_hooks import digest, files, hosts, tasks
from dispatch_hooks.host import delivery, log_fault

EVENT = "UserPromptSubmit"

MARKS = (
    "dispatch", "answer", "cancel", "stop", "show", "tell", "status", "retry", "diff", "merge", "discard", "pause",
    "resume", "release", "start", "@",
)  # fmt: skip
"""Without one of these words no prompt is for us; the gate looks for the same."""

PERSONS = ("user", "sdk")
"""The sources of a prompt that are a person: at the terminal, or who runs `claude -p`."""


def handle(event: dict, env: dict, now: float) -> dict | None:
    try:
        return _handle(event, env, now)
    except OSError as error:
        log_fault()
        return _cannot(event, error)


def _cannot(event: dict, error: OSError) -> dict | None:
    """On a disk that is full or read-only the person is told that nothing was dispatched; any other prompt goes on."""
    from dispatch_hooks import config, request

    words = event.get("prompt", "")
    known = config.vocabulary(config.load(), [])
    if "dispatch" not in words[:100_000].lower() or not request.parse(words, known).get("dispatch"):
        return None
    why = f"{error.filename or 'a file'}: {error.strerror}"
    return {"continue": False, "stopReason": f"Not dispatched: {why}. dispatch-hooks doctor says more."}


def _handle(event: dict, env: dict, now: float) -> dict | None:
    pid = hosts.host_pid(env)
    project = tasks.project_of(event["cwd"] or "/", env.get("CLAUDE_PROJECT_DIR", ""))
    host = hosts.register(pid, event, project, env)
    hosts.clear_watching(pid)
    prompt, token = event.get("prompt", ""), _token(event, now)
    # A prompt that was queued while a turn ran comes with that turn's id (measured): its words tell it apart.
    if not hosts.first(pid, f"{token}.{tasks.digest(prompt)}"):
        return None
    said = _said(event, prompt, token, host, env)
    if isinstance(said, str):  # no model call, an empty input box; nothing else of this answer would be shown
        return {"continue": False, "stopReason": digest.tame(said)}  # it stays in the model's context, too
    return _wake(host, prompt, token) or _with_context(_news(host, token, now), said)


def _token(event: dict, now: float) -> str:
    return event.get("prompt_id") or f"prompt-{int(now * 1000)}"


def handed(event: dict, env: dict, now: float) -> None:
    """From here on the end of the turn says that the news arrived. A hook that is killed before (its time was over)
    has told nobody, though its prompt goes on to the model and has a Stop like any other.
    """
    host = files.read_json(hosts.place(hosts.host_pid(env), "host.json"))
    if host:
        delivery.handed(host, _token(event, now))


def _said(event: dict, prompt: str, token: str, host: dict, env: dict) -> str | dict | None:
    low = prompt[:100_000].lower()
    if not any(mark in low for mark in MARKS):
        return None
    from dispatch_hooks.host import spoken

    return spoken.answer(event, token, host, env) if _persons(event, prompt) else None


def _persons(event: dict, prompt: str) -> bool:
    """Whether a person said it: by its words, by what Claude Code says of its source, by the transcript."""
    from dispatch_hooks import request, transcript

    if not request.typed(prompt) or event.get("source", "user") not in PERSONS:
        return False
    return not transcript.scheduled(event.get("transcript_path", ""), prompt)


def _wake(host: dict, prompt: str, token: str) -> dict | None:
    """The prompt that our own wake became: its claim now belongs to this prompt; the person reads the exact words."""
    if not prompt.lstrip().startswith("<task-notification>"):
        return None
    events = delivery.joined(host, prompt, token)
    if not events:
        return None
    hosts.mark(host["pid"])
    files.write_json(hosts.place(host["pid"], "asks"), {"prompt": token, "events": events})  # for the next idle moment
    return {"systemMessage": digest.for_person(events)}


def _news(host: dict, token: str, now: float) -> dict | None:
    try:
        events = delivery.take(host, token, now)
    except OSError:  # they stay where they are
        log_fault()
        return None
    if not events:
        return None
    if any(event["kind"] in ("question", "permission") for event in events):
        files.touch(hosts.place(host["pid"], "asks"))
    output = {"hookEventName": "UserPromptSubmit", "additionalContext": digest.for_model(events)}
    return {"systemMessage": digest.for_person(events), "hookSpecificOutput": output}


def _with_context(news: dict | None, said: dict | None) -> dict | None:
    """The news and, for a request inside a larger prompt, what was dispatched."""
    if not said:
        return news
    news = news or {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": ""}}
    output = news["hookSpecificOutput"]
    output["additionalContext"] = _joined(said["context"], output["additionalContext"])
    news["systemMessage"] = _joined(said["context"], said["aside"], news.get("systemMessage"))
    return news


def _joined(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)
