"""How each worker CLI tells its models, and asking it: by a command of its own, or by opening a session (ACP).

They run in an empty folder of ours, so that no project's files have a say, and nothing of them is left behind.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import threading
import time
from collections.abc import Iterator

from dispatch_hooks import files, paths, worker

LIMIT = 30.0
"""Seconds that a CLI may take; the slowest that was measured needs 4."""

LARGEST = 4 << 20
"""Bytes of an answer that are read (codex tells 700 KB)."""


def _slugs(text: str) -> tuple[list[str], str]:
    """`codex debug models`: what its picker shows; the first by priority is its default."""
    shown = [one for one in json.loads(text)["models"] if one.get("visibility", "list") == "list"]
    ordered = sorted(shown, key=lambda one: one.get("priority", 0))
    return [one["slug"] for one in shown], ordered[0]["slug"] if ordered else ""


def _lines(text: str) -> tuple[list[str], str]:
    """`opencode models`: provider/model, one a line."""
    return [line.strip() for line in text.splitlines() if "/" in line and len(line.split()) == 1], ""


def _dashed(text: str) -> tuple[list[str], str]:
    """`agent models` of cursor: "id - Display Name", one of them perhaps "(default)" or "(current)"."""
    rows = [line.strip().split(" - ", 1) for line in text.splitlines()]
    rows = [row for row in rows if len(row) == 2 and len(row[0].split()) == 1]
    usual = next((name for mark in ("(default)", "(current)") for name, shown in rows if mark in shown), "")
    return [name for name, _ in rows], usual


def _session(answer: dict) -> tuple[list[str], str]:
    """The result of ACP's session/new: `models`, or the options of the configuration's `model`."""
    models = answer.get("models") or {}
    if models.get("availableModels"):
        return _plain([one["modelId"] for one in models["availableModels"]], models.get("currentModelId") or "")
    for option in answer.get("configOptions") or []:
        if option.get("id") == "model":
            return _plain(list(_values(option.get("options") or [])), option.get("currentValue") or "")
    return [], ""


_LOGIN = re.compile(r"(?:\$runtime\|[^|]*\|)?(?P<name>.*?)(?P<login>\([\w-]+\))?")
"""How qwen writes a model, "$runtime|openai|qwen-max(openai)", of which its -m takes the name in the middle."""


def _plain(models: list[str], usual: str) -> tuple[list[str], str]:
    """The names that a CLI takes; of other logins than the one in use it takes none."""
    now = _LOGIN.fullmatch(usual)
    read = [_LOGIN.fullmatch(model) for model in models]
    return [one["name"] for one in read if not usual or one["login"] == now["login"]], now["name"]


def _values(options: list[dict]) -> Iterator[str]:
    """Options, which may stand in groups."""
    for option in options:
        if "value" in option:
            yield option["value"]
        yield from _values(option.get("options") or [])


COMMANDS = {
    "codex": (["debug", "models"], _slugs),
    "opencode": (["models"], _lines),
    "cursor": (["models"], _dashed),
}
"""Arguments, and how to read what they print."""

SESSIONS = {
    "gemini": ["--acp", "--skip-trust"],
    "qwen": ["--acp"],
}
"""Arguments that make it speak ACP. Copilot's session tells no models, claude has no way at all (measured)."""

ORDER = ("codex", "gemini", "qwen", "opencode", "cursor")
"""Who is taken where several have a model: a vendor's own CLI before those that have everybody's."""

ENV = {
    "GEMINI_CLI_NO_RELAUNCH": "true",
    "QWEN_CODE_NO_RELAUNCH": "true",
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
}


def ask(wanted: dict[str, str], env: dict, settings: dict, limit: float = LIMIT) -> Iterator[tuple[str, dict]]:
    """Asks {backend: program} all at once: (backend, {"models","default","why"}) of each, as they come."""
    mark = f"models.{os.getpid()}.{time.monotonic_ns()}"
    clean = _environment(env, settings, mark)
    place = os.path.join(paths.dirs().runtime, "models")
    files.make_folder(place)
    heard: queue.Queue = queue.Queue()
    for backend, program in wanted.items():
        asking = (backend, program, clean, place, limit, heard)
        threading.Thread(target=_one, args=asking, daemon=True).start()
    try:
        for _ in wanted:
            yield heard.get()
    finally:
        worker.leave_none(mark)


def _environment(env: dict, settings: dict, mark: str) -> dict:
    drop = {*worker.INJECTED, *settings["env"].get("drop", [])}
    return {**{k: v for k, v in env.items() if k not in drop}, **ENV, "DISPATCH_HOOKS_RUN": mark}


def _one(backend: str, program: str, env: dict, place: str, limit: float, heard: queue.Queue) -> None:
    try:
        tell = _by_session if backend in SESSIONS else _by_command
        models, usual = tell(backend, program, env, place, limit)
        told = {"models": list(dict.fromkeys(models)), "default": usual, "why": "" if models else "it lists none"}
    except Exception as error:
        told = {"models": [], "default": "", "why": _words(error)}
    heard.put((backend, told))


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it did not answer"
    if isinstance(error, Refused | OSError):
        return str(error)[:300]
    return "it answered in words that are not known"


class Refused(Exception):
    """A CLI that says why it tells no models."""


def _start(argv: list[str], env: dict, place: str):
    import subprocess

    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    return subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=null, env=env, cwd=place, start_new_session=True)


def _by_command(backend: str, program: str, env: dict, place: str, limit: float) -> tuple[list[str], str]:
    import subprocess

    arguments, read = COMMANDS[backend]
    process = _start([program, *arguments], env, place)
    try:
        out, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired as slow:
        _end(process)
        raise TimeoutError from slow
    if process.returncode:
        said = out.decode(errors="replace").strip().splitlines()
        raise Refused(f"it ended with exit status {process.returncode}" + (f": {said[-1]}" if said else ""))
    return read(out[:LARGEST].decode(errors="replace"))


def _end(process) -> None:
    """Its whole session: launchers leave their agents behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, 9)
    process.wait()


CLIENT = {"fs": {"readTextFile": False, "writeTextFile": False}, "terminal": False}


def _by_session(backend: str, program: str, env: dict, place: str, limit: float) -> tuple[list[str], str]:
    process = _start([program, *SESSIONS[backend]], env, place)
    timer = threading.Timer(limit, _end, [process])
    timer.start()
    try:
        _call(process, 1, "initialize", {"protocolVersion": 1, "clientCapabilities": CLIENT})
        return _session(_call(process, 2, "session/new", {"cwd": place, "mcpServers": []}))
    finally:
        timer.cancel()
        _end(process)


def _call(process, number: int, method: str, params: dict) -> dict:
    """The result of one JSON-RPC call; what the agent says before it is passed over."""
    call = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    try:
        process.stdin.write(json.dumps(call).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        pass  # its end is met below
    for line in iter(lambda: process.stdout.readline(LARGEST), b""):
        answer = _object(line)
        if answer.get("id") == number and "error" in answer:
            raise Refused(str((answer["error"] or {}).get("message") or answer["error"]))
        if answer.get("id") == number and "result" in answer:
            return answer["result"] or {}
    raise TimeoutError


def _object(line: bytes) -> dict:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
