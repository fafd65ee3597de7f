"""dispatch-hooks, the command. Every error that is a person's to mend ends here, in one line."""

from __future__ import annotations

import os
import sys


def main() -> None:
    from dispatch_hooks import errors

    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows what it can
    sys.exit(errors.funnel(_run))


def _run() -> int:
    if sys.argv[1:2] == ["ask"] and not {"-h", "--help"}.intersection(sys.argv):
        from dispatch_hooks.commands import ask  # a worker waits for it: nothing that it does not need

        return ask.main(sys.argv[2:], dict(os.environ))
    from dispatch_hooks import cli

    return cli.app(standalone_mode=False) or 0


if __name__ == "__main__":
    main()
