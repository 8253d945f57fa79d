"""A sealed file that is read at any place, as a ZIP must be: each part is verified before anything of it is given."""

from __future__ import annotations

import io
import os
from pathlib import Path
from uuid import UUID

from himaya.core.vault.sealed import PART, unseal


class Unsealed(io.RawIOBase):
    """What was sealed, as a file that can be sought in. One part is held in memory.

    Reading raises NotSealed and SealBroken as :func:`himaya.core.vault.sealed.unseal`.
    """

    def __init__(self, path: Path, *, key: bytes, number: UUID, size: int) -> None:
        """``size``: bytes of the thing; ``key`` and ``number`` as it was sealed with.

        Raises:
            OSError: it cannot be read.
        """
        self._file = path.open("rb")
        self._key, self._number, self._size = key, number, size
        self._at, self._held, self._part = 0, -1, b""

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As a file's."""
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if begin + offset < 0:
            raise ValueError("before the beginning")
        self._at = begin + offset
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """As a file's: no more than what is left of a part."""
        if self._at >= self._size:
            return 0
        number = self._at // PART
        if number != self._held:
            self._file.seek(0)
            start = number * PART
            parts = unseal(self._file, key=self._key, exhibit=self._number, start=start, stop=start + PART)
            self._part, self._held = b"".join(parts), number
        begin = self._at - number * PART
        piece = self._part[begin : begin + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        """Close it."""
        self._file.close()
        super().close()
