"""Every real worker CLI runs offline against the scripted model server, in its own API."""

import json
import urllib.error
import urllib.request

import pytest

from tests.conftest import needed
from tests.harness import workers
from tests.harness.modelserver import error, text, tool

HEADLESS = {
    "codex": ("exec", "--json", "--skip-git-repo-check", "-s", "workspace-write", "-m"),
    "gemini": ("-o", "stream-json", "--skip-trust", "--approval-mode", "yolo", "-m"),
    "opencode": ("run", "--format", "json", "-m"),
    "qwen": ("-o", "stream-json", "--auth-type", "openai", "-y", "-m"),
    "copilot": ("--output-format", "json", "--no-auto-update", "--allow-all-tools", "--no-ask-user", "--model"),
}
PROMPT = {"codex": (), "gemini": ("-p",), "opencode": (), "qwen": ("-p",), "copilot": ("-p",)}
API = {"codex": "responses", "gemini": "gemini", "opencode": "chat", "qwen": "chat", "copilot": "chat"}


@pytest.fixture
def cli(request, sandbox):
    with needed():
        return workers.install(sandbox, request.param)


def run(cli, sandbox, prompt):
    return sandbox.run(cli.name, *HEADLESS[cli.name], cli.model, *PROMPT[cli.name], prompt, timeout=240)


@pytest.mark.parametrize("cli", workers.CLIS, indirect=True)
def test_it_runs_what_its_scripted_model_says(cli, sandbox, server):
    server.rule("audit the login", cli.shell("printf 'said %s' it-all > said.txt"), "finished here")
    done = run(cli, sandbox, "audit the login")
    assert done.returncode == 0, done.stderr
    assert (sandbox.project / "said.txt").read_text() == "said it-all"
    assert "finished" in done.stdout
    first, second = server.requests
    assert (first.api, first.tool_results) == (API[cli.name], [])
    assert "audit the login" in first.first_user_text and "said.txt" not in first.all_text
    assert len(second.tool_results) == 1
    assert cli.model.endswith(first.model)


# ---- the APIs as such, also as no CLI here happens to use them

CHAT = {"model": "m", "tools": [{"type": "function", "function": {"name": "f"}}]}
GEMINI = {"tools": [{"functionDeclarations": [{"name": "f"}]}]}


def post(server, path, body):
    sent = urllib.request.Request(server.url + path, json.dumps(body).encode())
    with urllib.request.urlopen(sent) as answer:
        return json.load(answer)


def test_chat_completions_without_a_stream(server):
    server.rule("look", tool("f", x=1), text("done"))
    said = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "look"}]
    first = post(server, "/v1/chat/completions", {**CHAT, "messages": said})["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    (call,) = first["message"]["tool_calls"]
    assert json.loads(call["function"]["arguments"]) == {"x": 1}
    said += [first["message"], {"role": "tool", "tool_call_id": call["id"], "content": "seen"}]
    second = post(server, "/v1/chat/completions", {**CHAT, "messages": said})
    assert second["choices"][0]["message"]["content"] == "done"
    assert second["usage"]["total_tokens"] > 0
    assert server.requests[1].tool_results == ["seen"]
    assert server.requests[1].system_text == "be brief"


def test_gemini_without_a_stream(server):
    server.rule("look", tool("f", x=1) + text("looking"))
    said = [{"role": "user", "parts": [{"text": "look"}]}]
    answer = post(server, "/v1beta/models/pro:generateContent", {**GEMINI, "contents": said})
    call, words = answer["candidates"][0]["content"]["parts"]
    assert (call, words) == ({"functionCall": {"name": "f", "args": {"x": 1}}}, {"text": "looking"})
    assert server.requests[0].model == "pro"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {**CHAT, "messages": [{"role": "user", "content": "look"}]}),
        ("/v1/responses", {"model": "m", "input": "look", "tools": [{"type": "function", "name": "f"}]}),
        ("/v1beta/models/m:streamGenerateContent?alt=sse", {**GEMINI, "contents": [{"parts": [{"text": "look"}]}]}),
        ("/v1/messages", {"model": "m", "messages": [{"role": "user", "content": "look"}], "tools": [{"name": "f"}]}),
    ],
)
def test_an_error_is_one_in_every_api(server, path, body):
    server.rule("look", error(429, "rate_limit", "slow down", retry_after=7))
    with pytest.raises(urllib.error.HTTPError) as raised:
        post(server, path, body)
    assert (raised.value.code, raised.value.headers["retry-after"]) == (429, "7")
    assert json.load(raised.value)["error"]["message"] == "slow down"
