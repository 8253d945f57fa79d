"""What custody says of an answer without telling it (:mod:`himaya.evidence.closing`): the opening goes into the
bag-info.txt of that demand's own bundle, and nowhere else.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from himaya.evidence.closing import Closed as Closed
from himaya.evidence.closing import closed

if TYPE_CHECKING:
    from himaya.evidence.demands.models import Answer, Demand

OPENING = "Himaya-Demand-Opening"
"""The field of bag-info.txt: ``SALT WORDS``, both in base64; custody says their ``core.proofs.commitment``."""
END = 1024
"""Bytes at the end of a ZIP without which nobody reads it as one: its directory ends there."""


def closed_words(answer: Answer, demand: Demand) -> Closed:
    """What an answer is, to whom and by what right, as custody commits to it; each attempt in its own way."""
    told = {
        "answer": answer.pk, "attempt": answer.attempt, "authority": demand.authority, "demand": demand.reference,
        "instrument": demand.instrument, "recipient": answer.recipient, "to": answer.recipient_name,
    }  # fmt: skip
    return closed("answer", told)


class HeldBack:
    """A stream that keeps its last :data:`END` bytes until it is told to give them."""

    def __init__(self, to: BinaryIO) -> None:
        self._to, self._kept, self._size = to, deque[bytes](), 0

    def write(self, some: bytes) -> int:
        """Pass on what cannot be among the last bytes any more."""
        self._kept.append(bytes(some))
        self._size += len(some)
        while self._size - len(self._kept[0]) >= END:
            first = self._kept.popleft()
            self._size -= len(first)
            self._to.write(first)
        return len(some)

    def flush(self) -> None:
        """Nothing: what is held back stays."""

    def give(self) -> None:
        """Pass on the rest."""
        while self._kept:
            self._to.write(self._kept.popleft())
        self._to.flush()
