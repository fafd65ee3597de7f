"""Fuzzing of everything that parses what others wrote: no input makes it raise, or say what is none of its words.

Hypothesis runs each target shortly in the suite (test_fuzzing.py). atheris runs each as long as it is given, from the
corpus in tests/corpus/TARGET; an input that makes a fault is put there, and so is what reaches code that none did.
"""

import contextlib
import io
import json
import os
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
    paths,
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
    found, broken = config.read(_file("config.toml", data))
    assert broken is None or not found
    config.vocabulary({**config.DEFAULTS, **found}, [])


def claude_settings(data: bytes) -> None:
    with contextlib.suppress(errors.FatalError):
        jsontext.load(jsontext.decode(data, "settings.json"), "settings.json")


def chat(data: bytes) -> None:
    path = _file("chat.jsonl", data)
    for text in ("- fix-it finished", "x"):
        transcript.answered(path, 0, text)
        transcript.queued(path, text)
        transcript.scheduled(path, text, wait=0)
        transcript.holds(path, text)


def _file(name: str, data: bytes) -> str:
    path = Path(paths.dirs().runtime, name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return str(path)


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


def main(atheris, name: str, *flags: str) -> None:
    itself = f"{sys.executable} -m tests.torture.fuzz_one {name}"  # a merge starts itself by this, through a shell
    atheris.Setup([itself, *flags], TARGETS[name])
    atheris.Fuzz()


def run(seed: int, minutes: float, tell=print) -> int:
    """Each target for its share of the minutes; the number of those that fell."""
    fell, seconds = 0, max(5, int(minutes * 60 / len(TARGETS)))
    for name in TARGETS:
        with tempfile.TemporaryDirectory(prefix="dh-fuzz-") as top:
            fell += not _fuzz(name, seconds, seed % 2**31, Path(top), tell)
    tell(f"fuzz: {len(TARGETS)} targets, {fell} fell, seed {seed}")
    return fell


def _fuzz(name: str, seconds: int, seed: int, top: Path, tell) -> bool:
    """One target; an input that makes it fall goes to its corpus, and so does what reached anything new."""
    began, kept = time.monotonic(), CORPUS / name
    for folder in (top / "new", top / "seeds", kept):
        folder.mkdir(exist_ok=True)
    for n, data in enumerate(seeds(name)):
        (top / f"seeds/{n}").write_bytes(data)
    flags = [f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=8192", "-timeout=20", "-print_final_stats=1"]
    done = _atheris(name, top, *flags, f"-artifact_prefix={kept}/", str(top / "new"), str(top / "seeds"))
    told = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
    runs, before = told[0].split(":")[-1].strip() if told else "?", len(os.listdir(kept))
    if done.returncode == 0:
        done = _atheris(name, top, "-merge=1", str(kept), str(top / "new"))
    how = "no fault" if done.returncode == 0 else f"FAULT\n{done.stderr[-3000:]}"
    new, took = len(os.listdir(kept)) - before, time.monotonic() - began
    tell(f"fuzz {name}: {runs} inputs in {took:.0f} s, {new} new ones kept, {how}")
    return done.returncode == 0


def _atheris(name: str, top: Path, *flags: str) -> subprocess.CompletedProcess:
    dirs = paths.Dirs(*(str(top / part) for part in paths.Dirs._fields))
    argv = [sys.executable, "-m", "tests.torture.fuzz_one", name, *flags]
    env = {**os.environ, paths.ENV: paths.join(dirs), "TMPDIR": str(top)}
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, env=env)
