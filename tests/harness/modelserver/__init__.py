"""A scripted model on loopback: Anthropic Messages, OpenAI Responses and Chat Completions, Gemini.

    with ModelServer() as server:
        server.rule("review the auth module", tool("Bash", command="ls"), text("reviewed"))
        server.rule(lambda r: "hello" in r.last_user_text, text("hi"))

A request is answered by the first rule that fits it and still has turns; a rule keeps count of its own turns, so a
session that is resumed goes on where it was. Where no rule fits the answer is "ok". One script serves every API: a
turn is said in the words of the API that asks.

CLIs send requests of their own beside the conversation (titles, classifiers: those without tools; see each module's
`side`). They get a sensible answer, use up no turn and are kept apart, in `server.side`.
"""

from .replies import Error, Reply, Turn, as_told, error, hang, hold, slow, text, tool, tools
from .requests import Request, host, worker
from .server import ModelServer, Rule

__all__ = [
    "Error",
    "ModelServer",
    "Reply",
    "Request",
    "Rule",
    "Turn",
    "as_told",
    "error",
    "hang",
    "hold",
    "host",
    "slow",
    "text",
    "tool",
    "tools",
    "worker",
]
