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
    if sys.argv[1:2] in (["ask"], ["flag"]) and not {"-h", "--help"}.intersection(sys.argv):
        from dispatch_hooks import asking, flagging  # a worker waits for it: nothing that it does not need

        return {"ask": asking, "flag": flagging}[sys.argv[1]].main(sys.argv[2:], dict(os.environ))
    if sys.argv[1:3] == ["completion", "tasks"]:
        from dispatch_hooks import completion  # at every Tab

        return completion.main(sys.argv[3:])
    try:
        from dispatch_hooks import cli
    except ModuleNotFoundError as error:
        return _library_missing(error)
    return cli.app(standalone_mode=False) or 0


def _library_missing(error: ModuleNotFoundError) -> int:
    """A plugin's libraries are fetched by its first chat, and perhaps could not be."""
    from dispatch_hooks.errors import FatalError

    raise FatalError(
        f"the library {error.name} is not there. A plugin's libraries are fetched when a chat starts, and workers run "
        "without them. For this command wait a minute; if it stays so, type: pipx install dispatch-hooks"
    ) from error


if __name__ == "__main__":
    main()
