"""The plain search: compare with everything, in NumPy. Slow, exact and short; the oracle of faster ones."""

from __future__ import annotations

import hashlib
import struct
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from himaya.core import files
from himaya.core.search.index import (
    HASH_BYTES,
    BadIndexFile,
    Ends,
    Groups,
    Hashes,
    Hit,
    Keys,
    Near,
    Radii,
    VariantHit,
    checked,
    last_of_each,
)

BLOCK = 16_384
"""Rows compared at a time: the columns of a block stay in the processor's cache."""

_HEADER = struct.Struct("<8sIIQ32s")
_MAGIC = b"HIMAYANP"
_VERSION = 1

_Words = NDArray[np.uint64]


class _Rows(NamedTuple):
    """Replaced as a whole, so that a query in another thread sees one state."""

    keys: Keys
    groups: Groups
    words: _Words
    """4 x n: the first 64 bits of all hashes, then the second, the third, the fourth."""


class NumpyIndex:
    """See :class:`himaya.core.search.index.SearchIndex`. ``add`` and ``remove`` copy: they are meant for batches."""

    def __init__(self, rows: _Rows, note: bytes = b"") -> None:
        self._rows, self.note = rows, note

    @classmethod
    def build(cls, keys: Keys, hashes: Hashes, groups: Groups | None = None) -> Self:
        """An index of n ``hashes`` under n ``keys``; of equal keys the last counts."""
        return cls(_last_of_each(_rows(keys, hashes, groups)))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what ``save`` wrote, or raise :class:`BadIndexFile`."""
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadIndexFile(path=path, why=error.strerror or error) from error
        note, keys, groups, hashes = _unpack(path, content)
        return cls(_rows(keys, hashes, groups), note)

    def save(self, path: Path, note: bytes = b"") -> None:
        """Header (magic, version, count, SHA-256 of the rest), keys, hashes; little-endian."""
        rows = self._rows
        hashes = np.ascontiguousarray(rows.words.T)
        body = note + rows.keys.astype("<i8").tobytes() + rows.groups.astype("<u2").tobytes() + hashes.tobytes()
        header = _HEADER.pack(_MAGIC, _VERSION, len(note), len(rows.keys), hashlib.sha256(body).digest())
        files.replace(path, (header, body))

    def add(self, keys: Keys, hashes: Hashes, groups: Groups | None = None) -> None:
        """Add hashes; a key that is there already gets the new hash."""
        old, new = self._rows, _rows(keys, hashes, groups)
        self._rows = _last_of_each(
            _Rows(
                np.concatenate((old.keys, new.keys)),
                np.concatenate((old.groups, new.groups)),
                np.concatenate((old.words, new.words), axis=1),
            )
        )

    def holds(self, keys: Keys) -> NDArray[np.bool_]:
        """For each key whether it is there."""
        return np.isin(keys, self._rows.keys)

    def remove(self, keys: Keys) -> int:
        """Forget the keys; how many of them were there."""
        rows = self._rows
        stay = ~np.isin(rows.keys, keys)
        self._rows = _Rows(rows.keys[stay], rows.groups[stay], np.ascontiguousarray(rows.words[:, stay]))
        return len(rows.keys) - len(self._rows.keys)

    def query(self, value: Hashes, radius: int | Radii, limit: int | None = None) -> list[Hit]:
        """The stored hashes within ``radius`` bits of one hash; with ``limit``, the nearest so many."""
        (hits,) = self.query_many(np.asarray(value).reshape(1, -1), radius)
        return hits[:limit]

    def query_many(self, values: Hashes, radius: int | Radii, limit: int | None = None) -> list[list[Hit]]:
        """As ``query`` for each row, in order."""
        rows, queries = self._rows, _words(values).T
        found: list[list[Hit]] = [[] for _ in queries]
        for start in range(0, len(rows.keys), BLOCK):
            part = slice(start, start + BLOCK)
            block = _Rows(rows.keys[part], rows.groups[part], rows.words[:, part])
            for query, hits in zip(queries, found, strict=True):
                hits += _near(block, query, _allowed(block, radius))
        for hits in found:
            hits.sort(key=lambda hit: (hit.distance, hit.key))
        return [hits[:limit] for hits in found]

    def near(self, values: Hashes, radius: int | Radii, limit: int | None = None) -> Near:
        """As ``query_many``, in arrays."""
        found = [(row, *hit) for row, hits in enumerate(self.query_many(values, radius, limit)) for hit in hits]
        rows, keys, distances = zip(*found, strict=True) if found else ((), (), ())
        return Near(np.array(rows, np.int32), np.array(keys, np.int64), np.array(distances, np.uint16))

    def query_variants(
        self, values: Hashes, ends: Ends, radius: int | Radii, limit: int | None = None
    ) -> list[list[VariantHit]]:
        """For each thing every key once, at its least distance, with the first such variant."""
        cuts, answers = [0, *ends.tolist()], self.query_many(values, radius)
        if cuts[-1] != len(values) or cuts != sorted(cuts):
            raise ValueError(f"ends of things that do not fit {len(values)} rows")
        return [_each_once(answers[a:b])[:limit] for a, b in pairwise(cuts)]

    def __len__(self) -> int:
        return len(self._rows.keys)


def _near(block: _Rows, query: _Words, allowed: NDArray[np.int16]) -> list[Hit]:
    """Half a hash cannot differ in more bits than the whole: the first 128 bits say who is worth a full look."""
    first = np.bitwise_count(block.words[0] ^ query[0])
    first += np.bitwise_count(block.words[1] ^ query[1])
    (candidates,) = np.nonzero(first <= allowed)
    if not candidates.size:
        return []
    rest = np.bitwise_count(block.words[2:, candidates] ^ query[2:, None]).sum(axis=0, dtype=np.int64)
    distances = first[candidates] + rest
    near = distances <= allowed[candidates]
    keys = block.keys[candidates[near]]
    return [Hit(int(k), int(d)) for k, d in zip(keys, distances[near], strict=True)]


def _each_once(variants: list[list[Hit]]) -> list[VariantHit]:
    best: dict[int, VariantHit] = {}
    for variant, hits in enumerate(variants):
        for key, distance in hits:
            if key not in best or distance < best[key].distance:
                best[key] = VariantHit(key, distance, variant)
    return sorted(best.values(), key=lambda hit: (hit.distance, hit.key))


def _allowed(block: _Rows, radius: int | Radii) -> NDArray[np.int16]:
    """How far away each row may be; -1: it never matches."""
    if isinstance(radius, int):
        return np.full(len(block.keys), radius, np.int16)
    by_group = np.full(65_536, -1, np.int16)
    by_group[: len(radius)] = np.where(radius == 255, np.int16(-1), radius.astype(np.int16))
    return by_group[block.groups]


def _rows(keys: Keys, hashes: Hashes, groups: Groups | None) -> _Rows:
    keys, hashes, groups = checked(keys, hashes, groups)
    return _Rows(keys.copy(), groups, _words(hashes))


def _words(hashes: Hashes) -> _Words:
    if hashes.ndim != 2 or hashes.shape[1] != HASH_BYTES or hashes.dtype != np.uint8:
        raise ValueError(f"hashes are rows of {HASH_BYTES} uint8")
    return np.ascontiguousarray(hashes).view(np.uint64).T.copy(order="C")


def _last_of_each(rows: _Rows) -> _Rows:
    stay = last_of_each(rows.keys)
    return _Rows(rows.keys[stay], rows.groups[stay], np.ascontiguousarray(rows.words[:, stay]))


def _unpack(path: Path, content: bytes) -> tuple[bytes, Keys, Groups, Hashes]:
    if len(content) < _HEADER.size or not content.startswith(_MAGIC):
        raise BadIndexFile(path=path, why="it is not an index of Himaya")
    _, version, length, count, digest = _HEADER.unpack_from(content)
    if version != _VERSION:
        raise BadIndexFile(path=path, why=f"its version is {version}, this program reads {_VERSION}")
    body = memoryview(content)[_HEADER.size :]
    if len(body) != length + count * (10 + HASH_BYTES):
        raise BadIndexFile(path=path, why=f"it is {len(body)} bytes long, {length + count * 42} are needed")
    if hashlib.sha256(body).digest() != digest:
        raise BadIndexFile(path=path, why="it is damaged: the checksum does not fit")
    keys = np.frombuffer(body, "<i8", count, length).astype(np.int64)
    groups = np.frombuffer(body, "<u2", count, length + 8 * count).astype(np.uint16)
    return (
        bytes(body[:length]),
        keys,
        groups,
        np.frombuffer(body, np.uint8, offset=length + 10 * count).reshape(count, HASH_BYTES),
    )
