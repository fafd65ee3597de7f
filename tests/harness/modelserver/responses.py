"""OpenAI's Responses API, as codex speaks it: always a stream.

A tool of type "custom" takes one text instead of JSON: of `tool("exec", code="…")` the values are that text. Tools may
come in namespaces, and among the input.
"""

import json
from collections.abc import Iterable

from .anthropic import words_of
from .replies import Error, Reply
from .requests import Request, tokens

NAME = "responses"

SYSTEM = ("developer", "system")


def takes(path: str) -> bool:
    return path.endswith("/responses")


def request(path: str, body: dict, headers: dict[str, str]) -> Request:
    given = body.get("input", [])
    items = [{"type": "message", "role": "user", "content": given}] if isinstance(given, str) else given
    tools = list(_tools(body))
    return Request(
        body,
        headers,
        NAME,
        model=body.get("model", ""),
        system=[body["instructions"]] if body.get("instructions") else [],
        messages=[message for item in items if (message := _message(item))],
        tools=tools,
        stream=bool(body.get("stream")),
        side=None if tools else "helper",
    )


def _tools(body: dict) -> dict[str, dict]:
    """The tools by name, wherever they stand; each with its "namespace", if it has one."""
    more = [item["tools"] for item in body.get("input") or [] if isinstance(item, dict) and "tools" in item]
    found = {}
    for tool in sum(more, list(body.get("tools") or [])):
        for inner in tool.get("tools") or [tool]:
            space = {"namespace": tool["name"]} if inner is not tool else {}
            found[inner.get("name") or inner["type"]] = {**inner, **space}
    return found


def _message(item: dict) -> dict | None:
    kind = item.get("type", "message")
    if kind == "message":
        role = "system" if item["role"] in SYSTEM else item["role"]
        return {"role": role, "content": _blocks(item["content"])}
    if kind in ("function_call", "custom_tool_call"):
        given = json.loads(item["arguments"]) if kind == "function_call" else {"input": item["input"]}
        block = {"type": "tool_use", "id": item["call_id"], "name": item["name"], "input": given}
        return {"role": "assistant", "content": [block]}
    if kind in ("function_call_output", "custom_tool_call_output"):
        block = {"type": "tool_result", "tool_use_id": item["call_id"], "content": _blocks(item["output"])}
        return {"role": "user", "content": [block]}
    return None


def _blocks(content: str | list) -> list[dict]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [{"type": "text", "text": part["text"]} for part in content if isinstance(part.get("text"), str)]


def answer(number: int, request: Request, reply: Reply) -> dict:
    blocks = reply.blocks or ({"type": "text", "text": "ok"},)
    output = [_item(f"{number}_{index}", request, block) for index, block in enumerate(blocks)]
    sent, said = request.tokens, tokens(output)
    return {
        "id": f"resp_{number}",
        "object": "response",
        "model": request.model,
        "status": "completed",
        "output": output,
        "usage": {
            "input_tokens": sent,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": sent + said,
        },
    }


def _item(name: str, request: Request, block: dict) -> dict:
    if block["type"] == "text":
        content = [{"type": "output_text", "text": block["text"], "annotations": []}]
        return {"type": "message", "role": "assistant", "id": f"msg_{name}", "status": "completed", "content": content}
    known = _tools(request.raw).get(block["name"], {})
    call = {"call_id": f"call_{name}", "name": block["name"], "status": "completed"}
    call |= {"namespace": known["namespace"]} if "namespace" in known else {}
    if known.get("type") == "custom":
        words = "".join(map(str, block["input"].values()))
        return {"type": "custom_tool_call", "id": f"ctc_{name}", "input": words, **call}
    return {"type": "function_call", "id": f"fc_{name}", "arguments": json.dumps(block["input"]), **call}


def error(said: Error) -> dict:
    return {"error": {"type": said.type, "code": said.type, "message": said.message, "param": None}}


def stream(number: int, request: Request, reply: Reply) -> Iterable[str]:
    for event in _events(answer(number, request, reply)):
        yield f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"


def _events(response: dict) -> Iterable[dict]:
    yield {"type": "response.created", "response": {**response, "status": "in_progress", "output": [], "usage": None}}
    for index, item in enumerate(response["output"]):
        empty = {**item, "status": "in_progress", **({"content": []} if item["type"] == "message" else {})}
        yield {"type": "response.output_item.added", "output_index": index, "item": empty}
        if item["type"] == "message":
            where = {"item_id": item["id"], "output_index": index, "content_index": 0}
            for word in words_of(item["content"][0]["text"]):
                yield {"type": "response.output_text.delta", **where, "delta": word}
        yield {"type": "response.output_item.done", "output_index": index, "item": item}
    yield {"type": "response.completed", "response": response}
