"""Damaged picture files by the thousand, from a seed: bits flipped, ranges zeroed, pieces cut out and put in."""

from __future__ import annotations

import random
from collections.abc import Iterator

from himaya.core import drawing, pictures


def originals() -> list[bytes]:
    """A small picture of each format, and some odd ones."""
    small = drawing.landscape(5, width=96, height=72)
    found = [drawing.encode(small, format_) for format_ in pictures.FORMATS]
    found += [drawing.encode(small, "JPEG", progressive=True), drawing.encode(small, "WEBP", lossless=True)]
    return found + [drawing.encode(small, "TIFF", compression=how) for how in ("tiff_lzw", "jpeg", "tiff_deflate")]


def mutants(number: int, seed: int) -> Iterator[bytes]:
    """``number`` of them; the same for the same seed."""
    rng = random.Random(seed)
    whole = originals()
    for n in range(number):
        content = bytearray(whole[n % len(whole)])
        for _ in range(rng.randint(1, 6)):
            at = rng.randrange(len(content))
            length = rng.randint(1, max(1, len(content) // 8))
            match rng.randrange(4):
                case 0:
                    content[at] ^= 1 << rng.randrange(8)
                case 1:
                    content[at : at + length] = bytes(len(content[at : at + length]))
                case 2:
                    del content[at : at + length]
                    content = content or bytearray(b"\0")
                case _:
                    content[at:at] = rng.randbytes(min(length, 64))
        yield bytes(content)
