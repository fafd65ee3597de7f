"""Here and now: the supervisor as a detached process of this machine."""

from __future__ import annotations

import os
import sys

from dispatch_hooks import paths, processes, resources


def start(folder: str, env: dict) -> None:
    script = os.path.join(resources.shared("hooks"), "supervise.py")
    env = {**env, paths.ENV: paths.join(paths.dirs())}
    processes.detach([sys.executable, "-I", "-S", script, folder], env, "/", os.path.join(folder, "supervisor.log"))
