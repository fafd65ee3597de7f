"""Programs from npm, each version installed once into the cache folder, for all test workers and runs.

DISPATCH_HOOKS_CACHE names another cache folder.
"""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from typing import TextIO

CHECKOUT = Path(__file__).resolve().parents[2]


class Unavailable(Exception):
    """A real program is not here and could not be installed."""


def cache() -> Path:
    folder = Path(os.environ.get("DISPATCH_HOOKS_CACHE") or CHECKOUT / ".cache").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def installed(name: str, package: str, version: str, binary: str) -> Path:
    """The program's file; `binary` is where it is under node_modules, with wildcards. The first call installs it."""
    folder = cache() / f"{name}-{version}"
    with open(cache() / f"install-{name}.lock", "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _found(folder, binary):
            _install_once(folder, package, version, binary, lock)
    return _found(folder, binary)[0]


def _found(folder: Path, binary: str) -> list[Path]:
    return sorted((folder / "node_modules").glob(binary))


def _install_once(folder: Path, package: str, version: str, binary: str, lock: TextIO) -> None:
    """Install, unless another worker of this test run has just failed at it: then fail the same way, at once."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    lock.seek(0)
    failed_run, _, why = lock.read().partition("\n")
    if failed_run == run:
        raise Unavailable(why)
    try:
        _install(folder, f"{package}@{version}", binary)
    except Unavailable as failure:
        lock.truncate(0)
        lock.write(f"{run}\n{failure}")
        raise


def _install(folder: Path, package: str, binary: str) -> None:
    if not shutil.which("npm"):
        raise Unavailable(f"npm is not on PATH: cannot install {package}")
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    new.mkdir()
    # A package.json makes this folder npm's prefix. --prefix would, too, but move npm's global configuration away.
    (new / "package.json").write_text("{}")
    command = ["npm", "install", "--cache", str(cache() / "npm"), "--no-audit", "--no-fund", package]
    done = subprocess.run(command, env=_npm_env(), cwd=new, capture_output=True, text=True, check=False)
    if done.returncode or not _found(new, binary):
        why = "; ".join((done.stderr or done.stdout).splitlines()[:3])
        raise Unavailable(f"npm could not install {package}: {why}")
    new.rename(folder)


def _npm_env() -> dict[str, str]:
    """npm as the machine has it configured (registry, proxy, certificates), writing to the cache folder alone."""
    home = cache() / "npm-home"
    home.mkdir(exist_ok=True)
    env = {**os.environ, "HOME": str(home)}
    npmrc = Path(os.environ.get("DISPATCH_HOOKS_REAL_HOME", os.environ.get("HOME", "/"))) / ".npmrc"
    if os.access(npmrc, os.R_OK):
        env.setdefault("NPM_CONFIG_USERCONFIG", str(npmrc))
    return env
