"""dispatch: start a task from a terminal, or, for the host's model, with a plan that it wrote."""

from __future__ import annotations

import os
import re
import sys
import time

import typer

from dispatch_hooks import authority, config, hosts, ids, plan, tasks
from dispatch_hooks import dispatch as dispatching
from dispatch_hooks.commands import here, spoken_budget
from dispatch_hooks.errors import FatalError

NAME = re.compile("[a-z0-9]+(-[a-z0-9]+){0,11}")


def dispatch(
    words: list[str] = typer.Argument(help="What the worker should do."),
    model: str = typer.Option("", "--model", "-m", help="A model, alias or backend; else the default."),
    plan_file: str = typer.Option("", "--plan", help="A file with a checklist (- [ ] item), or - for stdin."),
    name: str = typer.Option("", "--id", help="The task's id; else made from the words."),
    worktree: bool = typer.Option(None, "--worktree/--no-worktree", help="A checkout and a branch of its own."),
    after: list[str] = typer.Option([], "--after", help="A task that must have finished first; repeat it."),
    budget: list[str] = typer.Option([], "--budget", help='What it may use: "$2", "200k tokens", "40 turns", "30m".'),
    permissions: str = typer.Option("", "--permissions", metavar="LEVEL", help="What it may do: ask, auto or bypass."),
    read_only: bool = typer.Option(False, "--read-only", help="It changes nothing but its own task folder."),
    base: str = typer.Option("", "--base", help="The branch, tag, commit or task that its worktree begins from."),
    launcher: str = typer.Option("", "--on", metavar="LAUNCHER", help="Where it runs: a launcher of yours, or local."),
) -> None:
    """Dispatch one task. Its news go to the chat that runs this, else to the next chat in the project.

    \b
    Examples:
      dispatch-hooks dispatch -m opus "review the auth module"
      dispatch-hooks dispatch -m sonnet --after add-auth --budget '$2' "write tests for the login"
      dispatch-hooks dispatch -m gemini --read-only "look for secrets in the logs"
    """
    if not " ".join(words).strip():
        raise FatalError('dispatch what? for example: dispatch-hooks dispatch -m opus "review the auth module"')
    env = dict(os.environ)
    authority.refuse_worker(env, "dispatch another worker")
    _refuse_rights(permissions, env)
    text, project = " ".join(words).strip(), here()
    items = [item["text"] for item in plan.read(_read(plan_file))] if plan_file else []
    if plan_file and not items:
        raise FatalError(f"the plan {plan_file} has no item; write lines like: - [ ] scan for secrets")
    task = _task(text, model, items, name or ids.slug(text, tasks.ids(project)))
    task.update(after=[parent.lower() for parent in after], budget=spoken_budget(budget))
    task.update(worktree=True if base else worktree, base=base or None, launcher=launcher or None)
    task.update(permissions=permissions or None, read_only=read_only)
    host = authority.host_above(authority.chain())
    origin = {
        "chat": host["chat"] if host else f"terminal-{tasks.project_name(project)}",
        "prompt": f"cli-{time.time_ns()}",
        "project": project,
        "transcript": host["transcript"] if host else "",
        "text": f"{time.time_ns()}",
    }
    result = dispatching.start({"tasks": [task]}, origin, config.load(), env)
    if host:
        hosts.expect(host["pid"])
    typer.echo(dispatching.words(result, os.getcwd()), err=bool(result["refused"]))
    raise typer.Exit(1 if result["refused"] else 0)


def _refuse_rights(level: str, env: dict) -> None:
    """FatalError for a level that is none, and for one that only the person gives."""
    if level and level not in config.OWN_PERMISSIONS:
        raise FatalError(f'--permissions should be one of {", ".join(config.OWN_PERMISSIONS)}, it is "{level}"')
    if level in ("auto", "bypass") and authority.voice(env) == "relayed":
        raise FatalError(f"only the person gives a worker these rights; they type: dispatch …, permissions {level}")


def _read(path: str) -> str:
    if path == "-":
        return sys.stdin.read()
    try:
        with open(path, encoding="utf-8") as f:
            return f.read()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise FatalError(f"cannot read the plan {path}: {why}") from error


def _task(text: str, model: str, items: list[str], name: str) -> dict:
    if not NAME.fullmatch(name) or len(name) > 60:
        raise FatalError(f'"{name[:80]}" is no id; --id takes small letters, digits and hyphens, as in: --id add-auth')
    if name in tasks.ids(here()):
        raise FatalError(f'there is a task "{name}" already; leave --id out, or choose another')
    named = {"model": model, "alias": None, "backend": None}
    return {**named, "id": name, "title": text.split("\n", 1)[0][:100], "text": text, "plan": items, "context": ""}
