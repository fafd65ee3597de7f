"""Tool calls as agents tell them over ACP, made alike: what is called, what about, which files; and their questions."""

from __future__ import annotations

NAMES = {
    "execute": "Shell", "edit": "Edit", "delete": "Delete", "move": "Move", "read": "Read", "search": "Search",
    "fetch": "Fetch",
}  # fmt: skip

PATHS = ("file_path", "filePath", "filepath", "fileName", "path", "absolute_path")
TELLING = ("url", "query", "pattern")


def merged(known: dict[str, dict], update: dict) -> dict:
    """What is known of a tool call with what came now; kept in `known`.

    {"id","kind","title","command","paths","given" (its input, as it came last),"content","told"}
    """
    call = known.setdefault(update["toolCallId"], {"id": update["toolCallId"], "paths": [], "told": False, **NOTHING})
    given = update.get("rawInput")
    call["given"] = given if isinstance(given, dict) else call["given"]
    call["command"] = _text(call["given"].get("command")) or call["command"]
    call["title"] = _text(update.get("title")) or call["title"]
    call["content"] = update.get("content") or call["content"]
    call["paths"] = _paths(update, call["given"]) or call["paths"]
    call["kind"] = _kind(update, call)
    return call


NOTHING = {"kind": "", "title": "", "command": "", "given": {}, "content": []}


def _kind(update: dict, call: dict) -> str:
    """A command is a command, whatever it is asked for (leaving the directory, say)."""
    kind = update.get("kind") or call["kind"]
    if kind == "execute":
        call["command"] = call["command"] or call["title"]
    return "execute" if kind == "other" and call["command"] else kind


def _paths(update: dict, given: dict) -> list[str]:
    found = [place.get("path") for place in update.get("locations") or []]
    found += [part.get("path") for part in update.get("content") or [] if part.get("type") == "diff"]
    found += [given.get(key) for key in PATHS]
    return list(dict.fromkeys(path for path in found if path and isinstance(path, str)))


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def about(call: dict) -> str:
    """What a call is about; "" while that is not known."""
    if call["kind"] == "execute":
        return call["command"] if call["given"].get("command") else ""
    telling = next((call["given"][key] for key in TELLING if _text(call["given"].get(key))), "")
    return telling or ", ".join(call["paths"][:3])


def line(call: dict) -> str:
    """A tool call in one line."""
    told, name = about(call) or call["command"], NAMES.get(call["kind"])
    return f"{name}: {told}" if name and told else call["title"] or name or "a tool"


def asked(call: dict, update: dict) -> dict:
    """The part of an ask event that tells of the call; equal for the same call in another run."""
    given = update.get("rawInput")
    given = given if isinstance(given, dict) else {"title": call["title"], "content": update.get("content") or []}
    edits = call["kind"] in ("edit", "delete", "move")
    question = {"kind": "permission", "text": line(call), "options": []}
    return {"tool": call["kind"] or "tool", "input": given, "edits": edits, "questions": [question]}


def questions(call: dict) -> list[dict]:
    """The questions to the person that a call is (qwen: {"questions": [{"question","options": [{"label"}]}]})."""
    found = call["given"].get("questions")
    return [
        {"kind": "question", "text": q["question"], "options": [option["label"] for option in q.get("options") or []]}
        for q in (found if isinstance(found, list) else [])
    ]


def cursors_ask(params: dict) -> dict:
    """The part of an ask event that tells of Cursor's own questions, which are a request of their own."""
    told = [(q["prompt"], [option["label"] for option in q.get("options") or []]) for q in params["questions"]]
    asked = [{"kind": "question", "text": text, "options": options} for text, options in told]
    given = {"questions": [{"question": text, "options": options} for text, options in told]}
    return {"tool": "question", "input": given, "edits": False, "questions": asked, "asked": params["questions"]}


def cursors_answer(asked: list[dict], answers: list[str]) -> dict:
    """What the person chose. It takes options alone: other words are said as the reason for choosing none."""
    chosen = []
    for question, answer in zip(asked, answers, strict=True):
        option = next((one["id"] for one in question.get("options") or [] if one["label"] == answer), None)
        chosen.append({"questionId": question["id"], "selectedOptionIds": [option]})
    if all(one["selectedOptionIds"] != [None] for one in chosen):
        return {"outcome": "answered", "answers": chosen}
    said = zip((question["prompt"] for question in asked), answers, strict=True)
    return {"outcome": "skipped", "reason": "\n".join(f"{text} The person answers: {answer}" for text, answer in said)}


def choice_of_model(model: str, row: dict, result: dict) -> tuple[str, dict] | None:
    """The request that chooses the model, where only the session takes it: (method, params).

    ValueError, with what to tell the person, where the agent cannot be told.
    """
    if not model or row["model_argv"] or row["model_env"]:
        return None
    for option in result.get("configOptions") or []:
        if "model" in (option.get("id"), option.get("category")):
            name = closest(model, [value["value"] for value in option.get("options") or []])
            return "session/set_config_option", {"configId": option["id"], "value": name}
    if isinstance(result.get("models"), dict):
        name = closest(model, [found["modelId"] for found in result["models"].get("availableModels") or []])
        return "session/set_model", {"modelId": name}
    raise ValueError("it lets nobody choose its model: dispatch to it without a model, or set one in its own settings")


def closest(model: str, names: list[str]) -> str:
    """The name that means the model: itself, or the first of a provider's ("provider/model")."""
    if model in names:
        return model
    return next((name for name in names if name.rpartition("/")[2] == model), model)
