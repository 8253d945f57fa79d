"""``himaya fingerprint``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from himaya.core.words import printable
from himaya.site.cli import app, start
from himaya.site.cli.findings import tell_skipped
from himaya.site.cli.grammar import LOOK, command
from himaya.site.cli.screening import NOT_SCREENED, file_at, mode_of
from himaya.site.cli.shown import err


@command(app, "fingerprint", example="himaya fingerprint clip.mp4 > clip.hashes", panel=LOOK)
def fingerprint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Pictures, videos, anything.")],
) -> None:
    """Write the fingerprints of files, one a line, as a list takes them: of a video those of its frames, too.

    Nothing is looked up, counted or kept. Which file a line is of is not written: its name may name a person.
    The exit status is 2 where a file has no fingerprint at all.
    """
    start.django()
    from himaya.core import registry
    from himaya.core.config import config
    from himaya.screening import decoders
    from himaya.screening.fingerprinting import Skipped
    from himaya.screening.options import chosen

    asked = [file_at(str(file), mode_of(str(file))) for file in files]
    upright = chosen(orientations=False, letterbox=False, exact=True)
    with err.status("fingerprinting"):
        found = decoders.shared().files([one.path for one in asked], max_bytes=config().max_file_bytes, options=upright)
    for file, outcome in zip(asked, found, strict=True):
        if isinstance(outcome, Skipped):
            tell_skipped(printable(file.place), outcome)
            continue
        for one in outcome.fingerprints:
            if not one.variant:
                typer.echo(f"{one.signal}:{registry.signal(one.signal).write(one.value, one.body)}")
        for name, why in outcome.problems.items():
            err.print(f"{escape(printable(file.place))}: no {name}: {escape(why)}", soft_wrap=True)
    if any(isinstance(outcome, Skipped) for outcome in found):
        raise typer.Exit(NOT_SCREENED)
