"""The real Claude Code in a sandbox: a HOME of its own, fake keys, a scripted model server, no network.

sandbox = Sandbox(server.url)
sandbox.install_claude()
sandbox.run_print("hello").stdout
sandbox.end()
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

from .npm import installed
from .waiting import PATIENCE, wait_until

VERSION = "2.1.332"
PACKAGE = "@anthropic-ai/claude-code"
API_KEY = "sk-ant-api03-not-a-real-key-for-tests"


# ---- the program


def claude_binary() -> Path:
    """The pinned Claude Code; the first call installs it. DISPATCH_HOOKS_CLAUDE names a binary to use instead."""
    if ready := os.environ.get("DISPATCH_HOOKS_CLAUDE"):
        return Path(ready)
    return installed("claude-code", PACKAGE, VERSION, ".bin/claude")


# ---- the sandbox


class Sandbox:
    """A home, a project and every process that runs with this home; `end()` leaves nothing of it behind."""

    def __init__(self, url: str = "http://127.0.0.1:9", parent: Path | None = None):
        """parent: where it lies, if not in the temporary folder (which an OS sandbox may leave writable)."""
        # Not pytest's tmp_path: sockets live in here, and their paths may have 107 bytes.
        self.root = Path(tempfile.mkdtemp(prefix="dh-", dir=parent)).resolve()
        self.url = url
        self.variables: dict[str, str] = {}
        self.home = self._folder("home")
        self.project = self._folder("project")
        self.bin = self._folder("bin")
        self.tmp = self._folder("tmp")
        self.runtime = self._folder("run", 0o700)
        self.claude_dir = self._folder("home/.claude")
        (self.home / ".gitconfig").write_text(GITCONFIG)
        self._recorded = self.root / "events.jsonl"
        self._trusted: dict[str, dict] = {}
        self._spawned: list[subprocess.Popen] = []

    def _folder(self, name: str, mode: int = 0o755) -> Path:
        folder = self.root / name
        folder.mkdir(mode=mode, parents=True, exist_ok=True)
        return folder

    def env(self, **more: str) -> dict[str, str]:
        """All that a process in the sandbox has in its environment: nothing is inherited."""
        return {
            "HOME": str(self.home),
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "SHELL": "/bin/sh",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.tmp),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_DATA_HOME": str(self.home / ".local/share"),
            "XDG_STATE_HOME": str(self.home / ".local/state"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": API_KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_TELEMETRY": "1",
            "DISABLE_AUTOUPDATER": "1",
            "IS_SANDBOX": "1",  # Claude Code as root
            **self.variables,
            **more,
        }

    # files

    @property
    def settings_file(self) -> Path:
        return self.claude_dir / "settings.json"

    def write_settings(self, settings: dict) -> None:
        self.settings_file.write_text(json.dumps(settings, indent=2))

    def install_claude(self) -> None:
        """Put `claude` on the sandbox's PATH, past its first questions (theme, key, what it may do)."""
        (self.bin / "claude").symlink_to(claude_binary())
        self.configure(
            hasCompletedOnboarding=True,
            lastOnboardingVersion=VERSION,
            customApiKeyResponses={"approved": [API_KEY[-20:]], "rejected": []},
            hasSeenAutoDefaultNotice=True,
        )
        self.trust(self.project)

    def configure(self, **state) -> None:
        """Change Claude Code's own state file (messageIdleNotifThresholdMs: idle_prompt sooner than after 60 s)."""
        file = self.home / ".claude.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        file.write_text(json.dumps(known | state))

    def trust(self, folder: Path) -> None:
        """Answer the trust dialog of this folder beforehand."""
        self._trusted[str(folder)] = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        self.configure(projects=self._trusted)

    def record(self, *events: str) -> None:
        """Add a hook to each of these events that writes down what it is given, for `events`."""
        settings = json.loads(self.settings_file.read_text()) if self.settings_file.exists() else {}
        # printf, in one write: hooks of one event run at the same time
        command = f"""printf '%s\\n' "$(cat)" >> {self._recorded}"""
        for event in events:
            entry = {"hooks": [{"type": "command", "command": command}]}
            settings.setdefault("hooks", {}).setdefault(event, []).append(entry)
        self.write_settings(settings)

    def events(self, name: str = "", **fields: object) -> list[dict]:
        """The recorded events of this name with these fields, in order."""
        lines = self._recorded.read_text().splitlines() if self._recorded.exists() else []
        wanted = {"hook_event_name": name, **fields} if name else fields
        return [event for event in map(json.loads, lines) if wanted.items() <= event.items()]

    def wait_for_event(self, name: str, timeout: float = PATIENCE, **fields: object) -> dict:
        seen = wait_until(lambda: self.events(name, **fields), timeout, lambda: f"{name} {fields} in {self.events()}")
        return seen[-1]

    def transcripts(self) -> list[Path]:
        """The transcripts of all sessions, the one written to last at the end."""
        found = self.claude_dir.glob("projects/*/*.jsonl")
        return sorted(found, key=lambda path: path.stat().st_mtime_ns)

    def transcript(self, session: str) -> list[dict]:
        """Its entries so far. Claude Code writes them some 0.1 s after they happen, and the file with the first."""
        written = "".join(path.read_text() for path in self.transcripts() if path.stem == session)
        return [json.loads(line) for line in written.splitlines() if line.endswith("}")]

    # processes

    def run(self, *command: str | Path, cwd: Path | None = None, timeout: float = 60, **options):
        """A command in the sandbox, to its end: CompletedProcess with text. `env=` adds variables."""
        options["env"] = self.env(**options.get("env", {}))
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        options |= {"cwd": cwd or self.project, "timeout": timeout}
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)

    def spawn(self, *command: str | Path, cwd: Path | None = None, **options) -> subprocess.Popen:
        """A process that goes on; the sandbox ends it."""
        options["env"] = self.env(**options.get("env", {}))
        options |= {"cwd": cwd or self.project, "start_new_session": True}
        process = subprocess.Popen(list(map(str, command)), **options)
        self._spawned.append(process)
        return process

    def run_print(self, prompt: str, *args: str, stdin: str | None = None, **options):
        """`claude -p PROMPT ARGS…` to its end."""
        if stdin is not None:
            options["input"] = stdin
        return self.run("claude", "-p", *args, "--", prompt, **options)

    def session(self, *args: str, **options) -> "Session":
        """`claude -p` that speaks JSON both ways, as a worker does."""
        return Session(self, args, **options)

    def processes(self) -> list[tuple[int, str]]:
        """(pid, command line) of everything alive that has this sandbox as its HOME, whoever started it."""
        return [(pid, _command_line(pid)) for pid in _pids_with(f"HOME={self.home}")]

    def wait_alone(self, timeout: float = 10) -> None:
        """Until nothing of this sandbox runs any more."""
        wait_until(lambda: not self.processes(), timeout, lambda: f"still running: {self.processes()}")

    def end(self) -> None:
        """Kill what runs, and remove the files."""
        wait_until(self._kill_all, 10, lambda: f"cannot end {self.processes()}")
        for process in self._spawned:
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def _kill_all(self) -> bool:
        for process in self._spawned:
            process.poll()
        alive = _pids_with(f"HOME={self.home}") + [p.pid for p in self._spawned if p.returncode is None]
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not alive


