"""The one error that a person is told of, and the funnel that tells it."""

from __future__ import annotations

import sys


class FatalError(Exception):
    """Says what failed, which path, and the next command to type."""


def funnel(act) -> int:
    """Runs a command: its exit status; 1 for a FatalError, 2 for wrong usage, 130 for ^C, 3 for a fault of ours."""
    try:
        return act()
    except FatalError as error:
        print(f"dispatch-hooks: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 0
    except Exception as error:
        return _usage(error) if hasattr(error, "exit_code") else _fault(error)


def _usage(error) -> int:
    if hasattr(error, "show"):
        error.show()
    return error.exit_code


def _fault(error: Exception) -> int:
    """A fault of ours is logged as a bug report that is ready to send."""
    import platform
    import time
    import traceback

    from dispatch_hooks import __version__, paths

    where = f"Python {platform.python_version()}, {platform.platform()}"
    report = f"{time.strftime('%Y-%m-%d %H:%M:%S')} dispatch-hooks {__version__}, {where}\n"
    report += f"command: {' '.join(sys.argv[1:2])}\n\n{traceback.format_exc()}"
    path = _keep(report, paths.log_file())
    print(f"dispatch-hooks: a fault of ours: {type(error).__name__}: {error}\n  the report is {path}", file=sys.stderr)
    return 3


def _keep(report: str, path: str) -> str:
    try:
        from dispatch_hooks import files, paths

        files.append(path, report, paths.LOG)
    except OSError:
        print(report, file=sys.stderr)
        return "above"
    return path
