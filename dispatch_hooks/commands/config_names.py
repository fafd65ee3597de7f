"""config add-model, add-alias, set-default, remove: the names that tasks are given to."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import partial

import typer

from dispatch_hooks import catalogue, config, configfile, faults, resolve
from dispatch_hooks.errors import FatalError

TABLES = ("aliases", "models", "backends")


def add_model(
    name: str = typer.Argument(help="What you call it: gpt-5.3, kimi-k2, fast."),
    backend: str = typer.Option("", "--backend", "-b", help="Who runs it; else who is known to have it."),
    called: str = typer.Option("", "--name", "-n", help="What its CLI calls it, if not as you do."),
    fallback: str = typer.Option("", "--fallback", help="Who goes on where it cannot (no login, no quota)."),
) -> None:
    """Add a model. Without --backend it must be one that a known CLI has.

    Example: dispatch-hooks config add-model kimi-k2 --backend opencode --name moonshotai/kimi-k2
    """
    settings = config.load()
    found = _given(backend, called or name, settings) if backend else _found(called or name, settings)
    entry = {"backend": found["backend"]}
    if found["model"] and found["model"] != name:
        entry["name"] = found["model"]
    if fallback:
        entry["fallback"] = fallback
    was = configfile.at(configfile.said(), ("models", name)) or {}
    gone = ["name"] if "name" in was and "name" not in entry else []  # it was another CLI's word
    configfile.change([partial(_write, place=("models", name), entry=entry, gone=gone)])
    more = f" as {entry['name']}" if "name" in entry else ""
    typer.echo(f"{'changed' if was else 'added'} model {name}: {found['backend']} runs it{more}")


def _write(tables, place: tuple, entry: dict, gone: Sequence[str] = ()) -> None:
    for key, value in entry.items():
        configfile.put(tables, (*place, key), value)
    for key in gone:
        configfile.take(tables, (*place, key))


def _given(backend: str, model: str, settings: dict) -> dict:
    known = {*config.CLI, *settings["backends"]}
    if backend not in known:
        raise FatalError(f'there is no backend "{backend}"; there are {", ".join(sorted(known))}')
    return {"backend": backend, "model": model}


def _found(model: str, settings: dict) -> dict:
    """Who has it, by its family or by the CLIs' lists, which are asked if need be."""
    env = dict(os.environ)
    path, bare = env.get("PATH", os.defpath), {**settings, "aliases": {}, "models": {}}
    found, why = resolve.meaning(model, bare, path)
    if why and (wanted := catalogue.stale(settings, path, catalogue.RECENT)):
        typer.echo(f"asking {', '.join(wanted)} for models", err=True)
        catalogue.refresh(wanted, env, settings)
        found, why = resolve.meaning(model, bare, path)
    if why:
        raise FatalError(f"{why}\n  if you know who runs it: dispatch-hooks config add-model {model} --backend NAME")
    return found


def add_alias(
    name: str = typer.Argument(help="The alias, as you will type it: security-reviewer."),
    model: str = typer.Argument("", help="The model, alias or backend behind it; else the default."),
    prompt: str = typer.Option(
        "", "--prompt", "-p", help="What every worker of this alias is told first. - reads it from stdin."
    ),
    fallback: str = typer.Option("", "--fallback", help="Who goes on where it cannot (no login, no quota)."),
) -> None:
    """Add an alias: a model with words of yours.

    Example: dispatch-hooks config add-alias security-reviewer opus --prompt "Look for injection and broken auth."
    """
    settings = config.load()
    if name in settings["models"]:
        hint = f"choose another name, or type: dispatch-hooks config remove {name}"
        raise FatalError(f'"{name}" is a model of yours; {hint}')
    model = model or settings["default"]
    prompt = sys.stdin.read().strip() if prompt == "-" else prompt
    found = _alias_of(model, settings)
    entry = {key: value for key, value in {"model": found, "prompt": prompt, "fallback": fallback}.items() if value}
    configfile.change([partial(_write, place=("aliases", name), entry=entry)])
    was = settings["aliases"].get(name)
    stays = "; its prompt stays" if was and was.get("prompt") and not prompt else ""
    typer.echo(f"{'added' if was is None else 'changed'} alias {name}: {found}{stays}")


def _alias_of(model: str, settings: dict) -> str:
    """The model that an alias is to stand for; another alias's model, since aliases do not nest."""
    bare = {**settings, "aliases": {}}
    if model in settings["aliases"] and model not in settings["models"]:
        model = settings["aliases"][model].get("model") or "claude"
    _known(model, bare)
    return model


def _known(name: str, settings: dict) -> None:
    """FatalError for a name that means nothing, and that no CLI has."""
    path = os.environ.get("PATH", os.defpath)
    if not resolve.meaning(name, settings, path)[1]:
        return
    try:
        _found(name, settings)
    except FatalError:
        raise FatalError(resolve.meaning(name, settings, path)[1]) from None


def set_default(name: str = typer.Argument(help="A model, alias or backend.")) -> None:
    """Say who gets a task that names no model.

    Example: dispatch-hooks config set-default sonnet
    """
    _known(name, config.load())
    configfile.change([lambda tables: configfile.put(tables, ("default",), name)])
    typer.echo(f"default is {name} now")


def remove(name: str = typer.Argument(help="A model, alias or backend of your configuration.")) -> None:
    """Remove a name from the configuration.

    Example: dispatch-hooks config remove gpt-5.2
    """
    said = configfile.said()
    table = next((table for table in TABLES if name in said.get(table, {})), None)
    if table is None:
        known = [known for table in TABLES for known in said.get(table, {})]
        raise FatalError(f'"{name}" is not in your configuration; {faults.near(name, known)}')
    configfile.change([lambda tables: configfile.take(tables, (table, name))])
    typer.echo(f"removed {name} from {table}{_left_over(name)}")


def _left_over(name: str) -> str:
    """What names it still."""
    after = config.load()
    users = [f"aliases.{alias}" for alias, entry in after["aliases"].items() if entry.get("model") == name]
    users += ["default"] if after["default"] == name else []
    users += ["fallback"] if after["fallback"] == name else []
    users += [f"models.{model}" for model, entry in after["models"].items() if entry.get("fallback") == name]
    return f"; {', '.join(users)} still names it" if users else ""
