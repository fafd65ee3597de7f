"""Launchers: where a task's supervisor runs, and how it is started, asked after and ended there. One module each.

`local` is here and now. The others hand the supervisor to an engine that exists (Slurm, a machine behind ssh, a
person's own commands), which queues it, runs it and tells what became of it; `dispatch_hooks.remote` does what all of
them have in common. Nothing else may assume that a worker runs on the host's machine.
"""

from __future__ import annotations

from dispatch_hooks import paths

JOB = "DISPATCH_HOOKS_JOB"
"""The variable that every process of a job bears: the job's name."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Launcher(Protocol):
        """settings: the launcher's table of the config, with its "launcher" (its name), and "seconds": how long an
        answer to look may take.
        """

        def start(self, settings: dict, job: dict) -> str:
            """Submits a job and returns the engine's name for it. OSError, with the engine's words, when it cannot.

            job: {"name" (unique, letters, digits and hyphens), "folder" (the task's, as the far side sees it),
            "log", "environment" (DISPATCH_HOOKS_… that the far side needs: no secrets), "argv"}.
            """

        def look(self, settings: dict, jobs: list[str]) -> dict[str, dict]:
            """What the engine says of its jobs, all in one question: {job: VERDICT}; one that it does not know is
            left out. OSError when the engine does not answer.

            VERDICT: {"state": "pending", "running" or "ended", "why": the engine's words, "where": node or ""}.
            """

        def find(self, settings: dict, name: str) -> str:
            """The job of a name, "" when there is none: for a submission that was killed before it was recorded."""

        def end(self, settings: dict, job: str) -> None:
            """Has the engine end a job, pending or running. One that has ended already is no error."""


KINDS = ("slurm", "ssh", "command")
"""The kinds of engine that a [launchers.NAME] table may name."""


def get(kind: str):
    """The module of a kind of launcher."""
    from importlib import import_module

    return import_module(f"dispatch_hooks.launchers.{kind}")


def table(name: str, config: dict) -> dict:
    """The table of a launcher, with its name as "launcher". OSError for one that the configuration does not have."""
    if name not in config["launchers"]:
        raise OSError(2, f"the launcher {name} is no longer in the configuration")
    return {"launcher": name, **config["launchers"][name]}


def start(folder: str, env: dict) -> None:
    """Starts the supervisor of a task's folder here and returns at once; one for elsewhere hands itself over."""
    from dispatch_hooks.launchers import local

    local.start(folder, env)


def there(settings: dict, path: str) -> str:
    """A path of ours as the far side sees it: `map` of the launcher says what is called differently there."""
    return paths.renamed(path, settings.get("map", {}))


def python(settings: dict) -> str:
    """The far side's interpreter."""
    import sys

    return settings.get("python") or there(settings, sys.executable)


PASSING = 11
"""EAGAIN: an OSError of this number is a BlockingIOError."""

PASSES = (
    "unable to contact slurm controller", "zero bytes were transmitted", "communication connection failure",
    "protocol authentication error", "maxsubmitjob", "temporarily", "timed out", "try again", "connection refused",
)  # fmt: skip
"""What engines say of a trouble that passes by itself (Slurm's: slurm_errno.c; a limit of jobs passes, too)."""


LONG = 20.0
"""Seconds that an engine's command may take where nothing else is said."""


def ask(argv: list[str], feed: str = "", env: dict | None = None, seconds: float = LONG) -> str:
    """Runs a command of an engine; what it printed.

    OSError, with its last line, when it failed; BlockingIOError when it may do better in a while: it gave no answer, or
    says with its words or its exit status (75, sysexits.h; ssh's 255) that this will pass.
    """
    import subprocess

    try:
        done = subprocess.run(
            argv, input=feed, env=env, capture_output=True, encoding="utf-8", errors="replace", timeout=seconds,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BlockingIOError(PASSING, f"{argv[0]} did not answer for {seconds:.0f} s") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip()
        said = words.splitlines()[-1][:300] if words else f"{argv[0]} ended with exit status {done.returncode}"
        passing = done.returncode in (75, 255) or any(one in words.lower() for one in PASSES)
        raise OSError(PASSING if passing else 5, said)
    return done.stdout
