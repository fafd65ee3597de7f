"""report: one HTML page about tasks."""

from __future__ import annotations

import os
import sys
import time

import typer

from dispatch_hooks import files, overview, recover, tasks
from dispatch_hooks.commands import find, here, task_ids
from dispatch_hooks.errors import FatalError


def report(
    named: list[str] = typer.Argument(None, metavar="[TASK]…", help="The tasks; else all.", autocompletion=task_ids),
    out: str = typer.Option("", "--out", help="Where to write it; - prints it. Else .dispatch/report.html."),
    show: bool = typer.Option(False, "--open", help="Open it in your browser."),
    everywhere: bool = typer.Option(False, "--all", "-a", help="The tasks of every project."),
) -> None:
    """Write one web page about your tasks. It shows what ran when, plans, questions, costs, diffs, outcomes.

    The page is whole in itself: send it to somebody, read it on a phone, print it. No network is needed.

    \b
    Examples:
      dispatch-hooks report --open
      dispatch-hooks report security-audit api-docs --out review.html
    """
    from dispatch_hooks.report import gather, page

    recover.recover(dict(os.environ))
    folders = [find(name) for name in named or []] or _folders(everywhere)
    entries = [each for each in map(gather.entry, folders) if each]
    if not entries:
        raise FatalError("there is no task to report on; in Claude Code, type for example: dispatch opus to review …")
    text = page.page(sorted(entries, key=overview.urgency), _title(entries))
    if out == "-":
        sys.stdout.write(text)
        return
    path = _write(text, out)
    typer.echo(f"{len(entries)} task{'s' if len(entries) > 1 else ''}: {path}")
    if show and typer.launch(f"file://{path}"):
        typer.echo(f"no browser could be started; open {path} yourself", err=True)


def _folders(everywhere: bool) -> list[str]:
    projects = overview.projects() if everywhere else [here()]
    return [tasks.folder(project, task) for project in projects for task in tasks.ids(project)]


def _title(entries: list[dict]) -> str:
    if len(entries) == 1:
        return entries[0]["title"]
    projects = {each["project"] for each in entries}
    where = os.path.basename(projects.pop()) if len(projects) == 1 else f"{len(projects)} projects"
    return f"{len(entries)} tasks in {where}"


def _write(text: str, out: str) -> str:
    """Writes the page and returns its path. In the project's .dispatch no link is followed."""
    if out:
        return _write_to(text, os.path.abspath(os.path.expanduser(out)))
    project = here()
    try:
        with files.opened(files.folder(project, ".dispatch", make=True)) as inner:
            files.write_in(inner, "report.html", text)
    except OSError as error:
        where = f"{project}/.dispatch"
        why = f"cannot write into {where}: {error.strerror}"
        raise FatalError(f"{why}; type: dispatch-hooks report --out FILE") from error
    return os.path.join(project, ".dispatch", "report.html")


def _write_to(text: str, path: str) -> str:
    if os.path.isdir(path):
        path = os.path.join(path, f"dispatch-report-{time.strftime('%Y-%m-%d')}.html")
    try:
        files.write(path, text, 0o644)
    except OSError as error:
        raise FatalError(f"cannot write {path}: {error.strerror}; name another file with --out") from error
    return path
