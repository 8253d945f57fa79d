"""What archives of every format are read by: members, and files that do not give more than was agreed."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from himaya.core.words import N_
from himaya.screening.fingerprinting import Skipped
from himaya.screening.sources.places import Unread

DAMAGED = N_("the archive is damaged")
TOO_MANY = N_("the archive has more members than are read")
UNPACKS = N_("the archive unpacks to more than is read")
ENCRYPTED = N_("encrypted")
METHOD = N_("packed in a way that is not read here")
TABLES = 16 * 1024**2
"""Bytes of an archive's own tables."""
PIECE = 1024**2


@dataclass(frozen=True, slots=True)
class Member:
    """One file in an archive. ``size`` is what the archive claims; ``pieces`` give no more than that."""

    name: bytes
    size: int
    skipped: Skipped | None
    pieces: Callable[[], Iterator[bytes]]


@dataclass(slots=True)
class Purse:
    """Bytes that may still be unpacked."""

    left: int

    def pay(self, number: int) -> None:
        """Take so many.

        Raises:
            Unread: there are not so many left.
        """
        self.left -= number
        if self.left < 0:
            raise Unread(Skipped(UNPACKS))


class Guarded:
    """A file for a parser that believes what the file says: it reads no more than is allowed."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = file.seek(0, io.SEEK_END)
        self.last = b""
        """What was read last."""
        self.allow(TABLES, TOO_MANY)
        file.seek(0)

    def allow(self, number: int, why: str = UNPACKS) -> None:
        """From now on, so many bytes may be read; more are refused with the reason ``why``."""
        self._allowance, self._why = number, why

    def spend(self, number: int) -> None:
        """Count what is read.

        Raises:
            Unread: it is more than is allowed.
        """
        self._allowance -= number
        if self._allowance < 0:
            raise Unread(Skipped(self._why))

    def read(self, size: int = -1) -> bytes:
        """As a file's.

        Raises:
            Unread: it is more than is allowed.
        """
        there = max(self._size - self._file.tell(), 0)
        wanted = there if size is None or size < 0 else min(size, there)
        self.spend(wanted)
        self.last = self._file.read(wanted)
        return self.last

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As a file's."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """As a file's."""
        return self._file.tell()

    def seekable(self) -> bool:
        """It is."""
        return True
