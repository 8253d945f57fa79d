"""Who is looking, written into the pixels: a text across a picture, again and again; and PNG, without a library.

The letters are drawn here, five by seven dots each, so that the process which has the pixels needs no decoder and no
font. They are put diagonally, line under line, each line shifted: no part of some hundred pixels is without a mark.
Where a picture is bright they darken it, where it is dark they brighten it.
"""

from __future__ import annotations

import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Height x width x 3, RGB."""
WIDE, HIGH = 6, 7
"""Dots of a letter, with the space behind it."""
STEP, SHIFT = 26, 47
"""Dots from one line to the next, and by how many that begins earlier."""
ANGLE = math.radians(30)
STRENGTH = 0.42
_FONT = {
    "A": "0e11111f111111", "B": "1e11111e11111e", "C": "0e11101010110e", "D": "1e11111111111e", "E": "1f10101e10101f",
    "F": "1f10101e101010", "G": "0e11101711110f", "H": "1111111f111111", "I": "0e04040404040e", "J": "0702020202120c",
    "K": "11121418141211", "L": "1010101010101f", "M": "111b1515111111", "N": "11191513111111", "O": "0e11111111110e",
    "P": "1e11111e101010", "Q": "0e11111115120d", "R": "1e11111e141211", "S": "0f10100e01011e", "T": "1f040404040404",
    "U": "1111111111110e", "V": "11111111110a04", "W": "11111115151b11", "X": "11110a040a1111", "Y": "11110a04040404",
    "Z": "1f01020408101f", "0": "0e11131519110e", "1": "040c040404040e", "2": "0e11010608101f", "3": "1f02040201110e",
    "4": "02060a121f0202", "5": "1f101e0101110e", "6": "0608101e11110e", "7": "1f010204080808", "8": "0e11110e11110e",
    "9": "0e11110f01020c", "-": "0000001f000000", ".": "00000000000c0c", ":": "000c0c000c0c00", "_": "0000000000001f",
    "/": "01010204081010", " ": "00000000000000",
}  # fmt: skip


def letters(text: str) -> NDArray[np.bool_]:
    """The dots of a text in capitals, seven rows; a letter that there is none of becomes a space."""
    strip = np.zeros((HIGH, WIDE * len(text)), bool)
    for number, letter in enumerate(text.upper()):
        rows = bytes.fromhex(_FONT.get(letter, _FONT[" "]))
        for at, row in enumerate(rows):
            for column in range(WIDE - 1):
                strip[at, WIDE * number + column] = bool(row >> (WIDE - 2 - column) & 1)
    return strip


def dots(height: int, width: int, *, scale: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each pixel, which dot of an endless page of text it shows: its row from 0 to :data:`STEP`, and its column."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    along = (x * math.cos(ANGLE) - y * math.sin(ANGLE)) / scale
    down = np.floor((x * math.sin(ANGLE) + y * math.cos(ANGLE)) / scale).astype(np.int64)
    line, row = np.divmod(down, STEP)
    return row, np.floor(along).astype(np.int64) + line * SHIFT


def scale_for(height: int, width: int) -> int:
    """Pixels of a dot: two on a picture that is large enough to read by."""
    return 2 if max(height, width) >= 480 else 1


def marked(pixels: Pixels, text: str) -> Pixels:
    """A copy with the text on it, everywhere."""
    height, width = pixels.shape[:2]
    strip = letters(f"{text}   ")
    row, column = dots(height, width, scale=scale_for(height, width))
    lit = (row < HIGH) & strip[np.minimum(row, HIGH - 1), column % strip.shape[1]]
    found = pixels.astype(np.float32)
    bright = found.mean(axis=2) >= 128
    found[lit & bright] *= 1 - STRENGTH
    found[lit & ~bright] += (255 - found[lit & ~bright]) * STRENGTH
    return np.rint(found).astype(np.uint8)


def blurred(pixels: Pixels, *, side: int, cells: int) -> Pixels:
    """The picture small, grey, and without detail: of at most ``cells`` patches along its longer side.

    Args:
        pixels: the picture.
        side: pixels of the longer side of what comes out.
        cells: how many patches of one grey it is made from.
    """
    height, width = pixels.shape[:2]
    grey = pixels.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    longer = max(height, width)
    down, across = (max(1, round(each * min(cells, longer) / longer)) for each in (height, width))
    edges = [np.linspace(0, each, n + 1).astype(int)[:-1] for each, n in ((height, down), (width, across))]
    sums = np.add.reduceat(np.add.reduceat(grey, edges[0], axis=0), edges[1], axis=1)
    counts = np.outer(np.diff([*edges[0], height]), np.diff([*edges[1], width]))
    patches = sums / counts
    rows, columns = (max(1, round(each * side / longer)) for each in (height, width))
    at = [(np.arange(n) + 0.5) * m / n - 0.5 for n, m in ((rows, down), (columns, across))]
    tall = np.stack([np.interp(at[0], np.arange(down), patches[:, one]) for one in range(across)], axis=1)
    whole = np.stack([np.interp(at[1], np.arange(across), one) for one in tall])
    return np.repeat(np.rint(whole).astype(np.uint8)[..., None], 3, axis=2)


def png(pixels: Pixels) -> bytes:
    """A PNG file (ISO/IEC 15948) of these pixels and nothing else: no text, no time, no colour profile."""
    height, width = pixels.shape[:2]
    flat = pixels.reshape(height, width * 3)
    rows = np.empty((height, 1 + width * 3), np.uint8)
    rows[:, 0] = 1  # each byte less the one to its left
    rows[:, 1:4] = flat[:, :3]
    rows[:, 4:] = flat[:, 3:] - flat[:, :-3]
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in parts
    )
