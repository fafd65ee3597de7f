"""config: show and change config.toml. Comments and order stay."""

from __future__ import annotations

import os
from functools import partial

import tomlkit
import typer
from tomlkit.items import Table

from dispatch_hooks import config as settings
from dispatch_hooks import configfile, faults, models, paths
from dispatch_hooks.commands.config_import import import_
from dispatch_hooks.commands.config_names import add_alias, add_model, remove, set_default
from dispatch_hooks.errors import FatalError

HELP = """Show and change the configuration. Comments and order in the file stay.

\b
Examples:
  dispatch-hooks config show
  dispatch-hooks config set max_parallel 4
  dispatch-hooks config add-alias security-reviewer opus --prompt "Look for injection and broken auth."
"""

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None, help=HELP)


@app.command("path")
def path() -> None:
    """Print where the configuration is.

    Example: $EDITOR "$(dispatch-hooks config path)"
    """
    typer.echo(paths.config_file())


@app.command("show")
def show(as_json: bool = typer.Option(False, "--json", help="Print it for a program, as docs/json.md says.")) -> None:
    """Print what is in force, and what of it the file says.

    Example: dispatch-hooks config show
    """
    source, found = paths.config_file(), settings.load()
    broken, values = found["broken"], {key: found[key] for key in settings.DEFAULTS}
    said = {} if broken else configfile.read(source)[1]
    if as_json:
        import orjson

        origin = dict.fromkeys(configfile.leaves(said), source)
        report = {"file": source, "broken": broken, "values": values, "from": origin}
        typer.echo(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(_text(source, values, said), nl=False)
    wrong = [broken] if broken else [f"{source}: {fault}" for fault in faults.faults(models.Config, said)]
    if wrong:
        raise FatalError("\n  ".join([*wrong, "mend it there, or type: dispatch-hooks config unset KEY"]))


def _text(source: str, values: dict, said: dict) -> str:
    """The configuration as TOML that could stand in the file; what the file does not say is marked."""
    head = "" if os.path.exists(source) else ", which is not there yet"
    document = tomlkit.document()
    document.add(tomlkit.comment(f"{source}{head}"))
    for key, value in values.items():
        document.add(key, tomlkit.item(value))
    _mark(document, values, said)
    return tomlkit.dumps(document)


def _mark(table: Table | tomlkit.TOMLDocument, values: dict, said: dict) -> None:
    """Comments what the file does not say, in tables, too."""
    for key, value in values.items():
        if isinstance(value, dict):
            _mark(table[key], value, said.get(key, {}))
        elif key not in said:
            table[key].comment("default")


@app.command("set", context_settings={"ignore_unknown_options": True})
def set_(
    key: str = typer.Argument(help='A key, dots for what is in a table: models.fast.name, models."gpt-5.2".name'),
    value: str = typer.Argument(help="TOML, or plain words."),
) -> None:
    """Set a key. Comments and order in the file stay.

    Example: dispatch-hooks config set max_parallel 4
    """
    place = configfile.place_of(key)
    ways = [partial(configfile.put, place=place, value=reading) for reading in configfile.readings(value)]
    kept = configfile.change(ways)
    typer.echo(f"{faults.dotted(place)} = {configfile.inline(configfile.at(kept, place))}")


@app.command("unset")
def unset(key: str = typer.Argument(help="A key, with dots for what is in a table.")) -> None:
    """Take a key out of the file, so that its default is in force.

    Example: dispatch-hooks config unset max_parallel
    """
    place = configfile.place_of(key)
    kept = configfile.change([lambda tables: configfile.take(tables, place)])
    value = configfile.at({**settings.DEFAULTS, **kept}, place)
    now = "" if value is None else f"; in force is {configfile.inline(value)}"
    typer.echo(f"{faults.dotted(place)} is not set any more{now}")


for _verb in (add_model, add_alias, set_default, remove):
    app.command(_verb.__name__.replace("_", "-"))(_verb)
app.command("import")(import_)
