"""What Claude Code does with hooks, as far as the demo needs it: this process stands for a running chat.

An event goes on the standard input of every command that the settings have for it. asyncRewake ones are left running;
one that ends with 2 wakes the chat with what it wrote on standard error.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
import uuid
from typing import NamedTuple

from dispatch_hooks.demo.box import Box
from dispatch_hooks.errors import FatalError

EVENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "events")

WAKE = """\
<task-notification>
<summary>Stop hook feedback</summary>
</task-notification>
<system-reminder>
Stop hook blocking error from command "Stop": {text}
</system-reminder>"""
"""The prompt that a wake becomes, as UserPromptSubmit hooks see it."""


class Said(NamedTuple):
    """What a hook printed, by who reads it, and how long it took."""

    stop: str
    context: str
    message: str
    seconds: float


class Chat:
    def __init__(self, box: Box) -> None:
        self.box = box
        self.session = str(uuid.uuid4())
        self.prompt_id = ""
        self.watchers: list[tuple[subprocess.Popen, str]] = []
        self.claude = {
            "CLAUDECODE": "1",
            "CLAUDE_CODE_ENTRYPOINT": "cli",
            "CLAUDE_CODE_SESSION_ID": self.session,
            "CLAUDE_PID": str(os.getpid()),
            "CLAUDE_PROJECT_DIR": box.project,
        }
        with open(os.path.join(box.home, ".claude", "settings.json"), encoding="utf-8") as f:
            self.hooks = json.load(f)["hooks"]

    # events

    def begin(self) -> Said:
        return self.fire("SessionStart.startup")

    def say(self, words: str) -> Said:
        """What the person types."""
        self.prompt_id = str(uuid.uuid4())
        return self.fire("UserPromptSubmit.plain", prompt=words)

    def wake(self, text: str) -> Said:
        """The turn that a watcher's text makes."""
        self.prompt_id = str(uuid.uuid4())
        return self.fire("UserPromptSubmit.wake", prompt=WAKE.format(text=text))

    def stop(self, woken: bool = False) -> Said:
        """The end of the turn that the last prompt began."""
        return self.fire("Stop.wake" if woken else "Stop.plain")

    def end(self) -> None:
        """What leaving the chat does."""
        for process, _ in self.watchers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(10)
        self.watchers.clear()
        self.fire("SessionEnd.prompt_input_exit")

    # hooks

    def fire(self, sample: str, **fields: str) -> Said:
        event, begun = self._event(sample, fields), time.perf_counter()
        entries = [hook for group in self.hooks[sample.partition(".")[0]] for hook in group["hooks"]]
        for hook in entries:
            if hook.get("asyncRewake"):
                self._leave_running(hook["command"], event)
        printed = [self._ask(hook["command"], event) for hook in entries if not hook.get("asyncRewake")]
        return _said([text for text in printed if text], time.perf_counter() - begun)

    def _event(self, sample: str, fields: dict[str, str]) -> bytes:
        with open(os.path.join(EVENTS, f"{sample}.json"), encoding="utf-8") as f:
            captured = json.load(f)
        here = {
            "session_id": self.session,
            "transcript_path": os.path.join(self.box.home, ".claude", f"{self.session}.jsonl"),
            "cwd": self.box.project,
        }
        turn = {"prompt_id": self.prompt_id} if "prompt_id" in captured else {}
        return json.dumps({**captured, **here, **turn, **fields}, separators=(",", ":"), ensure_ascii=False).encode()

    def _start(self, command: str, out, err) -> subprocess.Popen:
        return subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=self.box.project, env={**self.box.env, **self.claude},
            stdin=subprocess.PIPE, stdout=out, stderr=err, start_new_session=True,
        )  # fmt: skip

    def _ask(self, command: str, event: bytes) -> str:
        process = self._start(command, subprocess.PIPE, subprocess.PIPE)
        out, err = process.communicate(event, timeout=30)
        if process.returncode or err:
            raise FatalError(f"a hook ended with {process.returncode}: {err.decode(errors='replace')}")
        return out.decode()

    def _leave_running(self, command: str, event: bytes) -> None:
        path = os.path.join(self.box.root, f"wake-{uuid.uuid4().hex}.txt")
        with open(path, "wb") as err:
            process = self._start(command, subprocess.DEVNULL, err)
        try:
            process.stdin.write(event)
            process.stdin.close()
        except BrokenPipeError:  # it had no need to read
            pass
        self.watchers.append((process, path))

    def woken(self) -> str:
        """The text of a watcher that has ended to wake the chat, each once; "" while there is none."""
        for process, path in list(self.watchers):
            code = process.poll()
            if code is None:
                continue
            self.watchers.remove((process, path))
            if code == 2:
                with open(path, encoding="utf-8") as f:
                    return f.read()
        return ""


def _said(printed: list[str], seconds: float) -> Said:
    if len(printed) > 1:
        raise FatalError(f"two hooks spoke to one event: {printed}")
    answer = json.loads(printed[0]) if printed else {}
    context = answer.get("hookSpecificOutput", {}).get("additionalContext", "")
    return Said(answer.get("stopReason", ""), context, answer.get("systemMessage", ""), seconds)
