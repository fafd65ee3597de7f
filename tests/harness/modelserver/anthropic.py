"""Anthropic's Messages API, as Claude Code speaks it."""

import json
import re
from collections.abc import Iterable

from .replies import Error, Reply
from .requests import Request, texts_of, tokens

NAME = "anthropic"


def takes(path: str) -> bool:
    return path.endswith("/messages")


def request(path: str, body: dict, headers: dict[str, str]) -> Request:
    return Request(
        body,
        headers,
        NAME,
        model=body.get("model", ""),
        system=texts_of(body.get("system")),
        messages=body.get("messages", []),
        tools=[tool["name"] for tool in body.get("tools", []) if "name" in tool],
        stream=bool(body.get("stream")),
        side=_side_kind(body),
    )


def _side_kind(body: dict) -> str | None:
    """Why Claude Code sent this beside the conversation, or None for a turn of the conversation.

    quota    max_tokens is 1: a look at the account when a session starts.
    compact  the last message asks for a <summary> and forbids tools: /compact and automatic compaction.
    helper   no tools at all: titles, the classifier of auto mode, suggestions, the summary of a command's output.
    """
    if body.get("max_tokens") == 1:
        return "quota"
    last = body.get("messages", [])[-1:]
    if any("<summary>" in words and "Do NOT call any tools" in words for m in last for words in texts_of(m["content"])):
        return "compact"
    return None if body.get("tools") else "helper"


def answer(number: int, request: Request, reply: Reply) -> dict:
    blocks = list(reply.blocks) or [{"type": "text", "text": "ok"}]
    content = [{**b, "id": f"toolu_{number}_{i}"} if b["type"] == "tool_use" else b for i, b in enumerate(blocks)]
    return {
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
        "model": request.model,
        "content": content,
        "stop_reason": "tool_use" if any(b["type"] == "tool_use" for b in blocks) else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": request.tokens, "output_tokens": tokens(content)},
    }


def error(said: Error) -> dict:
    return {"type": "error", "error": {"type": said.type, "message": said.message}}


def stream(number: int, request: Request, reply: Reply) -> Iterable[str]:
    """The message as the API streams it, an event at a time."""
    for event in _events(answer(number, request, reply)):
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def _events(message: dict) -> Iterable[dict]:
    start = {**message, "content": [], "stop_reason": None}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(message["content"]):
        empty = {**block, "text": ""} if block["type"] == "text" else {**block, "input": {}}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": message["stop_reason"], "stop_sequence": None},
        "usage": {"output_tokens": message["usage"]["output_tokens"]},
    }
    yield {"type": "message_stop"}


def _deltas(block: dict) -> Iterable[dict]:
    if block["type"] == "tool_use":
        yield {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        return
    for word in words_of(block["text"]):
        yield {"type": "text_delta", "text": word}


def words_of(text: str) -> list[str]:
    """A text in the pieces that a stream brings."""
    return re.findall(r"\s*\S+|\s+", text)
