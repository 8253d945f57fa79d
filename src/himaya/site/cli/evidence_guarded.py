"""``himaya evidence custodians …, share …``: who has parts of keys, and bringing a part."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from himaya.core.errors import HimayaError
from himaya.core.vault import shares
from himaya.core.vault.recipients import identity
from himaya.core.vault.shares import NotShare
from himaya.site.cli import start
from himaya.site.cli.evidence import Json, evidence
from himaya.site.cli.evidence_intake import new_file
from himaya.site.cli.evidence_rules import Reason
from himaya.site.cli.grammar import command, commands
from himaya.site.cli.log import UnreadableFile
from himaya.site.cli.shown import counted, done, out, table

if TYPE_CHECKING:
    from himaya.evidence.guarded.models import Custodian

custodians = commands("Custodians: who together open what is guarded.")
share = commands("Parts of keys: take, open and bring yours.")
evidence.add_typer(custodians, name="custodians")
evidence.add_typer(share, name="share")
About = Annotated[str, typer.Argument(help="What for: access:12, answer:3 or renewal:1.", metavar="WHAT")]
Who = Annotated[str, typer.Argument(help="User name of the custodian.", metavar="USER")]
MOST_FILE = 4 * 2**20
"""Bytes of a file with parts: a hundred of them, encrypted."""


class NobodyOfThatName(HimayaError):
    """There is no account {name}."""

    remedy = "See who there is: himaya users list."


class NotCustodian(HimayaError):
    """{name} is no custodian."""

    remedy = "See who is: himaya evidence custodians list."


@command(custodians, "list", example="himaya evidence custodians list")
def list_(
    all_: Annotated[bool, typer.Option("--all", help="Those that were ended as well.")] = False, json_: Json = False
) -> None:
    """Who has parts of keys, and how many exhibits too few of them can open."""
    start.database()
    from himaya.evidence.guarded import custodians as naming
    from himaya.evidence.guarded import queries

    found, thin, lost = list(queries.custodians(ended=all_)), naming.thin().count(), naming.lost().count()
    if json_:
        rows = [_told(one) for one in found]
        typer.echo(json.dumps({"custodians": rows, "thin": thin, "lost": lost}))
        return
    shown = table("user", "key", "since", "state")
    for one in found:
        state = "ended" if one.until else "acts" if one.person.is_active else "cannot sign in"
        shown.add_row(one.person.username, escape(one.recipient), f"{one.since:%Y-%m-%d}", state)
    out.print(shown)
    if thin:
        done(f"{counted(thin, 'exhibit')} with fewer than three custodians who act, {lost:,} with fewer than two")


def _told(one: Custodian) -> dict[str, Any]:
    until = one.until.isoformat() if one.until else None
    acts = one.until is None and one.person.is_active
    since = one.since.isoformat()
    return {"user": one.person.username, "key": one.recipient, "since": since, "until": until, "acts": acts}


@command(custodians, "add", example="himaya evidence custodians add sam --key age1…")
def add(user: Who, key: Annotated[str, typer.Option(help="Their age key (age1…) or SSH key.", metavar="KEY")]) -> None:
    """Name a custodian: of what is guarded from now on they have a part."""
    start.database()
    from himaya.accounts.queries import person
    from himaya.evidence.guarded.custodians import add_custodian

    found = person(user)
    if found is None:
        raise NobodyOfThatName(name=user[:50])
    add_custodian(found, recipient=key, by=start.actor())
    done(f"{user} is a custodian")


@command(custodians, "end", example="himaya evidence custodians end sam --reason 'left us'")
def end(user: Who, reason: Reason) -> None:
    """Somebody is a custodian no more; what they have opens nothing here any more."""
    start.database()
    from himaya.evidence.guarded import queries
    from himaya.evidence.guarded.custodians import end_custodian

    found = queries.custodians().filter(person__username=user).first()
    if found is None:
        raise NotCustodian(name=user[:50])
    end_custodian(found.pk, by=start.actor(), reason=reason)
    done(f"{user} is a custodian no more")


@command(share, "take", example="himaya evidence share take access:12 sam --to parts.zip")
def take(about: About, user: Who, to: Annotated[Path, typer.Option(help="A new file.", metavar="FILE")]) -> None:
    """Take a custodian's parts, encrypted to their key: of one exhibit an age file, of several a ZIP of such."""
    start.database()
    from himaya.accounts.queries import person
    from himaya.evidence.guarded.bringing import parts_file

    found = person(user)
    if found is None:
        raise NobodyOfThatName(name=user[:50])
    with new_file(to) as file:
        name, content = parts_file(about, person=found, by=start.actor())
        file.write(content)
    done(f"{to}: {len(content):,} bytes, as {name}")


@command(share, "open", example="himaya evidence share open parts.zip --key key.txt")
def open_(
    file: Annotated[Path, typer.Argument(help="What was taken.", metavar="FILE")],
    key: Annotated[Path, typer.Option(help="The file with the private age key.", metavar="FILE")],
) -> None:
    """Open parts with the custodian's own key and print them. Needs no database: do it where the key is, not here."""
    own = identity(_read(key).decode("utf-8", "replace"))
    for content in _files(file):
        typer.echo(shares.take(content, own).text())


@command(share, "bring", example="himaya evidence share bring access:12 parts.txt")
def bring(
    about: About,
    file: Annotated[str, typer.Argument(help="Opened parts, one a line; - reads standard input.", metavar="FILE")],
    json_: Json = False,
) -> None:
    """Bring parts for a reading, an answer or a new deal. Whose they are, they say by themselves."""
    content = sys.stdin.read(MOST_FILE) if file == "-" else _read(Path(file)).decode("ascii", "replace")
    start.database()
    from himaya.evidence.guarded.bringing import bring_parts
    from himaya.evidence.guarded.custodians import THRESHOLD

    stands = bring_parts(about, text=content, by=start.actor())
    if json_:
        rows = [{"exhibit": one.exhibit.reference, "by": list(one.by), "enough": one.enough} for one in stands]
        typer.echo(json.dumps(rows))
        return
    for one in stands:
        done(f"{one.exhibit.reference}: {len(one.by)} of {THRESHOLD}")
    if not stands:
        done("dealt anew")


@command(share, "anew", example="himaya evidence share anew sam")
def anew(user: Who) -> None:
    """Begin to deal anew the keys of what too few can open: two custodians bring their parts, and it is done."""
    start.database()
    from himaya.accounts.queries import person
    from himaya.evidence.guarded.custodians import renewable
    from himaya.evidence.guarded.renewing import MOST, begin_renewal

    found = person(user)
    if found is None:
        raise NobodyOfThatName(name=user[:50])
    made = begin_renewal(list(renewable()[:MOST]), person=found)
    done(f"{made.about}: two custodians bring their parts until {made.until:%Y-%m-%d}")


def _files(path: Path) -> list[bytes]:
    content = _read(path)
    if not content.startswith(b"PK"):
        return [content]
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = sorted(archive.infolist(), key=lambda one: one.filename)
            if len(names) > shares.MOST * 100 or sum(one.file_size for one in names) > MOST_FILE:
                raise NotShare(why="there are too many parts in it")
            return [archive.read(one) for one in names]
    except zipfile.BadZipFile as error:
        raise UnreadableFile(path=path, why="it is a damaged ZIP") from error


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_FILE)
    except OSError as error:
        raise UnreadableFile(path=path, why=os.strerror(error.errno or 0)) from error
