"""What the model says, in any API: text, tool calls, or an error; at once, slowly, or when it is let go."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from .requests import Request


@dataclass(frozen=True)
class Error:
    status: int
    type: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Reply:
    """Content blocks in Anthropic's shape, or an error. `a + b` says both in one message."""

    blocks: tuple[dict, ...] = ()
    error: Error | None = None
    gate: str | None = None  # sent only after server.release(gate)
    pause: float = 0  # seconds between two pieces of the stream

    def __add__(self, other: "Reply") -> "Reply":
        return replace(self, blocks=self.blocks + other.blocks)


Turn = Reply | str | Callable[[Request], "Reply | str"]


def text(words: str) -> Reply:
    return Reply(({"type": "text", "text": words},))


def tool(name: str, **arguments) -> Reply:
    return Reply(({"type": "tool_use", "name": name, "input": arguments},))


def tools(*calls: Reply) -> Reply:
    """Several calls in one message, which a CLI may run at the same time."""
    return sum(calls, Reply())


def error(status: int, type: str = "api_error", message: str = "scripted", retry_after: float | None = None) -> Reply:
    """An API error. Claude Code tries 401, 429, 5xx ten times, for three minutes; a 400 six times in a third of a
    second, leaving newer features out; other CLIs have habits of their own. So give the rule `repeat=True`.
    """
    headers = () if retry_after is None else (("retry-after", str(retry_after)),)
    return Reply(error=Error(status, type, message, headers))


def hold(gate: str, reply: Reply | str = "ok") -> Reply:
    """A reply of which nothing is sent before `server.release(gate)`."""
    return replace(as_reply(reply), gate=gate)


def hang() -> Reply:
    """No answer until the client goes away or the server is closed."""
    return Reply(gate="never")


def slow(words: str, pause: float = 0.2) -> Reply:
    """Text that comes a word at a time."""
    return replace(text(words), pause=pause)


def as_reply(turn: Reply | str) -> Reply:
    return text(turn) if isinstance(turn, str) else turn
