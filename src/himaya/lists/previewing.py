"""A file that is looked at before it is imported: kept for an hour, for the person who brought it and nobody else.

Nothing reaches the list. What is imported then is the file that was looked at, byte for byte.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
import secrets
import time
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from django.db import transaction

from himaya.core import clock, files, registry
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.ports import ItemRow, Refusal
from himaya.core.statements import UNSTATED
from himaya.core.words import packed
from himaya.ledger.services import record
from himaya.lists import organisations, services
from himaya.lists.arrivals.words import steps
from himaya.lists.labels import check_file
from himaya.lists.models import WITHDRAWN, HashList, Item
from himaya.lists.parsing import HEAD, Reader, recognise
from himaya.lists.repeats import Repeats

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

LASTS = 3600
"""Seconds for which a file is kept."""
MOST = 3
"""Files that are kept for a person; of more, the oldest is removed."""
ROWS, REFUSALS, CONFLICTS = 20, 100, 20
"""Lines that are shown."""
BATCH = 1000
CHUNK = 256 * 1024
_NAME = re.compile(r"[A-Za-z0-9_-]{32}")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins a formula (OWASP)."""


class PreviewGone(HimayaError):
    """This file is not here any more: it was imported, or an hour is over, or somebody else brought it."""

    remedy = "Choose the file again."
    status = 404


class PreviewChanged(HimayaError):
    """The file is not the one that was looked at; nothing was imported."""

    remedy = "Choose the file again, and tell whoever runs the node: somebody changed it on the disk."
    status = 409


@dataclass(slots=True)
class Preview:
    """What a file would bring.

    Attributes:
        draft: by which its person finds it again, and nobody else: it is no secret.
        person, list_name: who brought it, and for which list.
        file: its name.
        format, signal: how it is read.
        sha256, size: of the file; bytes.
        organisation, jurisdiction, basis: in whose name; this node's own where ``organisation`` is empty.
        at: when it was looked at, in seconds.
        good, refused, caught: lines; ``caught`` of the refused ones match a canary.
        new, known, withdrawn: items by what the list has of their values; one that the file names twice counts once.
        repeated: good lines that name what a line before them names; ``otherwise`` of these with another class.
        rows, refusals, conflicts: the first of each; a conflict is a line, and the line that gives another class.
    """

    draft: str
    person: str
    list_name: str
    file: str
    format: str
    signal: str
    sha256: str
    size: int
    organisation: str = ""
    jurisdiction: str = ""
    basis: str = UNSTATED
    at: float = 0.0
    good: int = 0
    refused: int = 0
    caught: int = 0
    new: int = 0
    known: int = 0
    withdrawn: int = 0
    repeated: int = 0
    otherwise: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    conflicts: list[dict[str, int]] = field(default_factory=list)

    @property
    def items(self) -> int:
        """What its good lines name, each once."""
        return self.good - self.repeated


def look(
    hash_list: HashList, stream: BinaryIO, *, person: str, file: str, format_name: str = "", signal: str = "",
    organisation: str = "", jurisdiction: str = "", basis: str = UNSTATED, benign: bool = False,
) -> Preview:  # fmt: skip
    """Keep a file and read it, in constant memory.

    Args:
        hash_list: the list that it is for.
        stream: the file.
        person: the actor.
        file: its name.
        format_name: how it is read; by what it is where empty.
        signal: what its values are, where it does not say.
        organisation: in whose name it is imported; this node's own where empty.
        jurisdiction: of that organisation.
        basis: legal basis of what it says, where it does not say so itself.
        benign: whether its lines may say what is known to be benign.

    Raises:
        BadListFile, AmbiguousSignal, StricterThanList, UnknownPlugin: as :func:`himaya.lists.services.import_items`.
    """
    sweep()
    _make_room(person)
    draft, digest, size = secrets.token_urlsafe(24), hashlib.sha256(), 0

    def parts() -> Iterator[bytes]:
        nonlocal size
        stream.seek(0)
        while part := stream.read(CHUNK):
            digest.update(part)
            size += len(part)
            yield part

    files.replace(_place(draft, "data"), parts())
    try:
        stream.seek(0)
        found, told = recognise(file, stream.read(HEAD))
        made = Preview(
            draft, person, hash_list.name, file[:200], registry.format_(format_name or found).name, signal or told,
            digest.hexdigest(), size, organisation, jurisdiction, basis, clock.now().timestamp(),
        )  # fmt: skip
        stream.seek(0)
        _read(made, hash_list, stream, benign=benign)
        files.replace(_place(draft, "json"), [json.dumps(asdict(made)).encode()])
    except BaseException:
        _remove(draft)
        raise
    return made


def find(draft: str, *, person: str, hash_list: HashList) -> Preview:
    """What was looked at.

    Raises:
        PreviewGone: there is no such file for this person and this list.
    """
    with suppress(OSError, ValueError, TypeError):
        if _NAME.fullmatch(draft):
            found = Preview(**json.loads(_place(draft, "json").read_bytes()))
            lasting = clock.now().timestamp() - found.at < LASTS
            if (found.person, found.list_name) == (person, hash_list.name) and lasting:
                return found
    raise PreviewGone


@contextmanager
def opened(one: Preview) -> Iterator[BinaryIO]:
    """The file, which is the one that was looked at.

    Raises:
        PreviewGone, PreviewChanged: as their names say.
    """
    try:
        with _place(one.draft, "data").open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            if (digest, os.fstat(stream.fileno()).st_size) != (one.sha256, one.size):
                raise PreviewChanged
            stream.seek(0)
            yield stream
    except FileNotFoundError:
        raise PreviewGone from None


