"""Who does the reading of a scan: the processes of this machine, or the workers of a cluster.

An engine is given batches and gives them back, read, in the same order; the scan looks up, counts and commits, one
batch after the other, while the next ones are being read.
"""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from typing import Protocol

from himaya.screening.decoders import Outcome
from himaya.screening.sources.places import Place, Spooled

HOLD = 64 * 1024**2
"""Bytes that the batches which are under way, and what was read and waits for its turn, may hold in memory here."""
SPOOLED = HOLD // 4
"""What a video counts for that lies in a temporary file: no more than four do at once."""
TICK = 0.5
"""Seconds after which a caller that waits for a batch is told so."""
Batch = list[Place]
Outcomes = Future[list[Outcome]]


@dataclass(frozen=True, slots=True)
class Read:
    """A batch and what came of it; both empty where the next one in turn is not read yet.

    Args:
        batch: its contents are left out.
        outcomes: one for each place.
        ahead: files, not counting members of archives, that are read and wait for a batch before them.
    """

    batch: Batch
    outcomes: list[Outcome]
    ahead: int


class Engine(Protocol):
    """Reads batches."""

    def run(self, batches: Iterator[Batch]) -> Generator[Read]:
        """Every batch, read, in order. Closed early, it gives up what is under way."""


@dataclass(slots=True)
class _Begun:
    """A batch that is under way, or read."""

    batch: Batch
    outcomes: Outcomes
    holds: int
    reads: bool = True

    def look(self) -> None:
        """Whether it is read by now; then its outcomes are what it holds."""
        if self.reads and self.outcomes.done():
            self.reads = False
            self.holds = 0 if self.outcomes.exception() else len(pickle.dumps(self.outcomes.result()))


def in_order(
    batches: Iterator[Batch], begin: Callable[[Batch], Outcomes], *, ahead: int, held: Callable[[Place], int]
) -> Iterator[Read]:
    """Begin batches ahead, and give them back one by one. One that takes long keeps none but itself from being read.

    Args:
        batches: taken as there is room.
        begin: starts a batch.
        ahead: batches that may be under way while another one is in the caller's hands.
        held: bytes in memory here for a place that is under way.
    """
    begun: deque[_Begun] = deque()
    coming: Batch | None = None
    while True:
        for _ in range(ahead + 1):
            for one in begun:
                one.look()
            in_turn = bool(begun) and not begun[0].reads
            if sum(one.reads for one in begun) >= ahead + (not in_turn):
                break
            coming = coming or next(batches, None)
            if coming is None:
                break
            size = sum(map(held, coming))
            if begun and size + sum(one.holds for one in begun) > HOLD:
                break
            begun.append(_Begun([replace(place, content=None) for place in coming], begin(coming), size))
            coming = None
        if not begun:
            return
        if begun[0].outcomes.done():
            first = begun.popleft()
            yield Read(first.batch, first.outcomes.result(), _files(begun))
        else:
            wait([one.outcomes for one in begun if one.reads], TICK, FIRST_COMPLETED)
            yield Read([], [], _files(begun))


def _files(begun: deque[_Begun]) -> int:
    return sum(not place.member for one in begun if one.outcomes.done() for place in one.batch)


def held(place: Place) -> int:
    """Bytes in memory here for content that the walk has read."""
    return SPOOLED if isinstance(place.content, Spooled) else len(place.content or b"")
