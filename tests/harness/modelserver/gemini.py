"""Google's Gemini API: models/NAME:generateContent and :streamGenerateContent, as the Gemini CLI speaks it."""

import json
import re
from collections.abc import Iterable

from .anthropic import words_of
from .replies import Error, Reply
from .requests import Request, tokens

NAME = "gemini"

PATH = re.compile(r"/models/([^/:]+):(generateContent|streamGenerateContent)$")


def takes(path: str) -> bool:
    return bool(PATH.search(path))


def request(path: str, body: dict, headers: dict[str, str]) -> Request:
    model, verb = PATH.search(path).groups()
    tools = [f["name"] for tool in body.get("tools") or [] for f in tool.get("functionDeclarations") or []]
    system = body.get("systemInstruction") or {}
    return Request(
        body,
        headers,
        NAME,
        model=model,
        system=[part["text"] for part in system.get("parts", []) if "text" in part],
        messages=[_message(content) for content in body.get("contents", [])],
        tools=tools,
        stream=verb == "streamGenerateContent",
        side=None if tools else "helper",
    )


def _message(content: dict) -> dict:
    role = "assistant" if content.get("role") == "model" else "user"
    return {"role": role, "content": [block for part in content.get("parts", []) if (block := _block(part))]}


def _block(part: dict) -> dict | None:
    if call := part.get("functionCall"):
        return {"type": "tool_use", "id": call.get("id"), "name": call["name"], "input": call.get("args") or {}}
    if result := part.get("functionResponse"):
        said = result.get("response") or {}
        words = said.get("output") or said.get("error") or json.dumps(said)
        return {"type": "tool_result", "tool_use_id": result.get("id"), "content": str(words)}
    return {"type": "text", "text": part["text"]} if isinstance(part.get("text"), str) else None


def answer(number: int, request: Request, reply: Reply) -> dict:
    return _piece(number, request, _parts(reply), "STOP")


def _parts(reply: Reply) -> list[dict]:
    blocks = reply.blocks or ({"type": "text", "text": "ok"},)
    return [
        {"text": b["text"]} if b["type"] == "text" else {"functionCall": {"name": b["name"], "args": b["input"]}}
        for b in blocks
    ]


def _piece(number: int, request: Request, parts: list[dict], finish: str | None = None) -> dict:
    sent, said = request.tokens, tokens(parts)
    used = {"promptTokenCount": sent, "candidatesTokenCount": said, "totalTokenCount": sent + said}
    candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
    candidate |= {"finishReason": finish} if finish else {}
    whole = {"candidates": [candidate], "modelVersion": request.model, "responseId": f"r{number}"}
    return {**whole, "usageMetadata": used} if finish else whole


STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 429: "RESOURCE_EXHAUSTED"}


def error(said: Error) -> dict:
    status = STATUS.get(said.status, "INTERNAL")
    return {"error": {"code": said.status, "message": said.message, "status": status}}


def stream(number: int, request: Request, reply: Reply) -> Iterable[str]:
    pieces = [piece for part in _parts(reply) for piece in _pieces(part)]
    for n, part in enumerate(pieces, 1):
        yield f"data: {json.dumps(_piece(number, request, [part], 'STOP' if n == len(pieces) else None))}\n\n"


def _pieces(part: dict) -> list[dict]:
    return [{"text": word} for word in words_of(part["text"])] if "text" in part else [part]
