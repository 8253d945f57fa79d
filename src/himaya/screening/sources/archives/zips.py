"""Zip (APPNOTE 6.3.10): stored and deflated members, read by Python's own reader."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterator
from functools import partial
from typing import IO, BinaryIO, cast

from himaya.screening.fingerprinting import LINK, NOT_A_FILE, Skipped
from himaya.screening.sources.archives.members import ENCRYPTED, METHOD, PIECE, Guarded, Member, Purse

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others are rare, and Python's reader does not bound the memory that they take."""
ENCRYPTION = 0x1 | 0x40


def read(file: BinaryIO, purse: Purse) -> Iterator[Member | None]:
    """The members, in the order of the central directory; None for a folder."""
    guarded = Guarded(file)
    with zipfile.ZipFile(cast(IO[bytes], guarded)) as archive:
        for info in archive.infolist():
            name = info.orig_filename.encode("utf-8", "surrogateescape")
            unpack = partial(_unpack, archive, info, guarded, purse)
            yield None if info.filename.endswith("/") else Member(name, info.file_size, _unfit(info), unpack)


def _unfit(info: zipfile.ZipInfo) -> Skipped | None:
    if info.flag_bits & ENCRYPTION:
        return Skipped(ENCRYPTED)
    kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where the archive was not made on Unix
    if kind == stat.S_IFLNK:
        return Skipped(LINK)
    if kind not in (0, stat.S_IFREG):
        return Skipped(NOT_A_FILE)
    return None if info.compress_type in METHODS else Skipped(METHOD, f"method {info.compress_type}")


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, guarded: Guarded, purse: Purse) -> Iterator[bytes]:
    """Asked for all, the reader would read as many packed bytes as it was asked for."""
    guarded.allow(2 * info.file_size + PIECE)  # the local header; packed bytes that unpack to nothing
    with archive.open(info) as member:
        while piece := member.read(PIECE):
            purse.pay(len(piece))
            yield piece
