"""``himaya log audit …``"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import IO, Annotated

import typer

from himaya.core.errors import HimayaError
from himaya.site.cli import start
from himaya.site.cli.grammar import command, commands
from himaya.site.cli.log import UnreadableFile, log
from himaya.site.cli.shown import done, runnable

audit = commands("Samples that nobody chose, for an auditor to judge.")
log.add_typer(audit, name="audit")
Number = Annotated[int, typer.Argument(help="The audit.", metavar="AUDIT", min=1)]
VERDICTS = {"agrees": True, "disagrees": False}


class WrongLine(HimayaError):
    """Line {line} of {path} is no verdict: {why}."""

    remedy = "A line is: index,agrees or index,disagrees. `himaya log audit sample AUDIT --csv` writes such a file."


@command(audit, "start", example="himaya log audit start --size 100 --by ombudsman")
def begin(
    size: Annotated[int, typer.Option(help="Leaves to be looked at.", min=1, max=10_000)],
    by: Annotated[str, typer.Option(help="The auditor, as the record will name them.", metavar="NAME")],
    promise: Annotated[
        str, typer.Option(help="SHA-256 of a secret of the auditor's, which then draws, too.", metavar="SHA256")
    ] = "",
) -> None:
    """Announce an audit. The first larger checkpoint that is signed afterwards draws the sample.

    With --promise the auditor reveals the secret after that checkpoint, and neither side can choose the sample.
    """
    start.database()
    from himaya.log import auditing

    made = auditing.announce(number=size, auditor=by, by=start.actor(), promise=promise)
    step = f"reveal {made.pk} SECRET" if promise else f"sample {made.pk}"
    done(runnable(f"audit {made.pk}. After the next checkpoint: himaya log audit {step}"))


@command(audit, "reveal", example="himaya log audit reveal 1 SECRET")
def reveal(
    number: Number,
    secret: Annotated[str, typer.Argument(help="The secret, as hexadecimal digits.", metavar="SECRET")],
) -> None:
    """Reveal the secret that was promised, once the checkpoint is signed that draws the sample."""
    start.database()
    from himaya.log import auditing

    auditing.reveal_secret(number, secret=secret, by=start.actor())
    done(runnable(f"the sample is drawn: himaya log audit sample {number}"))


@command(audit, "sample", example="himaya log audit sample 1 --csv")
def sample(
    number: Number,
    csv_: Annotated[bool, typer.Option("--csv", help="A file to be filled in: agrees or disagrees for each.")] = False,
) -> None:
    """What the leaves of the sample commit to, a line of JSON each; it may name fingerprints."""
    start.database()
    from himaya.log import auditing

    found = auditing.shown(number)
    if csv_:
        writer = csv.writer(sys.stdout)
        writer.writerow(("index", "verdict", "event"))
        writer.writerows((one.index, "", one.event.decode() or one.why) for one in found)
        return
    for one in found:
        told = {"index": one.index, "kind": one.kind, "about": one.about, "salt": one.salt.hex()}
        typer.echo(json.dumps({**told, "event": one.event.decode(), "why": str(one.why)}, ensure_ascii=False))


@command(audit, "result", example="himaya log audit result 1 judged.csv")
def result(
    number: Number,
    file: Annotated[Path, typer.Argument(help="CSV with the columns index and verdict: agrees or disagrees.")],
) -> None:
    """Put on record what the auditor found: the error rate and its 95 % interval, in the ledger and in the log."""
    start.database()
    from himaya.log import auditing

    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            judged = _judged(stream, file)
    except (OSError, UnicodeError) as error:
        raise UnreadableFile(path=file, why=getattr(error, "strerror", None) or "it is not UTF-8") from error
    found = auditing.conclude(number, judged=judged, by=start.actor())
    share = f"{found.wrong / found.judged:.2%}"
    done(f"{found.wrong:,} of {found.judged:,} wrong: {share}, 95 % interval {found.low:.2%} to {found.high:.2%}")
    if of := found.statements:
        share = f"{of.wrong / of.judged:.2%}"
        done(f"statements: {of.wrong:,} of {of.judged:,} wrong: {share}, {of.low:.2%} to {of.high:.2%}")


def _judged(stream: IO[str], path: Path) -> dict[int, bool]:
    judged: dict[int, bool] = {}
    for line, row in enumerate(csv.DictReader(stream), start=2):
        index, verdict = (row.get("index") or "").strip(), (row.get("verdict") or "").strip().lower()
        if not (index.isascii() and index.isdecimal() and len(index) < 19):
            raise WrongLine(line=line, path=path, why="its index is no number")
        if verdict not in VERDICTS:
            raise WrongLine(line=line, path=path, why=f"the verdict {verdict[:40]!r} is neither agrees nor disagrees")
        if int(index) in judged:
            raise WrongLine(line=line, path=path, why=f"leaf {index} was judged above")
        judged[int(index)] = VERDICTS[verdict]
    return judged
