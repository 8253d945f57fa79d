"""Which exact values may be known: the first 64 bits of each, in order, in eight bytes.

Asked about a value that is on no list, this says so without a database; of the others it says *perhaps*, and the
database decides. Two different digests share 64 bits by chance once in 10^19, and then only one question is asked in
vain.
"""

from __future__ import annotations

import hashlib
import io
import mmap
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from himaya.core import files
from himaya.core.search.index import BadIndexFile

Firsts = NDArray[np.uint64]
"""First 64 bits of values, as numbers, most significant bit first."""

PAGE = 4096
_MAGIC = b"HIMAYAPX"
_VERSION = 1
_HEADER = struct.Struct("<8sIIQ32s")
"""Magic, version, length of the note, number of values, SHA-256 of the values; then CRC-32 of header and note."""


class Prefixes:
    """First halves of exact values. Queries may run in any number of threads beside one that adds."""

    def __init__(self, firsts: Firsts, note: bytes = b"") -> None:
        """``firsts`` are in order, each once."""
        self._whole, self._added, self.note = firsts, np.empty(0, np.uint64), note

    @classmethod
    def build(cls, firsts: Firsts) -> Self:
        """From numbers in any order."""
        return cls(np.unique(firsts))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what ``save`` wrote; processes of one machine share its memory.

        Raises:
            BadIndexFile: it is missing, of another kind or version, or its header or length is wrong.
        """
        with _opened(path) as file:
            count, _, note = _header(path, file.read(PAGE))
            if file.seek(0, 2) != PAGE + 8 * count:
                raise BadIndexFile(path=path, why=f"{PAGE + 8 * count} bytes are needed")
            if not count:
                return cls(np.empty(0, np.uint64), note)
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return cls(np.frombuffer(mapped, "<u8", count, PAGE), note)

    def save(self, path: Path, note: bytes = b"") -> None:
        """Write everything, with a note of at most 2 KiB; after a crash the old file or the new one is there, whole."""
        merged = np.union1d(self._whole, self._added) if len(self._added) else self._whole
        body = merged.astype("<u8").tobytes()
        header = _HEADER.pack(_MAGIC, _VERSION, len(note), len(merged), hashlib.sha256(body).digest()) + note
        head = (header + struct.pack("<I", zlib.crc32(header))).ljust(PAGE, b"\0")
        if len(head) != PAGE:
            raise ValueError("a note of at most 2 KiB")
        files.replace(path, (head, body))

    @staticmethod
    def verify(path: Path) -> None:
        """Read the whole file.

        Raises:
            BadIndexFile: it is not what ``save`` wrote.
        """
        with _opened(path) as file:
            _, digest, _ = _header(path, file.read(PAGE))
            if hashlib.file_digest(file, "sha256").digest() != digest:
                raise BadIndexFile(path=path, why="it is damaged: the checksum does not fit")

    def add(self, firsts: Firsts) -> None:
        """Add some, in any order."""
        self._added = np.union1d(self._added, firsts)

    def perhaps(self, firsts: Firsts) -> NDArray[np.bool_]:
        """For each number whether a value that begins with it was added."""
        found = _among(self._whole, firsts)
        return found | _among(self._added, firsts) if len(self._added) else found

    def __len__(self) -> int:
        return len(self._whole) + len(self._added)


def of_hex(values: Sequence[str]) -> Firsts:
    """The first 64 bits of hexadecimal values of at least as many."""
    return np.frombuffer(bytes.fromhex("".join([value[:16] for value in values])), ">u8").astype(np.uint64)


def _among(ordered: Firsts, wanted: Firsts) -> NDArray[np.bool_]:
    if not len(ordered):
        return np.zeros(len(wanted), np.bool_)
    at = np.searchsorted(ordered, wanted)
    found: NDArray[np.bool_] = ordered[np.minimum(at, len(ordered) - 1)] == wanted
    return found


def _opened(path: Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadIndexFile(path=path, why=error.strerror or error) from error


def _header(path: Path, page: bytes) -> tuple[int, bytes, bytes]:
    """Count, digest and note."""
    if len(page) < PAGE or not page.startswith(_MAGIC):
        raise BadIndexFile(path=path, why="it is not an index of Himaya")
    _, version, length, count, digest = _HEADER.unpack_from(page)
    if version != _VERSION:
        raise BadIndexFile(path=path, why=f"its version is {version}, this program reads {_VERSION}")
    end = _HEADER.size + length
    if end + 4 > PAGE or struct.unpack_from("<I", page, end)[0] != zlib.crc32(page[:end]):
        raise BadIndexFile(path=path, why="it is damaged: the checksum of its header does not fit")
    return count, digest, page[_HEADER.size : end]
