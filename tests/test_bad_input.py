"""Whatever a hook is given, it ends with 0, says nothing, and writes down why."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dispatch_hooks import schemas
from dispatch_hooks.doctor import events

HOOKS = Path(__file__).parents[1] / "hooks"
EVENTS = Path(__file__).parent / "events"
SAMPLE = {
    "UserPromptSubmit": "UserPromptSubmit.plain.json", "Stop": "Stop.plain.json",
    "SessionStart": "SessionStart.startup.json", "SessionEnd": "SessionEnd.other.json",
    "Notification": "Notification.idle_prompt.json",
}  # fmt: skip
LEANED_ON = ("session_id", "transcript_path", "cwd", "hook_event_name", "prompt_id", "prompt", "source", "reason")
MB = 1 << 20


class Hook:
    """One of our scripts in a world with a task that asks and news that nobody has heard."""

    def __init__(self, name: str, root: Path):
        self.name, self.root = name, root
        self.dirs, self.project = events.world(str(root), time.time())
        self.log_file = Path(self.dirs.state) / "log.txt"

    def quiet(self) -> "Hook":
        """The same world without tasks and news: there is nothing to say in it."""
        for path in sorted(Path(self.dirs.state).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        return self

    def event(self, **fields) -> dict:
        event = json.loads((EVENTS / SAMPLE[self.name]).read_text())
        place = {"cwd": self.project, "transcript_path": f"{self.project}/none.jsonl", "session_id": events.CHAT}
        return {**event, **place, **fields}

    def __call__(self, data: bytes | dict, **env: str | None) -> bytes:
        """What it prints. It must end with 0, in time, and not complain."""
        given = {"PATH": "/usr/bin:/bin", "CLAUDE_PID": str(os.getpid()), "DISPATCH_HOOKS_DIRS": "\n".join(self.dirs)}
        done = subprocess.run(
            [sys.executable, "-I", "-S", HOOKS / events.SAMPLES[self.name][0]],
            input=data if isinstance(data, bytes) else json.dumps(data).encode(),
            env={k: v for k, v in {**given, **env}.items() if v is not None},
            cwd=self.root, capture_output=True, timeout=10, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""


@pytest.fixture(params=SAMPLE)
def hook(request, tmp_path):
    return Hook(request.param, tmp_path)


def test_the_sample_itself_is_heard(hook):
    """Else the silence below would prove nothing."""
    speaks = events.SAMPLES[hook.name][1]
    assert bool(hook(hook.event())) == speaks
    assert hook.log() == ""


# ---- what is no event


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n\t\n",
        b"null",
        b"[]",
        b"5",
        b'"a string"',
        b"{}",
        b"{",
        b"not json at all",
        b"\xff\xfe\x00\x01\x80garbage",
        b"\x00" * 1000,
        b'{"session_id": "\xff\xff", "prompt": "\xc3\x28"}',
        b'{"session_id": "doctor", "prompt": "a\x00b"}',
        b'{"session_id": "doctor", "prompt": NaN, "cwd": Infinity}',
        b'{"session_id": "doctor"} {"session_id": "doctor"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"session_id": "doctor", "prompt": ' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"x" * (10 * MB),
        b"[" * (10 * MB),
        b'{"session_id": "' + b"x" * (10 * MB),
        b" " * (33 * MB),
    ],
    ids=lambda data: f"{data[:12]!r}-{len(data)}",
)
def test_what_is_no_event_is_logged_and_left(hook, data):
    assert hook(data) == b""
    assert hook.log().count("\n") >= 1
    assert len(hook.log()) < 20_000


def test_a_log_of_years_keeps_its_last_words_only(hook):
    hook.log_file.write_text("2020-01-01 00:00:00 stop.py: old\n" * (MB // 30))
    assert hook(b"{") == b""
    assert hook.log_file.stat().st_size <= 1 << 16 and "no JSON" in hook.log()


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_truncated_event_is_logged_and_left(hook, share):
    data = json.dumps(hook.event()).encode()
    assert hook(data[: int(len(data) * share)]) == b""
    assert "no JSON" in hook.log()


# ---- events of another shape


@pytest.mark.parametrize("value", [None, 5, [], {"x": "y"}], ids=repr)
def test_a_field_of_a_wrong_type_breaks_nothing(hook, value):
    for key in hook.event():
        hook.log_file.unlink(missing_ok=True)
        said = hook(hook.event(**{key: value}))
        if key in LEANED_ON:
            assert said == b"", key
            assert "unknown shape" in hook.log(), key
        elif said:
            assert schemas.wrong(f"{hook.name}.output", json.loads(said)) == "", key


def test_an_event_without_a_session_is_left(hook):
    assert hook(hook.event(session_id="")) == b""
    event = hook.event()
    del event["session_id"]
    assert hook(event) == b""
    assert hook.log().count("unknown shape") == 2


def test_a_missing_field_breaks_nothing(hook):
    for key in hook.event():
        event = hook.event()
        del event[key]
        said = hook(event)
        if said:
            assert schemas.wrong(f"{hook.name}.output", json.loads(said)) == "", key


def test_an_unknown_event_is_logged_and_left(hook):
    assert hook(hook.event(hook_event_name="SomethingNew")) == b""
    assert "SomethingNew" in hook.log()


def test_unknown_fields_are_no_matter(hook):
    speaks = events.SAMPLES[hook.name][1]
    assert bool(hook(hook.event(brand_new={"a": [1, 2]}, another="x" * 1000))) == speaks


# ---- odd values


@pytest.mark.parametrize(
    "words",
    ["x" * (10 * MB), "dispatch " * MB, "\n- dispatch it" * (MB // 2), "a\0b", "\x1b[2J\r\b", "\ud800", "é" * MB],
    ids=["plain", "dispatch", "list", "nul", "control", "surrogate", "accents"],
)
def test_an_odd_or_huge_prompt_breaks_nothing(tmp_path, words):
    hook = Hook("UserPromptSubmit", tmp_path).quiet()
    assert hook(hook.event(prompt=words)) == b""
    assert list(tmp_path.rglob("task.json")) == []


@pytest.mark.parametrize("cwd", ["/does/not/exist", "", "relative", "/dev/null", "a\0b", "/" + "x" * 5000, "\ud800"])
def test_a_folder_that_does_not_exist_breaks_nothing(hook, cwd):
    assert hook.quiet()(hook.event(cwd=cwd)) == b""


@pytest.mark.parametrize("key", ["session_id", "prompt_id"])
@pytest.mark.parametrize("value", ["../../../../evil", "../evil", "/tmp/a/b", "..", "x" * 5000, "a\0b", "\ud800"])
def test_an_id_that_is_no_name_of_a_file_leads_nowhere(hook, key, value):
    before = set(hook.root.rglob("*"))
    said = hook(hook.event(**{key: value}))
    if said:
        assert schemas.wrong(f"{hook.name}.output", json.loads(said)) == ""
    tops = {path.relative_to(hook.root).parts[:2] for path in set(hook.root.rglob("*")) - before}
    kept = {("state", name) for name in ("inbox", "log.txt", "config.json")} | {("runtime",), ("runtime", "hosts")}
    assert tops <= kept


# ---- odd surroundings


@pytest.mark.parametrize("kind", ["state", "runtime", "config", "data"])
def test_a_file_in_place_of_a_folder_breaks_nothing(hook, kind):
    hook.quiet()
    folder = Path(getattr(hook.dirs, kind))
    if folder.is_dir():
        folder.rmdir()
    folder.write_text("in the way")
    assert hook(hook.event()) == b""
    assert folder.read_text() == "in the way"


def test_a_state_folder_that_cannot_be_written_breaks_nothing(hook):
    for folder in (hook.dirs.state, hook.dirs.runtime):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o500)
    try:
        said = hook(hook.event())
    finally:
        for folder in (hook.dirs.state, hook.dirs.runtime):
            os.chmod(folder, 0o700)
    if said:
        assert schemas.wrong(f"{hook.name}.output", json.loads(said)) == ""


@pytest.mark.parametrize("text", [b"wake = [", b"\xff\xfe", b"max_parallel = 'x'", b"[models]\nfast = 3"])
def test_a_broken_configuration_breaks_nothing(hook, text):
    os.makedirs(hook.dirs.config)
    (Path(hook.dirs.config) / "config.toml").write_bytes(text)
    assert bool(hook(hook.event())) == events.SAMPLES[hook.name][1]


@pytest.mark.parametrize("pid", [None, "", "0", "-1", "x", "999999999", "9" * 30])
def test_a_missing_or_odd_host_breaks_nothing(hook, pid):
    said = hook(hook.event(), CLAUDE_PID=pid)
    if said:
        assert schemas.wrong(f"{hook.name}.output", json.loads(said)) == ""


def test_torn_records_break_nothing(hook):
    for path in Path(hook.dirs.state).rglob("*.json"):
        path.write_bytes(path.read_bytes()[:10])
    assert hook(hook.event()) == b""


def test_records_of_another_shape_break_nothing(hook):
    for path in Path(hook.dirs.state).rglob("*.json"):
        path.write_text("{}")
    assert hook(hook.event()) == b""


def test_inside_a_worker_every_hook_stands_aside(hook):
    assert hook(hook.event(), DISPATCH_HOOKS_TASK="some-task") == b""
    assert hook.log() == ""
