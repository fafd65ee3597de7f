"""Alone, for a person to try: `python -m tests.harness.modelserver --script FILE`."""

import argparse
import contextlib
import json
from pathlib import Path

from .replies import Reply, hold, text, tool
from .server import ModelServer


def _turn_of(entry: str | dict | list) -> Reply:
    """A turn in a script file: "text", {"tool": NAME, "input": {…}}, {"hold": GATE, "then": TURN}; a list: all."""
    if isinstance(entry, list):
        return sum(map(_turn_of, entry), Reply())
    if isinstance(entry, str):
        return text(entry)
    if "hold" in entry:
        return hold(entry["hold"], _turn_of(entry.get("then", "ok")))
    return tool(entry["tool"], **entry["input"])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="modelserver", description="A scripted Messages API; prints its URL.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--script", type=Path, help='JSON: [{"when": "words", "turns": [...], "repeat": false}]')
    options = parser.parse_args(argv)
    with ModelServer(options.port) as server:
        for rule in json.loads(options.script.read_text()) if options.script else []:
            server.rule(rule["when"], *map(_turn_of, rule["turns"]), repeat=rule.get("repeat", False))
        print(server.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            server.closed.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
