"""What a scan meets: places, in an order that can be taken up again. Free of Django: other machines import it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

from himaya.core.contents import HEAD, sniff
from himaya.screening.fingerprinting import TOO_LARGE, UNREADABLE, Skipped

Parts = tuple[bytes, ...]
"""A path below a root; for what lies in an archive, the archive's own parts and then the member's number."""
Position = tuple[int, Parts]
"""Number of the root, and where below it."""
BEYOND = b"\xff/"
"""A part that no file is called, behind all that are: what is wrong with a folder of which some is done."""


class Unread(Exception):
    """Something cannot be read on; ``skipped`` says why."""

    def __init__(self, skipped: Skipped) -> None:
        super().__init__(skipped.reason)
        self.skipped = skipped


class Spooled:
    """Content in a file that has no name, where temporary files are kept; it is gone with the last who holds it.

    Raises:
        Unread: there is no room for it; and what ``pieces`` raise.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - it outlives this
        for piece in pieces:
            left = memoryview(piece)
            while left:
                left = left[self._write(left) :]

    def _write(self, piece: memoryview) -> int:
        try:
            return self._file.write(piece)
        except OSError as error:
            raise Unread(Skipped(UNREADABLE, os.strerror(error.errno or 0))) from None

    def open(self) -> int:
        """A descriptor to read it by, which the caller closes. Nobody can write through it."""
        return os.open(f"/proc/self/fd/{self._file.fileno()}", os.O_RDONLY | os.O_CLOEXEC)

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            self._file.close()


@dataclass(frozen=True, slots=True)
class Place:
    """Something with content: where it stands in the walk, and what it is called.

    Args:
        position: nothing else of the walk has it.
        path: an absolute path, ``s3://bucket/key``, or ``ARCHIVE!/NAME``.
        skipped: why it is not looked at.
        content: what is in it, where the walk has read it: a member of an archive, a small archive in a bucket.
        size: its bytes, as far as the walk knows.
        member: it lies in an archive.
        opened: it is an archive, and its members are places, too.
    """

    position: Position
    path: bytes
    skipped: Skipped | None = None
    content: bytes | Spooled | None = None
    size: int = 0
    member: bool = False
    opened: bool = False


@dataclass(frozen=True, slots=True)
class Most:
    """Bytes that are read: of a file, which is held in memory, and of a video, which is not."""

    file: int
    video: int

    def taken(self, pieces: Iterator[bytes], size: int) -> bytes | Spooled | Skipped:
        """Content of so many bytes; of what is too large, no more than the first piece is asked for.

        Raises:
            Unread: as :class:`Spooled`.
        """
        if size <= self.file:
            return b"".join(pieces)
        if size <= self.video:
            first = next(pieces, b"")
            if sniff(first[:HEAD]).startswith("video/"):
                return Spooled(chain([first], pieces))
        return Skipped(TOO_LARGE, f"{size} bytes; at most {self.file} are read")


class Source(Protocol):
    """One root of a scan: a folder, a file, a bucket."""

    def places(self, since: Parts | None) -> Iterator[Place]:
        """Every place, always in the same order.

        Args:
            since: where to begin: with the place that is there, or of which that is a part; it need not exist any more.
        """

    def archive(self, place: Place, most: Most) -> tuple[Place, BinaryIO | None]:
        """The place, with its content where that had to be read; and opened, to be closed by the caller, where it may
        be an archive: a file that can be sought in.
        """
