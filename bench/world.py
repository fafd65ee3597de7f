"""A home of its own with dispatch-hooks installed in it, and a host: this process stands for Claude Code."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import uuid
from pathlib import Path

from bench import measure
from dispatch_hooks import files, gate, hosts, install, paths, plugin, tasks, worker
from dispatch_hooks.paths import Dirs

CHECKOUT = Path(__file__).resolve().parents[1]
EVENTS = CHECKOUT / "tests" / "events"

CHAT = "00000000-0000-4000-8000-000000000001"

PROMPT = (
    "Please look at the login form again: the error text below the password field jumps when the browser window is "
    "narrow, and on a phone it hides the button. I think the grid needs a fixed row for it. Keep the colours as they "
    "are, and do not touch the old form, which goes away next month anyway. When it works, run the unit tests of the "
    "package and the three browser tests that cover signing in; if one of them fails for another reason, say which "
    "and why, but leave it alone. One more thing: the label of the second field has no `for`, so a click on it "
    "does nothing; please put that right in the same change, with a line of its own in the changelog, dated today."
)[:600]
"""600 characters that are about something else."""


class World:
    """Folders, settings and hook commands; `with` makes it the place where our own modules look, too."""

    def __init__(self, project: str = "shop") -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dh-bench-")).resolve()
        self.home, self.project = self.root / "home", self.root / project
        self.bin, runtime = self.root / "bin", self.root / "run"
        for folder in (self.home, self.project / ".git", self.bin, runtime):
            folder.mkdir(mode=0o700, parents=True)
        (self.project / ".git/HEAD").touch()
        places = (".config", ".local/state", ".local/share")
        config_dir, state, data = (str(self.home / place / "dispatch-hooks") for place in places)
        self.dirs = Dirs(config_dir, state, str(runtime / "dispatch-hooks"), data)
        self.env = {
            "HOME": str(self.home),
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "CLAUDECODE": "1",
            "CLAUDE_CODE_ENTRYPOINT": "cli",
            "CLAUDE_CODE_SESSION_ID": CHAT,
            "CLAUDE_PROJECT_DIR": str(self.project),
            "CLAUDE_PID": str(os.getpid()),
        }
        install.install(
            "user", project=str(self.project), home=str(self.home), dirs=self.dirs, environ={"PATH": self.env["PATH"]}
        )
        self.hooks = json.loads((self.home / ".claude/settings.json").read_text())["hooks"]
        self.python = gate.interpreter()
        self.config = "max_parallel = 40\n"
        self.watcher = 0

    def __enter__(self) -> World:
        self._before = os.environ.get(paths.ENV)
        os.environ[paths.ENV] = paths.join(self.dirs)
        files.own_folder(self.dirs.runtime)
        return self

    def __exit__(self, *_exc) -> None:
        try:
            self.end_watcher()
            self.end_workers()
        finally:
            del os.environ[paths.ENV]
            if self._before is not None:
                os.environ[paths.ENV] = self._before
            shutil.rmtree(self.root, ignore_errors=True)

    # what is in it

    def program(self, name: str, body: str) -> Path:
        path = self.bin / name
        path.write_text(body)
        path.chmod(0o755)
        return path

    def backend(self, name: str, body: str) -> None:
        """A worker CLI that is a shell script."""
        self.config += f'[backends.{name}]\ncommand = ["{self.program(name, body)}"]\n'
        Path(self.dirs.config).mkdir(parents=True, exist_ok=True)
        Path(self.dirs.config, "config.toml").write_text(self.config)

    def fifo(self, name: str) -> tuple[Path, int]:
        """A FIFO and a descriptor that reads from it."""
        path = self.root / name
        return path, files.bell(str(path))

    def marker(self, name: str) -> str:
        return hosts.place(os.getpid(), name)

    def forget(self) -> None:
        """Away with all tasks, news and host records: the next dispatch finds what the first one found."""
        for name in ("projects", "batches", "inbox", "active", "remote"):
            files.clear(os.path.join(self.dirs.state, name))
        files.clear(hosts.place(os.getpid()))
        shutil.rmtree(self.project / ".dispatch", ignore_errors=True)

    # what happens in it

    def command(self, event: str, watch: bool = False) -> list[str]:
        """The shell command in the settings, as Claude Code runs it."""
        return ["/bin/sh", "-c", self.hooks[event][0]["hooks"][int(watch)]["command"]]

    def plugged(self) -> None:
        """From here on the hooks are those of the plugin, after its first chat."""
        kept = self.root / "kept"
        files.write(str(kept / "words"), gate.words(self.dirs, self.python, "dispatch-hooks"))
        self.env |= {"CLAUDE_PLUGIN_ROOT": str(CHECKOUT), "CLAUDE_PLUGIN_DATA": str(kept)}
        groups = plugin.hooks()["hooks"]

        def command(event: str, watch: bool = False) -> list[str]:
            entry = groups[event][0]["hooks"][int(watch)]
            return [entry["command"], *(arg.replace(plugin.ROOT, str(CHECKOUT)) for arg in entry["args"])]

        self.command = command

    def event(self, sample: str, **fields: object) -> bytes:
        """A captured event on its way through a pipe, with this world's folders in it."""
        captured = json.loads((EVENTS / f"{sample}.json").read_text())
        ours = {"cwd": str(self.project), "transcript_path": str(self.project / "none.jsonl")}
        told = {**captured, **ours, **fields}
        return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()

    def run(self, sample: str, watch: bool = False, out: int = -1, **fields: object) -> measure.Done:
        event = sample.partition(".")[0]
        return measure.run(self.command(event, watch), self.env, self.event(sample, **fields), out)

    def base(self) -> measure.Done:
        return measure.run([self.python, "-I", "-S", "-c", "pass"], self.env)

    def say(self, prompt: str) -> None:
        """A prompt that nobody measures."""
        self.run("UserPromptSubmit.plain", prompt=prompt, prompt_id=str(uuid.uuid4()))

    # what runs in it

    def begin(self, sample: str, watch: bool = False, err: int = -1, **fields: object) -> int:
        """Starts an entry and does not wait for its end; its pid."""
        event = sample.partition(".")[0]
        pid, pipe = measure.start(self.command(event, watch), self.env, err=err)
        measure.feed(pipe, self.event(sample, **fields))
        return pid

    def watch(self, err: int = -1) -> int:
        """Starts the watcher as a Stop does and waits until it watches; the entry's pid."""
        self.watcher = self.begin("Stop.plain", watch=True, err=err)
        self.wait_watching()
        return self.watcher

    def wait_watching(self) -> None:
        measure.until(lambda: os.path.exists(self.marker("watching")), "no watcher")
        self.watching = int(Path(self.marker("watching")).read_text().split()[0])

    def end_watcher(self) -> None:
        if self.watcher:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.watching, signal.SIGKILL)
            os.waitpid(self.watcher, 0)
            self.watcher = 0

    def run_tasks(self, count: int, who: str) -> list[str]:
        """Dispatches so many tasks by one prompt and waits until they run; their folders."""
        self.say(listed("count the lines of part", count, who))
        self.running(count)
        return tasks.active()

    def running(self, count: int) -> None:
        states = lambda: [tasks.status(folder)["state"] for folder in tasks.active()]  # noqa: E731
        measure.until(lambda: states().count("running") == count, f"{count} tasks")

    def end_workers(self) -> None:
        """Ends every worker; its supervisor then ends by itself, when it has written that down."""

        def none_left() -> bool:
            for folder in tasks.active():
                worker.leave_none(worker.mark(folder, tasks.status(folder)["run"]))
            return not tasks.active()

        measure.until(none_left, self.log)
        self.settle()

    def log(self) -> str:
        """What the supervisors of tasks that should be over have to say."""
        found = [(folder, tasks.status(folder)) for folder in tasks.active()]
        return "\n".join(f"{status}\n{Path(folder, 'supervisor.log').read_text()}" for folder, status in found)

    def settle(self) -> None:
        """Until no supervisor is left."""
        measure.until(lambda: not tasks.active(), self.log)
        runs = Path(self.dirs.runtime, "runs")
        measure.until(lambda: not any(files.held(str(lock)) for lock in runs.glob("*/lock")), "supervisors go on")


def listed(words: str, count: int, who: str) -> str:
    """A prompt that dispatches so many tasks."""
    return f"dispatch {who} to do this:\n" + "\n".join(f"{n}. {words} number {n}" for n in range(1, count + 1))
