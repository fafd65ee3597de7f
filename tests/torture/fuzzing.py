"""Fuzzing of everything that parses what others wrote: no input makes it raise, or say what is none of its words.

Hypothesis runs each target shortly in the suite (test_fuzzing.py). atheris runs each as long as it is given:
    python -m tests.torture.fuzz_one TARGET SECONDS SEED
from the corpus kept in tests/corpus/TARGET, into which an input that made a fault is put.
"""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from dispatch_hooks import (
    channel,
    config,
    control,
    digest,
    errors,
    host,
    jsontext,
    outcome,
    plan,
    questions,
    request,
    transcript,
)  # fmt: skip
from dispatch_hooks.backends import events
from tests.test_hostile_output import SPOKEN, talk

CORPUS = Path(__file__).parents[1] / "corpus"

NAMES = {"models": ["opus"], "aliases": ["reviewer"], "backends": ["claude", "codex"], "tasks": ["fix-it"],
         "default": "claude"}  # fmt: skip

STATE = {"tasks": {"fix-it": "running", "old-one": "finished"}, "asking": ["fix-it"], "own": True}

SCRATCH = Path(tempfile.mkdtemp(prefix="dh-fuzz-"))


def hook_event(data: bytes) -> None:
    found = host.read(io.BytesIO(data), "UserPromptSubmit")
    assert found is None or isinstance(found.get("prompt", ""), str)


def prompt(data: bytes) -> None:
    words = data.decode(errors="surrogateescape")
    found = request.parse(words, NAMES, taken=["fix-it"])
    assert isinstance(found["dispatch"], bool) and (found["tasks"] or not found["dispatch"])
    for task in found["tasks"]:
        assert task["id"] != "fix-it" and len(task["id"]) <= 32 and "/" not in task["id"]
    said = control.parse(words, STATE)
    assert said is None or isinstance(said["verb"], str)


def a_plan(data: bytes) -> None:
    text = data.decode(errors="replace")
    items = plan.read(text)
    ticked, total = plan.count(items)
    assert 0 <= ticked <= total == len(items)
    state, _ = outcome.judge({}, items)
    assert (state == "finished") == (0 < total == ticked)
    assert plan.read(text + plan.note("- [x] sly")) == items


def question(data: bytes) -> None:
    found = channel.asked(data)
    assert 0 < len(found["text"]) <= 8000 and len(found["options"]) <= 20
    assert isinstance(questions.meant({**found, "kind": "question"}, data.decode(errors="replace")), str)
    _told({**found, "question": 1}, "question")


def _told(event: dict, kind: str) -> None:
    plain = {"task": "t", "model": "m", "path": "", "ticked": 1, "items": 1, "cost_usd": None, "seconds": 1}
    text = digest.for_model([{**plain, **event, "kind": kind}])
    assert len(text) < 10_000 and all(c.isprintable() or c == "\n" for c in text) and "</" not in text
    digest.for_person([{**plain, **event, "kind": kind}])


def stream(name: str) -> Callable[[bytes], None]:
    def target(data: bytes) -> None:
        cli = talk(name)
        for message in SPOKEN[name][: data[0] % 8 if data else 0]:
            cli.read(json.dumps(message).encode())
        for line in data[1:].split(b"\n")[:50]:
            for event in cli.read(line):
                if events.sound(event) and event["kind"] == "send":
                    assert all(json.loads(sent) for sent in event["text"].splitlines() if sent.strip())

    return target


def settings(data: bytes) -> None:
    path = SCRATCH / "config.toml"
    path.write_bytes(data)
    found, broken = config.read(str(path))
    assert broken is None or not found
    config.vocabulary({**config.DEFAULTS, **found}, [])


def claude_settings(data: bytes) -> None:
    with contextlib.suppress(errors.FatalError):
        jsontext.load(jsontext.decode(data, "settings.json"), "settings.json")


def chat(data: bytes) -> None:
    path = SCRATCH / "chat.jsonl"
    path.write_bytes(data)
    for text in ("- fix-it finished", "x"):
        transcript.answered(str(path), 0, text)
        transcript.queued(str(path), text)
        transcript.holds(str(path), text)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "hook_event": hook_event, "prompt": prompt, "plan": a_plan, "question": question, "config": settings,
    "settings": claude_settings, "transcript": chat,
    **{f"stream-{name}": stream(name) for name in ("claude", "codex", "opencode", "mycli")},
}  # fmt: skip


def seeds(target: str) -> list[bytes]:
    """The kept corpus of a target, and the words that its kind of input is made of."""
    kept = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    if target.startswith("stream-"):
        spoken = SPOKEN[target.removeprefix("stream-")]
        kept.append(b"\0" + b"\n".join(json.dumps(message).encode() for message in spoken))
    if target == "prompt":
        kept += [path.read_bytes() for path in sorted((CORPUS / "spoken").glob("*"))]
    if target == "hook_event":
        kept += [path.read_bytes() for path in sorted((CORPUS.parent / "events").glob("UserPromptSubmit*"))]
    return kept


# atheris, a process a target


def main(atheris, name: str, seconds: int, seed: int) -> None:
    state = tempfile.mkdtemp(prefix="dh-fuzz-state-")
    os.environ["DISPATCH_HOOKS_DIRS"] = "\n".join(os.path.join(state, part) for part in ("c", "s", "r", "d"))
    place = SCRATCH / "corpus"
    place.mkdir()
    for n, data in enumerate(seeds(name)):
        (place / f"seed{n}").write_bytes(data)
    words = [sys.argv[0], f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=8192", "-timeout=20",
             f"-artifact_prefix={SCRATCH}/", "-print_final_stats=1", str(place)]  # fmt: skip
    atheris.Setup(words, TARGETS[name])
    atheris.Fuzz()


def run(seed: int, minutes: float, tell=print) -> int:
    """Each target for its share of the minutes; the number of those that fell."""
    fell = 0
    for name in TARGETS:
        began, seconds = time.monotonic(), max(5, int(minutes * 60 / len(TARGETS)))
        argv = [sys.executable, "-m", "tests.torture.fuzz_one", name, str(seconds), str(seed % 2**31)]
        done = subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)
        told = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        runs = told[0].split(":")[-1].strip() if told else "?"
        fell += done.returncode != 0
        how = "no fault" if done.returncode == 0 else f"FAULT\n{done.stderr[-3000:]}"
        tell(f"fuzz {name}: {runs} inputs in {time.monotonic() - began:.0f} s, {how}")
    tell(f"fuzz: {len(TARGETS)} targets, {fell} fell, seed {seed}")
    shutil.rmtree(SCRATCH, ignore_errors=True)
    return fell
