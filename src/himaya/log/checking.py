"""Walking our own log: every hash from the leaves up, every checkpoint, every signature."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from himaya.core.merkle import EMPTY, HASH, Tree
from himaya.core.notes import BadNote, Note, VerifierKey
from himaya.core.notes import Checkpoint as Signed
from himaya.core.tiles import WIDTH, tiles_of
from himaya.core.words import N_, Said
from himaya.log import queries, tree
from himaya.log.keys import identity
from himaya.log.models import Checkpoint, Leaf

STEP = 2000


@dataclass(frozen=True, slots=True)
class Found:
    """What a walk found. ``why`` is empty where all is as it must be."""

    leaves: int
    checkpoints: int
    shown: int
    root: bytes
    why: str = ""

    @property
    def whole(self) -> bool:
        """Whether everything follows."""
        return not self.why


def check(*, reveal: bool = False, on_progress: Callable[[int], object] = lambda _: None) -> Found:
    """Compute the root again from the leaves, and compare it with the tiles and with all that was signed.

    ``reveal``: also show every event again and compare it with its leaf, where whoever keeps it still has it. Memory
    stays constant but for the sizes and roots of the checkpoints.
    """
    size = queries.size()
    signed = dict(queries.checkpoints().filter(size__lte=size).values_list("size", "root"))
    shown, grown = 0, Tree()

    def found(why: str) -> Found:
        return Found(grown.size, len(signed), shown, grown.root(), why)

    if bytes(signed.get(0, EMPTY)) != EMPTY:
        return found(N_("the checkpoint of the empty log has another root"))
    for rows in _batches(size):
        for row in rows:
            if row.index != grown.size:
                return found(Said("leaf {n} is missing", n=grown.size))
            grown.add(bytes(row.hash))
            if grown.size in signed and bytes(signed[grown.size]) != grown.root():
                return found(Said("the checkpoint of {n} leaves has another root than they have", n=grown.size))
        if reveal:
            wrong = [one for one in queries.reveal(rows) if one.why]
            if wrong:
                return found(Said("leaf {n}: {why}", n=wrong[0].index, why=wrong[0].why))
            shown += len(rows)
        on_progress(grown.size)
    if grown.size != size:
        return found(Said("there are {n} leaves where there must be {size}", n=grown.size, size=size))
    return found(_wrong_tile(size) or _wrong_checkpoint(size))


def _batches(size: int) -> Iterator[list[Leaf]]:
    last = -1
    while rows := list(Leaf.objects.filter(index__gt=last, index__lt=size).order_by("index")[:STEP]):
        yield rows
        last = rows[-1].index


def _wrong_tile(size: int) -> str:
    """The first tile that is not what lies below it; empty where all are."""
    for level, number, width in tiles_of(size):
        held = tree.tile_at(level, number)[: width * HASH]
        if level == 0:
            first = number * WIDTH
            rows = Leaf.objects.filter(index__gte=first, index__lt=first + width).order_by("index")
            wanted = b"".join(bytes(one) for one in rows.values_list("hash", flat=True))
        else:
            wanted = b"".join(tree.above(level - 1, number * WIDTH + n) for n in range(width))
        if held != wanted:
            return Said("tile {level}/{number} is not what lies below it", level=level, number=number)
    return ""


def _wrong_checkpoint(size: int) -> str:
    """The first checkpoint that says more than there is, or is not signed by this log."""
    mine = identity()
    if mine is None:
        return ""
    key = VerifierKey.read(mine.log_public)
    for row in queries.checkpoints().iterator(chunk_size=500):
        if row.size > size:
            return Said("a checkpoint of {n} leaves was signed, and there are {size}", n=row.size, size=size)
        if not _is_signed(row, key):
            return Said("the checkpoint of {n} leaves is not what this log signs", n=row.size)
    return ""


def _is_signed(row: Checkpoint, key: VerifierKey) -> bool:
    try:
        note = Note.read(row.note)
        signed = Signed.read(note.text)
        good = key in note.checked([key])
    except BadNote:
        return False
    return good and (signed.origin, signed.size, signed.root) == (row.origin, row.size, bytes(row.root))
