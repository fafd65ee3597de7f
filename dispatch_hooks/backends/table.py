"""What each kind of worker is like, as README shows it: `python -m dispatch_hooks.backends.table` writes it there.

What the code goes by is read from the code; what no code goes by, and was measured, stands here (docs/backends.md).
"""

from __future__ import annotations

from dispatch_hooks import config
from dispatch_hooks.backends import quirks

TESTED = {
    "claude": "2.1.332", "codex": "0.171.0", "gemini": "0.61.0", "opencode": "1.18.33", "qwen": "0.15.10",
    "copilot": "1.0.102",
}  # fmt: skip
"""The version of each real program that the tests run."""

NAMES = {
    "claude": "Claude Code", "codex": "Codex", "gemini": "Gemini CLI", "opencode": "OpenCode", "qwen": "Qwen Code",
    "copilot": "Copilot CLI", "cursor": "Cursor CLI",
}  # fmt: skip

COLUMNS = ("backend", "tested", "speaks", "permissions", "sandbox", "questions", "a note", "resume", "told")

OURS = "asked over the protocol: ask, auto, bypass, read-only"

WAYS = {
    "claude": {
        "speaks": "stream-json both ways",
        "permissions": "its own rules and modes, asks over the protocol: ask, auto, bypass, read-only",
        "sandbox": "none",
        "questions": "its own, and `dispatch-hooks ask`",
        "a note": "joins the turn",
        "resume": "yes",
        "told": "tokens, cost",
    },
    "codex": {
        "speaks": "`codex app-server`",
        "permissions": "a permission profile, asks over the protocol: ask, auto, bypass, read-only",
        "sandbox": "the system's: its directory, its task folder with its `$TMPDIR`, what a commit needs; network with "
        "auto",
        "questions": "its own, and `dispatch-hooks ask`",
        "a note": "joins the turn",
        "resume": "yes",
        "told": "tokens",
    },
}
"""The backends that speak in a way of their own."""

PERMISSIONS = {"cursor": "not known: what it asks for depends on its own `approvalMode`"}

CONFINED = "; its file tools never leave the directory, not even at bypass"

SANDBOX = {
    "gemini": "none",
    "opencode": "none; leaving the directory is asked",
    "qwen": "none",
    "copilot": "none; leaving the directory is asked",
    "cursor": "not known",
}

COSTS = ("opencode",)
"""Agents whose sessions tell what they cost."""

USED = {"": "", "quota": "tokens", "chunk": "tokens", "process": "tokens", "prompt": "tokens"}

UNTESTED = "*untested with the real program*"


def text() -> str:
    """The table, in Markdown."""
    rows = [COLUMNS, ["---"] * len(COLUMNS), *map(_row, config.CLI), CUSTOM_ACP, CUSTOM]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def told(name: str, settings: dict) -> set[str] | None:
    """Which of "tokens" and "cost" a backend's CLI tells; None for an agent of the person's own, which may."""
    own = settings["backends"].get(name, {})
    if own.get("command") and own.get("protocol") != "acp":
        return {"tokens", "cost"} & own.get("fields", {}).keys()
    if name not in config.CLI:
        return None
    return {"tokens", "cost"} & set((WAYS.get(name) or _agent(name))["told"].split(", "))


def _row(name: str) -> list[str]:
    facts = WAYS.get(name) or _agent(name)
    return [NAMES[name], TESTED.get(name, UNTESTED), *(facts[column] for column in COLUMNS[2:])]


def _agent(name: str) -> dict:
    """An agent that speaks ACP, as its quirks tell."""
    row = quirks.of(name, config.DEFAULTS)
    told = [USED[row["usage"]], "cost" if name in COSTS else ""]
    return {
        "speaks": f"ACP (`{' '.join(row['argv'][:2])}`)",
        "permissions": PERMISSIONS.get(name, OURS) + (CONFINED if row["folder_argv"] else ""),
        "sandbox": SANDBOX[name],
        "questions": "its own, and `dispatch-hooks ask`" if row["questions"] else "`dispatch-hooks ask`",
        "a note": "joins the turn" if row["steers"] else "waits for the turn's end",
        "resume": "yes, from the next minute on" if row["minute"] else "yes",
        "told": ", ".join(filter(None, told)) or "nothing",
    }


CUSTOM_ACP = (
    'any other agent: `protocol = "acp"`', "a stand-in", "ACP", OURS, "its own", "`dispatch-hooks ask`",
    "waits for the turn's end", "if it loads sessions", "cost, if it tells",
)  # fmt: skip

CUSTOM = (
    "any command: `command = […]`", "shell scripts", "a prompt in, its output out, JSON if `fields` say so", "its own",
    "its own", "`dispatch-hooks ask`", "goes into its plan", "with `resume`", "tokens, cost, with `fields`",
)  # fmt: skip

BEGIN, END = "<!-- backends: python -m dispatch_hooks.backends.table -->\n", "<!-- /backends -->"


def put(page: str) -> str:
    """A page with the table as it is now between its marks."""
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}{text()}{END}{rest.partition(END)[2]}"


def main() -> None:
    with open("README.md", encoding="utf-8") as f:
        page = f.read()
    with open("README.md", "w", encoding="utf-8") as f:
        f.write(put(page))


if __name__ == "__main__":
    main()