GITCONFIG = """\
[user]
    name = Test
    email = test@example.com
[init]
    defaultBranch = main
"""


def _pids_with(variable: str) -> list[int]:
    """The processes whose environment, as it was at their exec, holds the variable. Zombies have none."""
    wanted = variable.encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


# ---- a session that speaks JSON

STREAM = (
    *("--input-format", "stream-json", "--output-format", "stream-json", "--verbose"),
    *("--permission-prompt-tool", "stdio"),
)


class Session:
    """A stream-json conversation with `claude -p`.

    `wait_for` walks forward through `events`: it returns the next one that fits, after the one it returned before.
    """

    def __init__(self, sandbox: Sandbox, args: tuple[str, ...] = (), **options):
        self.events: list[dict] = []
        self._next = 0
        self._news = threading.Condition()
        self.errors = sandbox.tmp / f"session-{uuid.uuid4().hex[:8]}.stderr"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with open(self.errors, "w") as errors:
            self.process = sandbox.spawn("claude", "-p", *STREAM, *args, **pipes, stderr=errors, **options)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def id(self) -> str:
        return next(event["session_id"] for event in self.events if event.get("session_id"))

    def send(self, words: str) -> None:
        self.put({"type": "user", "message": {"role": "user", "content": words}})

    def put(self, line: dict) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def allow(self, ask: dict, **changed) -> None:
        """Answer a can_use_tool event with yes; `changed` goes into the input (answers=… for AskUserQuestion)."""
        self._decide(ask, {"behavior": "allow", "updatedInput": {**ask["request"]["input"], **changed}})

    def deny(self, ask: dict, why: str) -> None:
        self._decide(ask, {"behavior": "deny", "message": why})

    def _decide(self, ask: dict, decision: dict) -> None:
        answer = {"subtype": "success", "request_id": ask["request_id"], "response": decision}
        self.put({"type": "control_response", "response": answer})

    def control(self, subtype: str, **more) -> str:
        """A control request to Claude Code ("interrupt"), and its id."""
        name = uuid.uuid4().hex[:8]
        self.put({"type": "control_request", "request_id": name, "request": {"subtype": subtype, **more}})
        return name

    def wait_for(self, when: str | Callable[[dict], bool], timeout: float = PATIENCE) -> dict:
        """The next event of this type (or that fits)."""
        fits = when if callable(when) else (lambda event: event.get("type") == when)

        def found() -> dict | None:
            while self._next < len(self.events):
                self._next += 1
                if fits(self.events[self._next - 1]):
                    return self.events[self._next - 1]
            return None

        with self._news:
            if event := self._news.wait_for(found, timeout):
                return event
        seen = "\n".join(json.dumps(event)[:200] for event in self.events)
        raise AssertionError(f"no {when} within {timeout} s; stderr: {self.errors.read_text()}\nevents:\n{seen}")

    def close(self, timeout: float = PATIENCE) -> int:
        """End of input, then the exit status. All events are there afterwards."""
        if self.process.stdin:
            self.process.stdin.close()
        status = self.process.wait(timeout)
        self._reader.join(timeout)
        return status

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            with self._news:
                self.events.append(json.loads(line))
                self._news.notify_all()
