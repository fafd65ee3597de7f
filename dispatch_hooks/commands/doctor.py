"""doctor: what is wrong, and what to type."""

from __future__ import annotations

import os

import typer

from dispatch_hooks import authority, resources
from dispatch_hooks import doctor as examination
from dispatch_hooks.doctor.ground import Finding, here

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def doctor(
    fix: bool = typer.Option(False, "--fix", help="Do what is safe: modes, compiling, lost tasks, outdated hooks."),
    as_json: bool = typer.Option(False, "--json", help="Print it for a program, as docs/json.md says."),
    launcher: str = typer.Option("", "--launcher", metavar="NAME", help="Send a probe there, and say what is missing."),
) -> None:
    """Say what is wrong, and what to type. Everything is looked at; exit status 1 where something fails.

    With --launcher a small job goes through the engine of that launcher and reports: whether our folders and this
    project are there, which worker CLIs are on PATH and logged in, and whether git knows who commits.

    \b
    Examples:
      dispatch-hooks doctor
      dispatch-hooks doctor --fix
      dispatch-hooks doctor --launcher cluster
    """
    if launcher:
        from dispatch_hooks.doctor import away

        findings, done = away.examine(here(), launcher, lambda words: typer.echo(words, err=True)), []
    else:
        findings, done = examination.examine(here()), []
    if fix and any(finding.mend for finding in findings):
        authority.refuse_worker(dict(os.environ), "mend the installation")
        done = examination.mend(findings)
        findings = examination.examine(here())
    if as_json:
        import orjson

        report = {"ok": examination.well(findings), "findings": [finding.report() for finding in findings]}
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        show(findings, done)
        typer.echo(summary(findings))
    raise typer.Exit(0 if examination.well(findings) else 1)


def show(findings: list[Finding], done: list[str]) -> None:
    """One line a finding and one for what to type; words carry the state, colours only repeat it."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in done:
        console.print(Text(_plain(line)))
    wide = max((len(finding.check) for finding in findings), default=0)
    for finding in findings:
        state = Text(f"{finding.state:<4}  ", STYLES[finding.state])
        console.print(state + Text(f"{finding.check:<{wide}}  {_plain(finding.text)}"))
        if finding.fix:
            console.print(Text(f"{'':<{wide + 8}}type: {_plain(finding.fix)}"))
    wrong = dict.fromkeys(finding.about() for finding in findings if finding.state != "ok")
    if wrong:
        more = ", ".join(f"#{anchor}" for anchor in wrong)
        console.print(Text(f"about them: {resources.page('troubleshooting')} ({more})"))


def summary(findings: list[Finding]) -> str:
    counts = {state: sum(finding.state == state for finding in findings) for state in ("fail", "warn")}
    mends = sum(finding.mend is not None and finding.state != "ok" for finding in findings)
    words = {"fail": "to mend", "warn": "to know of"}
    said = ", ".join(f"{count} {words[state]}" for state, count in counts.items() if count) or "all is well"
    more = f"; dispatch-hooks doctor --fix mends {mends} of them" if mends else ""
    return f"{len(findings)} finding{'s' if len(findings) != 1 else ''}: {said}{more}"


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
