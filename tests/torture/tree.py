"""A copy of the product whose hooks, watchers and supervisors start under strace when a fault is laid for them."""

import json
import shutil
import sys
from pathlib import Path

from dispatch_hooks import gate, paths, resources
from tests.torture.faults import Fault

PYTHON = sys._base_executable

SUPERVISE = """\
import os, sys
fault = {fault!r} + (".far" if "DISPATCH_HOOKS_JOB" in os.environ else "")
try:
    os.rename(fault, fault + ".taken")
except FileNotFoundError:
    __file__ = {real!r}
    with open(__file__) as f:
        exec(compile(f.read(), __file__, "exec"))
else:
    with open(fault + ".taken") as f:
        words = f.read().split("\\n")
    os.execv(words[0], [*words, {python!r}, "-I", "-S", {real!r}, sys.argv[1]])
"""

STARTER = """\
#!/bin/sh
# Stands for the interpreter in the gate: $3 is the script.
fault={faults}/${{3##*/}}
if mv "$fault" "$fault.taken" 2>/dev/null; then
    IFS='
'
    set -f
    exec $(cat "$fault.taken") {python} "$@"
fi
exec {python} "$@"
"""


class Tree:
    """hooks/ and dispatch_hooks/ below `top`; a gate whose interpreter looks for faults."""

    def __init__(self, top: Path):
        self.top, self.faults = top, top / "faults"
        self.faults.mkdir(parents=True)
        shutil.copytree(resources.HERE, top / "dispatch_hooks", ignore=shutil.ignore_patterns("demo", "doctor"))
        for name in ("hooks", "real"):
            shutil.copytree(resources.shared("hooks"), top / name, ignore=shutil.ignore_patterns("__pycache__"))
        stub = SUPERVISE.format(
            fault=str(self.faults / "supervise.py"), real=str(top / "real/supervise.py"), python=PYTHON
        )
        (top / "hooks/supervise.py").write_text(stub)
        self.starter = top / "python"
        self.starter.write_text(STARTER.format(faults=self.faults, python=PYTHON))
        self.starter.chmod(0o755)

    def gate(self, dirs: paths.Dirs) -> Path:
        """The gate as install writes it, of this tree."""
        text = gate.gate_text(dirs, str(self.starter), "dispatch-hooks")
        path = self.top / "gate.sh"
        path.write_text(text.replace(resources.shared("hooks"), str(self.top / "hooks")))
        return path

    def lay(self, script: str, fault: Fault, log: Path) -> None:
        """The next process of this script (`stop.py`, `watch.py`, `supervise.py`, or `supervise.py.far` of a launcher's
        job) meets the fault; only that one.
        """
        new = self.faults / f".{script}"
        new.write_text("\n".join(fault.argv(log)))
        new.rename(self.faults / script)

    def lift(self, script: str) -> None:
        """Takes away what nobody has met."""
        (self.faults / script).unlink(missing_ok=True)


def event(session: str, transcript: Path, cwd: Path, name: str, **fields: object) -> str:
    common = {"session_id": session, "transcript_path": str(transcript), "cwd": str(cwd), "hook_event_name": name}
    return json.dumps({**common, **fields})
