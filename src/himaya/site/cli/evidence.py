"""``himaya evidence …``: what is kept as evidence, and bundles of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from himaya.site.cli import app
from himaya.site.cli.grammar import KEEP, command, commands
from himaya.site.cli.log import UnreadableFile

evidence = commands("Evidence: sealed, countable, provable.")
app.add_typer(evidence, name="evidence", rich_help_panel=KEEP)


@command(evidence, "verify", example="himaya evidence verify bundle.zip")
def verify(
    bundle: Annotated[Path, typer.Argument(help="A folder or a ZIP; it is not unpacked.")],
    key: Annotated[
        list[str] | None,
        typer.Option(help="A key that you trust, by its name; repeatable. Else those in the bundle.", metavar="KEY"),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Tell it to a machine.")] = False,
) -> None:
    """Prove a bundle as experts do, with the program that lies in it. Needs no database and no network."""
    from himaya.core.bundles.alone import program

    try:
        outcome = program.verify_bundle(str(bundle), key or [])
    except OSError as error:
        raise UnreadableFile(path=bundle, why=os.strerror(error.errno or 0)) from error
    typer.echo(program.as_json(outcome) if json_ else program.report(outcome, str(bundle)), nl=False)
    if outcome.problems:
        raise typer.Exit(1)
