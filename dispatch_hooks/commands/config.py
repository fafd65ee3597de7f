import typer
app = typer.Typer()
@app.command()
def path() -> None:
    """Path."""
    from dispatch_hooks import paths
    typer.echo(paths.config_file())
