"""What is released: one version, a changelog, a workflow whose actions are pinned, packages that hold all."""

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

import dispatch_hooks

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_version_is_in_one_place():
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "dispatch_hooks/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", dispatch_hooks.__version__)


def test_the_changelog_begins_with_what_is_to_come_or_with_this_version():
    first = re.search(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.M)[1]
    assert first == "Unreleased" or first.startswith(dispatch_hooks.__version__)


def test_every_action_of_the_workflow_is_pinned_by_its_commit():
    used = re.findall(r"uses: (\S+)", (ROOT / ".github/workflows/ci.yml").read_text())
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", each) for each in used)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Wheel and sdist, by the back end itself: nothing is fetched."""
    pytest.importorskip("hatchling", reason="pip install hatchling, or run .ci/smoke")
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_wheel_holds_what_runs_and_the_sdist_what_is_needed_to_work_on_it(built):
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    names = set(zipfile.ZipFile(wheel).namelist())
    shared = {f"dispatch_hooks/_shared/{each}" for each in (
        "hooks/gate.sh", "hooks/supervise.py", "skills/dispatch/SKILL.md", "schemas/config.json",
        "docs/troubleshooting.md", "docs/quickstart.md",
    )}  # fmt: skip
    assert shared | {"dispatch_hooks/report/page.html", "dispatch_hooks/report/page.css"} <= names
    assert not [name for name in names if name.startswith(("tests/", "bench/", "tools/"))]
    with tarfile.open(sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    assert {"tests/conftest.py", "hooks/hooks.json", ".claude-plugin/plugin.json", "bin/dispatch-hooks", "mkdocs.yml",
            "docs/loop.svg", "tools/references.py", "Makefile", "CHANGELOG.md"} <= there  # fmt: skip


def test_an_installed_wheel_starts_a_worker(built, sandbox):
    """In an empty virtual environment that lends only the libraries: .ci/smoke does it all, on every Python."""
    (wheel,) = built.glob("*.whl")
    target = sandbox.root / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    program = sandbox.bin / "dispatch-hooks"
    start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from dispatch_hooks.__main__ import main; main()"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -P -c "{start}" {target} "$@"\n')
    program.chmod(0o755)
    (sandbox.project / ".git").mkdir()
    config = sandbox.home / ".config/dispatch-hooks/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text('default = "echo"\n[backends.echo]\ncommand = ["sh", "-c", "cat; echo it works"]\n')
    assert sandbox.run("dispatch-hooks", "--version").stdout == f"dispatch-hooks {dispatch_hooks.__version__}\n"
    assert sandbox.run("dispatch-hooks", "dispatch", "--id", "look", "look around").returncode == 0
    installed = sandbox.run("dispatch-hooks", "install")
    assert str(target) in (sandbox.home / ".local/share/dispatch-hooks/gate.sh").read_text(), installed.stdout
    assert "troubleshooting.md" in installed.stdout and (target / "dispatch_hooks/_shared/docs").is_dir()
