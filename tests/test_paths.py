"""Where things are kept, by our own few lines: the same as platformdirs says."""

import os
import sys
from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS

from dispatch_hooks import paths


@pytest.fixture(params=["nothing", "absolute", "relative"])
def variables(request, monkeypatch, tmp_path):
    """XDG variables that are not there, name folders, or must not count."""
    for name in ("CONFIG", "STATE", "DATA"):
        values = {"absolute": str(tmp_path / name), "relative": f"./{name}"}
        if request.param in values:
            monkeypatch.setenv(f"XDG_{name}_HOME", values[request.param])


@pytest.mark.parametrize("system", ["linux", "darwin"])
@pytest.mark.usefixtures("variables")
def test_the_lasting_folders(monkeypatch, system):
    monkeypatch.setattr(sys, "platform", system)
    theirs = (MacOS if system == "darwin" else platformdirs.PlatformDirs)("dispatch-hooks", appauthor=False)
    ours = paths.default()
    assert (ours.config, ours.state, ours.data) == (
        theirs.user_config_dir, theirs.user_state_dir, theirs.user_data_dir,
    )  # fmt: skip


def test_a_private_runtime_folder_is_used(monkeypatch, tmp_path):
    folder = tmp_path / "run"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    assert paths.default().runtime == str(folder / "dispatch-hooks")
    folder.mkdir(0o700)
    assert paths.default().runtime == str(folder / "dispatch-hooks")


@pytest.mark.parametrize("spoil", [lambda f: f.chmod(0o777), lambda f: (f.rmdir(), f.write_text(""))])
def test_a_runtime_folder_that_others_can_enter_is_not(monkeypatch, tmp_path, spoil):
    folder = tmp_path / "run"
    folder.mkdir(0o700)
    spoil(folder)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    usual = Path(f"/run/user/{os.getuid()}/dispatch-hooks")
    assert paths.default().runtime in (str(usual), os.path.join(paths.default().state, "runtime"))
