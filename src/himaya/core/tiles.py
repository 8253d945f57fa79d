"""A log as static files: its hashes in tiles of 256 (C2SP tlog-tiles).

Tile ``(level, number)`` holds the hashes of the complete subtrees of ``256^level`` leaves, from ``256·number`` on. A
full tile never changes. The last one of a level may be partial, and is named with its width: ``tile/0/x001/234.p/7``.
The entries themselves are not served: leaves are commitments, and what they commit to is for those who may see it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from himaya.core.merkle import HASH, HashAt, node_hash

WIDTH = 256
"""Hashes of a full tile."""
HEIGHT = 8
"""Levels of the tree that a tile stands for."""
HIGHEST = 7
"""The highest level of tiles that anything here reads: 2^63 leaves need no more."""
KEPT = 256
"""Tiles that a reader keeps: 8 MB."""
TileAt = Callable[[int, int], bytes]
"""``(level, number)`` → the content of a tile as far as it goes: 1 to 256 hashes, one after the other."""
_PATH = re.compile(r"([0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


def tile_path(level: int, number: int, width: int = WIDTH) -> str:
    """``3/x001/x234/067``, and ``.p/W`` where the tile is partial: what stands after ``tile/``."""
    digits = f"{number:03d}"
    digits = digits.rjust(-(-len(digits) // 3) * 3, "0")
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def read_path(text: str) -> tuple[int, int, int]:
    """Level, number and width of a tile from its path.

    Raises:
        ValueError: it is no path of a tile, or not the one that :func:`tile_path` writes.
    """
    found = _PATH.fullmatch(text)
    if found is None:
        raise ValueError("it is no path of a tile")
    level, number = int(found[1]), int(re.sub("[x/]", "", found[2]))
    width = int(found[3]) if found[3] else WIDTH
    if level > HIGHEST or text != tile_path(level, number, width):
        raise ValueError("it is no path of a tile")
    return level, number, width


def width_of(level: int, number: int, *, size: int) -> int:
    """How many hashes a tile holds in the tree of ``size`` leaves; 0: there is no such tile."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - WIDTH * number))


def tiles_of(size: int, *, since: int = 0) -> Iterator[tuple[int, int, int]]:
    """Every tile (level, number, width) of the tree of ``size`` leaves that is not, as wide, in that of ``since``."""
    for level in range(HIGHEST + 1):
        hashes, before = size >> (HEIGHT * level), since >> (HEIGHT * level)
        if not hashes:
            return
        for number in range(before // WIDTH, -(-hashes // WIDTH)):
            width = width_of(level, number, size=size)
            if width != width_of(level, number, size=since):
                yield level, number, width


def from_tiles(tile_at: TileAt) -> HashAt:
    """The hash of any complete subtree, from tiles; of those asked for last, :data:`KEPT` are kept.

    The function raises ``ValueError`` where the tree ends before the hash that is asked for.
    """

    @lru_cache(maxsize=KEPT)
    def tile(level: int, number: int) -> list[list[bytes]]:
        return _levels(tile_at(level, number))

    def hash_at(level: int, index: int) -> bytes:
        upper, rest = divmod(level, HEIGHT)
        number, place = divmod(index, WIDTH >> rest)
        rows = tile(upper, number)
        if rest >= len(rows) or place >= len(rows[rest]):
            raise ValueError("the tree ends before the hash that is asked for")
        return rows[rest][place]

    return hash_at


def _levels(hashes: bytes) -> list[list[bytes]]:
    """A tile's own hashes, and what stands above them, as far as it is complete."""
    rows = [[hashes[at : at + HASH] for at in range(0, len(hashes), HASH)]]
    while len(rows[-1]) > 1 and len(rows) < HEIGHT:
        below = rows[-1]
        rows.append([node_hash(below[at], below[at + 1]) for at in range(0, len(below) - 1, 2)])
    return rows


def folded(hashes: bytes, width: int) -> bytes:
    """The root over ``width`` hashes, a power of two.

    Raises:
        ValueError: there are fewer of them.
    """
    if len(hashes) != width * HASH:
        raise ValueError("the tile ends before the hash that is asked for")
    row = [hashes[at : at + HASH] for at in range(0, len(hashes), HASH)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
