"""What an engine runs for `dispatch-hooks doctor --launcher`: probe.py SPEC REPORT. It looks, and writes what it saw.

Python 3 of any version runs it: that the version is too old is one of the things to tell.
"""

import json
import os
import platform
import shutil
import subprocess
import sys


def told(argv, cwd=None):
    """(exit status, last line) of a command; (None, why) where it cannot be run."""
    try:
        done = subprocess.run(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
            check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return None, str(error)
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return done.returncode, lines[-1][:200] if lines else ""


def main(spec_file, report_file):
    with open(spec_file, encoding="utf-8") as f:
        spec = json.load(f)
    programs = {name: shutil.which(program) for name, program in spec["programs"].items()}
    report = {
        "python": list(sys.version_info[:3]),
        "machine": platform.node(),
        "home": os.path.expanduser("~"),
        "project": os.path.isdir(spec["project"]) and os.access(spec["project"], os.W_OK),
        "code": os.path.isfile(spec["code"]),
        "programs": programs,
        "login": {name: told(argv) for name, argv in spec["login"].items() if programs.get(name)},
        "git": [told(["git", "config", key], os.path.dirname(spec_file))[1] for key in ("user.name", "user.email")],
    }
    with open(report_file + ".new", "w", encoding="utf-8") as f:
        json.dump(report, f)
    os.rename(report_file + ".new", report_file)


main(*sys.argv[1:])
