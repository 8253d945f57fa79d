"""``himaya ledger stamps``: what a time-stamping authority said of the ledger, for whoever wants to prove it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import start
from himaya.site.cli.grammar import command
from himaya.site.cli.log import UnwritableFile
from himaya.site.cli.people import ledger
from himaya.site.cli.shown import counted, done, err, out

ROOTS = "roots.pem"


class StampOfNothing(HimayaError):
    """The ledger has no entry any more that these time stamps are of: {days}."""

    remedy = "Somebody changed the ledger, or an old backup was put back: run himaya ledger verify, and compare."
    exit_code = 1


@command(ledger, "stamps", example="himaya ledger stamps --to stamps")
def stamps(
    to: Annotated[Path, typer.Option(help="The directory in which they are written.", metavar="DIR")],
    json_: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
) -> None:
    """Write out the stamps of the ledger, the line that each is of, and how anybody proves them with OpenSSL."""
    start.database()
    from himaya.evidence import stamping

    told, lost = list[dict[str, str]](), list[str]()
    try:
        to.mkdir(parents=True, exist_ok=True)
        for pem in stamping.roots():
            (to / ROOTS).write_bytes(pem)
        for one, line in stamping.ledger_stamps():
            day = one.about.removeprefix("ledger:")
            token = to / f"ledger-{day}.tsr"
            token.write_bytes(bytes(one.reply))
            if line is None:
                lost.append(day)
                continue
            token.with_suffix(".json").write_bytes(line)
            prove = f"openssl ts -verify -data {token.stem}.json -in {token.name} -CAfile {ROOTS}"
            told.append(
                {"day": day, "at": one.at.isoformat(), "by": one.by, "sha256": one.digest.hex(), "prove": prove}
            )
    except OSError as error:
        raise UnwritableFile(path=error.filename or to, why=os.strerror(error.errno or 0)) from error
    _tell(told, to, as_json=json_)
    if lost:
        raise StampOfNothing(days=", ".join(lost))


def _tell(told: list[dict[str, str]], to: Path, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(told))
        return
    for one in told:
        out.print(escape(one["prove"]), soft_wrap=True)
    done(f"{counted(len(told), 'stamp')} of the ledger, in {to}")
    if not (to / ROOTS).exists():
        err.print(f"{ROOTS} is not there: ask the authority for its certificates; timestamp_roots names none to read.")
