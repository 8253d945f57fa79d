"""Bundles between nodes at the command line: taking one, its receipt, handing one over, and this node's key."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.site.cli import start
from himaya.site.cli.evidence import Json, evidence
from himaya.site.cli.grammar import FileThere, command
from himaya.site.cli.shown import counted, done, out, table

if TYPE_CHECKING:
    from himaya.core.bundles.reading import Received
    from himaya.core.vault.recipients import Identity

MARKS = ("data/bundle.json", "data/custody/")
"""What a bundle of a node has, and no other bag."""
FATES = {
    "new": "kept",
    "known": "taken from this bundle before, and not taken twice",
    "came-back": "came back: what is here was compared, and goes on here",
    "again": "kept here still, and handed over once more",
}
"""What became of an exhibit of a bundle → in words."""
MAX_KEY, MAX_RECEIPT = 64 * 1024, 64 * 1024**2


class NotNodeKey(HimayaError):
    """{given!r} is no custody key of a node."""

    remedy = "The other node shows its own: himaya evidence key. It is 44 characters, or a file that holds them."


class NotToReturn(HimayaError):
    """Request {number} was not made to give something back."""

    remedy = "Ask with the purpose return: custody says what the two people were asked."
    status = 409


def is_bundle(path: Path) -> bool:
    """Whether it is a bundle of a node: of Himaya's own form."""
    from himaya.core.intake.parcels import is_zip, opened

    if path.is_file() and not is_zip(path):
        return False
    with opened(path) as parcel:
        names = [name.partition("/")[2] for name in parcel.files] + list(parcel.files)
        return all(any(name.startswith(mark) for name in names) for mark in MARKS)


def identity_of(path: Path) -> Identity:
    """The key in a file of age-keygen.

    Raises:
        NotIdentity: there is none.
        OSError: it cannot be read.
    """
    from himaya.core.vault.recipients import identity

    with path.open("rb") as file:
        return identity(file.read(MAX_KEY).decode("utf-8", "replace"))


def take(
    path: Path, *, identity: Path | None, trusted: Sequence[str], case: str, to: Path | None, preview: bool, json_: bool
) -> None:
    """Take a bundle of another node, and write the receipt that goes back."""
    from himaya.core.bundles.reading import opened

    if preview or identity is None:
        with opened(path, trusted=trusted) as received:
            _preview(received, json_)
        return
    from himaya.evidence.receiving import receipt_of
    from himaya.screening.incoming.bundles import take_bundle

    fates: dict[int, str] = {}
    opens = identity_of(identity)
    found = take_bundle(path, identity=opens, by=start.actor(), trusted=trusted, case=case, told=fates)
    receipt = receipt_of(found)
    where = to or Path(f"{path.name}.receipt")
    if receipt:
        write_new(where, receipt)
    if json_:
        named = {one.reference: fates[one.pk] for one in found}
        told = {"exhibits": [*named], "fates": named, "receipt": str(where) if receipt else None}
        typer.echo(json.dumps(told))
        return
    for fate, words in FATES.items():
        if some := [one.reference for one in found if fates[one.pk] == fate]:
            done(f"{counted(len(some), 'exhibit')} {words}: {', '.join(some[:20])}")
    if receipt:
        done(f"The receipt is in {where}: send it back, their chain of custody closes with it")


def write_new(path: Path, content: bytes) -> None:
    """Whole, or as it was; the same again is written again."""
    from himaya.core.files import replace

    if path.exists() and path.read_bytes() != content:
        raise FileThere(path=path)
    replace(path, [content])


def _preview(received: Received, json_: bool) -> None:
    from himaya.core.vault.verifier import key_name
    from himaya.evidence import custody
    from himaya.evidence.labelling import of_equal_digest

    bundle, ours = received.bundle, custody.known_key()
    to_us = ours is not None and any(key_name(ours).encode() in offer for offer in bundle.transfers)
    facts = {
        "form": "himaya", "number": bundle.number, "sender": bundle.organisation, "case": bundle.case,
        "at": bundle.made_at.isoformat(), "exhibits": len(bundle.exhibits),
        "bytes": sum(one.size for one in bundle.exhibits), "handed over to this node": "yes" if to_us else "no",
        "of equal digest here": sum(map(bool, of_equal_digest([one.digests for one in bundle.exhibits]))),
        "proved by": ", ".join(received.outcome.keys),
    }  # fmt: skip
    if json_:
        typer.echo(json.dumps({"about": facts}))
        return
    shown = table("", "", keep=("",))
    for name, value in facts.items():
        shown.add_row(name, escape(f"{value:,}" if isinstance(value, int) else str(value)))
    out.print(shown)
    done("Nothing was kept.")


