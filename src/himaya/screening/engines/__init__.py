"""Who does the reading of a scan: the processes of this machine, or the workers of a cluster.

An engine is given batches and gives them back, read, in the same order; the scan looks up, counts and commits, one
batch after the other, while the next ones are being read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from typing import Protocol

from himaya.screening.decoders import Outcome
from himaya.screening.sources.places import Place

HOLD = 64 * 1024**2
"""Bytes of content that one batch, or the batches that are under way, may hold in memory here."""
Batch = list[Place]
Done = tuple[Batch, list[Outcome]]


class Engine(Protocol):
    """Reads batches."""

    scale: int
    """How many times larger than usual its batches ought to be."""

    def run(self, batches: Iterator[Batch]) -> Generator[Done]:
        """Every batch, read, in order. Closed early, it gives up what is under way."""


def in_order(
    batches: Iterator[Batch],
    begin: Callable[[Batch], Callable[[], list[Outcome]]],
    *,
    ahead: int,
    held: Callable[[Place], int],
) -> Iterator[Done]:
    """Begin batches ahead, and give them back one by one.

    Args:
        batches: taken as there is room.
        begin: starts a batch; what it returns waits for the result.
        ahead: batches that may be under way while another one is in the caller's hands.
        held: bytes in memory here for a place that is under way.
    """
    waiting: deque[tuple[Batch, Callable[[], list[Outcome]], int]] = deque()
    holding = 0
    for batch in batches:
        size = sum(map(held, batch))
        while waiting and holding + size > HOLD:
            done, wait, gone = waiting.popleft()
            yield done, wait()
            holding -= gone
        waiting.append((batch, begin(batch), size))
        holding += size
        while len(waiting) > ahead:
            done, wait, gone = waiting.popleft()
            yield done, wait()
            holding -= gone
    for done, wait, _ in waiting:
        yield done, wait()
