"""What is particular about each agent that speaks ACP, as data; measured, docs/backends.md says how.

ACP is one framing and not one behaviour: who takes a second prompt for a note and who drops what it does for it, who
tells what it used and when, who is silent after a no. `of` gives the row of a backend; an agent that we do not know
(goose, kimi, one of yours) has PLAIN, which trusts nobody.
"""

from __future__ import annotations

import json
import os

PLAIN = {
    "argv": [],
    # the words that choose a model, {model} filled in; without them the session is told, if its agent takes that
    "model_argv": [],
    # its options stand before its subcommand, the last word of argv
    "options_first": False,
    # likewise an environment variable
    "model_env": "",
    "env": {},
    # variables that hold JSON: the person's own value, with this merged over it
    "env_json": {},
    # the method that `authenticate` is to name before there is a session
    "login": "",
    # what a second prompt does: joins the running turn, or ends it (then a note waits)
    "steers": False,
    # what a no does: the model is told and goes on, or the turn ends in silence
    "no_ends_turn": True,
    # arguments that let its file tools into its task folder, where they are confined to its directory
    "folder_argv": [],
    # replays the conversation when a session is loaded: no replay means that there was none
    "replays": True,
    # sessions cannot be loaded in the clock minute in which they were made or last loaded
    "minute": False,
    # asks the person questions of its own, over the protocol
    "questions": False,
    # how tokens are told, see `tokens`
    "usage": "",
    # a last message that begins so is an error, though the turn ends well
    "error_text": (),
    # words of the CLI itself among the model's: not a message, and those that tell of another try
    "aside": (),
    "retrying": (),
    # tells the same figures again with another try of the same call of its model
    "usage_retries": False,
    # asks the client to write files that it writes by itself
    "writes_itself": False,
    # seconds that its shell tool gives a command, less what a model needs to notice; 0: enough for any question
    "ask_wait": 0,
}

HOURS = "7200000"

KNOWN = {
    "opencode": {
        "argv": ["opencode", "acp"],
        "env": {
            "OPENCODE_DISABLE_AUTOUPDATE": "1",
            "OPENCODE_EXPERIMENTAL_BASH_DEFAULT_TIMEOUT_MS": HOURS,
        },
        "env_json": {
            "OPENCODE_CONFIG_CONTENT": {
                "permission": {"edit": "ask", "bash": "ask", "external_directory": "ask", "webfetch": "ask"}
            }
        },
        "steers": True,
        "writes_itself": True,
    },
    "gemini": {
        "argv": ["gemini", "--acp", "--skip-trust"],
        "model_argv": ["-m", "{model}"],
        "folder_argv": ["--include-directories", "{folder}"],
        "env": {"GEMINI_CLI_NO_RELAUNCH": "true"},
        "no_ends_turn": False,
        "minute": True,
        "usage": "quota",
    },
    "qwen": {
        "argv": ["qwen", "--acp"],
        "model_argv": ["-m", "{model}"],
        "env": {"QWEN_CODE_NO_RELAUNCH": "true"},
        "no_ends_turn": False,
        "questions": True,
        "usage": "chunk",
        "ask_wait": 100,
    },
    "copilot": {
        "argv": ["copilot", "--acp", "--no-auto-update"],
        "model_argv": ["--model", "{model}"],
        "usage": "process",
        "error_text": ("Error: ",),
        "aside": ("Info: ",),
        "retrying": ("Info: Request failed",),
        "usage_retries": True,
    },
    "cursor": {
        "argv": ["agent", "acp"],
        "model_argv": ["--model", "{model}"],
        "options_first": True,
        "login": "cursor_login",
        "questions": True,
    },
}


def of(name: str, config: dict) -> dict:
    """The row of a backend: PLAIN, what is known of its name, and the command of the person's config."""
    own = config["backends"].get(name, {})
    row = {**PLAIN, **KNOWN.get(name, {})}
    words = [str(word) for word in own.get("command") or row["argv"]]
    if not words:
        raise KeyError(name)
    words[0] = own.get("program") or words[0]
    return {**row, "argv": words}


def start(row: dict, task: dict, folder: str) -> tuple[list[str], dict]:
    """(argv, environment) of a row for a task. folder: the task's, which may lie outside of where it works."""
    model, env = task["model"], dict(row["env"])
    options = [word.replace("{model}", model) for word in row["model_argv"] if model]
    options += [word.replace("{folder}", folder) for word in row["folder_argv"]]
    end = len(row["argv"]) - row["options_first"]
    argv = [*row["argv"][:end], *options, *row["argv"][end:]]
    env |= {row["model_env"]: model} if row["model_env"] and model else {}
    env |= {name: json.dumps(_over(_theirs(name), value)) for name, value in row["env_json"].items()}
    env |= {"DISPATCH_HOOKS_ASK_WAIT": str(row["ask_wait"])} if row["ask_wait"] else {}
    return argv, env


def _theirs(name: str) -> dict:
    """The person's own value of a variable that holds JSON."""
    try:
        found = json.loads(os.environ.get(name) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _over(below: dict, above: dict) -> dict:
    """A table with another one over it."""
    inner = {key: _over(below.get(key), value) for key, value in above.items() if isinstance(below.get(key), dict)}
    return {**below, **above, **inner}


def not_before(row: dict, run: dict) -> float:
    """When the session may be loaded: not in the minute in which the last run had it."""
    if not (row["minute"] and run["resume"] and run["since"]):
        return 0.0
    return (run["since"] // 60 + 1) * 60
