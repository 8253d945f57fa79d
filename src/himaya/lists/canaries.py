"""Canaries: fingerprints of pictures that code drew (``core.drawing``), which no list may match.

Whoever puts fingerprints of benign pictures onto a list, by mistake or to do harm, is likely to catch one of these
before it matches anybody's pictures. The values are those of ``drawing.landscape(seed)`` for the seeds named here, as a
test draws them again, of the files that they make, and what is near to a picture without any detail. (That itself, and
the digests of an empty file, the signals refuse by themselves: they stand on many lists by mistake, and call for no
alarm.) An operator adds pictures of their own as items that are known to be benign (:mod:`lists.arrivals.benign`).
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
_FILES = (
    "e874ee3f3c48a7f2772401fc5658d994abeee548ffccb5ba8dc7b9a39fec5a6d1e50aae1ab12163b6be7d6fc0b3505e0d742b72d6cd934d0"
    "7dd4eaa581ff81b967d3c8e93fb211766d88759217b9250d00831e8b89c70d7fce1e5be67662ad814f95ebb35fc88945a95949906050099b"
    "6bcef43e244886843b43832571737917077548a9de14606e90fabf04e48af731d06eb1d5aaf4445bc9975bcfd983f0c463cc5137379c01fe"
    "84b2f54c40a296ffb8592657ce9df21bd281a7b876174e89797c84c89e8f7ce962512284ab2dbbf2a95db49d5ebbb963d1a6caed66598e10"
    "bff21f781ec8f5be208c5c800369b47b381d9f3f285d1186cc7f8f9045d2b57289c5000035f6a4b535d5457ab018a224e885b6fe860f9681"
    "67f56fc02cd551202bbc02fd7dec742bb75f36037afbadc434e381a6644d7803d3320f4ec4935ee8a55b09faa258ca93388c50517401efed"
    "4d15b51f26886ed9c3e176f3f846fd7aaf11aa4c35da1ed0c7ddb4dee520579a9ed629b148588828c5087034c3a79cd0bd0bad15a5eb2c4f"
    "7e76dec20d3808e9e7667e7c524c3727bbc1d7220a51f01ed1c8de47080203422379380cd9b4f825f34dbf9d8810a71bf48695cc3bff84d5"
    "ddcf8caea5f8bed003146ac74d9aa6b92e431489647edac15a0ed6e2732cae5c94e1904b6a00366b725c78da5a6592787c98fe9a9a7a3064"
    "7cd52ba45b97171cbe98ea8fde8e9c514cfbfe1c8fded14d071238cd3756c6c72048e43997321d83c8d5d77ce6b62cc1c12f87bae98ba14c"
    "815617de198fd78e09b2f4e877bac171e017940167f6076d3c338b674db8fa4fdbcd22861bc9c8b65571771823ef24de3006869764a14076"
    "d9e834d1648da0b16b3e7121e9907f79826f9e6122ba3862f2689e0a7e62bdbbdc315e1458acfaea138a4a51b36276e30a46fa4a5b5dbfa7"
    "6bfd9ffb21536f6b48e80fac40ff360580170ea49f61d4a4cd68bfe34a1cae6caea371478bd40fb51701c4278e77c7be05d75ba451810e9f"
    "6354169844bade3b5cc8874e33c47237d0c847b4ddb55694e1004f9b75a1904c97d08250bfe6d9e6"
)
DIGESTS = frozenset(_FILES[start : start + 16] for start in range(0, len(_FILES), 16))
"""The first 16 digits of MD5, SHA-1 and SHA-256 of the same pictures as files, BMP and PNG."""
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
    if value[:16] in DIGESTS:
        return True
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
