"""The layers that docs/architecture.md draws: imports run downwards, and hooks import nothing from outside."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import dispatch_hooks
from dispatch_hooks import resources

PACKAGE = Path(dispatch_hooks.__file__).parent

FLOORS = [
    {"files", "paths", "processes", "errors", "resources", "clock", "git", "ways", "__init__"},
    {"config", "models", "schemas", "settings", "statusbar", "jsontext", "faults", "own"},
    {"tasks", "plan", "questions", "inbox", "hosts", "transcript", "ids", "flags"},
    {"backends", "launchers"},
    {"request", "grammar", "control", "digest", "briefing", "worker", "outcome", "inputs", "hiding", "ledger",
     "channel", "asks", "check", "conversation", "hearing", "ending", "dispatch", "edits",
     "queue", "after", "limits", "forecast", "desktop",
     "gate", "install", "authority", "plugin", "asking", "worktrees",
     "flagging",
     "legacy", "resets", "usage",
     "configfile", "resolve", "catalogue", "listing", "failures", "fallback", "remote"},
    {"supervisor", "waiting", "recover", "salvage", "steer", "overview", "doctor",
     "statusline", "completion", "pane"},
    {"host", "watcher"},
    {"view"},
    {"report", "commands", "demo"},
    {"cli", "__main__"},
]  # fmt: skip

EVENTS = ("notification", "session_end", "session_start", "stop", "user_prompt_submit")


def floor(name: str) -> int:
    found = [n for n, names in enumerate(FLOORS) if name in names]
    assert found, f"{name} stands on no floor: draw it into docs/architecture.md and FLOORS"
    return found[0]


def imports(path: Path) -> set[str]:
    """The first-level modules of the package that a file imports when it is imported (not inside functions)."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "dispatch_hooks":
            parts = node.module.split(".")
            found |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
    return {name for name in found if not name.startswith("__")}


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_downwards(path):
    own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for other in imports(path) - {own}:
        assert floor(other) <= floor(own), f"{own} imports {other}, which stands above it"


@pytest.mark.parametrize("script", sorted(Path(resources.shared("hooks")).glob("*.py")), ids=lambda p: p.name)
def test_hooks_import_only_the_standard_library(script):
    code = (
        "import sys, runpy\nsys.argv = ['x', '/nonexistent']\n"
        f"sys.path.append({str(PACKAGE.parent)!r})\n"
        "import dispatch_hooks.plugin, dispatch_hooks.asking\n"
        "import dispatch_hooks.host, dispatch_hooks.watcher, dispatch_hooks.supervisor, dispatch_hooks.host.spoken\n"
        f"import dispatch_hooks.host.{script.stem if script.stem in EVENTS else 'stop'}\n"
        "names = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(names - set(sys.stdlib_module_names) - {'dispatch_hooks', '__main__'}))\n"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
