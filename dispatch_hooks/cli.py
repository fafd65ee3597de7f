"""The command line: one module a verb in dispatch_hooks/commands, registered here."""

from __future__ import annotations

import typer

from dispatch_hooks import __version__
from dispatch_hooks.commands import (
    answer,
    ask,
    cancel,
    clean,
    completion,
    config,
    demo,
    diff,
    discard,
    dispatch,
    doctor,
    flag,
    install,
    logs,
    merge,
    models,
    parse,
    pause,
    release,
    relink,
    report,
    resume,
    retry,
    show,
    stats,
    status,
    statusline,
    tell,
    top,
    uninstall,
)

app = typer.Typer(
    name="dispatch-hooks",
    help="Dispatch work to background agents from a Claude Code chat.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dispatch-hooks {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Dispatch work to background agents from a Claude Code chat.

    First: dispatch-hooks install. Then, in Claude Code: dispatch opus to review the auth module
    """


for module in (
    install, uninstall, doctor, status, top, show, logs, report, stats, answer, tell, cancel, retry,
    pause, resume, release, statusline, completion,
    diff, merge, discard, clean,
    dispatch, models, parse, ask, flag, relink, demo,
):  # fmt: skip
    name = module.__name__.rpartition(".")[2]
    app.command(name)(getattr(module, name))
app.add_typer(config.app, name="config")
