"""Many things in turns: what a database is asked about them grows with the turns, and not with the things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")
SIZE = 500
"""Things of a turn: a statement names each of them."""


def batches(things: Sequence[T]) -> Iterator[Sequence[T]]:
    """So many at once, in their order."""
    return (things[at : at + SIZE] for at in range(0, len(things), SIZE))
