"""completion: what a shell needs to complete our commands, options and task ids."""

from __future__ import annotations

import typer

from dispatch_hooks.errors import FatalError


def completion(shell: str = typer.Argument(help="bash, zsh or fish.")) -> None:
    """Print what a shell needs to complete our commands. It completes options and the ids of tasks, too.

    \b
    Examples:
      dispatch-hooks completion bash > ~/.local/share/bash-completion/completions/dispatch-hooks
      dispatch-hooks completion zsh > "${fpath[1]}/_dispatch-hooks"
      dispatch-hooks completion fish > ~/.config/fish/completions/dispatch-hooks.fish
      eval "$(dispatch-hooks completion bash)"     # in this shell only
    """
    from typer.main import get_command

    from dispatch_hooks import cli, completion

    if shell not in completion.SHELLS:
        raise FatalError(f"there is no completion for {shell}: type dispatch-hooks completion bash, zsh or fish")
    typer.echo(completion.script(shell, completion.verbs(get_command(cli.app))), nl=False)

