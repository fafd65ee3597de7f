import os
import typer
from dispatch_hooks import install as installing, paths
def uninstall(scope: str = "user", dry_run: bool = False, purge: bool = False) -> None:
    """Uninstall."""
    for change in installing.uninstall(scope, project=os.getcwd(), home=os.path.expanduser("~"), dirs=paths.dirs(), dry_run=dry_run, purge=purge):
        typer.echo(f"{change[0]} {change[1]}")
