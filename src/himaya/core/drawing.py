"""Benign pictures, drawn by code: landscapes of gradients, hills, shapes and texture.

Demonstration and tests need picture files that nobody has to look at twice. The same seed draws the same picture;
different seeds draw pictures that no perceptual signal takes for one another.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""Height x width x 3, RGB."""

_ORIENTATION = 0x0112  # EXIF 2.32, tag Orientation


def landscape(seed: int, *, width: int = 640, height: int = 480) -> Pixels:
    """Draw a landscape: sky, a sun, hills, a few shapes, all under a texture. PDQ quality is above 50."""
    rng = np.random.default_rng(seed)
    y, x = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None]
    picture = _sky(rng, y).repeat(width, axis=1)
    _fill(picture, (x - rng.uniform(0.1, 0.9)) ** 2 + (y - rng.uniform(0.1, 0.5)) ** 2 < rng.uniform(0.004, 0.02), rng)
    for ridge in np.sort(rng.uniform(0.3, 0.95, size=rng.integers(2, 5))):
        _fill(picture, y > _ridge(rng, x, ridge), rng)
    for _ in range(rng.integers(3, 8)):
        _fill(picture, _shape(rng, x, y), rng)
    picture += _texture(rng, height, width)[..., None] * rng.uniform(30, 50)
    return np.clip(picture, 0, 255).astype(np.uint8)


def encode(pixels: Pixels, format_: str = "JPEG", *, orientation: int = 1, **options: Any) -> bytes:
    """Write a picture file. ``orientation`` is the EXIF value 1 to 8; ``options`` are Pillow's for the format."""
    image = Image.fromarray(pixels)
    if orientation != 1:
        exif = Image.Exif()
        exif[_ORIENTATION] = orientation
        options["exif"] = exif
    if format_ == "JPEG":
        options.setdefault("quality", 90)
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def film(
    frames: Iterable[Pixels],
    container: str = "mp4",
    codec: str = "mpeg4",
    *,
    rate: Fraction | int = 1,
    format_: str = "yuv420p",
    group: int = 12,
    **options: str,
) -> bytes:
    """Write a video file of frames (height x width x 3, or height x width grey), with PyAV.

    ``rate`` is frames a second, ``group`` the most frames from one key frame to the next; ``options`` are FFmpeg's for
    the encoder.
    """
    import av

    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream: Any = None
        for number, pixels in enumerate(frames):
            if stream is None:
                stream = file.add_stream(codec, rate=rate, options=options)
                stream.height, stream.width = pixels.shape[:2]
                stream.pix_fmt, stream.gop_size = format_, group
                stream.thread_count = 1
            frame = av.VideoFrame.from_ndarray(pixels, format="gray" if pixels.ndim == 2 else "rgb24")
            frame.pts, frame.time_base = number, 1 / Fraction(rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return out.getvalue()


def grey(pixels: Pixels) -> Pixels:
    """The luminance of a picture (ITU-R BT.601), height x width."""
    return np.asarray(np.rint(pixels @ np.array([0.299, 0.587, 0.114])), np.uint8)


def _sky(rng: np.random.Generator, y: NDArray[np.float64]) -> NDArray[np.float64]:
    top, bottom = rng.uniform(40, 220, size=(2, 3))
    sky: NDArray[np.float64] = top + (bottom - top) * y[..., None]
    return sky


def _fill(picture: NDArray[np.float64], mask: NDArray[np.bool_], rng: np.random.Generator) -> None:
    picture[mask] = picture[mask] * 0.2 + rng.uniform(10, 245, size=3) * 0.8


def _ridge(rng: np.random.Generator, x: NDArray[np.float64], level: float) -> NDArray[np.float64]:
    waves = (a * np.sin(2 * np.pi * (f * x + p)) for a, f, p in rng.uniform((0.02, 0.5, 0), (0.1, 4, 1), size=(4, 3)))
    return level + np.asarray(sum(waves))


def _shape(rng: np.random.Generator, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """A box, an ellipse or a diamond."""
    u, v = (
        np.abs(x - rng.uniform(0, 1)) / rng.uniform(0.05, 0.2),
        np.abs(y - rng.uniform(0, 1)) / rng.uniform(0.05, 0.2),
    )
    shapes = (np.maximum(u, v) < 1, u**2 + v**2 < 1, u + v < 1)
    return shapes[rng.integers(len(shapes))]


def _texture(rng: np.random.Generator, height: int, width: int) -> NDArray[np.float64]:
    """Noise whose strength falls with its frequency, as that of natural scenes does; standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None] * width)
    spectrum = np.exp(2j * np.pi * rng.random(frequency.shape)) / (1 + frequency) ** 1.3
    noise = np.fft.irfft2(spectrum, s=(height, width))
    return np.asarray((noise - noise.mean()) / noise.std())