def bring(one: Preview, hash_list: HashList, stream: BinaryIO, *, benign: bool) -> services.ImportResult:
    """Import the good lines of what was looked at, and forget the file.

    Args:
        one: what was looked at.
        hash_list: its list.
        stream: from :func:`opened`.
        benign: whether its lines may say what is known to be benign.

    Raises:
        NeedsSecond: the list is a common one; the file is kept.
        ImportUnderWay, ImportLost: another import is in the way; the file is kept.
    """
    voice = None
    if one.organisation:
        with transaction.atomic():
            speaker = organisations.lent(one.organisation, by=one.person, jurisdiction=one.jurisdiction)
        voice = services.Voice(speaker, one.basis)
    elif one.basis != UNSTATED:
        voice = services.Voice(organisations.own(), one.basis)
    result = services.import_items(
        hash_list, stream=stream, format_name=one.format, signal=one.signal, by=one.person, benign=benign,
        accept_good=bool(one.refused), voice=voice,
    )  # fmt: skip
    _remove(one.draft)
    return result


def forget(one: Preview) -> None:
    """Remove the file now."""
    _remove(one.draft)


def refused_lines(one: Preview, hash_list: HashList, *, benign: bool, say: Callable[[str], str]) -> Iterator[bytes]:
    """Every refused line, as CSV; read anew, so that none of it is kept.

    Args:
        one: what was looked at.
        hash_list: its list.
        benign: as :func:`look`.
        say: the reason in the language of whoever reads it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(("line", "why", "excerpt"))
    with opened(one) as stream:
        for row in Reader(one.signal, benign=benign, radius=hash_list.radius).read(_format(one).read(stream)):
            if isinstance(row, Refusal):
                writer.writerow((row.line, say(row.why), _guarded(row.excerpt)))
            if out.tell() > CHUNK:
                yield _drained(out)
    yield _drained(out)


def sweep() -> bool:
    """Remove what has been kept for an hour; True where there was some."""
    found = False
    for path in _place().iterdir():
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > LASTS:
                path.unlink()
                found = True
    return found


# --- the file --------------------------------------------------------------------------------------------------------


def _place(draft: str = "", ending: str = "") -> Path:
    folder = config().data / "previews"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{draft}.{ending}" if draft else folder


def _remove(draft: str) -> None:
    for ending in ("json", "data"):
        _place(draft, ending).unlink(missing_ok=True)


def _make_room(person: str) -> None:
    """Keep few files of one person."""
    mine = []
    for path in _place().glob("*.json"):
        with suppress(OSError, ValueError, KeyError):
            told = json.loads(path.read_bytes())
            if told["person"] == person:
                mine.append((told["at"], told["draft"]))
    for _, draft in sorted(mine, reverse=True)[MOST - 1 :]:
        _remove(draft)


def _format(one: Preview) -> Any:
    return registry.format_(one.format)


def _guarded(text: str) -> str:
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def _drained(out: io.StringIO) -> bytes:
    chunk = out.getvalue().encode()
    out.seek(0)
    out.truncate()
    return chunk


# --- reading ---------------------------------------------------------------------------------------------------------


def _read(made: Preview, hash_list: HashList, stream: BinaryIO, *, benign: bool) -> None:
    reader = Reader(made.signal, benign=benign, radius=hash_list.radius)
    lines = reader.read(_format(made).read(stream))
    with Repeats() as repeats:
        _read_on(made, hash_list, lines, repeats)
    made.caught = reader.caught
    if made.caught:
        with transaction.atomic():  # whoever only looks whether something is a canary leaves a trace, too
            record("list.canary", by=made.person, about=f"list:{made.list_name}", items=made.caught)
    check_file(hash_list, reader.tlp)


def _read_on(made: Preview, hash_list: HashList, lines: Iterator[ItemRow | Refusal], repeats: Repeats) -> None:
    while some := list(islice(lines, BATCH)):
        good = note(made, some)
        again = repeats.note(good)
        made.repeated += len(again)
        made.otherwise += sum(one.otherwise for one in again.values())
        told = [{"line": one.line, "of": one.of} for one in again.values() if one.otherwise]
        made.conflicts += told[: CONFLICTS - len(made.conflicts)]
        _count(made, hash_list, [row for at, row in enumerate(good) if at not in again])


class Noted(Protocol):
    """Lines that were read: how many, and the first of each."""

    good: int
    refused: int
    rows: list[dict[str, Any]]
    refusals: list[dict[str, Any]]


def note(made: Noted, some: Iterable[ItemRow | Refusal]) -> list[ItemRow]:
    """Count lines, and keep the first of each as they are shown (JSON types); the good ones."""
    good, names = [], ("line", "signal", "value", "scheme", "code", "source", "reference", "negative")
    for row in some:
        if isinstance(row, ItemRow):
            good.append(row)
            if len(made.rows) < ROWS:
                made.rows.append({name: getattr(row, name) for name in names})
        else:
            made.refused += 1
            if len(made.refusals) < REFUSALS:
                made.refusals.append({"line": row.line, "why": packed(row.why), "excerpt": row.excerpt})
    made.good += len(good)
    return good


def _count(made: Preview, hash_list: HashList, rows: Iterable[ItemRow]) -> None:
    """Items by what the list has of their values."""
    wanted: dict[tuple[str, bool], list[str]] = {}
    for row in rows:
        wanted.setdefault((row.signal, row.negative), []).append(row.value)
    for (signal, negative), values in wanted.items():
        there: dict[str, str] = {}
        for part in steps(list(set(values))):
            found = Item.objects.filter(list=hash_list, signal=signal, negative=negative, value__in=part)
            there.update(found.values_list("value", "state"))
        states = [there.get(value) for value in values]
        made.new += states.count(None)
        made.withdrawn += states.count(WITHDRAWN)
        made.known += len(values) - states.count(None) - states.count(WITHDRAWN)
