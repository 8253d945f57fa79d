"""PDQ (algorithm: Meta, "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019; the reference
implementation is under the BSD-3-Clause licence).

The kernel computes it, to the bit as the package pdqhash does (``kernel/src/pdq.c`` says how). Without a kernel, the
twin below does, in NumPy: its values differ where rounding decides, by two bits in one picture of some hundreds.

The reference blurs the luminance with a box filter, twice along each axis, and then keeps 64 x 64 of the blurred
pixels. Blurring and choosing are linear and separate by axis, so both together are one narrow matrix for the rows and
one for the columns: the picture is read once, and only what is kept is computed. For a picture that was decoded at a
fraction of its size the weights of all pixels that one sample stands for are summed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from himaya.core import kernel

SIDE, KEPT, BYTES = 64, 16, 32
"""The picture is reduced to SIDE x SIDE; KEPT x KEPT coefficients of its cosine transform become the bits."""

ORIENTATIONS = ("", "r90", "r180", "r270", "flip-vertical", "flip-horizontal", "transpose", "transverse")
"""In the order of the reference: as it is; turned against the clock; mirrored top to bottom; left to right; along the
diagonal from the top left; along the other one."""

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as the reference rounds it
_DCT = (
    np.sqrt(2 / SIDE) * np.cos(np.pi / 2 / SIDE * np.outer(np.arange(1, KEPT + 1), 2 * np.arange(SIDE) + 1))
).astype(np.float32)

Samples = NDArray[np.uint8]
"""Height x width x 3, RGB; or height x width (x 1): grey or luminance; or x 4: RGB and a byte that is passed over."""
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """A picture decoded at 1 to ``scale`` of its size; ``height`` and ``width`` are those of the picture itself."""

    samples: Samples
    scale: int
    height: int
    width: int


def compute(picture: Samples | Scaled) -> tuple[bytes, int]:
    """The 32 bytes of the value, most significant first as Meta writes them, and the quality from 0 to 100.

    Args:
        picture: each side at least 5 pixels, else the value is empty.
    """
    values, quality = _compute(picture, every=False)
    return values, quality


def dihedral(picture: Samples | Scaled) -> tuple[tuple[str, bytes], ...]:
    """The values of the picture in all eight orientations, by their names, as it is first."""
    values, _ = _compute(picture, every=True)
    return tuple((name, values[BYTES * at : BYTES * (at + 1)]) for at, name in enumerate(ORIENTATIONS))


def _compute(picture: Samples | Scaled, *, every: bool) -> tuple[bytes, int]:
    if not isinstance(picture, Scaled):
        picture = Scaled(picture, 1, *picture.shape[:2])
    samples = picture.samples if picture.samples.ndim == 3 else np.expand_dims(np.ascontiguousarray(picture.samples), 2)
    if kernel.native is None:
        return _twin(Scaled(samples, picture.scale, picture.height, picture.width), every=every)
    values, quality, _ = kernel.native.pdq(samples, picture.height, picture.width, picture.scale, int(every))
    return values, quality


# --- the twin --------------------------------------------------------------------------------------------------------


def _twin(picture: Scaled, *, every: bool) -> tuple[bytes, int]:
    if min(picture.height, picture.width) < 5:
        return bytes(BYTES * (len(ORIENTATIONS) if every else 1)), 0
    small = reduced(picture)
    coefficients = _DCT @ small @ _DCT.T
    turned = (_oriented(coefficients, name) for name in (ORIENTATIONS if every else ORIENTATIONS[:1]))
    return b"".join(map(_bits, turned)), _quality(small)


def reduced(picture: Scaled) -> Floats:
    """The luminance, blurred and reduced to 64 x 64."""
    rows, columns = _weights(picture.height, picture.scale), _weights(picture.width, picture.scale)
    return np.asarray(rows @ _luma(picture.samples) @ columns.T, np.float32)


def _luma(samples: Samples) -> Floats:
    """In stripes, so that a large picture is not held in memory a second time at twelve bytes a pixel."""
    luma = np.empty(samples.shape[:2], np.float32)
    stripe = max(1, (1 << 18) // samples.shape[1])
    for start in range(0, len(luma), stripe):
        part = samples[start : start + stripe].astype(np.float32)
        luma[start : start + stripe] = part[..., 0] if part.shape[2] == 1 else part[..., :3] @ _LUMA
    return luma


@lru_cache(maxsize=64)
def _weights(length: int, scale: int = 1) -> Floats:
    """64 x ``length`` (by ``scale``, rounded up): how much each sample of a line counts in each pixel that is kept.

    Row *i* is the mean of the windows around the pixels in the window around the pixel that is kept. A window is
    ``length / 128`` pixels wide, rounded up, reaches one pixel further towards the end of the line where that is even,
    and is cut at both ends.
    """
    window = (length + 127) // 128
    left, right = (window - 1) // 2, window // 2
    at = np.arange(length)
    low, high = np.maximum(at - left, 0), np.minimum(at + right, length - 1) + 1
    weights = np.zeros((SIDE, length))
    for row, kept in enumerate(((np.arange(SIDE) + 0.5) * length / SIDE).astype(int)):
        for pixel in range(low[kept], high[kept]):
            share = 1 / (high[kept] - low[kept]) / (high[pixel] - low[pixel])
            weights[row, low[pixel] : high[pixel]] += share
    return np.add.reduceat(weights, np.arange(0, length, scale), axis=1).astype(np.float32)


def _oriented(coefficients: Floats, name: str) -> Floats:
    """The coefficients of the picture turned: swapped, and every other one with the other sign."""
    odd = np.where(np.arange(KEPT) % 2, np.float32(1), np.float32(-1))
    by_row, by_column = odd[:, None], odd
    turned = {
        "": coefficients,
        "r90": (coefficients * by_column).T,
        "r180": coefficients * by_row * by_column,
        "r270": (coefficients * by_row).T,
        "flip-vertical": coefficients * by_row,
        "flip-horizontal": coefficients * by_column,
        "transpose": coefficients.T,
        "transverse": (coefficients * by_row * by_column).T,
    }
    return turned[name]


def _bits(coefficients: Floats) -> bytes:
    median = np.sort(coefficients, axis=None)[KEPT * KEPT // 2 - 1]
    return np.packbits((coefficients > median).ravel()[::-1]).tobytes()


def _quality(small: Floats) -> int:
    """The sum of the steps between neighbours, each in whole hundredths of the range, over 90 and at most 100."""
    steps = sum(int(np.abs(np.trunc(np.diff(small, axis=axis) * 100 / 255)).sum()) for axis in (0, 1))
    return min(100, steps // 90)
