"""The command line: one module a verb in dispatch_hooks/commands, registered here."""

from __future__ import annotations

import typer
from typer.core import TyperGroup

from dispatch_hooks import __version__, resources
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

PANELS = {
    "Set up": (install, uninstall, doctor, models, completion, demo),
    "Look": (status, top, show, logs, report, stats, statusline, parse),
    "Say": (dispatch, answer, tell, cancel, retry, pause, resume, release),
    "Finish": (diff, merge, discard, clean, relink),
    "Inside a worker": (ask, flag),
}

EPILOG = f"""\b
Example:
  dispatch-hooks install
  claude
  and in it, type: dispatch opus to review the auth module

\b
The quickstart goes on from there:
  {resources.page("quickstart")}
"""


class Panels(TyperGroup):
    """The commands in panels, each with its first sentence."""

    def format_commands(self, ctx, formatter) -> None:
        width = max(map(len, self.commands))
        for panel in PANELS:
            rows = [
                (name.ljust(width), command.get_short_help_str(formatter.width))
                for name, command in self.commands.items()
                if command.rich_help_panel == panel
            ]
            with formatter.section(panel):
                formatter.write_dl(rows)


app = typer.Typer(
    name="dispatch-hooks",
    cls=Panels,
    help="Dispatch work to background agents from a Claude Code chat.",
    epilog=EPILOG,
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
    """The help of the whole is the app's own."""


for panel, modules in PANELS.items():
    for module in modules:
        name = module.__name__.rpartition(".")[2]
        app.command(name, rich_help_panel=panel)(getattr(module, name))
app.add_typer(config.app, name="config", rich_help_panel="Set up")
