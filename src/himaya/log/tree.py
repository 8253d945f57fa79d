"""The hashes of the log, in tiles of 256: what proofs are read from, and what is served as static files."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from himaya.core.merkle import HASH, HashAt, root_at
from himaya.core.tiles import WIDTH, folded, from_tiles
from himaya.log.models import Tile

FULL = WIDTH * HASH
STEP = 200
"""Rows of a statement: 1.6 MB."""


def tile_at(level: int, number: int) -> bytes:
    """The hashes of a tile, as far as it goes; empty where there is none."""
    row = Tile.objects.filter(level=level, number=number).values_list("hashes", flat=True).first()
    return bytes(row or b"")


def above(level: int, number: int) -> bytes:
    """The hash that stands for a full tile on the level above; empty where the tile is not full."""
    held = tile_at(level, number)
    return folded(held, WIDTH) if len(held) == FULL else b""


def hash_at(near: Collection[int] = ()) -> HashAt:
    """The hash of any complete subtree. A new reader for each proof: the tiles at the right edge grow.

    ``near``: leaves, whose tiles on every level are read together first, in the memory of 8 kB for each.
    """
    held: dict[tuple[int, int], bytes] = {}
    level, numbers = 0, {index // WIDTH for index in near}
    while numbers:
        rows = Tile.objects.filter(level=level, number__in=numbers)
        held |= {(level, number): bytes(hashes) for number, hashes in rows.values_list("number", "hashes")}
        level, numbers = level + 1, {number // WIDTH for number in numbers} if max(numbers) else set()
    return from_tiles(lambda level, number: held.get((level, number)) or tile_at(level, number))


def root(size: int) -> bytes:
    """The root of the first ``size`` leaves, which must be there."""
    return root_at(size, hash_at())


def extend(size: int, leaves: Sequence[bytes]) -> None:
    """Add leaves, given as their hashes, to a tree of ``size``. The caller holds the lock of the log's growth.

    One pass over each level that gains something: the tile at the edge is filled up, full ones follow, and each full
    tile gives the level above one hash.
    """
    level, there, added = 0, size, b"".join(leaves)
    while added:
        number, beside = divmod(there, WIDTH)
        row = (tile_at(level, number)[: beside * HASH] if beside else b"") + added
        tiles = [row[at : at + FULL] for at in range(0, len(row), FULL)]
        _write(level, number, tiles, replace=beside > 0)
        added = b"".join(folded(tile, WIDTH) for tile in tiles if len(tile) == FULL)
        level, there = level + 1, number


def _write(level: int, number: int, tiles: Sequence[bytes], *, replace: bool) -> None:
    if replace:
        Tile.objects.filter(level=level, number=number).update(hashes=tiles[0])
    new = [Tile(level=level, number=number + n, hashes=tile) for n, tile in enumerate(tiles) if n or not replace]
    Tile.objects.bulk_create(new, batch_size=STEP)
