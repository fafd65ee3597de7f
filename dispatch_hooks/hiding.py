"""Values of variables whose names look secret, kept out of what we write down and say.

A worker inherits the person's keys, and may print them. What it reads and is answered stays as it is; logs, status,
questions, flags and digests show `[NAME]` instead. What it writes into files of its own is its own.
"""

from __future__ import annotations

from collections.abc import Mapping

LOOKS = frozenset("key apikey token secret password passwd passphrase pass pat credential credentials".split())
"""One of these as the last word of a name, or the one before (API_KEY_ID), makes it look secret."""

LEAST = 8
"""Characters: a shorter value is too common a word."""


class Hider:
    """Puts `[NAME]` in the place of each value of an environment that looks secret."""

    def __init__(self, env: Mapping[str, str]) -> None:
        found = {value: name for name, value in env.items() if secret(name, value)}
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


def secret(name: str, value: str) -> bool:
    words = name.lower().replace("-", "_").split("_")
    looks = any(word in LOOKS or word.endswith(("token", "secret", "password", "apikey")) for word in words[-2:])
    return looks and len(value) >= LEAST and not value.startswith("/")  # the path of a file is none
