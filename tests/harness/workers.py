"""The other real worker CLIs, each made to run in a Sandbox, offline, with a fake key, against the model server.

    workers.install(sandbox, "gemini")            # on the sandbox's PATH, its settings and variables in place
    server.rule("audit the login", workers.CLIS["gemini"].shell("echo hello"), "done")

The scripts are the same for all; only the shell tool's name and arguments differ, hence `shell`.
"""

import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from .claude import Sandbox
from .modelserver import Reply, tool
from .npm import cache, installed

MACHINE = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
KEY = "not-a-real-key-for-tests"


@dataclass(frozen=True)
class WorkerCli:
    name: str
    package: str
    version: str
    binary: str  # under node_modules
    model: str  # a name that its recipe's provider takes
    prepare: Callable[[Sandbox], dict[str, str]]  # writes its settings; the variables it needs
    shell: Callable[[str], Reply]  # the model runs this command

    def program(self) -> Path:
        """Its file. DISPATCH_HOOKS_GEMINI and so on name one to use instead."""
        ready = os.environ.get(f"DISPATCH_HOOKS_{self.name.upper()}")
        return Path(ready) if ready else installed(self.name, self.package, self.version, self.binary)


def install(sandbox: Sandbox, name: str) -> WorkerCli:
    """Puts the CLI on the sandbox's PATH, set up for the sandbox's model server. Raises Unavailable."""
    cli = CLIS[name]
    (sandbox.bin / name).symlink_to(cli.program())
    sandbox.variables |= cli.prepare(sandbox)
    return cli


def homes() -> Path:
    """A folder for sandboxes outside the temporary ones, where codex by itself lets its commands write.

    What a killed test run left in it goes after a day.
    """
    folder = cache() / "homes"
    if any(folder.is_relative_to(Path(each).resolve()) for each in (tempfile.gettempdir(), "/tmp")):
        folder = Path(f"/var/tmp/dispatch-hooks-tests-{os.getuid()}")  # the checkout itself is temporary
    folder.mkdir(mode=0o700, exist_ok=True)
    for left in folder.iterdir():
        if time.time() - left.stat().st_mtime > 86400:
            rmtree(left, ignore_errors=True)
    return folder


# ---- recipes

CODEX_CONFIG = """\
model_provider = "scripted"
check_for_update_on_startup = false

[features]
plugins = false

[model_providers.scripted]
name = "scripted"
base_url = "{url}/v1"
env_key = "SCRIPTED_API_KEY"
wire_api = "responses"
"""


def _codex(sandbox: Sandbox) -> dict[str, str]:
    _write(sandbox.home / ".codex/config.toml", CODEX_CONFIG.format(url=sandbox.url))
    return {"SCRIPTED_API_KEY": KEY}


def _gemini(sandbox: Sandbox) -> dict[str, str]:
    settings = {
        "security": {"auth": {"selectedType": "gemini-api-key"}},  # it asks, where only the key is given
        "privacy": {"usageStatisticsEnabled": False},
        # it takes a session that was resumed for a duplicate, and removes all of it at its second start
        "general": {"enableAutoUpdate": False, "sessionRetention": {"enabled": False}},
    }
    _write(sandbox.home / ".gemini/settings.json", json.dumps(settings))
    return {"GEMINI_API_KEY": KEY, "GOOGLE_GEMINI_BASE_URL": sandbox.url}


def _opencode(sandbox: Sandbox) -> dict[str, str]:
    # it tells a cost only of a model whose limits and prices it knows: a dollar for a million tokens of input
    model = {"name": "Fake", "limit": {"context": 1_000_000, "output": 10_000}, "cost": {"input": 1, "output": 0}}
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "scripted",
        "options": {"baseURL": f"{sandbox.url}/v1", "apiKey": KEY},
        "models": {"fake-model": model},
    }
    config = {"autoupdate": False, "share": "disabled", "provider": {"scripted": provider}}
    _write(sandbox.home / ".config/opencode/opencode.json", json.dumps(config))
    return {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1"}


def _qwen(sandbox: Sandbox) -> dict[str, str]:
    _write(sandbox.home / ".qwen/settings.json", json.dumps({"security": {"auth": {"selectedType": "openai"}}}))
    return {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{sandbox.url}/v1", "OPENAI_MODEL": "fake-model"}


def _copilot(sandbox: Sandbox) -> dict[str, str]:
    return {
        "COPILOT_PROVIDER_BASE_URL": f"{sandbox.url}/v1",
        "COPILOT_PROVIDER_TYPE": "openai",
        "COPILOT_PROVIDER_API_KEY": KEY,
        "COPILOT_MODEL": "fake-model",
        "COPILOT_OFFLINE": "true",
    }


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _bash(command: str) -> Reply:
    return tool("bash", command=command, description="run it")


def _run_shell_command(command: str) -> Reply:
    return tool("run_shell_command", command=command, is_background=False)


CLIS = {
    cli.name: cli
    for cli in (
        WorkerCli(
            *("codex", "@openai/codex", "0.171.0", ".bin/codex", "gpt-5.5"),
            prepare=_codex,
            shell=lambda command: tool("exec_command", cmd=command),
        ),
        WorkerCli(
            *("gemini", "@google/gemini-cli", "0.61.0", ".bin/gemini", "gemini-2.5-pro"),
            prepare=_gemini,
            shell=_run_shell_command,
        ),
        WorkerCli(
            *("opencode", "opencode-ai", "1.18.33", ".bin/opencode", "scripted/fake-model"),
            prepare=_opencode,
            shell=_bash,
        ),
        WorkerCli(
            *("qwen", "@qwen-code/qwen-code", "0.15.10", ".bin/qwen", "fake-model"),
            prepare=_qwen,
            shell=_run_shell_command,
        ),
        # its npm launcher dies of a signal and leaves the agent behind: the program itself
        WorkerCli(
            *("copilot", "@github/copilot", "1.0.102", f"@github/copilot-{sys.platform}-{MACHINE}/copilot"),
            model="fake-model",
            prepare=_copilot,
            shell=_bash,
        ),
    )
}
