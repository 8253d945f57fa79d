"""Archives: tar (plain, gzip, bzip2, xz, zstd) and zip, looked into where they lie. Nothing is unpacked to disk
but large videos, into files without a name.

They are hostile: what one may cost is bounded before it is paid, by the number of members, the bytes that they unpack
to, how deep archives lie in archives, and what the tables of an archive take to read. Only bytes are taken out of them;
names are shown, and never opened.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import BinaryIO

from himaya.core.words import N_
from himaya.screening.fingerprinting import Skipped
from himaya.screening.sources.archives import tars, zips
from himaya.screening.sources.archives.members import DAMAGED, TOO_MANY, UNPACKS, Member, Purse
from himaya.screening.sources.places import Most, Parts, Place, Spooled, Unread

MEMBERS = 100_000
LEAST_BYTES = 256 * 1024**2
RATIO = 100
"""An archive and all that lies in it unpack to so many times its size, or to ``LEAST_BYTES``; the rest is not read."""
DEPTH = 3
"""An archive in an archive in an archive is looked into; one that lies in that is a file."""
HEAD = 512
LONGEST_NAME = 4096
END = b"~"
"""The part of what is wrong with an archive as a whole: behind every member's number."""
NAMES = (
    ".zip", ".cbz", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp", ".epub", ".jar", ".apk",
    ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst",
)  # fmt: skip
"""How archives are called, for places where a look at the content costs a request."""

TOO_DEEP = N_("an archive too deep within archives")
_COMMON = (TOO_MANY, UNPACKS)
"""Limits that an archive has together with all that lies in it."""


def may_be(head: bytes) -> bool:
    """Whether a file that begins so can be an archive."""
    return head.startswith((*zips.MAGIC, *tars.PACKED)) or tars.is_header(head)


@dataclass(slots=True)
class _Limits:
    """What is left for an archive and all that lies in it."""

    members: int
    purse: Purse
    most: Most


def members(file: BinaryIO, place: Place, *, done: Parts | None, most: Most) -> Iterator[Place]:
    """What lies in an archive, in its order; at its end, where there is more than could be read, the reason.

    Args:
        file: the archive; it can be sought in.
        place: where it was met.
        done: the parts of the last member that is done; these and what lies before them is not given again.
        most: a larger member is skipped.
    """
    size = file.seek(0, io.SEEK_END)
    limits = _Limits(MEMBERS, Purse(max(LEAST_BYTES, RATIO * size)), most)
    yield from _inside(file, place, limits, done, depth=1)


def _inside(file: BinaryIO, place: Place, limits: _Limits, done: Parts | None, depth: int) -> Iterator[Place]:
    number, parts = place.position
    if done is not None and done[: len(parts) + 1] == (*parts, END):
        return
    try:
        for ordinal, member in enumerate(_opened(file, limits.purse)):
            if limits.members == 0:
                raise Unread(Skipped(TOO_MANY))
            limits.members -= 1
            if member is None:
                continue
            name = b"%s!/%s" % (place.path, member.name[:LONGEST_NAME])
            met = Place((number, (*parts, b"%08d" % ordinal)), name, member=True)
            yield from _one(member, met, limits, done, depth)
        return
    except Unread as error:
        skipped = error.skipped
        if depth > 1 and skipped.reason in _COMMON:
            raise
    except Exception as error:  # noqa: BLE001 - whatever hostile bytes make the parsers stumble over
        skipped = Skipped(DAMAGED, type(error).__name__)
    yield Place((number, (*parts, END)), place.path + b"!", skipped, member=True)


def _opened(file: BinaryIO, purse: Purse) -> Iterator[Member | None]:
    file.seek(0)
    head = file.read(HEAD)
    return zips.read(file, purse) if head.startswith(zips.MAGIC) else tars.read(file, head, purse)


def _one(member: Member, place: Place, limits: _Limits, done: Parts | None, depth: int) -> Iterator[Place]:
    """A member, and if it is an archive, what lies in it."""
    number, parts = place.position
    begun = done is not None and done[: len(parts)] == parts
    if done is not None and parts < done and not begun:
        return
    over: Unread | None = None
    content: bytes | Spooled | Skipped
    try:
        content = member.skipped or limits.most.taken(member.pieces(), member.size)
    except Unread as error:
        content = error.skipped
        over = error if content.reason in _COMMON else None
    except Exception as error:  # noqa: BLE001 - as above; the next one may be whole
        content = Skipped(DAMAGED, type(error).__name__)
    archive = isinstance(content, bytes) and may_be(content[:HEAD])
    inside: Iterator[Place] = iter(())
    if isinstance(content, bytes) and archive and depth < DEPTH:
        inside = _inside(io.BytesIO(content), place, limits, done, depth + 1)
    first: list[Place] = []
    try:
        first += islice(inside, 1)
    except Unread as error:
        over = error
    if not begun:
        if isinstance(content, Skipped):
            yield replace(place, skipped=content)
        else:
            yield replace(place, content=content, size=member.size, opened=bool(first))
    if over is not None:
        raise over
    yield from chain(first, inside)
    if archive and depth == DEPTH and (done is None or done < (*parts, END)):
        yield Place((number, (*parts, END)), place.path + b"!", Skipped(TOO_DEEP), member=True)
