"""What install writes beside the settings: the gate, the stub and the skill, and the interpreter they name."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping

from dispatch_hooks import paths, resources
from dispatch_hooks.edits import Change
from dispatch_hooks.errors import FatalError
from dispatch_hooks.paths import Dirs


def gate_text(dirs: Dirs, python: str, command: str, name: str = "gate.sh") -> str:
    """hooks/gate.sh (or another script there) below what it needs to know."""
    hooks = resources.shared("hooks")
    with open(os.path.join(hooks, name), encoding="utf-8") as file:
        first, _, rest = file.read().partition("\n")
    return f"{first}\n{words(dirs, python, command)}hooks={shlex.quote(hooks)}\n{rest}"


def words(dirs: Dirs, python: str, command: str) -> str:
    """What the gate needs to know, quoted for sh."""
    known = {
        "python": python,
        "state": dirs.state,
        "runtime": dirs.runtime,
        "export DISPATCH_HOOKS_DIRS": paths.join(dirs),
        "export DISPATCH_HOOKS_COMMAND": command,
    }
    return "".join(f"{name}={shlex.quote(value)}\n" for name, value in known.items())


def skill_text() -> bytes:
    with open(os.path.join(resources.shared("skills"), "dispatch", "SKILL.md"), "rb") as file:
        return file.read()


STUB = """\
#!/bin/sh
# dispatch-hooks by the interpreter and from the folder that installed it, whatever the present folder holds.
exec {python} -P -c '
import sys
sys.path.insert(0, sys.argv[1])
import dispatch_hooks
sys.argv[:2], sys.path[:1] = ["dispatch-hooks"], []
from dispatch_hooks.__main__ import main
sys.exit(main())
' {package} "$@"
"""


def stub_text(python: str = sys.executable) -> str:
    package = os.path.dirname(resources.HERE)
    return STUB.format(python=shlex.quote(python), package=shlex.quote(package))


def stub_file(dirs: Dirs) -> str:
    return os.path.join(dirs.data, "bin", "dispatch-hooks")


def names(dirs: Dirs) -> tuple[str, str]:
    """What a shell may call us by: the name, or the stub's path."""
    return "dispatch-hooks", stub_file(dirs)


def command_name(dirs: Dirs, environ: Mapping[str, str] = os.environ) -> str:
    """How the person's shell calls us: by name where that is on PATH, else by the stub's path.

    An activated virtual environment does not count: Claude Code may be started without it.
    """
    venv = os.path.join(environ["VIRTUAL_ENV"], "") if environ.get("VIRTUAL_ENV") else None
    folders = environ.get("PATH", os.defpath).split(os.pathsep)
    lasting = [folder for folder in folders if not (venv and folder.startswith(venv))]
    name, stub = names(dirs)
    return name if shutil.which(name, path=os.pathsep.join(lasting)) else stub


def interpreter() -> str:
    """What runs the hooks: the interpreter below a virtual environment, which starts faster, if it can."""
    for python in (sys._base_executable, sys.executable):
        if python and _runs_hooks(python):
            return python
    raise FatalError(f"{sys.executable} cannot run {resources.shared('hooks')}: install dispatch-hooks again.")


def _runs_hooks(python: str) -> bool:
    code = "import sys; sys.path.append(sys.argv[1]); import dispatch_hooks; sys.exit(sys.version_info < (3, 11))"
    argv = [python, "-I", "-S", "-c", code, os.path.dirname(resources.HERE)]
    with contextlib.suppress(OSError):
        return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    return False


def compile_hooks(python: str) -> list[Change]:
    """Compiles what hooks import, as they find it (-I and -S take no notice of PYTHON… variables)."""
    argv = [python, "-I", "-S", "-m", "compileall", "-q", resources.HERE]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    why = (done.stdout + done.stderr).strip().partition("\n")[0]
    return [Change(f"not compiled, so that every hook starts slower ({why})", resources.HERE, "")]


def check_paths(dirs: Dirs, python: str) -> None:
    """FatalError where a path cannot be written into the gate or into JSON."""
    for path in (*dirs, python, sys.executable, resources.HERE):
        if "\n" in path or path != path.encode(errors="replace").decode():
            raise FatalError(
                f"{path!r} cannot stand in settings: it needs UTF-8 and no line ends. "
                "Set XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_DATA_HOME and XDG_RUNTIME_DIR to other folders."
            )
