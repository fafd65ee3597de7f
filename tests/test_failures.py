"""Why a CLI could not work: what the real ones say is recognised, and when a limit ends is read."""

import os
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from dispatch_hooks import failures, resets
from dispatch_hooks.backends import codex, codex_items

NOW = datetime(2026, 11, 23, 14, 30, tzinfo=UTC).timestamp()  # a Monday


def at(*when: int, zone: str = "UTC") -> float:
    return datetime(*when, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.fixture(autouse=True)
def utc(monkeypatch):
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


# when a limit ends


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Claude AI usage limit reached|1795460400", 1795460400),
        ("usage limit reached|1795460400123", 1795460400),
        ('{"resets_at":1795460400}', 1795460400),
        ("You've hit your session limit · resets 3pm (Europe/Berlin)", at(2026, 11, 24, 15, zone="Europe/Berlin")),
        ("You've hit your session limit · resets 6pm (Europe/Berlin)", at(2026, 11, 23, 18, zone="Europe/Berlin")),
        ("You've hit your weekly limit · resets Nov 27, 3pm (America/New_York)",
         at(2026, 11, 27, 15, zone="America/New_York")),
        ("You've hit your weekly limit · resets Dec 1 at 12am (UTC)", at(2026, 12, 1)),
        ("limit reached, resets Jan 2, 9:30am", at(2027, 1, 2, 9, 30)),
        ("resets at 18:00", at(2026, 11, 23, 18)),
        ("resets at 14:29", at(2026, 11, 23, 14, 29)),
        ("resets at 9:15", at(2026, 11, 24, 9, 15)),
        ("resets Thursday 9am", at(2026, 11, 26, 9)),
        ("resets 3pm (PST)", at(2026, 11, 23, 15, zone="America/Los_Angeles")),
        ("resets 18:00 CET", at(2026, 11, 23, 18, zone="Europe/Berlin")),
        ("Your quota resets at midnight Pacific Time", at(2026, 11, 24, zone="America/Los_Angeles")),
        ("resets at midnight", at(2026, 11, 24)), ("resets 6pm today", at(2026, 11, 23, 18)),
        ("resets Mon 09:00", at(2026, 11, 30, 9)),
        ("You've hit your usage limit. Upgrade to Pro or try again at 3:45 PM.", at(2026, 11, 23, 15, 45)),
        ("You've hit your usage limit. Try again at Nov 25th, 2026 3:45 PM.", at(2026, 11, 25, 15, 45)),
        ("You've hit your usage limit. Try again in 2 days 3 hours 4 minutes.", NOW + 2 * 86400 + 3 * 3600 + 240),
        ("try again in 1h5m", NOW + 3900),
        ("Please retry in 36.5s.", NOW + 36.5),
        ("Your quota will reset after 3h22m10s.", None),
        ("Please try again in about 5 minutes", NOW + 300),
        ("Please wait 90 seconds", NOW + 90),
        ("429 Too Many Requests, retry-after: 120", NOW + 120),
        ("Retry after 30 s", NOW + 30),
        ("available again at 2026-11-23T18:00:00Z", at(2026, 11, 23, 18)),
        ("limit until 2026-11-23 20:00:00+02:00", at(2026, 11, 23, 18)),
        ("resets 25:00", None), ("resets Feb 31, 9:00", None), ("resets at 99pm", None),
        ("Claude AI usage limit reached|1000000000", None), ("usage limit reached|9999999999", None),
        ("rate limited", None), ("", None), ("resets soon", None), ("resets 3 times", None),
        ("resets 3pm (Nowhere/Land)", at(2026, 11, 23, 15)),
    ],
)  # fmt: skip
def test_the_end_of_a_limit_is_read(text, wanted):
    if wanted is None and "3h22m10s" in text:
        wanted = NOW + 3 * 3600 + 22 * 60 + 10
    assert resets.read(text, NOW) == wanted


def test_a_time_is_told_as_a_person_reads_it():
    assert resets.words(at(2026, 11, 23, 18), NOW) == "18:00"
    assert resets.words(at(2026, 11, 24, 1), NOW) == "01:00"
    assert resets.words(at(2026, 11, 26, 9), NOW) == "Thu 09:00"
    assert resets.words(at(2026, 12, 24, 9), NOW) == "24 Dec 09:00"


# what it is


