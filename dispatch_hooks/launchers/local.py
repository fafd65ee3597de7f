"""Here and now: the supervisor as a detached process of this machine."""

from __future__ import annotations

import os
import sys

from dispatch_hooks import paths, processes, resources


def start(folder: str, env: dict) -> None:
    """A hook's supervisor goes on in a copy of the hook, which has loaded what it needs: another start of Python
    costs more than all the rest. A command's, which has loaded far more, is a fresh interpreter.
    """
    script = os.path.join(resources.shared("hooks"), "supervise.py")
    fresh = [sys.executable, "-I", "-S", script, folder]
    env = {**env, paths.ENV: paths.join(paths.dirs())}

    def act() -> None:
        if not sys.flags.no_site:
            os.execve(fresh[0], fresh, env)
        sys.argv = fresh[3:]
        with open(script, encoding="utf-8") as f:
            exec(compile(f.read(), script, "exec"), {"__name__": "__main__", "__file__": script})

    processes.detach(act, os.path.join(folder, "supervisor.log"))
