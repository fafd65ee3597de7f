import os
import typer
from dispatch_hooks import install as installing, paths
def install(scope: str = "user", dry_run: bool = False, force: bool = False) -> None:
    """Install."""
    for change in installing.install(scope, project=os.getcwd(), home=os.path.expanduser("~"), dirs=paths.default(), dry_run=dry_run, force=force):
        typer.echo(f"{change[0]} {change[1]}")