@pytest.mark.parametrize(
    ("backend", "text", "kind"),
    [
        ("claude", "Invalid API key · Please run /login", "login"),
        ("claude", "Not logged in · Please run /login", "login"),
        ("claude", "OAuth token has expired. Please obtain a new token or refresh your existing token.", "login"),
        ("claude", "Failed to authenticate. API Error: 401 invalid x-api-key", "login"),
        ("claude", "Claude AI usage limit reached|1795460400", "quota"),
        ("claude", "You've hit your session limit · resets 3pm (Europe/Berlin)", "quota"),
        ("claude", "You've hit your monthly spend limit.", "quota"),
        ("claude", "You're out of usage credits. /model to switch models.", "quota"),
        ("claude", "Credit balance is too low", "quota"),
        ("claude", "API Error: Request rejected (429) · this may be a temporary capacity issue.", "rate"),
        ("claude", "There's an issue with the selected model (no-such). It may not exist or you may not have access to "
                   "it. Run --model to pick a different model.", "model"),
        ("claude", "API Error: 529 Overloaded", "down"),
        ("claude", "API Error: Unable to connect to API (ConnectionRefused)", "down"),
        ("codex", "unexpected status 401 Unauthorized: invalid x-api-key, url: http://127.0.0.1:1/v1", "login"),
        ("codex", "Your access token could not be refreshed. Please log out and sign in again.", "login"),
        ("codex", "Quota exceeded. Check your plan and billing details.", "quota"),
        ("codex", "You've hit your usage limit. Upgrade to Plus or try again at 3:45 PM.", "quota"),
        ("codex", "exceeded retry limit, last status: 429 Too Many Requests", "rate"),
        ("codex", "The 'gpt-9' model is not supported when using Codex with a ChatGPT account.", "model"),
        ("codex", "unexpected status 404 Not Found: The model `gpt-9` does not exist or you lack access", "model"),
        ("codex", "Selected model is at capacity. We're currently experiencing high demand", "down"),
        ("gemini", "Please set an Auth method in your settings.json or specify GEMINI_API_KEY", "login"),
        ("gemini", "API key not valid. Please pass a valid API key.", "login"),
        ("gemini", "You have exhausted your daily quota on this model.", "quota"),
        ("gemini", "Resource has been exhausted (e.g. check quota). RESOURCE_EXHAUSTED", "rate"),
        ("gemini", "Requested entity was not found.", "model"),
        ("opencode", "ProviderModelNotFoundError: Model not found: scripted/no-such", "model"),
        ("opencode", "Unauthorized", "login"),
        ("qwen", "[API Error: 401 Incorrect API key provided]", "login"),
        ("qwen", "Qwen OAuth quota exceeded: Your free daily quota has been reached.", "quota"),
        ("copilot", "Error: Authentication failed (Request ID: x)", "login"),
        ("copilot", "You have exceeded your premium request allowance. 402", "quota"),
        ("x", "cannot start x: no such program on PATH", "missing"),
        # opencode passes on what the API of its provider says, and no status
        ("opencode", "Internal error: Incorrect API key provided: sk-x. You can find it at …: APIError", "login"),
        ("opencode", "Internal error: invalid x-api-key: APIError", "login"),
        ("opencode", "Internal error: No auth credentials found: APIError", "login"),
        ("opencode", "Internal error: Authentication Fails, Your api key: ****x is invalid: APIError", "login"),
        ("opencode", "Internal error: model: claude-x: APIError", "model"),
        ("opencode", "Internal error: x/y is not a valid model ID: APIError", "model"),
        ("opencode", "Internal error: No endpoints found for x/y.: APIError", "model"),
        ("opencode", "Internal error: Resource has been exhausted (e.g. check quota).: APIError", "rate"),
        ("opencode", "Internal error: The server had an error while processing your request.: APIError", "down"),
        ("opencode", "Internal error: An internal error has occurred. Please retry.: APIError", "down"),
        ("gemini", "models/gemini-9 is not found for API version v1beta, or is not supported. (500)",
         "model"),
        # as the real ones said it to a scripted model server, over their protocols
        ("claude", "Invalid API key · Fix external API key", "login"),
        ("claude", "API Error: Request rejected (429) · You exceeded your current quota, please check", "quota"),
        ("claude", "API Error: 400 The requested model 'no-such-model' does not exist.", "model"),
        ("claude", "API Error: 402 Insufficient credits", "quota"),
        ("codex", "unexpected status 402 Payment Required: Insufficient credits, url: http://h/v1", "quota"),
        ("gemini", '{"error":{"code":401,"message":"invalid x-api-key","status":"UNAUTHENTICATED"}}', "login"),
        ("gemini", '{"error":{"code":402,"message":"Insufficient credits","status":"INTERNAL"}}', "quota"),
        ("gemini", "Gemini API key is missing or not configured.", "login"),
        ("opencode", "Internal error: The requested model 'no-such-model' does not exist.", "model"),
        ("opencode", "Invalid params: model not found: scripted/fake-model", "model"),
        ("opencode", "Internal error: Insufficient credits", "quota"),
        ("qwen", "Internal error: 404 model: no-such-model", "model"),
        ("qwen", "Authentication required: Authentication failed: Missing API key for openai auth.", "login"),
        ("copilot", "Error: Authentication failed with provider at http://h/v1 (HTTP 401).", "login"),
        ("copilot", "Error: Model 'fake-model' not found on provider at http://h/v1 (HTTP 404).", "model"),
        ("copilot", "Error: 402 Insufficient credits", "quota"),
        ("copilot", "Authentication required", "login"),
    ],
)  # fmt: skip
def test_what_a_cli_says_is_recognised(backend, text, kind):
    found = failures.read({"backend": backend, "model": "m"}, text, NOW)
    assert found and found["kind"] == kind
    assert "\n" not in found["say"] and len(found["say"]) < 320


