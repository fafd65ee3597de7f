"""A small world for one torture: folders, a project, workers that write down what they really did, and chats."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dispatch_hooks import dispatch, files, inbox, paths, processes, recover, tasks
from tests.engines import write_engine
from tests.harness.waiting import wait_until
from tests.torture import faults
from tests.torture.tree import Tree

WHO = ["-c", "user.name=T", "-c", "user.email=t@example.com"]

WORKER = """\
#!/bin/sh
set -e
folder=$DISPATCH_HOOKS_FOLDER
say() {{ echo "$DISPATCH_HOOKS_RUN $1" >> {journal}; }}
say started
prompt=$(cat)
{body}
"""

ASKS = """\
rm -f $folder/ipc/001.answer
printf '%s' '{"text": "Which one?", "options": ["red", "blue"]}' > $folder/ipc/.new
mv $folder/ipc/.new $folder/ipc/001.question
echo > $folder/ipc/bell
while [ ! -e $folder/ipc/001.answer ]; do sleep 0.05; done
say "told $(cat $folder/ipc/001.answer)"
"""

FLAGS = """\
echo 'the third basket is empty' > $folder/ipc/.flag
mv $folder/ipc/.flag $folder/ipc/002.flag
echo > $folder/ipc/bell
"""

TICKS = """\
sed -i 's/\\[ \\]/[x]/' $folder/plan.md && echo 'all of it is done' > $folder/output.md && say ticked
"""


class World:
    """Everything below `root`; while it is entered our own modules in this process look there, too."""

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="dh-torture-")).resolve()
        self.project = self.root / "project"
        self.project.mkdir()
        for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):  # whatever is above it
            subprocess.run(["git", "-C", str(self.project), *WHO, *words], check=True)
        self.dirs = paths.Dirs(*(str(self.root / name) for name in paths.Dirs._fields))
        for folder in self.dirs:
            os.mkdir(folder, 0o700)
        self.tree = Tree(self.root / "tree")
        self.gate = self.tree.gate(self.dirs)
        self.journal = self.root / "journal"
        self.journal.touch()
        self.log = self.root / "strace.log"
        self.chats: list = []
        self.backends: dict[str, list[str]] = {}
        self.settings = ""

    def __enter__(self) -> "World":
        self._kept = os.environ.get(paths.ENV)
        os.environ[paths.ENV] = paths.join(self.dirs)
        return self

    def __exit__(self, *_exc) -> None:
        for chat in self.chats:
            chat.kill()
        self.end_all()
        os.environ.pop(paths.ENV, None)
        if self._kept is not None:
            os.environ[paths.ENV] = self._kept
        shutil.rmtree(self.root, ignore_errors=True)

    def worker(self, name: str, body: str, traced: faults.Fault | None = None) -> None:
        """A backend whose worker is a shell script; with a fault it runs under strace."""
        program = self.root / f"{name}.sh"
        program.write_text(WORKER.format(journal=self.journal, body=body))
        program.chmod(0o755)
        self.backends[name] = [*(traced.argv(self.log) if traced else []), str(program)]
        self.configure(self.settings)

    def configure(self, settings: str) -> None:
        self.settings = settings
        entries = [f"[backends.{name}]\ncommand = {json.dumps(argv)}\n" for name, argv in self.backends.items()]
        Path(paths.config_file()).write_text(settings + "\n" + "\n".join(entries))

    def launcher(self, name: str) -> None:
        """A launcher of that name, whose engine is a script."""
        words = "".join(f"{key} = {json.dumps(value)}\n" for key, value in write_engine(self.root).items())
        self.configure(f"{self.settings}\n[launchers.{name}]\n{words}")

    def env(self) -> dict[str, str]:
        """All that our processes have in their environment."""
        keep = ("PATH", "HOME", "LANG", "TMPDIR")
        return {**{k: os.environ[k] for k in keep if k in os.environ}, paths.ENV: paths.join(self.dirs)}

    # looking

    def folders(self) -> list[str]:
        return [tasks.folder(str(self.project), task) for task in tasks.ids(str(self.project))]

    def did(self, folder: str) -> list[str]:
        """What the workers of a task really did, by their own word."""
        mark = f"{tasks.key(folder)}."
        return [line.split(" ", 1)[1] for line in self.journal.read_text().splitlines() if line.startswith(mark)]

    def ours(self) -> list[int]:
        """The processes of this world that should end by themselves; chats are not counted."""
        standins = {chat.pid for chat in self.chats}
        want = f"{paths.ENV}={paths.join(self.dirs)}".encode()
        found = [pid for pid in _environs(want) if pid not in standins and pid != os.getpid()]
        return found + [pid for pid in faults.tracers(self.root) if pid not in found]

    def end_all(self) -> None:
        def gone() -> bool:
            left = self.ours()
            processes.signal_all(left, signal.SIGKILL)
            return not left

        wait_until(gone, 20)

    def put_right(self) -> None:
        """What every command does first. It leaves a dispatch alone for two seconds: its supervisor may be starting."""
        recover.recover(self.env())

    def faults(self) -> list[str]:
        """What is wrong with the records now that all is over; an empty list is what is wanted."""
        return list(self._faults())

    def _faults(self) -> Iterator[str]:
        if left := tasks.active():
            yield f"on the active list: {[os.path.basename(f) for f in left]}"
        if dispatch.unfinished():
            yield "an unfinished batch"
        for path in self._files():
            if files.held(str(path)) and path.name != "watcher.lock":
                yield f"a lock is held: {path}"
        if left := self._workers():
            yield f"processes are left: {left}"
        for path in Path(self.dirs.state).rglob("inbox/*/new/*.json"):
            yield f"not delivered: {path.name}"
        for path in Path(self.dirs.state).rglob("inbox/*/claimed/*/*.json"):
            yield f"claimed for ever: {path.name}"
        for folder in self.folders():
            yield from self._untrue(folder)

    def _files(self) -> list[Path]:
        found = (path for top in (self.dirs.runtime, self.dirs.state) for path in Path(top).rglob("*"))
        return [path for path in found if path.is_file() and not path.is_symlink()]

    def _workers(self) -> list:
        marks = [f"DISPATCH_HOOKS_RUN={tasks.key(f)}.{run}".encode() for f in self.folders() for run in range(4)]
        return [processes.arguments(pid) for mark in marks for pid in _environs(mark)]

    def _untrue(self, folder: str) -> Iterator[str]:
        status, did = tasks.status(folder), self.did(folder)
        state, name = status["state"], os.path.basename(folder)
        if state not in tasks.ENDED:
            yield f"{name} is {state} for ever"
        if state in ("finished", "checked") and did.count("ticked") < 1:
            yield f"{name} is {state}, its worker did {did}"
        if status["run"] >= 1 and did.count("started") > status["run"]:
            yield f"{name} was started {did.count('started')} times in {status['run']} runs"


def _environs(want: bytes) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/environ", "rb") as f:
                if want in f.read().split(b"\0"):
                    found.append(int(entry))
    return found


def delivered(chat: str) -> list[str]:
    return files.names(os.path.join(inbox.folder(chat), "delivered"))
