"""``himaya evidence tags export, import``: what investigators say of things by their digests, without any content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from himaya.site.cli import start
from himaya.site.cli.evidence import A_CASE, Json, case_of, evidence
from himaya.site.cli.evidence_intake import readable
from himaya.site.cli.grammar import FileThere, command, commands
from himaya.site.cli.shown import counted, done, err

if TYPE_CHECKING:
    from himaya.evidence.labelling import Said

tags = commands("Labels that investigators exchange: VICS 2.0 by digest, without any content.")
evidence.add_typer(tags, name="tags")


@command(tags, "export", example="himaya evidence tags export --to tags.json --case 12")
def export(
    to: Annotated[Path, typer.Option(help="The file that is written.", metavar="FILE")],
    case: Annotated[str, typer.Option(help=f"Only of a case: {A_CASE}.", metavar="NUMBER")] = "",
) -> None:
    """Write what other bodies say of what is kept: digests, categories, tags, series and flags, and who says so."""
    if to.exists():
        raise FileThere(path=to)
    start.database()
    named = case_of(case)
    from himaya.core import objects, vics
    from himaya.core.files import replace

    before = f'{{"@odata.context": "{vics.context("Media")}", "value": ['.encode()
    counts = {"media": 0}
    with readable(to):
        replace(to, objects.write(before, _media(named, counts), b"\n]}\n"))
    done(f"{to}: what is said of {counted(counts['media'], 'thing')}")


def _media(case: str, counts: dict[str, int]) -> Iterator[dict[str, Any]]:
    """One Media for each exhibit and who says something of it: what two say stays apart."""
    from himaya.core import vics
    from himaya.evidence.labelling import all_labels

    for exhibit, rows in all_labels(case=case):
        for who, said in groupby(rows, key=lambda row: row.said_by):
            counts["media"] += 1
            told, seen = exhibit.digests, [(row.kind, row.value) for row in said]
            others = [(name.upper(), told[name]) for name in ("sha256", "sha512") if name in told]
            more = {**vics.said(seen), "PrecategorizationSource": who}
            yield vics.media(counts["media"], md5=told.get("md5"), sha1=told.get("sha1"), others=others, **more)


@command(tags, "import", example="himaya evidence tags import tags.json --from 'Police of the North'")
def import_(
    file: Annotated[Path, typer.Argument(help="VICS 1.3 or 2.0; media files beside it are not read.")],
    sender: Annotated[str, typer.Option("--from", help="Who sent it, and says so.", metavar="TEXT")],
    json_: Json = False,
) -> None:
    """Keep what another body says of exhibits of equal digest. Nothing that stands is overwritten."""
    with readable(file), file.open("rb") as source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
    start.database()
    from himaya.core.intake.reading import opened_delivery
    from himaya.evidence.labelling import apply_labels

    with readable(file), opened_delivery(file) as delivery:
        found = apply_labels(_said(delivery, sender), came_with=f"tags:{digest[:32]}", by=start.actor())
    if json_:
        told = {
            "exhibits": found.exhibits, "labels": found.labels, "unknown": found.unknown,
            "contradicting": found.contradicting,
        }  # fmt: skip
        typer.echo(json.dumps(told))
        return
    done(
        f"{counted(found.labels, 'label')} new, on {counted(found.exhibits, 'exhibit')}; "
        f"{found.unknown:,} said of what is not here"
    )
    for reference in found.contradicting[:20]:
        err.print(f"{reference}: two bodies contradict one another; both stand: himaya evidence show {reference}")


def _said(delivery: Any, sender: str) -> Iterator[Said]:
    from himaya.core.intake.offered import SAID_BY
    from himaya.evidence.labelling import Said

    for one in delivery.offered():
        other = one.facts.get(SAID_BY, "")
        who = f"{other}, passed on by {sender}" if other and other != sender else sender
        if one.labels and one.declared:
            yield Said({each.algorithm: each.digest for each in one.declared}, one.labels, who)
