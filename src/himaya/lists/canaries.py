"""Canaries: fingerprints of pictures that code drew (``core.drawing``), which no list may match.

Whoever puts fingerprints of benign pictures onto a list, by mistake or to do harm, is likely to catch one of these
before it matches anybody's pictures. The values are those of ``drawing.landscape(seed)`` for the seeds named here, as a
test draws them again, and what is near to a picture without any detail. (That itself, and the digests of an empty file,
the signals refuse by themselves: they stand on many lists by mistake, and call for no alarm.) An operator adds pictures
of their own as items that are known to be benign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from himaya.core import frames, registry
from himaya.core.words import N_
from himaya.lists import queries

if TYPE_CHECKING:
    from himaya.lists.models import Item

CAUGHT = N_("it matches a picture that was drawn to be benign, or an empty one; ask whoever gave this item")
SEEDS = range(9000, 9016)
_DRAWN = (
    "cae405108b87f5279aec63239f6afbf3644321cc34b19c989a277aeb63d0d4e4",
    "85646f1e58d70f133872fb4f2b39f2c3885464a35feec9b917ec006d8014a73d",
    "2efb85fbc006da14563e33a03861b035f96756d8b66d49c0241bbe93cbb1617e",
    "8e3ea89de3ede93d7c8576a9d1045f258b66263646584cd98ea6cac4990bc5c3",
    "ad7646a7d7346de51aa17cc2855b853268f271e4cda69c58a73bbab31a0f040d",
    "6c31f823389ca5fe31b37c63731412de118e98ed38a38774152f5cebde71c211",
    "4b9748f6ec155a2d39e4024625a1d4497d2efb6b6e19a8a65d23f8b4368ea58d",
    "72e4066c80b357a0ccc75badf705688d35f8fa0fd5d2058602d8baf0e9137d3e",
    "a043b958dee9e36c6b3a1364d9b6494eaeb0dae75bdc66c30a27791abc08a185",
    "a5891e209cc6daf80dfd668e510e418bbe70ef0c7b94aaf1ef62a50d4e4c6f30",
    "07f22400b975b8c137f0f787101e1e6f7d8c8fe4e04e78165b954edaa96d0e1d",
    "73846b0ff3c900c7bb6e8d9676b230f3ae534a14f64b7482f24256ca20faab69",
    "a2e131694f5fdb84be8d16dbb0a40b36095bd16a95e9a40dcc13bd17219e23f9",
    "e19356f366746b1ba938a42c23fc935214114c816ed4b1bf73fe8cda0f0379e4",
    "e1b37b78a43c9b5b6c9ce5e966bc28f4390d6334a1c54a00765b569460eb86e7",
    "46fe7ac311721541cfd4d2c9b7a920b6ac134d6a30ee7a0545b4bbb06561cb7e",
)
PDQ = (0, (1 << 256) - 1, *(int(value, 16) for value in _DRAWN))
"""As numbers of 256 bits; the first two are of pictures without detail."""
_ROWS = np.frombuffer(b"".join(bytes.fromhex(value) for value in _DRAWN), np.uint8).reshape(-1, 32)


def caught(signal: str, value: str, body: bytes, radius: int) -> bool:
    """Whether an item would match a canary.

    Args:
        signal: of the item.
        value: of the item, canonical.
        body: of a video, its packed frames (``core.frames``); those with detail are looked at.
        radius: of its list, in bits.
    """
    if signal == "pdq":
        one = int(value, 16)
        for other in PDQ:  # noqa: SIM110 - twice as fast as any(), and each item of a large list comes by here
            if (one ^ other).bit_count() <= radius:
                return True
        return False
    if body:
        hashes = frames.unpack(body).usable.hashes
        apart = (np.bitwise_count(hashes ^ row).sum(axis=1) for row in _ROWS)
        return bool(len(hashes)) and any(bool((bits <= radius).any()) for bits in apart)
    return False


def meets(item: Item, radius: int) -> bool:
    """Whether an item that is on a list would match a canary with that radius, in bits."""
    has_parts = registry.signal(item.signal).composite
    body = queries.bodies_by_id([item.pk]).get(item.pk, b"") if has_parts else b""
    return caught(item.signal, item.value, body, radius)