@pytest.mark.parametrize(
    "text",
    ["", "an error without words", "the tests fail", "ended with exit status 3: AssertionError: 500 != 200",
     "Prompt is too long", "API Error: 400 messages: text content blocks must be non-empty",
     "src/login is not a module", "sh: eslint: command not found", "Session not found: ses_123",
     "check failed: make test (exit status 2)", "was killed by signal 9", "a fault of its supervisor: KeyError: 'x'"],
)  # fmt: skip
def test_nothing_is_concluded_from_other_words(text):
    assert failures.read({"backend": "claude", "model": "m"}, text, NOW) is None


@pytest.mark.parametrize(
    ("about", "kind"),
    [({"status": 401}, "login"), ({"status": 403}, "login"), ({"status": 402}, "quota"), ({"status": 429}, "rate"),
     ({"status": 404}, "model"), ({"status": 529}, "down"), ({"status": 503}, "down"), ({"status": None}, None),
     ({"code": "usageLimitExceeded"}, "quota"), ({"code": "model_not_found"}, "model")],
)  # fmt: skip
def test_what_it_tells_beside_the_words_counts_too(about, kind):
    found = failures.read({"backend": "codex", "model": "m"}, "it did not work", NOW, about)
    assert (found or {}).get("kind") == kind


def test_a_cli_that_tries_for_ever_is_told_by_what_it_tries_against():
    task = {"backend": "claude", "model": "opus"}
    words = "its model did not answer, 5 times in a row"
    assert failures.read(task, words, NOW, {"status": 429})["kind"] == "rate"
    assert failures.read(task, words, NOW, {"status": 401})["kind"] == "login"
    assert failures.read(task, words, NOW, {"status": None})["kind"] == "down"
    assert failures.read(task, "it said nothing for 30m, and was stopped", NOW)["kind"] == "down"


def test_the_line_says_what_to_do():
    claude, codex = {"backend": "claude", "model": "opus"}, {"backend": "codex", "model": "gpt-9"}
    said = failures.read(claude, "Invalid API key · Please run /login", NOW)["say"]
    assert said.startswith("claude is not logged in; type: claude auth login")
    unknown = failures.read(codex, "model_not_found", NOW)["say"]
    assert unknown.startswith("codex has no gpt-9 for you; dispatch-hooks models")
    limit = failures.read(claude, "You've hit your session limit · resets 6pm (UTC)", NOW)
    assert limit["say"].startswith("claude has reached its usage limit, until 18:00 (")
    assert limit["resets"] == at(2026, 11, 23, 18)
    told = failures.read(codex, "usage limit", NOW, {"resets": NOW + 3600})
    assert told["resets"] == NOW + 3600
    assert "npm install -g @openai/codex" in failures.missing("codex", "codex")
    assert os.sep not in failures.missing("mine", "mine").replace("config.toml", "")


# what codex tells beside the words (the shapes are those of `codex app-server generate-json-schema`)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"codexErrorInfo": {"httpConnectionFailed": {"httpStatusCode": 401}}}, {"status": 401}),
        ({"codexErrorInfo": {"responseTooManyFailedAttempts": {"httpStatusCode": None}}}, {"status": None}),
        ({"codexErrorInfo": "usageLimitExceeded"}, {"code": "usageLimitExceeded"}),
        ({"codexErrorInfo": {"x": 3}}, {"status": None}),
        ({"codexErrorInfo": {}}, {"status": None}),
        ({}, {}),
    ],
)
def test_codex_tells_more_of_an_error(error, told):
    assert codex_items.about(error) == told


def test_codex_tells_when_a_used_up_window_ends():
    windows = {"primary": {"usedPercent": 100, "resetsAt": 100}, "secondary": {"usedPercent": 100, "resetsAt": 200}}
    limits = codex.HEAR["account/rateLimits/updated"]
    assert limits(None, {"rateLimits": windows}) == [{"kind": "limit", "resets": 200}]
    assert limits(None, {"rateLimits": {"primary": {"usedPercent": 99, "resetsAt": 100}, "secondary": None}}) == []
    assert limits(None, {"rateLimits": {"primary": {"usedPercent": 100, "resetsAt": None}}}) == []
