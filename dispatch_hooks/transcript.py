"""What a chat's transcript says happened: was a text followed by an answer, did a stop reach the person?

Claude Code appends one JSON object a line; entries used here (docs/claude-code.md): "type":"assistant" for an
answer, "promptId" on what a prompt put in. Only the part written since a known size is read.
"""

from __future__ import annotations

import json
import os

LIMIT = 32 << 20
"""Bytes read at most: beyond, the last ones count."""


def size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def since(path: str, start: int) -> bytes:
    """What was written after the first `start` bytes; all of it if the file is shorter now; b"" if there is none."""
    try:
        with open(path, "rb") as f:
            end = os.fstat(f.fileno()).st_size
            f.seek(max(start if start <= end else 0, end - LIMIT))
            return f.read(LIMIT)
    except OSError:
        return b""


def answered(path: str, start: int, text: str) -> bool:
    """Whether, since start, a line holds the text and a later one is an answer of the model."""
    written = since(path, start)
    at = written.find(json.dumps(text, ensure_ascii=False)[1:-1].encode())
    return at >= 0 and any(_answer(line) for line in written[at:].split(b"\n")[1:])


def _answer(line: bytes) -> bool:
    return b'"type":"assistant"' in line and b'"isSidechain":true' not in line


def holds(path: str, text: str) -> bool:
    return json.dumps(text, ensure_ascii=False)[1:-1].encode() in since(path, 0)
