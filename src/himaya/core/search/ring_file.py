"""A segment in one file that is mapped, not read: opened in milliseconds, and in memory once for all processes.

A page of header, then the sections, each from a page's beginning: note, hashes, keys, groups, offsets, signatures, ids,
as ``core/kernel/src/search.h`` describes them. The header has the length, place and SHA-256 of each and a SHA-256 of
its own. Opening checks the header, every length and the offsets of buckets; ``verify`` reads everything. The kernel
besides bounds every number it takes from the mapping, so that no content makes it read elsewhere.

A file is never changed: it is written beside, and renamed. Who cuts a mapped file in place kills its readers (SIGBUS).
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from himaya.core import files
from himaya.core.search.index import HASH_BYTES, BadIndexFile
from himaya.core.search.segment import CHUNKS, SLACK, VALUES, Bytes, Segment, in_threads
from himaya.core.words import N_, Said

MAGIC, VERSION, ORDER = b"HIMAYARX", 1, 0x01020304
PAGE = 4096
LONGEST_NOTE = 1 << 16
_HEAD = struct.Struct("=8sIIQQqqBBBx")
"""Magic, version, order of bytes, length of the file, rows, least and greatest key, bytes of a key, an id, a group."""
_SECTION = struct.Struct("=QQ32s")
_SECTIONS = 7
_DIGEST = PAGE - 32
_OF_THE_FIRST_PAGE = N_("it is damaged: the checksum of its header does not fit")


def save_segment(path: Path, segment: Segment, note: bytes = b"") -> None:
    """Write ``path`` as a whole: after a crash the old file or the new one is there.

    Raises:
        OSError: the disk is full, or the path cannot be written.
    """
    if len(note) > LONGEST_NOTE:
        raise ValueError(f"a note has at most {LONGEST_NOTE} bytes")
    nothing = np.empty(0, np.uint8)
    lengths = _lengths(segment.count, segment.key_bytes, segment.id_bytes, segment.group_bytes)
    given = [np.frombuffer(note, np.uint8), *(nothing if a is None else a for a in segment.arrays)]
    if segment.arrays[3] is None:
        lengths[3:] = [0, 0, 0]
    parts = [part[:length] for part, length in zip(given, [len(note), *lengths], strict=True)]
    digests = in_threads([partial(_digest, part.data) for part in parts], os.cpu_count() or 1)
    table, place = b"", PAGE
    for part, digest in zip(parts, digests, strict=True):
        table += _SECTION.pack(place, len(part), digest)
        place += _pages(len(part))
    sizes = segment.key_bytes, segment.id_bytes, segment.group_bytes
    head = _HEAD.pack(MAGIC, VERSION, ORDER, place, segment.count, segment.key_base, segment.key_last, *sizes)
    page = (head + table).ljust(_DIGEST, b"\0")
    files.replace(path, _chunks(page + hashlib.sha256(page).digest(), parts))


def open_segment(path: Path) -> tuple[Segment, bytes]:
    """Map a file; the segment in it, and its note.

    Raises:
        BadIndexFile: it is missing, of another kind or version, or damaged as far as the header tells.
    """
    mapped = _map(path)
    _, count, base, last, sizes, sections = _header(path, mapped)
    parts = [np.frombuffer(mapped, np.uint8, length, place) for place, length, _ in sections]
    note, *arrays = parts
    if _digest(note.data) != sections[0][2]:
        raise BadIndexFile(path=path, why=N_("it is damaged: a checksum does not fit"))
    try:
        segment = Segment.of(count, (base, last), sizes, tuple(a if len(a) else None for a in _present(arrays, count)))
    except ValueError as error:
        raise BadIndexFile(path=path, why=N_("it is damaged: its parts do not fit one another")) from error
    return segment, note.tobytes()


def verify(path: Path) -> None:
    """Read everything and compare it with the checksums: about a second for ten million hashes.

    Raises:
        BadIndexFile: a byte is not as it was written.
    """
    mapped = _map(path)
    *_, sections = _header(path, mapped)
    view = memoryview(mapped)
    tasks = [partial(_digest, view[place : place + length]) for place, length, _ in sections]
    found = in_threads(tasks, os.cpu_count() or 1)
    ends = [place + length for place, length, _ in sections]
    gaps = [view[end : (end + PAGE - 1) // PAGE * PAGE] for end in ends]
    if found != [digest for *_, digest in sections] or any(any(gap) for gap in gaps):
        raise BadIndexFile(path=path, why=N_("it is damaged: a checksum does not fit"))
    open_segment(path)


def _lengths(count: int, key_bytes: int, id_bytes: int, group_bytes: int) -> list[int]:
    """Of hashes, keys, groups, offsets, signatures, ids, where there is a ring."""
    ring = [4 * CHUNKS * (VALUES + 1), 2 * (CHUNKS * count + SLACK), (CHUNKS - 1) * count * id_bytes + 1]
    return [count * HASH_BYTES, count * key_bytes, count * group_bytes, *ring]


def _present(arrays: list[Bytes], count: int) -> list[Bytes]:
    """Hashes and keys of no rows are empty, not absent."""
    return arrays if count else [np.zeros(1, np.uint8), np.zeros(1, np.uint8), *arrays[2:]]


def _map(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < PAGE:
                raise BadIndexFile(path=path, why=N_("it is not an index of Himaya"))
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise BadIndexFile(path=path, why=error.strerror or error) from error


_Sections = list[tuple[int, int, bytes]]


def _header(path: Path, mapped: mmap.mmap) -> tuple[int, int, int, int, tuple[int, int, int], _Sections]:
    """Length, rows, key base, greatest key, bytes of key, id and group, sections (place, length, digest)."""
    page = mapped[:PAGE]
    magic, version, order, length, count, base, last, *sizes = _HEAD.unpack_from(page)
    if magic != MAGIC:
        raise BadIndexFile(path=path, why=N_("it is not an index of Himaya"))
    if version != VERSION or order != ORDER:
        why = Said("its version is {found}, this program reads {wanted}", found=version, wanted=VERSION)
        raise BadIndexFile(path=path, why=why if version != VERSION else N_("it is of a machine of another kind"))
    if hashlib.sha256(page[:_DIGEST]).digest() != page[_DIGEST:]:
        raise BadIndexFile(path=path, why=_OF_THE_FIRST_PAGE)
    if len(mapped) != length:
        raise BadIndexFile(
            path=path, why=Said("it is {n} bytes long, {needed} are needed", n=len(mapped), needed=length)
        )
    sections = [_SECTION.unpack_from(page, _HEAD.size + n * _SECTION.size) for n in range(_SECTIONS)]
    wanted = _lengths(count, *sizes)
    if not sections[4][1]:
        wanted[3:] = [0, 0, 0]
    places = [PAGE]
    for _, size, _ in sections:
        places.append(places[-1] + _pages(size))
    if places != [*(place for place, *_ in sections), length] or [size for _, size, _ in sections[1:]] != wanted:
        raise BadIndexFile(path=path, why=N_("it is damaged: its parts do not fit one another"))
    return length, count, base, last, (sizes[0], sizes[1], sizes[2]), sections


def _digest(content: memoryview) -> bytes:
    return hashlib.sha256(content).digest()


def _pages(length: int) -> int:
    return (length + PAGE - 1) // PAGE * PAGE


def _chunks(page: bytes, parts: list[Bytes]) -> Iterator[bytes | memoryview]:
    yield page
    for part in parts:
        if len(part):
            yield part.data
        yield bytes(_pages(len(part)) - len(part))
