"""OpenAI's Chat Completions API, streaming and not, as opencode, qwen and copilot speak it."""

import json
from collections.abc import Iterable

from .anthropic import words_of
from .replies import Error, Reply
from .requests import Request, tokens

NAME = "chat"

SYSTEM = ("developer", "system")


def takes(path: str) -> bool:
    return path.endswith("/chat/completions")


def request(path: str, body: dict, headers: dict[str, str]) -> Request:
    tools = [tool["function"]["name"] for tool in body.get("tools") or [] if "function" in tool]
    said = [_message(message) for message in body.get("messages", [])]
    return Request(
        body,
        headers,
        NAME,
        model=body.get("model", ""),
        messages=said,
        tools=tools,
        stream=bool(body.get("stream")),
        side=None if tools else "helper",
    )


def _message(message: dict) -> dict:
    blocks = _blocks(message.get("content"))
    if message["role"] == "tool":
        result = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": blocks}
        return {"role": "user", "content": [result]}
    calls = [_call(call) for call in message.get("tool_calls") or []]
    return {"role": "system" if message["role"] in SYSTEM else message["role"], "content": blocks + calls}


def _call(call: dict) -> dict:
    given = json.loads(call["function"]["arguments"] or "{}")
    return {"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": given}


def _blocks(content: str | list | None) -> list[dict]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [{"type": "text", "text": part["text"]} for part in content or [] if part.get("type") == "text"]


def answer(number: int, request: Request, reply: Reply) -> dict:
    message = _said(number, reply)
    choice = {"index": 0, "message": message, "finish_reason": _finish(message), "logprobs": None}
    return {**_head(number, request, "chat.completion"), "choices": [choice], "usage": _usage(request, message)}


def _said(number: int, reply: Reply) -> dict:
    words = "".join(block["text"] for block in reply.blocks if block["type"] == "text")
    calls = [
        {
            "id": f"call_{number}_{index}",
            "type": "function",
            "function": {"name": block["name"], "arguments": json.dumps(block["input"])},
        }
        for index, block in enumerate(reply.blocks)
        if block["type"] == "tool_use"
    ]
    return {"role": "assistant", "content": words or ("ok" if not calls else None), "tool_calls": calls or None}


def _finish(message: dict) -> str:
    return "tool_calls" if message["tool_calls"] else "stop"


def _head(number: int, request: Request, kind: str) -> dict:
    return {"id": f"chatcmpl-{number}", "object": kind, "created": int(request.time), "model": request.model}


def _usage(request: Request, message: dict) -> dict:
    sent, said = request.tokens, tokens(message)
    return {"prompt_tokens": sent, "completion_tokens": said, "total_tokens": sent + said}


def error(said: Error) -> dict:
    return {"error": {"type": said.type, "code": said.type, "message": said.message, "param": None}}


def stream(number: int, request: Request, reply: Reply) -> Iterable[str]:
    for chunk in _chunks(number, request, _said(number, reply)):
        yield f"data: {json.dumps(chunk)}\n\n"
    yield "data: [DONE]\n\n"


def _chunks(number: int, request: Request, message: dict) -> Iterable[dict]:
    head = _head(number, request, "chat.completion.chunk")

    def chunk(delta: dict, finish: str | None = None, **more: object) -> dict:
        return {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}

    yield chunk({"role": "assistant", "content": ""})
    for word in words_of(message["content"] or ""):
        yield chunk({"content": word})
    for index, call in enumerate(message["tool_calls"] or []):
        yield chunk({"tool_calls": [{"index": index, **call}]})
    yield chunk({}, _finish(message))
    yield {**head, "choices": [], "usage": _usage(request, message)}
