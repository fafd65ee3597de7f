"""models: which names a task can be given to, and who runs them."""

from __future__ import annotations

import os
import time

import typer

from dispatch_hooks import catalogue, config, listing, resolve


def models(
    refresh: bool = typer.Option(False, "--refresh", "-r", help="Ask the worker CLIs now; else at most once a day."),
    as_json: bool = typer.Option(False, "--json", help="Print it for a program, as docs/json.md says."),
) -> None:
    """List the models that can be dispatched. Those are yours, and what the worker CLIs have.

    Example: dispatch-hooks models --refresh
    """
    env = dict(os.environ)
    path, settings = env.get("PATH", os.defpath), config.load()
    wanted = catalogue.stale(settings, path, 0 if refresh else catalogue.DAY)
    if wanted:
        _ask(wanted, env, settings)
    if as_json:
        import orjson

        report = {"models": known(settings, path), "lists": _lists(settings, path)}
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        _print(known(settings, path), _lists(settings, path))


def _ask(wanted: dict[str, str], env: dict, settings: dict) -> None:
    left = dict(wanted)

    def heard(backend: str, told: dict) -> None:
        left.pop(backend)
        if left:
            typer.echo(f"{backend} answered, waiting for {', '.join(left)}", err=True)

    typer.echo(f"asking {', '.join(wanted)} for models", err=True)
    catalogue.refresh(wanted, env, settings, heard)


def known(settings: dict, path: str) -> list[dict]:
    """Every name once, the person's own first."""
    rows: dict[str, dict] = {}
    for kind, names in _names(settings).items():
        for name in names:
            found = resolve.meaning(name, settings, path)[0]
            if found and name not in rows:
                rows[name] = _row(name, kind, found, settings, path)
    return list(rows.values())


def _names(settings: dict) -> dict[str, list[str]]:
    told = catalogue.kept()
    return {
        "alias": list(settings["aliases"]),
        "model": list(settings["models"]),
        "backend": [*config.CLI, *settings["backends"]],
        "family": list(resolve.USUAL),
        "listed": [model for backend in listing.ORDER if backend in told for model in told[backend]["models"]],
    }


def _row(name: str, kind: str, found: dict, settings: dict, path: str) -> dict:
    told = {"name": name, "kind": kind, "backend": found["backend"], "model": found["model"]}
    installed = bool(resolve.program(found["backend"], settings, path)[1])
    return {**told, "default": name == settings["default"], "installed": installed}


def _lists(settings: dict, path: str) -> dict[str, dict]:
    told = catalogue.kept()
    empty = {"at": None, "models": [], "default": "", "why": "it has not been asked"}
    found = {name: told.get(name, empty) for name in catalogue.able(settings, path)}
    return {name: {"asked": t["at"], "models": len(t["models"]), "default": t["default"], "why": t["why"]}
            for name, t in found.items()}  # fmt: skip


def _print(rows: list[dict], lists: dict[str, dict]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("name", "backend", "", "its CLI's name"):
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    for row in rows:
        model = row["model"] if row["model"] != row["name"] else ""
        table.add_row(*(Text(word) for word in (row["name"], row["backend"], _remark(row), model)))
    Console(highlight=False).print(table)
    for backend, told in lists.items():
        typer.echo(_source(backend, told))


def _remark(row: dict) -> str:
    words = ["default"] if row["default"] else []
    words += [] if row["kind"] in ("backend", "family") else [{"listed": "from its list"}.get(row["kind"], row["kind"])]
    words += [] if row["installed"] else ["not installed"]
    return ", ".join(words)


def _source(backend: str, told: dict) -> str:
    if told["asked"] is None:
        return f"{backend}: {told['why']}"
    from dispatch_hooks import digest

    age = f"{digest.age(max(0, time.time() - told['asked']))} ago"
    more = f"; it now says: {told['why']}" if told["models"] else f": {told['why']}"
    return f"{backend}: {told['models']} models, asked {age}" + (more if told["why"] else "")