@command(evidence, "key", example="himaya evidence key")
def key(
    of: Annotated[
        Path | None, typer.Option(help="Of somebody without a node: their key of Ed25519, as PEM.", metavar="FILE")
    ] = None,
    json_: Json = False,
) -> None:
    """This node's custody key: others name it when they hand something over to it, and tell it over another line."""
    if of is not None:
        _key_of_file(of, json_)
        return
    start.database()
    from django.db import transaction

    from himaya.core.vault.verifier import key_name
    from himaya.evidence import custody
    from himaya.log.keys import identity

    with transaction.atomic():
        public = custody.own_key()
    mine = identity()
    told = {"key": b64encode(public).decode(), "name": key_name(public), "log": mine.log_public if mine else ""}
    if json_:
        typer.echo(json.dumps(told))
        return
    typer.echo(told["key"])
    done(f"its name, by which others trust it: {told['name']}")
    log = f" --key '{told['log']}'" if told["log"] else ""
    done(f"whoever verifies a bundle of ours names: --key {told['name']}{log}")


def _key_of_file(path: Path, json_: bool) -> None:
    from himaya.core.bundles.acknowledging import signing_key
    from himaya.core.vault.verifier import key_name
    from himaya.site.cli.evidence_intake import readable

    with readable(path):
        public = signing_key(path).public_key().public_bytes_raw()
    told = {"key": b64encode(public).decode(), "name": key_name(public)}
    typer.echo(json.dumps(told) if json_ else told["key"])


def key_of(text: str) -> bytes:
    """A custody key as ``himaya evidence key`` shows it, or a file that holds it; empty: none.

    Raises:
        NotNodeKey: it is none.
    """
    given = text.strip()
    if not given:
        return b""
    try:
        if len(given) != 44 and Path(given).is_file():
            given = Path(given).read_bytes()[:MAX_KEY].decode().strip()
        found = b64decode(given, validate=True)
    except (OSError, ValueError, binascii.Error):
        raise NotNodeKey(given=text[:60]) from None
    if len(found) != 32:
        raise NotNodeKey(given=text[:60])
    return found


@command(evidence, "receipt", example="himaya evidence receipt bundle.zip.receipt --node kq3…=")
def receipt(
    file: Annotated[Path, typer.Argument(help="What the other node sent back.")],
    node: Annotated[str, typer.Option(help="The custody key of that node, or a file that holds it.", metavar="KEY")],
    json_: Json = False,
) -> None:
    """Take a receipt: another node has what was handed over to it, and both have signed so."""
    from himaya.site.cli.evidence_intake import readable

    public = key_of(node)
    if not public:
        raise NotNodeKey(given=node)
    with readable(file), file.open("rb") as source:
        content = source.read(MAX_RECEIPT)
    start.database()
    from himaya.evidence.receiving import take_receipt

    found = take_receipt(content, key=public, by=start.actor())
    if json_:
        typer.echo(json.dumps([one.reference for one in found]))
    else:
        done(f"Noted: {counted(len(found), 'exhibit')} went on there: {', '.join(one.reference for one in found[:20])}")


As = Annotated[
    str, typer.Option("--as", help="Who was granted it, in whose name you do it; both are on record.", metavar="PERSON")
]
Granted = Annotated[int, typer.Argument(help="The request that was granted, by its number.", min=1, max=2**63 - 1)]
ZipFile = Annotated[Path, typer.Option("--to", help="The ZIP that is written.", metavar="FILE")]


@command(evidence, "hand-over", example="himaya evidence hand-over 12 --as anna --to-node kq3…= --to bundle.zip")
def hand_over(
    access: Granted,
    who: As,
    to: ZipFile,
    to_node: Annotated[
        str, typer.Option(help="The custody key of the node where it goes on, or a file that holds it.", metavar="KEY")
    ] = "",
    json_: Json = False,
) -> None:
    """Write the bundle of a grant, encrypted as was granted; with a node's key its custody goes on there."""
    write_out(access, who, to=to, public=key_of(to_node), json_=json_)


def write_out(access: int, who: str, *, to: Path, public: bytes, json_: bool, purpose: str = "") -> None:
    """Write the bundle of a grant, for the person to whom it was granted, by whoever sits here.

    Raises:
        NotToReturn: the request has another purpose than the one that is wanted.
    """
    if to.exists():
        raise FileThere(path=to)
    start.database()
    from django.db import transaction

    from himaya.evidence import bundling, queries
    from himaya.evidence.pages.accesses import languages
    from himaya.ledger.services import record
    from himaya.site.cli.desk_acting import person_at_desk
    from himaya.site.cli.evidence_intake import new_file

    found, person = queries.access(access), person_at_desk(who)
    if purpose and found.purpose != purpose:
        raise NotToReturn(number=access)
    with new_file(to) as file:
        with transaction.atomic():
            made = bundling.hand_over(access, person=person, to_node=public, console=start.actor())
            facts = {"bundle": made.bundle.number, "person": person.actor}
            record("evidence.written-out", by=start.actor(), about=found.about, **facts)
        made.write(file, languages=languages())
    if json_:
        typer.echo(json.dumps({"bundle": made.bundle.number, "exhibits": len(made.bundle.exhibits), "file": str(to)}))
    else:
        done(f"bundle {made.bundle.number}: {counted(len(made.bundle.exhibits), 'exhibit')} in {to}")
