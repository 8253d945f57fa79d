"""What every search index promises."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from himaya.core.errors import HimayaError

HASH_BYTES = 32
"""256 bits, the size of a PDQ value."""

Keys = NDArray[np.int64]
"""n keys."""
Groups = NDArray[np.uint16]
"""n numbers of groups: items whose radius is set together."""
Ends = NDArray[np.uint32]
"""Of things in order, the row after the last of each: its variants are the rows from the end of the one before."""
Radii = NDArray[np.uint8]
"""By group, the greatest distance in bits; 255: none of the group matches, and nothing of a group beyond its end."""
Hashes = NDArray[np.uint8]
"""n x 32, or 32 alone where one hash is meant; the first byte holds the first two hexadecimal digits."""


class Hit(NamedTuple):
    """A stored hash that is near enough. ``distance`` is in bits."""

    key: int
    distance: int


class VariantHit(NamedTuple):
    """A stored hash that is near enough to a variant of a thing; ``variant`` is the number of the nearest within it."""

    key: int
    distance: int
    variant: int


class Near(NamedTuple):
    """The hits of many hashes as flat arrays of one length, ordered by row, distance, key."""

    rows: NDArray[np.int32]
    """Of the hash that was asked for."""
    keys: Keys
    distances: NDArray[np.uint16]
    """In bits."""


class BadIndexFile(HimayaError):
    """The search index {path} cannot be used: {why}."""

    remedy = "Delete the file; the index is built again from the lists."
    status = 500


class SearchIndex(Protocol):
    """Hashes of 256 bits under keys, to be searched by Hamming distance. Exact: it misses nothing, adds nothing.

    A hash may stand under several keys; all of them are found. Hits are ordered by distance, then key. Queries may
    run in any number of threads beside one thread that adds and removes; each sees the index before or after.
    """

    note: bytes
    """What was saved with it."""

    @classmethod
    def build(cls, keys: Keys, hashes: Hashes, groups: Groups | None = None) -> Self:
        """An index of n ``hashes`` under n ``keys``; of equal keys the last counts.

        Raises:
            ValueError: the arrays are not of the shapes and types that this module names.
        """
        ...

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            BadIndexFile: it is missing, of another kind or version, or damaged.
        """
        ...

    def save(self, path: Path, note: bytes = b"") -> None:
        """Write to ``path``; after a crash either the old file or the new one is there, whole.

        Raises:
            OSError: the disk is full, or the path cannot be written.
        """
        ...

    def add(self, keys: Keys, hashes: Hashes, groups: Groups | None = None) -> None:
        """Add hashes; a key that is there already gets the new hash."""
        ...

    def remove(self, keys: Keys) -> int:
        """Forget the keys; how many of them were there."""
        ...

    def holds(self, keys: Keys) -> NDArray[np.bool_]:
        """For each key whether it is there."""
        ...

    def query(self, value: Hashes, radius: int | Radii, limit: int | None = None) -> list[Hit]:
        """The stored hashes within ``radius`` bits of one hash; with ``limit``, the nearest so many."""
        ...

    def query_many(self, values: Hashes, radius: int | Radii, limit: int | None = None) -> list[list[Hit]]:
        """As ``query`` for each row, in order; much faster than one by one."""
        ...

    def near(self, values: Hashes, radius: int | Radii, limit: int | None = None) -> Near:
        """As ``query_many``, in arrays: for batches."""
        ...

    def query_variants(
        self, values: Hashes, ends: Ends, radius: int | Radii, limit: int | None = None
    ) -> list[list[VariantHit]]:
        """As ``query_many`` for things of which each has some rows, as a picture that is turned has: for each thing
        every key once, at its least distance, with the first variant at that distance.

        Raises:
            ValueError: ``ends`` do not grow, or the last is not the number of rows.
        """
        ...

    def __len__(self) -> int:
        """How many keys there are."""
        ...


def checked(keys: Keys, hashes: Hashes, groups: Groups | None) -> tuple[Keys, Hashes, Groups]:
    """The arguments of ``build`` and ``add`` as arrays of their own; groups are 0 where none are given.

    Raises:
        ValueError: they are not of the shapes and types that this module names.
    """
    if np.ndim(keys) != 1 or np.asarray(keys).dtype != np.int64:
        raise ValueError("keys are one row of int64")
    if hashes.ndim != 2 or hashes.shape[1] != HASH_BYTES or hashes.dtype != np.uint8:
        raise ValueError(f"hashes are rows of {HASH_BYTES} uint8")
    if len(hashes) != len(keys) or (groups is not None and groups.shape != keys.shape):
        raise ValueError(f"{len(keys)} keys for {len(hashes)} hashes")
    groups = np.zeros(len(keys), np.uint16) if groups is None else groups.astype(np.uint16)
    return np.ascontiguousarray(keys), np.ascontiguousarray(hashes), groups


def last_of_each(keys: Keys) -> NDArray[np.int64] | slice:
    """Of equal keys the last row, the rest in order."""
    if len(keys) < 2 or bool((keys[1:] > keys[:-1]).all()):
        return slice(None)
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():
        return slice(None)
    _, last = np.unique(keys[::-1], return_index=True)
    return np.sort(len(keys) - 1 - last)
