"""The one door to the search for near values: which stored 256-bit hashes lie within a radius of these?

    index = search.build(keys, hashes)
    index.query(value, radius=31)      # [Hit(key=7, distance=3), ...], nearest first

``build``, ``empty`` and ``open`` give the index in use; callers know it as :class:`SearchIndex` only. Hashes are rows
of 32 bytes, keys are whatever 64-bit numbers the caller knows its values by.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from himaya.core import kernel
from himaya.core.search import ring_file
from himaya.core.search.index import (
    HASH_BYTES,
    BadIndexFile,
    Groups,
    Hashes,
    Hit,
    Keys,
    Near,
    Radii,
    SearchIndex,
    VariantHit,
)
from himaya.core.search.numpy_index import NumpyIndex
from himaya.core.search.prefixes import Prefixes, of_hex
from himaya.core.search.ring_index import RingIndex

__all__ = [
    "HASH_BYTES",
    "BadIndexFile",
    "Groups",
    "Hashes",
    "Hit",
    "Keys",
    "Near",
    "Prefixes",
    "Radii",
    "SearchIndex",
    "VariantHit",
    "build",
    "empty",
    "from_hex",
    "of_hex",
    "open",
    "verify",
]

_NATIVE = kernel.native is not None
_Index: type[RingIndex | NumpyIndex] = RingIndex if _NATIVE else NumpyIndex
"""The C kernel's where there is one; its readable twin does the same, slowly."""


def build(keys: Keys, hashes: Hashes, groups: Groups | None = None) -> SearchIndex:
    """An index of ``hashes`` (uint8, n x 32) under ``keys`` (int64, n); of equal keys the last counts."""
    return _Index.build(keys, hashes, groups)


def empty() -> SearchIndex:
    """An index of nothing, to add to."""
    return build(np.empty(0, np.int64), np.empty((0, HASH_BYTES), np.uint8))


def open(path: Path) -> SearchIndex:  # noqa: A001 - it is called as search.open
    """The index that ``save`` wrote, or :class:`BadIndexFile`. It is mapped: replace its file, never change it."""
    return _Index.open(path)


def verify(path: Path) -> None:
    """Read a file whole, or :class:`BadIndexFile`."""
    if _NATIVE:
        ring_file.verify(path)
    else:
        NumpyIndex.open(path)


def from_hex(values: Sequence[str]) -> Hashes:
    """Rows for an index from canonical hexadecimal values of 256 bits."""
    return np.frombuffer(bytes.fromhex("".join(values)), np.uint8).reshape(-1, HASH_BYTES)
