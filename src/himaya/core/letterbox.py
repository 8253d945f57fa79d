"""Cuts the bars off a letterboxed picture, so that the picture within has its own fingerprint.

A bar is a run of whole lines along a side, alike in colour to within what encoding leaves of a plain area. Each side
has its own colour. What is left must be a picture still; a picture that is nothing but plain has none within.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOLERANCE = 16
"""How far a sample (0 to 255) may lie from the colour of its bar."""
STRAYS = 0.01
"""The part of a line that may lie further away: noise, a speck, the ringing of an edge."""
LEAST = 0.2
"""The part of each side that must be left."""
CHUNK = 64
"""Lines that are looked at at once: a picture without bars costs one look at each of its sides."""

Pixels = NDArray[np.uint8]
"""Height x width x channels, or height x width."""


def unletterboxed(pixels: Pixels) -> Pixels | None:
    """What lies between the bars; None where there are none, or too little would be left."""
    height, width = pixels.shape[:2]
    top, bottom = _bar(pixels), _bar(pixels[::-1])
    if height - top - bottom < LEAST * height or top + bottom >= height:
        return None
    middle = pixels[top : height - bottom].swapaxes(0, 1)
    left, right = _bar(middle), _bar(middle[::-1])
    if width - left - right < LEAST * width or left + right >= width or not top + bottom + left + right:
        return None
    return np.ascontiguousarray(pixels[top : height - bottom, left : width - right])


def _bar(pixels: Pixels) -> int:
    """How many lines at the beginning are alike in colour."""
    lines = pixels.reshape(*pixels.shape[:2], -1)
    colour = np.median(lines[0], axis=0)
    for start in range(0, len(lines), CHUNK):
        strays = (np.abs(lines[start : start + CHUNK] - colour) > TOLERANCE).any(axis=2).mean(axis=1) > STRAYS
        if strays.any():
            return start + int(strays.argmax())
    return len(lines)
