"""What of a prompt is quoted, fenced or pasted: the words in it are talked about, not said."""

from __future__ import annotations

import re

from dispatch_hooks.grammar import names

TAGS = ("pasted_content", "system-reminder", "example", "quote", "code", "pre")

INLINE = re.compile(
    "`[^`]*`|\"[^\"]*\"|“[^”]*”|«[^»]*»|„[^“”]*[“”]|(?<!\\w)'[^'\\n]{1,300}'(?!\\w)|‘[^’\\n]{1,300}’(?!\\w)"
)


def mask(text: str, vocabulary: dict) -> str:
    """The text with NUL for every quoted character but line ends; as long as the text.

    A name alone in quotes, "use `opus`", is said: there only the marks go.
    """
    for tag in TAGS:
        text = _tagged(text, tag)
    text = _comments(_lines(text))
    return INLINE.sub(lambda m: f" {m[0][1:-1]} " if _name(m[0][1:-1], vocabulary) else _blank(m[0]), text)


def _name(text: str, vocabulary: dict) -> bool:
    return len(text) < 80 and " " not in text and names.known(text, vocabulary) is not None


def _blank(text: str) -> str:
    return "\n".join("\0" * len(line) for line in text.split("\n"))


def _tagged(text: str, tag: str) -> str:
    start = text.find(f"<{tag}")
    while start >= 0:
        end = text.find(f"</{tag}>", start)
        end = len(text) if end < 0 else end + len(tag) + 3
        text = text[:start] + _blank(text[start:end]) + text[end:]
        start = text.find(f"<{tag}", end)
    return text


def _comments(text: str) -> str:
    """Comments of code between /* and */, at the beginning of a line."""
    if "/*" not in text or "*/" not in text:
        return text
    start = text.find("/*")
    while start >= 0:
        end = text.find("*/", start + 2) + 2
        if end < 2:
            break
        if not text[text.rfind("\n", 0, start) + 1 : start].strip():
            text = text[:start] + _blank(text[start:end]) + text[end:]
            start = end
        start = text.find("/*", start + 1)
    return text


def _lines(text: str) -> str:
    """Fences, open ones to the end of the text, and > quotes."""
    if "```" not in text and "~~~" not in text and ">" not in text:
        return text
    fence, found = "", []
    for line in text.split("\n"):
        bare = line.lstrip()
        mark = bare[: len(bare) - len(bare.lstrip(bare[:1]))] if bare[:3] in ("```", "~~~") else ""
        quoted = bool(fence or mark or bare.startswith(">"))
        if mark and not fence:
            fence = mark
        elif fence and bare.startswith(fence) and not bare.strip(fence[0]).strip():
            fence = ""
        found.append(_blank(line) if quoted else line)
    return "\n".join(found)
