"""A chat as Claude Code conducts it, for tortures that need hundreds: its hooks through the installed gate, its
transcript (late by nothing, a tree), wakes, kills and timeouts as measured (docs/claude-code.md).

What the model has read *and answered* is in `told`; that is what exactly-once is about.
"""

import json
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

from dispatch_hooks import processes
from dispatch_hooks.watcher import WAKE
from tests.harness.waiting import wait_until
from tests.torture import faults
from tests.torture.faults import Fault
from tests.torture.tree import event

STANDIN = Path(__file__).with_name("standin.py")

HOLD = 0.3
"""Seconds that a frozen hook is given before its time is over."""

WRAPPER = """<task-notification>
<summary>Stop hook feedback</summary>
</task-notification>
<system-reminder>
Stop hook blocking error from command "Stop": {}
</system-reminder>"""


class Chat:
    def __init__(self, world, name: str = "") -> None:
        self.world = world
        world.chats.append(self)
        self.session = name or str(uuid.uuid4())
        self.transcript = world.root / f"{self.session}.jsonl"
        self.transcript.touch()
        self.leaf: str | None = None
        self.told: list[str] = []
        self.shown: list[str] = []
        self.wakes: list[tuple[float, str]] = []
        self.process: subprocess.Popen | None = None
        self._lines: dict[str, queue.Queue] = {}
        self._wakes: queue.Queue[str] = queue.Queue()

    # life

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self, source: str = "startup", fault: Fault | None = None) -> "Chat":
        pipe = subprocess.PIPE
        argv = [sys._base_executable, "-I", "-S", str(STANDIN)]
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, env=self.world.env(), cwd="/")
        self._wakes = queue.Queue()
        threading.Thread(target=self._read, args=(self.process, self._wakes), daemon=True).start()
        self.hook("session-start", "SessionStart", fault, source=source)
        self.watch("watch-session-start")
        return self

    def kill(self) -> None:
        """kill -9: its hooks and watchers live on without a parent."""
        if self.alive:
            self.process.kill()
            self.process.wait()

    def exit(self, fault: Fault | None = None) -> None:
        """As /exit does: the watcher is told to end, then SessionEnd."""
        processes.signal_all(self._watchers(), signal.SIGTERM)
        self.hook("session-end", "SessionEnd", fault, reason="prompt_input_exit")
        self.kill()

    def _watchers(self) -> list[int]:
        return [p for p in processes.children(self.pid) if any("watch.py" in w for w in processes.arguments(p))]

    def _read(self, process, wakes) -> None:
        for line in process.stdout:
            said = json.loads(line)
            self._lines[said["id"]].put(said)
            if said["id"].startswith("watch") and said.get("code") == WAKE:
                self._queue("enqueue", content=WRAPPER.format(said["err"]))
                wakes.put(said["err"])
        for waiting in list(self._lines.values()):
            waiting.put(None)

    # hooks

    def order(self, kind: str, argv: list[str], text: str) -> queue.Queue:
        name = f"{kind}-{uuid.uuid4().hex[:8]}"
        self._lines[name] = queue.Queue()
        try:
            self.process.stdin.write(json.dumps({"id": name, "argv": argv, "input": text}) + "\n")
            self.process.stdin.flush()
        except (OSError, ValueError):
            self._lines[name].put(None)
        return self._lines[name]

    def hook(self, word: str, name: str, fault: Fault | None = None, **fields) -> dict | None:
        """One hook to its end; its JSON, {} for silence, None when it (or its host) died or its time was over."""
        text = event(self.session, self.transcript, self.world.project, name, **fields)
        if fault:
            self.world.tree.lay(f"{_script(word)}.py", fault, self.world.log)
        answers = self.order("hook", ["/bin/sh", str(self.world.gate), word], text)
        begun = answers.get(timeout=60)
        if fault and fault.signal == faults.STOP:
            said = self._frozen(answers, begun, fault.host)
        else:
            said = answers.get(timeout=60) if begun else None
        self.world.tree.lift(f"{_script(word)}.py")
        if said is None or said["code"]:
            return None
        return json.loads(said["out"]) if said["out"] else {}

    def _frozen(self, answers: queue.Queue, begun: dict | None, host: str) -> dict | None:
        """The hook stands still, and goes on when its host is dead or stands still itself; or else its time is over
        and its tree is killed.
        """
        said, end = None, time.monotonic() + 60
        while begun and not faults.frozen(self.world.log):
            try:
                return answers.get(timeout=0.02)
            except queue.Empty:
                assert time.monotonic() < end
        if host == faults.KILL:
            self.kill()
            processes.signal_all(faults.tracees(self.world.log), signal.SIGCONT)
        elif host == faults.STOP:
            self.process.send_signal(signal.SIGSTOP)
            processes.signal_all(faults.tracees(self.world.log), signal.SIGCONT)
            wait_until(lambda: not processes.started(begun["pid"]), 60)
            time.sleep(HOLD)
            self.process.send_signal(signal.SIGCONT)
            said = answers.get(timeout=60)
        else:
            time.sleep(HOLD)
            tree = [begun["pid"], *faults.below(begun["pid"])]
            processes.signal_all(tree, signal.SIGTERM)
            processes.signal_all(tree, signal.SIGKILL)
            answers.get(timeout=60)
        return said

    def watch(self, word: str = "watch-stop", fault: Fault | None = None) -> None:
        if fault:
            self.world.tree.lay("watch.py", fault, self.world.log)
        text = event(self.session, self.transcript, self.world.project, "Stop")
        answers = self.order("watch", ["/bin/sh", str(self.world.gate), word], text)
        answers.get(timeout=60)

    # turns

    def say(
        self, words: str, fault: Fault | None = None, stop_fault: Fault | None = None, answered: bool = True
    ) -> str:
        """A prompt of the person and its turn; what the person sees: a stop's words, a systemMessage, or ""."""
        return self._turn(words, fault, stop_fault, answered)

    def wake(self, fault: Fault | None = None) -> bool:
        """Takes the turn of a wake, if there is one."""
        try:
            text = self._wakes.get_nowait()
        except queue.Empty:
            return False
        self._queue("dequeue")
        self.wakes.append((time.time(), text))
        self._turn(WRAPPER.format(text), fault, brought=text)
        return True

    def _turn(self, words, fault, stop_fault=None, answered=True, brought="") -> str:
        prompt = str(uuid.uuid4())
        out = self.hook("prompt", "UserPromptSubmit", fault, prompt=words, prompt_id=prompt)
        if not self.alive:
            return ""
        self.watch("watch-prompt")
        out, kept = out or {}, self.leaf
        self._write({"type": "user", "promptId": prompt, "message": {"content": words}})
        if out.get("continue") is False:
            self._write({"type": "user", "isMeta": True, "message": {
                "content": f"Operation stopped by hook: {out['stopReason']}"}})
            self.shown.append(out["stopReason"])
            return out["stopReason"]
        context = (out.get("hookSpecificOutput") or {}).get("additionalContext", "")
        if context:
            self._write({"type": "attachment", "attachment": {"type": "hook_additional_context", "content": [context]}})
        if not answered:  # Esc: the prompt and its context leave the conversation
            self.leaf = kept
            return ""
        self._write({"type": "assistant", "message": {"content": "ok"}})
        self.told += [text for text in (brought, context) if text]
        self.shown.append(out.get("systemMessage", ""))
        self.hook("stop", "Stop", stop_fault, prompt_id=prompt)
        if self.alive:
            self.watch("watch-stop")
        return self.shown[-1]

    def _queue(self, operation: str, **more: str) -> None:
        self._append({"type": "queue-operation", "operation": operation, **more})

    def _write(self, entry: dict) -> None:
        uid = str(uuid.uuid4())
        self._append({"parentUuid": self.leaf, "uuid": uid, "sessionId": self.session, **entry})
        self.leaf = uid

    def _append(self, line: dict) -> None:
        with open(self.transcript, "a", encoding="utf-8") as f:
            f.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")


def _script(word: str) -> str:
    return {"prompt": "user_prompt_submit", "stop": "stop"}.get(word, word.replace("-", "_"))
