"""demo: the main job, for a person to watch."""

from __future__ import annotations

import typer


def demo(
    fast: bool = typer.Option(False, "--fast", help="Without the pauses for reading."),
    claude: bool = typer.Option(False, "--claude", help="Open the real Claude Code in the sandbox (in a checkout)."),
) -> None:
    """Watch five tasks fan out and one ask. No account, no key, and nothing of yours is touched.

    Example: dispatch-hooks demo
    """
    if claude:
        from dispatch_hooks.demo import real

        raise typer.Exit(real.open_claude())
    from rich.console import Console

    from dispatch_hooks.demo.box import box
    from dispatch_hooks.demo.play import Play
    from dispatch_hooks.demo.stage import Stage

    with box(pace=0.3 if fast else 1.0) as made:
        Play(made, Stage(Console(highlight=False)), pause=0.0 if fast else 1.0).run()
    typer.echo("\nNothing of it is left. For your own chats: dispatch-hooks install")
