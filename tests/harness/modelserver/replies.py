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


def as_told(provider: str) -> dict[int, Reply]:
    """What a provider's own API says where it refuses, by status: "openai" or "google"."""
    return {status: error(status, *said) for status, said in TOLD[provider].items()}


TOLD = {
    "openai": {
        401: ("invalid_api_key", "Incorrect API key provided: not-a-re*****ests. You can find your API key at "
                                 "https://platform.openai.com/account/api-keys."),
        404: ("model_not_found", "The model `gpt-9` does not exist or you do not have access to it."),
        429: ("rate_limit_exceeded", "Rate limit reached for gpt-9 in organization org-x on requests per min (RPM): "
                                     "Limit 3, Used 3, Requested 1."),
        500: ("server_error", "The server had an error while processing your request. Sorry about that!"),
    },
    "google": {
        401: ("", "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or "
                  "other valid authentication credential."),
        404: ("", "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent. Call "
                  "ListModels to see the list of available models and their supported methods."),
        429: ("", "Resource has been exhausted (e.g. check quota)."),
        500: ("", "An internal error has occurred. Please retry or report in "
                  "https://developers.generativeai.google/guide/troubleshooting"),
    },
}  # fmt: skip


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
