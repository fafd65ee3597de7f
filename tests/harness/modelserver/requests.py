"""A request of a CLI to its model, the same to look at whatever API it speaks."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Request:
    """One call of the model.

    `raw` is the body as it came. `system`, `messages` and `tools` say the same in one shape for all APIs: messages
    are {"role": "user"|"assistant"|"system", "content": text or blocks}, blocks are Anthropic's text, tool_use and
    tool_result.
    """

    raw: dict
    headers: dict[str, str]  # names in lower case
    api: str = "anthropic"  # or responses, chat, gemini
    model: str = ""
    system: list[str] = field(default_factory=list)
    messages: list[dict] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    stream: bool = False
    side: str | None = None  # why it was sent beside the conversation; None: a turn of the conversation
    time: float = field(default_factory=time.time)
    gone: bool = False  # the client hung up before it had the whole answer

    @property
    def tokens(self) -> int:
        """What is told of it as its input."""
        return tokens(next((self.raw[key] for key in ("messages", "input", "contents") if key in self.raw), None))

    @property
    def session(self) -> str:
        """The session id, as Claude Code gives it in a header and in the metadata."""
        return self.headers.get("x-claude-code-session-id", "")

    @property
    def interactive(self) -> bool:
        """True for Claude Code's chat in a terminal, False for `claude -p` and the other CLIs, so for every worker."""
        return "(external, cli" in self.headers.get("user-agent", "")

    @property
    def texts(self) -> list[tuple[str, str]]:
        """(role, text) of every text block, the system prompt first, tool results left out."""
        return [("system", words) for words in self.system] + [
            (m["role"], words) for m in self.messages for words in texts_of(m["content"])
        ]

    @property
    def system_text(self) -> str:
        """The system prompt and what the CLI (and hooks) say as system in mid-conversation."""
        return "\n".join(words for role, words in self.texts if role == "system")

    @property
    def user_texts(self) -> list[str]:
        """What stands in user messages, a text for each that has any; a wake too, but nothing else of the CLI's own."""
        texts = ["\n".join(filter(_is_said, texts_of(m["content"]))) for m in self.messages if m["role"] == "user"]
        return [words for words in map(_without_date, texts) if words]

    @property
    def first_user_text(self) -> str:
        return next(iter(self.user_texts), "")

    @property
    def last_user_text(self) -> str:
        return next(reversed(self.user_texts), "")

    @property
    def tool_results(self) -> list[str]:
        blocks = [b for m in self.messages if isinstance(m["content"], list) for b in m["content"]]
        return ["\n".join(texts_of(b.get("content"))) for b in blocks if b["type"] == "tool_result"]

    @property
    def all_text(self) -> str:
        return "\n".join([words for _, words in self.texts] + self.tool_results)

    def __repr__(self) -> str:
        said = self.last_user_text[-80:]
        return f"<Request {self.api} {self.model} {self.session[:8]} {len(self.messages)} messages: {said!r}>"


def tokens(body: object) -> int:
    return len(json.dumps(body)) // 4


def host(words: str = "") -> Callable[[Request], bool]:
    """What a chat in a terminal sends while the words are the newest from its user (or from a wake)."""
    return lambda request: request.interactive and words in request.last_user_text


def worker(words: str = "") -> Callable[[Request], bool]:
    """What a worker's CLI sends when the words are in its first prompt."""
    return lambda request: not request.interactive and words in request.first_user_text


def texts_of(content: str | list | None) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content or [] if block.get("type") == "text"]


OWN = re.compile(
    r"\s*(<system-reminder>|<environment_context>|<user_instructions>|# AGENTS\.md|<session_context>"
    r"|<skills_instructions>|<permissions instructions>|This is the (Gemini CLI|Qwen Code)\.)"
)
"""How texts begin that a CLI itself puts into the user's messages."""


def _is_said(words: str) -> bool:
    return not OWN.match(words) or "<task-notification>" in words


def _without_date(words: str) -> str:
    """What copilot puts before the words of a prompt."""
    return re.sub(r"^<current_datetime>.*?</current_datetime>\s*", "", words)
