"""What the real CLIs say when they cannot work: it is recognised, another takes over, and their models are listed."""

import json

import pytest

from dispatch_hooks import schemas
from tests.conftest import needed
from tests.harness import workers
from tests.harness.claude import Sandbox
from tests.harness.modelserver import error, tool
from tests.product import Product

PATIENCE = 120


@pytest.fixture
def home(server):
    """A sandbox outside the temporary folder, for codex; ended with all that ran in it."""
    sandbox = Sandbox(server.url, workers.homes())
    sandbox.run("git", "init", "-q")
    yield sandbox
    sandbox.end()


def ticks(name: str, said: str) -> str:
    folder = f".dispatch/tasks/{name}"
    return f"sed -i 's/\\[ \\]/[x]/' {folder}/plan.md && echo '{said}' > {folder}/output.md"


def test_the_real_claude_without_a_login_or_quota_is_followed_by_the_real_codex(home, server):
    with needed():
        home.install_claude()
        codex = workers.install(home, "codex")
    home.variables["CLAUDE_CODE_MAX_RETRIES"] = "0"
    product = Product(home)
    product.configure(
        f'[models.strong]\nbackend = "claude"\nname = "opus"\nfallback = "other"\n'
        f'[models.other]\nbackend = "codex"\nname = "{codex.model}"\n'
    )
    server.rule(lambda r: r.api == "anthropic" and "paint" in r.all_text, error(401, "authentication_error", "bad key"),
                repeat=True)  # fmt: skip
    server.rule(lambda r: r.api == "anthropic" and "mow" in r.all_text, error(404, "not_found_error", "model: opus"),
                repeat=True)  # fmt: skip
    for name in ("paint", "mow"):
        mine = lambda r, name=name: r.api == "responses" and f"{name} it all" in r.all_text  # noqa: E731
        server.rule(mine, codex.shell(ticks(name, "it is done")), "done")
        done = product("dispatch", "-m", "strong", "--id", name, f"{name} it all")
        assert done.returncode == 0, done.stderr
    found = {name: product.wait(name, "finished", "failed", timeout=PATIENCE) for name in ("paint", "mow")}
    assert {status["state"] for status in found.values()} == {"finished"}, found
    assert found["paint"]["instead_of"]["why"].startswith("claude is not logged in; type: claude auth login")
    assert found["mow"]["instead_of"]["why"].startswith("claude has no opus for you; dispatch-hooks models")
    assert product.tasks()["paint"]["who"] == f"{codex.model} instead of opus"
    stats = json.loads(product("stats", "--json").stdout)
    assert schemas.wrong("stats", stats) == ""
    rows = {row["backend"]: row for row in stats["models"]}
    assert rows["codex"]["tokens"] > 0 and rows["codex"]["cost_usd"] is None
    home.wait_alone()


def test_the_real_clis_tell_their_models_and_a_listed_one_is_found_added_and_used(home, server):
    with needed():
        clis = {name: workers.install(home, name) for name in ("codex", "opencode", "gemini", "qwen")}
    product = Product(home)
    product.configure('permissions = "auto"\n')
    report = json.loads(product("models", "--refresh", "--json", timeout=PATIENCE).stdout)
    assert schemas.wrong("models", report) == ""
    assert {name for name, told in report["lists"].items() if told["models"]} == set(clis), report["lists"]
    listed = {(row["backend"], row["model"]) for row in report["models"] if row["kind"] == "listed"}
    assert ("opencode", "scripted/fake-model") in listed
    assert any(backend == "codex" and model.startswith("gpt-") for backend, model in listed)
    server.rule("mow it all", tool("bash", command=ticks("mow", "mown"), description="tick"), "done")
    done = product("dispatch", "-m", "scripted/fake-model", "--id", "mow", "mow it all")
    assert "scripted/fake-model is a model of opencode; it is in your configuration now." in done.stdout, done
    assert '[models."scripted/fake-model"]\nbackend = "opencode"' in product.config_file.read_text()
    assert product.wait("mow", "finished", "failed", timeout=PATIENCE)["backend"] == "opencode"
    refused = product("dispatch", "-m", "scripted/fake-modle", "mow it all")
    assert '"scripted/fake-modle" is not available here; do you mean scripted/fake-model' in refused.stderr

    used = {name: max(model for backend, model in listed if backend == name) for name in ("codex", "gemini", "qwen")}
    for name, model in used.items():
        server.rule(f"look at {name}", "looked")
        assert product("dispatch", "-m", model, "--id", name, f"look at {name}").returncode == 0
    for name, model in used.items():
        product.wait(name, "stopped", timeout=PATIENCE)
        assert server.matching(lambda r, name=name: f"look at {name}" in r.all_text)[-1].model == model
    home.wait_alone()
