"""Values of variables whose names look secret, kept out of what we write down and say.

A worker inherits the person's keys, and may print them. What it reads and is answered stays as it is; logs, status,
questions, flags and digests show `[NAME]` instead. What it writes into files of its own is its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

LOOKS = frozenset(
    "key apikey privatekey token secret password passwd passphrase pass dbpass pat credential credentials".split()
)
"""One of these as the last word of a name, or the one before (API_KEY_ID), makes it look secret."""

ENDS = ("_pwd", "_auth")
"""So do these at its end: PWD is a folder, SSH_AUTH_SOCK a socket."""

LEAST = 8
"""Characters: a shorter value is too common a word."""

LINE = 16
"""Characters of a line that is hidden by itself: a key of many lines is printed line by line."""


class Hider:
    """Puts `[NAME]` in the place of each value of an environment that looks secret."""

    def __init__(self, env: Mapping[str, str]) -> None:
        found = {form: name for name, value in env.items() if secret(name, value) for form in forms(value)}
        self.values = sorted(found.items(), key=lambda pair: -len(pair[0]))  # one may be a part of another

    def text(self, text: str) -> str:
        for value, name in self.values:
            if value in text:
                text = text.replace(value, f"[{name}]")
        return text

    def data(self, data: bytes) -> bytes:
        for value, name in self.values:
            plain = value.encode("utf-8", "surrogateescape")
            if plain in data:
                data = data.replace(plain, f"[{name}]".encode())
        return data

    def value(self, value: object) -> object:
        """The same for all texts in a JSON value; a new one."""
        if not self.values:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {key: self.value(item) for key, item in value.items()}
        return value


def forms(value: str) -> list[str]:
    """A value as it may be printed: as it is, within JSON, a line of it."""
    lines = [line for line in value.splitlines() if len(line) >= LINE]
    return [value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], *lines]


def secret(name: str, value: str) -> bool:
    words = name.lower().replace("-", "_").split("_")
    looks = any(word in LOOKS or word.endswith(("token", "secret", "password", "apikey")) for word in words[-2:])
    looks = looks or name.lower().endswith(ENDS)
    return looks and len(value) >= LEAST and not os.path.lexists(value)  # the path of a file is none
