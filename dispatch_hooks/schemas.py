"""schemas/: what programs may rely on, as JSON Schema, made from dispatch_hooks.models.

    python -m dispatch_hooks.schemas      writes them anew; a test fails where they differ from the models
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import jsonschema
from pydantic import TypeAdapter

from dispatch_hooks import files, models, resources

MODELS = {
    "config": models.Config,
    "task": models.Task,
    "task-status": models.Status,
    "question": models.Question,
    "answer": models.Answer,
    "note": models.Note,
    "flag": models.Flag,
    "event": models.Event,
    "status": models.StatusReport,
    "show": models.Row,
    "parse": models.ParseReport,
    "doctor": models.DoctorReport,
    "models": models.ModelsReport,
    "stats": models.StatsReport,
    "config-show": models.ConfigReport,
    "UserPromptSubmit.input": models.UserPromptSubmitInput,
    "UserPromptSubmit.output": models.UserPromptSubmitOutput,
    "Stop.input": models.StopInput,
    "Stop.output": models.StopOutput,
    "SessionStart.input": models.SessionStartInput,
    "SessionStart.output": models.SessionStartOutput,
    "SessionEnd.input": models.SessionEndInput,
    "SessionEnd.output": models.SessionEndOutput,
    "Notification.input": models.NotificationInput,
    "Notification.output": models.NotificationOutput,
}
"""The name of each schema, schemas/<name>.json, and its model. status and show are reports, task-status a record."""


def schema(name: str) -> dict:
    made = _plain(TypeAdapter(MODELS[name]).json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"dispatch-hooks: {name}", **made}


def _plain(made: Any) -> Any:
    """Without the titles that only repeat the names, and without defaults that only say "may be left out"."""
    if isinstance(made, list):
        return [_plain(item) for item in made]
    if not isinstance(made, dict):
        return made
    noise = [k for k, v in made.items() if (k == "title" and isinstance(v, str)) or (k == "default" and v is None)]
    return {key: _plain(value) for key, value in made.items() if key not in noise}


def text(name: str) -> str:
    return json.dumps(schema(name), indent=2, ensure_ascii=False) + "\n"


def path(name: str) -> str:
    return os.path.join(resources.shared("schemas"), f"{name}.json")


def wrong(name: str, value: Any) -> str:
    """What a value is that its schema does not allow, in one line; "" for a sound one."""
    fault = jsonschema.Draft202012Validator(schema(name)).iter_errors(value)
    worst = jsonschema.exceptions.best_match(fault)
    return f"{worst.json_path}: {worst.message[:300]}" if worst else ""


def main() -> int:
    for name in MODELS:
        files.write(path(name), text(name), 0o644)
    return 0


if __name__ == "__main__":
    sys.exit(main())
