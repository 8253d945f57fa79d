"""Samples that nobody chose, and what they say about the whole."""

from __future__ import annotations

import math
from hashlib import sha256

Z = 1.959963984540054
"""The normal quantile of a two-sided interval of 95 %."""


def drawn(seed: bytes, *, size: int, number: int) -> list[int]:
    """``number`` different indexes below ``size``, in ascending order; anybody who knows the seed draws the same.

    Index *k* is SHA-256(seed ‖ k as 8 bytes, big-endian), read as a number, modulo ``size``; one that was drawn already
    is passed over. Where ``number`` is at least ``size``, all are drawn.
    """
    if number >= size:
        return list(range(size))
    found, counter = set[int](), 0
    while len(found) < number:
        found.add(int.from_bytes(sha256(seed + counter.to_bytes(8, "big")).digest(), "big") % size)
        counter += 1
    return sorted(found)


def wilson(wrong: int, number: int) -> tuple[float, float]:
    """The 95 % interval of a share of which ``wrong`` in ``number`` were seen (Wilson's score interval).

    Raises:
        ValueError: there are more wrong ones than there were looked at, or none was looked at.
    """
    if not 0 <= wrong <= number or not number:
        raise ValueError("a share is of something that was looked at")
    share, square = wrong / number, Z * Z / number
    middle = share + square / 2
    half = Z * math.sqrt(share * (1 - share) / number + square / (4 * number))
    low, high = (middle - half) / (1 + square), (middle + half) / (1 + square)
    return (0.0 if wrong == 0 else low), (1.0 if wrong == number else high)
