"""``himaya evidence take, intakes, receipt, hand-over, key``: what others bring, and what goes on at other nodes."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.core.files import created
from himaya.core.words import printable, unpacked
from himaya.site.cli import start
from himaya.site.cli.evidence import A_CASE, Json, case_of, check_case, evidence
from himaya.site.cli.grammar import FileThere, command
from himaya.site.cli.log import UnreadableFile, UnwritableFile
from himaya.site.cli.shown import FLAWS, counted, done, err, out, progress, table

if TYPE_CHECKING:
    from himaya.core.intake.reading import Delivery
    from himaya.screening.incoming.checking import Checked
    from himaya.screening.incoming.models import Intake

DIFFERED = 1
"""Exit status where a file is not what its sender wrote, or cannot be read: it was not taken."""
STATES = {
    "waiting": "agrees", "kept": "kept", "differs": "differs", "absent": "no file", "twice": "told of before",
    "unread": "unreadable",
}  # fmt: skip


class NeedsIdentity(HimayaError):
    """{path} is a bundle of another node: its exhibits are encrypted."""

    remedy = "Name the file of the age key that opens them: --identity KEY.txt."


@command(evidence, "take", example="himaya evidence take export.zip --from 'Police of the North' --preview")
def take(
    path: Annotated[Path, typer.Argument(help="A folder, a ZIP, or the file that tells of those beside it.")],
    preview: Annotated[bool, typer.Option("--preview", help="Only show what is in it; nothing is kept.")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="All of it or nothing.")] = False,
    case: Annotated[str, typer.Option(help=f"The case that all of it belongs to: {A_CASE}.", metavar="NUMBER")] = "",
    sender: Annotated[str, typer.Option("--from", help="Who sent it.", metavar="TEXT")] = "",
    basis: Annotated[str, typer.Option(help="By which right they hand it over.", metavar="TEXT")] = "",
    occasion: Annotated[str, typer.Option(help="received or tip; by default as its form says.", metavar="NAME")] = "",
    identity: Annotated[
        Path | None, typer.Option(help="The age key that opens a bundle of another node.", metavar="FILE")
    ] = None,
    key: Annotated[
        list[str] | None, typer.Option(help="A custody key of that node that you trust; repeatable.", metavar="KEY")
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option(help="Where the receipt for that node goes; by default beside you.", metavar="FILE")
    ] = None,
    json_: Json = False,
) -> None:
    """Take what others bring: VICS, CASE, a CyberTipline report, a bag, a bundle of another node."""
    start.database()
    named = case_of(case)
    from himaya.site.cli import evidence_bundles

    check_case(named)
    _check_occasion(occasion)
    try:
        if evidence_bundles.is_bundle(path):
            if not identity and not preview:
                raise NeedsIdentity(path=path)
            evidence_bundles.take(
                path, identity=identity, trusted=key or (), case=named, to=receipt, preview=preview, json_=json_
            )
            return
        _take(path, preview, whole, {"case": named, "sender": sender, "basis": basis, "occasion": occasion}, json_)
    except OSError as error:
        raise UnreadableFile(path=error.filename or path, why=os.strerror(error.errno or 0)) from error


def _check_occasion(occasion: str) -> None:
    from himaya.evidence.services import BadExhibit

    if occasion not in ("", "received", "tip"):
        raise BadExhibit(why="for what others bring it is received, or tip")


def _take(path: Path, preview: bool, whole: bool, terms: dict[str, Any], json_: bool) -> None:
    from himaya.core.intake.reading import opened_delivery
    from himaya.screening.incoming import taking

    with opened_delivery(path) as delivery:
        found = None if preview else taking.find_intake(delivery)
        if preview or whole:
            seen = list(_looked(delivery))
            if preview:
                _preview(delivery, seen, json_)
                return
            if bad := [one for one in seen if one.state in ("differs", "unread")]:
                _name(bad)
                raise taking.NothingTaken(path=path, n=len(bad))
        taking.check_ground(terms["occasion"] or delivery.occasion)
        with taking.alone_with(delivery.digest):
            found = _taken(delivery, found, iter(seen) if whole else _looked(delivery), path, terms)
    _tell(found.pk, as_json=json_)


def _taken(
    delivery: Delivery, found: Intake | None, seen: Iterator[Checked], path: Path, terms: dict[str, Any]
) -> Intake:
    from himaya.screening.incoming import taking

    by = start.actor()
    if found is not None and found.state != "refused":
        sender = terms["sender"] or delivery.told.sender
        taking.note_sender(found, sender=sender, basis=terms["basis"] or delivery.told.basis, by=by)
    if found is None or found.state in ("reading", "refused"):
        found = taking.start_intake(delivery, checked=seen, path=str(path.absolute()), by=by, **terms)
    found = taking.confirm_intake(found.pk, by=by)
    found = taking.look_again(found, delivery=delivery, by=by)
    if found.state == "done":
        done(f"{found.reference} was taken before: nothing is taken twice")
        return found
    with progress() as bar:
        task = bar.add_task("taking", total=taking.tally(found)["waiting"], note="")
        return taking.take_intake(found, delivery=delivery, by=by, on_file=lambda _: bar.advance(task))


def _looked(delivery: Delivery) -> Iterator[Checked]:
    """Each file, while a bar shows how far."""
    from himaya.screening.incoming.checking import check

    with progress("bytes") as bar:
        task = bar.add_task("looking through", total=sum(delivery.parcel.files.values()), note="")
        yield from check(delivery, on_bytes=lambda n: bar.advance(task, n))


def _preview(delivery: Delivery, seen: list[Checked], json_: bool) -> None:
    told = delivery.told
    counts = {state: sum(one.state == state for one in seen) for state in STATES}
    facts = {
        "form": delivery.form, "number": told.number, "sender": told.sender, "basis": told.basis,
        "at": told.at.isoformat() if told.at else "", **told.facts, "files": len(seen),
        "bytes": sum(one.size or 0 for one in seen), "agree": counts["waiting"],
        "of these without a declared digest": sum(one.state == "waiting" and not one.digests for one in seen),
        "differ": counts["differs"], "without a file": counts["absent"], "told of twice": counts["twice"],
        "unreadable": counts["unread"], "known to the lists": sum(one.matches > 0 for one in seen),
        "of which nothing tells": len(delivery.left),
    }  # fmt: skip
    if json_:
        files = [
            {
                "name": one.offered.name, "called": one.offered.called, "state": one.state, "why": str(one.why),
                "size": one.size, "sha256": one.sha256, "declared": one.digests, "matches": one.matches,
                "labels": [[each.kind, each.value] for each in one.offered.labels],
                "facts": dict(one.offered.facts),
            }
            for one in seen
        ]  # fmt: skip
        typer.echo(json.dumps({"about": facts, "files": files, "left": list(delivery.left)}))
        return
    shown = table("", "", keep=("",))
    for name, value in facts.items():
        if value != "":
            shown.add_row(name, escape(f"{value:,}" if isinstance(value, int) else str(value)))
    out.print(shown)
    _name([one for one in seen if one.state in ("differs", "unread", "absent")])
    err.print("Nothing was kept.")


def _name(bad: list[Checked]) -> None:
    for one in bad[:FLAWS]:
        err.print(escape(f"{printable(one.offered.called or one.offered.name)}: {one.why}"), soft_wrap=True)
    if len(bad) > FLAWS:
        err.print(f"… and {len(bad) - FLAWS:,} more")


def _tell(number: int, *, as_json: bool) -> None:
    from himaya.screening.incoming import queries

    one = queries.intake(number)
    files = list(queries.files(one))
    counts = queries.tally(one)
    if as_json:
        typer.echo(json.dumps({**queries.told(one), "files": [queries.file_told(each) for each in files]}))
    else:
        for each in files:
            if each.state in ("differs", "unread"):
                err.print(escape(f"✗ {each.called or each.name}: {unpacked(each.why)}"), soft_wrap=True)
        done(
            f"{one.reference}: {counted(counts['kept'], 'file')} kept, {counts['known']:,} known to the lists, "
            f"{counts['kept'] - counts['known']:,} match nothing known"
        )
        if one.case:
            done(f"it belongs to {one.case}")
    if counts["differs"] or counts["unread"]:
        raise typer.Exit(DIFFERED)


@command(evidence, "intakes", example="himaya evidence intakes")
def intakes(
    number: Annotated[str, typer.Argument(help="One of them, with the fate of each file.", metavar="INTAKE")] = "",
    json_: Json = False,
) -> None:
    """What others brought: the newest first, then what nodes gave one another; of one, what became of each file."""
    start.database()
    from himaya.screening.incoming import queries

    if number:
        one = queries.by_reference(number)
        _show(one, json_)
        return
    found = list(queries.intakes()[:200])
    if json_:
        typer.echo(json.dumps([queries.told(one) for one in found]))
        return
    shown = table("intake", "form", "from", "number", "kept#", "differ#", "known#", "case", "state", keep=("intake",))
    for one in found:
        counts = queries.tally(one)
        cells = (one.reference, one.form, one.sender, one.number)
        numbers = (f"{counts[name]:,}" for name in ("kept", "differs", "known"))
        shown.add_row(*map(escape, cells), *numbers, one.case.removeprefix("case:"), one.state)
    out.print(shown)
    from himaya.site.cli.evidence_returns import print_handovers

    print_handovers()


def _show(one: Intake, json_: bool) -> None:
    from himaya.screening.incoming import queries

    if json_:
        files = [queries.file_told(each) for each in queries.files(one)]
        again = queries.brought_again_told(one)
        typer.echo(json.dumps({**queries.told(one), "brought_again": again, "files": files}))
        return
    for other in queries.brought_again(one):
        out.print(escape(f"brought by {other.sender} as well, on {other.at:%Y-%m-%d}, taken in by {other.by}"))
    shown = table("file#", "called", "bytes#", "fate", "exhibit#", "matches#", "")
    for each in queries.files(one):
        why = str(unpacked(each.why)) or ("" if each.matches or each.state != "kept" else "matches nothing known")
        size = "" if each.size is None else f"{each.size:,}"
        exhibit = "" if each.exhibit is None else str(each.exhibit)
        shown.add_row(
            str(each.number), escape(each.called), size, STATES[each.state], exhibit, str(each.matches), escape(why)
        )
    out.print(shown)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What the system says of a file, in our words."""
    try:
        yield
    except OSError as error:
        raise UnreadableFile(path=path, why=os.strerror(error.errno or 0)) from error


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file that is there whole or not at all, and what the system says of it in our words.

    Raises:
        FileThere: something has its name.
        UnwritableFile: it cannot be written.
    """
    try:
        with created(path) as file:
            yield file
    except FileExistsError:
        raise FileThere(path=path) from None
    except OSError as error:
        raise UnwritableFile(path=path, why=os.strerror(error.errno or 0)) from error


def told(facts: dict[str, Any]) -> None:
    """For a machine."""
    typer.echo(json.dumps(facts))
