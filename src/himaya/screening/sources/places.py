"""What a scan meets: places, in an order that can be taken up again. Free of Django: other machines import it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from himaya.screening.fingerprinting import Skipped

Parts = tuple[bytes, ...]
"""A path below a root; for what lies in an archive, the archive's own parts and then the member's number."""
Position = tuple[int, Parts]
"""Number of the root, and where below it."""
BEYOND = b"\xff/"
"""A part that no file is called, behind all that are: what is wrong with a folder of which some is done."""


@dataclass(frozen=True, slots=True)
class Place:
    """Something with content: where it stands in the walk, and what it is called.

    Args:
        position: nothing else of the walk has it.
        path: an absolute path, ``s3://bucket/key``, or ``ARCHIVE!/NAME``.
        skipped: why it is not looked at.
        content: its bytes, where only the walk could read them: a member of an archive.
        size: bytes in memory that looking at it takes here; 0 where a decoder reads the file itself.
    """

    position: Position
    path: bytes
    skipped: Skipped | None = None
    content: bytes | None = None
    size: int = 0


class Unread(Exception):
    """Something cannot be read on; ``skipped`` says why."""

    def __init__(self, skipped: Skipped) -> None:
        super().__init__(skipped.reason)
        self.skipped = skipped


class Source(Protocol):
    """One root of a scan: a folder, a file, a bucket."""

    def places(self, since: Parts | None) -> Iterator[Place]:
        """Every place, always in the same order.

        Args:
            since: where to begin: with the place that is there, or of which that is a part; it need not exist any more.
        """

    def archive(self, place: Place) -> BinaryIO | None:
        """The place opened, to be closed by the caller, where it may be an archive: a file that can be sought in."""
