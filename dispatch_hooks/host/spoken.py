"""What the person typed: control words and requests, answered without a model call where they are all of the prompt.

Only a hook that its own host ran may speak for the person: a worker that forges an event is left alone.
"""

from __future__ import annotations

import os
import re

from dispatch_hooks import (
    authority,
    config,
    control,
    digest,
    dispatch,
    files,
    hosts,
    limits,
    own,
    paths,
    questions,
    request,
    resolve,
    steer,
    tasks,
)
from dispatch_hooks.errors import FatalError
from dispatch_hooks.host import log, log_fault


def answer(event: dict, token: str, host: dict, env: dict) -> str | dict | None:
    """Words that end the prompt here; {"context"} to go to the model with the prompt; or None: conversation."""
    if not authority.genuine(env, host["pid"]):
        log("a hook that its host did not run was left alone")
        return None
    settings = config.load()
    prompt = event["prompt"]
    said = _control(prompt, host, env) or _request(event, prompt, token, host, settings, env)
    if isinstance(said, str):
        return said + _broken(settings)
    return said and {**said, "aside": _broken(settings).strip()}


# control words


def _control(prompt: str, host: dict, env: dict) -> str | None:
    project = host["project"]
    asking = list(dict.fromkeys(os.path.basename(folder) for folder, _ in steer.asking(project)))
    own = os.path.exists(hosts.place(host["pid"], "tasks"))
    found = control.parse(prompt, {"tasks": _named(prompt, project), "asking": asking, "own": own})
    if found is None:
        return None
    try:
        return _DO[found["verb"]](found, host, env)
    except FatalError as error:
        return f"{error}."
    except OSError as error:
        log_fault()
        return f"that cannot be done: {error.filename or 'a file'}: {error.strerror}; dispatch-hooks doctor says more."


def _named(prompt: str, project: str) -> dict[str, str]:
    """The tasks that the prompt's first words name, with their states: there may be thousands of others."""
    words = re.findall(r"[a-z0-9]+(?:-[a-z0-9]+)*", prompt[:400].lower())[:12]
    folders = {word: tasks.folder(project, word) for word in words}
    return {word: tasks.status(place)["state"] for word, place in folders.items() if os.path.isdir(place)}


def _folder(found: dict, host: dict) -> str:
    return tasks.folder(host["project"], found["task"])


def _answer(found: dict, host: dict, env: dict) -> str:
    if found.get("ambiguous"):
        raise FatalError("several tasks ask; name one: " + ", ".join(f"answer {t}: …" for t in found["ambiguous"]))
    folder = _folder(found, host)
    question = steer.answer(folder, found["text"], "typed", env, found.get("question"))
    return f"answered {found['task']}: {digest.clean(questions.meant(question, found['text']), 200)}."


def _tell(found: dict, host: dict, env: dict) -> str:
    how = steer.tell(_folder(found, host), found["text"], "typed", env)
    return f"{found['task']}: {how}."


def _cancel(found: dict, host: dict, env: dict) -> str:
    return f"{steer.cancel(_folder(found, host), env)} {found['task']}."


def _retry(found: dict, host: dict, env: dict) -> str:
    change = {}
    if found.get("model"):
        settings, _ = dispatch.learn([found["model"]], config.load(), env)
        change, why = resolve.meaning(found["model"], settings, env.get("PATH", ""))
        if why:
            raise FatalError(why)
    if found.get("budget"):
        change = {**change, "budget": found["budget"]}
    steer.retry(_folder(found, host), {k: v for k, v in change.items() if v is not None}, "typed", env)
    with_ = [found["model"] or "", limits.words(found.get("budget"))]
    return f"started {found['task']} again{' with ' if any(with_) else ''}{', '.join(w for w in with_ if w)}."


def _pause(found: dict, host: dict, env: dict) -> str:
    return f"{steer.pause(_folder(found, host), 'typed') if found['task'] else steer.pause_all('typed')}."


def _resume(found: dict, host: dict, env: dict) -> str:
    said = steer.resume(_folder(found, host), "typed", env) if found["task"] else steer.resume_all("typed")
    return f"{said}."


def _release(found: dict, host: dict, env: dict) -> str:
    return f"{steer.release(_folder(found, host))}."


def _diff(found: dict, host: dict, env: dict) -> str:
    from dispatch_hooks.worktrees import showing

    return showing.summary(_folder(found, host))


def _merge(found: dict, host: dict, env: dict) -> str:
    from dispatch_hooks.worktrees import finishing

    return f"{finishing.merge(_folder(found, host), found['how'], env)}."


def _discard(found: dict, host: dict, env: dict) -> str:
    from dispatch_hooks.worktrees import finishing

    return f"{finishing.discard(_folder(found, host), found['force'], env)}."


def _show(found: dict, host: dict, env: dict) -> str:
    from dispatch_hooks import overview

    return overview.task_text(_folder(found, host))


def _status(found: dict, host: dict, env: dict) -> str:
    from dispatch_hooks import pane

    return pane.project_text(host["project"])


_DO = {
    "answer": _answer, "tell": _tell, "cancel": _cancel, "retry": _retry, "show": _show, "status": _status,
    "pause": _pause, "resume": _resume, "release": _release, "diff": _diff, "merge": _merge, "discard": _discard,
}  # fmt: skip


# requests


def _request(event: dict, prompt: str, token: str, host: dict, settings: dict, env: dict) -> str | dict | None:
    """Words that end the prompt here, or {"context"} to go with it, or None: conversation."""
    known = tasks.ids(host["project"])
    parsed = request.parse(prompt, config.vocabulary(settings, known), taken=known)
    if parsed.get("change"):
        return _change(parsed["change"], env)
    if parsed.get("command") is not None:
        return _command(parsed["command"], parsed.get("rest", ""), host)
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
    try:
        result = dispatch.start(parsed, origin, settings, env)
    except OSError as error:
        log_fault()
        return dispatch.failed(origin, error)
    words = digest.tame(dispatch.words(result, event["cwd"] or "/"))  # as the transcript will have them
    if result["started"] or result["again"]:
        try:
            hosts.expect(host["pid"])
            dispatch.told(origin, words)
        except OSError:  # it was dispatched all the same
            log_fault()
    return words if parsed["pure"] else {"context": words}


def _change(found: dict, env: dict) -> str:
    """Changes the configuration as the command line would, which keeps comments; told in its words. What was typed for
    workers to read goes by standard input: `ps` shows a command line to everybody.
    """
    options = {"--backend": found.get("backend"), "--prompt": "-" if found.get("prompt") else ""}
    more = [word for flag, value in options.items() if value for word in (flag, value)]
    plain = [found[key] for key in ("name", "model", "value") if found.get(key)]
    done, said = own.ran(["config", found["verb"], *more, "--", *plain], env, found.get("prompt") or "")
    return said if done else said or "the configuration was not changed"


def _command(name: str, rest: str, host: dict) -> str:
    from dispatch_hooks import pane

    return pane.command_text(name, rest, host["project"])


def _broken(settings: dict) -> str:
    """A broken configuration, told once for each way of being broken."""
    fault = settings["broken"]
    told = os.path.join(paths.dirs().state, "config-fault")
    if not fault or not files.differs(told, fault):
        return ""
    files.write(told, fault)
    return f"\nYour configuration is not in force, the defaults are: {fault}"
