"""What a name means, what the worker CLIs list, and what happens to a name that nobody knows."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dispatch_hooks import catalogue, config, dispatch, listing, paths, resolve, tasks
from tests.harness.waiting import wait_until

CODEX = json.dumps({"models": [
    {"slug": "gpt-6", "visibility": "list", "priority": 2}, {"slug": "gpt-6-mini", "visibility": "list", "priority": 1},
    {"slug": "secret", "visibility": "hide", "priority": 0},
]})  # fmt: skip
OPENCODE = "moonshotai/kimi-k2\nopenrouter/moonshotai/kimi-k2\nopencode/big-pickle\nError: what a line\n"
CURSOR = "Available models\n\ncomposer-1.5 - Composer 1.5 (default)\ngpt-5.2 - GPT-5.2\nauto - Auto\n"


@pytest.fixture
def world(lab, monkeypatch):
    """Stand-in CLIs on a PATH of their own; `world("opencode", body)` puts one there."""
    folder = lab.root / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    def put(name: str, body: str) -> Path:
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        if name != "claude":
            with open(paths.config_file(), "a", encoding="utf-8") as f:
                f.write(f'[backends.{name}]\ncommand = ["{name}"]\n')
        return program

    Path(paths.config_file()).parent.mkdir(parents=True, exist_ok=True)
    put.folder = folder
    return put


def says(text: str) -> str:
    return f"cat <<'END'\n{text}\nEND"


def configure(text: str) -> None:
    with open(paths.config_file(), "a", encoding="utf-8") as f:
        f.write(text)


def meaning(name: str) -> dict:
    found, why = resolve.meaning(name, config.load(), os.environ["PATH"])
    assert not why, why
    return found


def keep(**lists: list[str]) -> None:
    """What the CLIs told, a moment ago."""
    told = {name: {"at": time.time(), "models": models, "default": "", "why": ""} for name, models in lists.items()}
    Path(catalogue._file()).parent.mkdir(parents=True, exist_ok=True)
    Path(catalogue._file()).write_text(json.dumps(told))


# the order


def test_the_config_comes_before_all_that_is_known(world):
    world("mine", "true")
    configure('[models.opus]\nbackend = "mine"\nname = "opus-like"\n[models.sonnet]\n[models.fast]\nname = "haiku"\n')
    assert (meaning("opus")["backend"], meaning("opus")["model"]) == ("mine", "opus-like")
    assert (meaning("sonnet")["backend"], meaning("sonnet")["model"]) == ("claude", "sonnet")
    assert (meaning("fast")["backend"], meaning("fast")["model"]) == ("claude", "haiku")


def test_a_model_comes_before_an_alias_and_an_alias_before_a_backend(world):
    world("mine", "true")
    configure('[models.x]\nname = "haiku"\n[aliases.x]\nmodel = "opus"\n[aliases.mine]\nmodel = "sonnet"\n')
    assert meaning("x")["model"] == "haiku"
    assert meaning("mine")["model"] == "sonnet"


@pytest.mark.parametrize(
    ("name", "backend", "model"),
    [
        ("opus", "claude", "opus"), ("opus-4.6", "claude", "opus-4.6"), ("claude-x", "claude", "claude-x"),
        ("haiku", "claude", "haiku"), ("sonnet[1m]", "claude", "sonnet[1m]"), ("opusplan", "claude", "opusplan"),
        ("gpt5", "codex", "gpt5"), ("fable", "claude", "fable"), ("gpt-5.3-codex", "codex", "gpt-5.3-codex"),
        ("gpt", "codex", ""), ("codex", "codex", ""), ("o3", "codex", "o3"), ("o4-mini", "codex", "o4-mini"),
        ("GPT-9", "codex", "GPT-9"), ("gemini", "gemini", ""), ("gemini-3-pro", "gemini", "gemini-3-pro"),
        ("qwen3-coder", "qwen", "qwen3-coder"), ("composer-1.5", "cursor", "composer-1.5"), ("claude", "claude", ""),
    ],
)  # fmt: skip
def test_a_known_family_needs_no_list(world, name, backend, model):
    for other in ("codex", "gemini", "qwen", "cursor"):
        world(other, "true")
    assert (meaning(name)["backend"], meaning(name)["model"]) == (backend, model)


def test_a_family_whose_own_cli_is_missing_goes_to_one_that_lists_it(world):
    world("codex", "true").unlink()
    world("cursor", "true")
    keep(cursor=["gpt-5.2"])
    assert meaning("gpt-5.2")["backend"] == "cursor"
    assert meaning("gpt-5.9")["backend"] == "codex"  # whose absence is what the person is told of


def test_open_weights_are_whoevers_lists_them(world):
    world("codex", "true")
    world("opencode", "true")
    keep(opencode=["groq/gpt-oss-120b"])
    assert (meaning("gpt-oss-120b")["backend"], meaning("gpt-oss-120b")["model"]) == ("opencode", "groq/gpt-oss-120b")


def test_of_several_that_have_a_model_the_plainest_is_taken(world):
    world("opencode", "true")
    keep(opencode=["openrouter/moonshotai/kimi-k2", "moonshotai/kimi-k2"])
    assert meaning("kimi-k2")["model"] == "moonshotai/kimi-k2"
    assert meaning("openrouter/moonshotai/kimi-k2")["model"] == "openrouter/moonshotai/kimi-k2"


def test_an_alias_of_a_listed_model_and_its_fallback(world):
    world("opencode", "true")
    keep(opencode=["moonshotai/kimi-k2"])
    configure('[aliases.cheap]\nmodel = "kimi-k2"\nprompt = "Be brief."\nfallback = "haiku"\n')
    found = meaning("cheap")
    assert (found["backend"], found["alias"], found["alias_prompt"]) == ("opencode", "cheap", "Be brief.")
    assert found["fallback"] == "haiku"


def test_the_nearest_fallback_counts(world):
    configure('fallback = "sonnet"\n[models.a]\nname = "opus"\n[models.b]\nname = "opus"\nfallback = "haiku"\n')
    assert meaning("a")["fallback"] == "sonnet"
    assert meaning("b")["fallback"] == "haiku"
    assert meaning("opus")["fallback"] == "sonnet"


@pytest.mark.parametrize(
    ("name", "words"),
    [("gtp-6", "do you mean gpt-6"), ("kimi-k3", "do you mean kimi-k2"), ("sonet", "do you mean sonnet"),
     ("sonnett", "do you mean sonnet?"), ("opuss-4.6", "do you mean opus"),
     ("xyzzy", "there are opencode, codex, opus, sonnet, haiku")],
)  # fmt: skip
def test_a_name_that_nobody_has_is_told_with_the_nearest(world, name, words):
    world("opencode", "true")
    world("codex", "true")
    keep(opencode=["moonshotai/kimi-k2"], codex=["gpt-6"])
    found, why = resolve.meaning(name, config.load(), os.environ["PATH"])
    assert not found
    assert why.startswith(f'"{name}" is not available here; ') and words in why


TORN = ["", "[]", '{"codex": 1}', '{"codex": {"at": "x", "models": []}}', '{"codex": {"at": 1, "models": [1]}}']
FOREIGN = ['{"nobody": {"at": 1, "models": ["kimi-k2"]}}', '{"codex": {"at": 1, "models": ["a\\u001b[31m"]}}']


@pytest.mark.parametrize("text", [*TORN, *FOREIGN])
def test_a_torn_or_foreign_catalogue_is_none(world, text):
    Path(catalogue._file()).parent.mkdir(parents=True, exist_ok=True)
    Path(catalogue._file()).write_text(text)
    assert catalogue.kept() == {}


# asking


def ask(world, limit: float = 20) -> dict:
    return dict(listing.ask(catalogue.able(config.load(), os.environ["PATH"]), dict(os.environ), config.load(), limit))


def test_every_cli_is_asked_in_its_own_way(world):
    world("codex", f'[ "$*" = "debug models" ] || exit 9\n{says(CODEX)}')
    world("opencode", f'[ "$*" = models ] || exit 9\n{says(OPENCODE)}')
    world("cursor", f'[ "$*" = models ] || exit 9\n{says(CURSOR)}')
    told = ask(world)
    assert told["codex"] == {"models": ["gpt-6", "gpt-6-mini"], "default": "gpt-6-mini", "why": ""}
    assert told["opencode"]["models"] == ["moonshotai/kimi-k2", "openrouter/moonshotai/kimi-k2", "opencode/big-pickle"]
    assert told["cursor"] == {"models": ["composer-1.5", "gpt-5.2", "auto"], "default": "composer-1.5", "why": ""}


SESSION = """read first; echo "not json"
echo '{"jsonrpc":"2.0","method":"session/update","params":{}}'
echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":1}}'
read second
case $second in *session/new*"$PWD"*) ;; *) exit 3 ;; esac
echo '%s'
sleep 1000"""


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"result": {"models": {"availableModels": [{"modelId": "a"}, {"modelId": "b"}], "currentModelId": "b"}}},
         {"models": ["a", "b"], "default": "b", "why": ""}),
        ({"result": {"configOptions": [{"id": "mode"}, {"id": "model", "currentValue": "x", "options": [
            {"value": "x"}, {"name": "group", "options": [{"value": "y"}]}]}]}},
         {"models": ["x", "y"], "default": "x", "why": ""}),
        ({"result": {"models": {"availableModels": [{"modelId": "coder-model(qwen-oauth)"},
            {"modelId": "$runtime|openai|kimi-k2(openai)"}], "currentModelId": "$runtime|openai|kimi-k2(openai)"}}},
         {"models": ["kimi-k2"], "default": "kimi-k2", "why": ""}),
        ({"result": {}}, {"models": [], "default": "", "why": "it lists none"}),
        ({"error": {"code": -32000, "message": "Authentication required"}},
         {"models": [], "default": "", "why": "Authentication required"}),
    ],
)  # fmt: skip
def test_an_acp_agent_tells_its_models_in_its_session(world, answer, told):
    world("gemini", SESSION % json.dumps({"jsonrpc": "2.0", "id": 2, **answer}))
    assert ask(world) == {"gemini": told}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("echo 'not logged in'; exit 1", "it ended with exit status 1: not logged in"),
        ("echo '{'", "it answered in words that are not known"),
        ("sleep 1000 & sleep 1000", "it did not answer"),
    ],
)
def test_a_cli_that_tells_nothing_says_why_and_leaves_nothing(world, lab, body, why):
    world("codex", f"{body}\n")
    told = ask(world, limit=1.0)
    assert (told["codex"]["models"], told["codex"]["why"]) == ([], why)


def test_what_a_cli_said_before_outlives_a_day_when_it_says_nothing(world):
    world("codex", "exit 1")
    keep(codex=["gpt-6"])
    catalogue.refresh(catalogue.able(config.load(), os.environ["PATH"]), dict(os.environ), config.load())
    assert catalogue.kept()["codex"]["models"] == ["gpt-6"]
    assert catalogue.kept()["codex"]["why"] == "it ended with exit status 1"


# dispatching


def start(lab, *models: str) -> dict:
    items = [{"id": f"t{n}", "title": "do it", "text": "do it", "model": model, "plan": [], "context": ""}
             for n, model in enumerate(models)]  # fmt: skip
    origin = {"chat": lab.chat, "prompt": f"p{time.time_ns()}", "project": str(lab.project), "transcript": "",
              "text": f"{time.time_ns()}"}  # fmt: skip
    return dispatch.start({"tasks": items}, origin, config.load(), dict(os.environ))


WORKER = 'cat > /dev/null; sed -i "s/\\[ \\]/[x]/" "$DISPATCH_HOOKS_FOLDER/plan.md"'


def test_a_model_that_only_a_cli_knows_is_looked_for_added_and_used(world, lab):
    world("opencode", f'if [ "$*" = models ]; then {says(OPENCODE)}\nelse {WORKER}\nfi')
    result = start(lab, "kimi-k2")
    assert [t["model"] for t in result["started"]] == ["moonshotai/kimi-k2"], result
    assert config.load()["models"]["kimi-k2"] == {"backend": "opencode", "name": "moonshotai/kimi-k2"}
    assert "kimi-k2 is a model of opencode; it is in your configuration now." in dispatch.words(result, "/")
    lab.wait(tasks.folder(str(lab.project), "t0"), "finished")
    assert start(lab, "kimi-k2")["learned"] == []


def test_a_model_that_nobody_has_starts_nothing_and_nobody_is_asked_again(world, lab):
    asked = lab.root / "asked"
    world("opencode", f"echo asked >> {asked}\n{says(OPENCODE)}")
    for _ in range(2):
        result = start(lab, "kimi-k3")
        assert result["started"] == []
        assert dispatch.words(result, "/") == (
            'Not dispatched: do it: "kimi-k3" is not available here; do you mean kimi-k2?'
        )
    assert asked.read_text() == "asked\n"
    assert tasks.active() == []
    assert "models" not in Path(paths.config_file()).read_text()


def test_a_list_of_yesterday_is_not_believed_before_its_cli_is_asked(world, lab):
    world("opencode", f"echo asked >> {lab.root}/asked\n{says('moonshotai/kimi-k3')}")
    keep(opencode=["moonshotai/kimi-k2"])
    told = json.loads(Path(catalogue._file()).read_text())
    told["opencode"]["at"] -= 2 * catalogue.DAY
    Path(catalogue._file()).write_text(json.dumps(told))
    assert start(lab, "kimi-k2")["started"] == []
    assert (lab.root / "asked").read_text() == "asked\n"
    assert "kimi-k2" not in config.load()["models"]


def test_names_that_are_known_ask_nobody(world, lab, monkeypatch):
    world("opencode", f"touch {lab.root}/asked")
    world("codex", WORKER)
    configure('[aliases.sec]\nmodel = "gpt-5"\n')
    assert len(start(lab, "sec", "gpt-5", "codex", "")["started"]) >= 3
    assert not (lab.root / "asked").exists()
    assert not Path(catalogue._file()).exists()


def test_a_slow_cli_holds_nobody_up_and_its_answer_is_there_the_next_time(world, lab, monkeypatch):
    slow = f"while ! [ -e {lab.root}/go ]; do sleep 0.05; done; {says(OPENCODE)}"
    world("opencode", f'if [ "$*" = models ]; then {slow}\nelse {WORKER}\nfi')
    monkeypatch.setattr(catalogue, "PATIENCE", 0.3)
    assert start(lab, "kimi-k2")["started"] == []
    (lab.root / "go").touch()
    monkeypatch.setattr(catalogue, "PATIENCE", 20)
    wait_until(lambda: "opencode" in catalogue.kept())
    assert len(start(lab, "kimi-k2")["started"]) == 1


def test_a_name_that_is_known_loads_nothing_that_only_an_unknown_one_needs(world):
    configure('[aliases.sec]\nmodel = "gpt-5"\n')
    root = Path(__file__).parent.parent
    code = (
        f"import os, sys; sys.path.insert(0, {str(root)!r})\n"
        "from dispatch_hooks import config, dispatch, ending, resolve\n"
        "for name in ('opus', 'sec', 'claude', 'codex', 'gpt-9'):\n"
        "    assert not resolve.meaning(name, config.load())[1], name\n"
        "own = {m.rpartition('.')[2] for m in sys.modules}\n"
        "print(sorted({'catalogue', 'listing', 'failures', 'resets', 'fallback', 'own'} & own))\n"
        "heavy = {'difflib', 'subprocess', 'threading', 'datetime', 'zoneinfo', 'yaml', 'tomlkit'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    config.load()  # compiled once: reading TOML is not what is measured
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["['own']", "[]"], done.stdout + done.stderr
