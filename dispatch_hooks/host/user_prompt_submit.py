"""UserPromptSubmit: requests, answers and control words of the person, and the digest on every prompt."""

from __future__ import annotations

from dispatch_hooks import config, control, digest, dispatch, hosts, inbox, questions, request, steer, tasks
from dispatch_hooks.errors import FatalError
from dispatch_hooks.host import delivery

WAKE = "<task-notification>"


def handle(event: dict, env: dict, now: float) -> dict | None:
    pid = hosts.host_pid(env)
    project = tasks.project_of(event["cwd"] or "/", env.get("CLAUDE_PROJECT_DIR", ""))
    host = hosts.register(pid, event, project, env)
    prompt, token = event.get("prompt", ""), event.get("prompt_id") or f"prompt-{int(now * 1000)}"
    # A prompt that was queued while a turn ran comes with that turn's id (measured): its words tell it apart.
    if not hosts.first(pid, f"{token}.{tasks.digest(prompt)}"):
        return None
    if not request.typed(prompt):
        return _wake(host, prompt, token) or _news(host, token, now)
    settings = config.load()
    said = _control(prompt, host, env) or _request(event, prompt, token, host, settings, env)
    if isinstance(said, str):
        return _stop(said + _broken(settings))
    return _with_context(_news(host, token, now), said, settings)


def _stop(words: str) -> dict:
    """No model call, an empty input box; the person reads the words after "Operation stopped by hook: "."""
    return {"continue": False, "stopReason": words}


# control words


def _control(prompt: str, host: dict, env: dict) -> str | None:
    project = host["project"]
    known = {task: tasks.status(tasks.folder(project, task))["state"] for task in tasks.ids(project)}
    if not known:
        return None
    asking = list(dict.fromkeys(tasks.read(folder)["id"] for folder, _ in steer.asking(project)))
    own = any((tasks.read(tasks.folder(project, task)) or {}).get("chat") in hosts.chats_of(host) for task in known)
    found = control.parse(prompt, {"tasks": known, "asking": asking, "own": own})
    if found is None:
        return None
    try:
        return _DO[found["verb"]](found, host, env)
    except FatalError as error:
        return f"{error}."


def _folder(found: dict, host: dict) -> str:
    return tasks.folder(host["project"], found["task"])


def _answer(found: dict, host: dict, env: dict) -> str:
    if found.get("ambiguous"):
        raise FatalError("several tasks ask; name one: " + ", ".join(f"answer {t}: …" for t in found["ambiguous"]))
    folder = _folder(found, host)
    question = steer.answer(folder, found["text"], "typed", env, found.get("question"))
    words = found["text"] if question["kind"] == "permission" else questions.choice(found["text"], question["options"])
    return f"answered {found['task']}: {digest.clean(words, 200)}."


def _tell(found: dict, host: dict, env: dict) -> str:
    how = steer.tell(_folder(found, host), found["text"], "typed", env)
    return f"{found['task']}: {how}."


def _cancel(found: dict, host: dict, env: dict) -> str:
    return f"{steer.cancel(_folder(found, host), env)} {found['task']}."


def _retry(found: dict, host: dict, env: dict) -> str:
    change = {}
    if found.get("model"):
        change, why = dispatch.resolve(found["model"], config.load())
        if why:
            raise FatalError(why)
    steer.retry(_folder(found, host), {k: v for k, v in change.items() if v is not None}, "typed", env)
    return f"started {found['task']} again{' with ' + found['model'] if found.get('model') else ''}."


def _show(found: dict, host: dict, env: dict) -> str:
    from dispatch_hooks import overview

    return overview.task_text(_folder(found, host))


def _status(found: dict, host: dict, env: dict) -> str:
    from dispatch_hooks import overview

    return overview.project_text(host["project"])


_DO = {"answer": _answer, "tell": _tell, "cancel": _cancel, "retry": _retry, "show": _show, "status": _status}


# requests


def _request(event: dict, prompt: str, token: str, host: dict, settings: dict, env: dict) -> str | dict | None:
    """Words that end the prompt here, or {"context"} to go with it, or None: conversation."""
    known = tasks.ids(host["project"])
    parsed = request.parse(prompt, config.vocabulary(settings, known), taken=known)
    if parsed.get("command") is not None:
        return _command(parsed["command"], host)
    if not parsed["dispatch"]:
        return None
    config.create()
    origin = {
        "chat": event["session_id"],
        "prompt": token,
        "project": host["project"],
        "transcript": host["transcript"],
        "text": prompt,
    }
    result = dispatch.start(parsed, origin, settings, env)
    words = dispatch.words(result)
    if result["started"] or result["again"]:
        hosts.expect(host["pid"])
        dispatch.told(origin, words)
    return words if parsed["pure"] else {"context": words}


def _command(name: str, host: dict) -> str:
    from dispatch_hooks import overview

    return overview.command_text(name, host["project"])


# news


def _wake(host: dict, prompt: str, token: str) -> dict | None:
    """The prompt that our own wake became: its claim now belongs to this prompt; the person reads the exact words."""
    for chat in hosts.chats_of(host):
        for wake, claim in inbox.claims(chat):
            if wake.startswith("wake-") and claim.get("text") and claim["text"] in prompt:
                events = inbox.claimed(chat, wake)
                inbox.retoken(chat, wake, token)
                hosts.mark(host["pid"])
                return {"systemMessage": digest.for_person(events)}
    return None


def _news(host: dict, token: str, now: float) -> dict | None:
    events = delivery.take(host, token, now)
    if not events:
        return None
    output = {"hookEventName": "UserPromptSubmit", "additionalContext": digest.for_model(events)}
    return {"systemMessage": digest.for_person(events), "hookSpecificOutput": output}


def _with_context(news: dict | None, said: dict | None, settings: dict) -> dict | None:
    """The news and, for a request inside a larger prompt, what was dispatched."""
    broken = _broken(settings) if said else ""
    if not said:
        return news
    news = news or {"hookSpecificOutput": {"hookEventName": "UserPromptSubmit", "additionalContext": ""}}
    output = news["hookSpecificOutput"]
    output["additionalContext"] = "\n".join(t for t in (said["context"], output["additionalContext"]) if t)
    news["systemMessage"] = "\n".join(t for t in (said["context"] + broken, news.get("systemMessage")) if t)
    return news


def _broken(settings: dict) -> str:
    return f"\nYour configuration is not in force: {settings['broken']}" if settings["broken"] else ""
