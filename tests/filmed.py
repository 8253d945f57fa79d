"""Benign videos for tests: a walk through drawn landscapes, made by code, once a session."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import numpy as np
from tests import drawn

from himaya.core import drawing, registry
from himaya.core.contents import Content
from himaya.core.drawing import Pixels

WIDTH, HEIGHT = 240, 180
RATE = 8
SCENE = 4
"""Seconds of one landscape."""


@cache
def _wide(seed: int) -> Pixels:
    return drawing.landscape(seed, width=WIDTH * 3 // 2, height=HEIGHT * 3 // 2)


def walk(seed: int, seconds: float, *, rate: int = RATE) -> Iterator[Pixels]:
    """Frames of a walk: a new landscape every four seconds, and the view moves over it."""
    for number in range(round(seconds * rate)):
        time = number / rate
        picture = _wide(1000 * seed + int(time // SCENE))
        x = int(WIDTH / 4 * (1 + np.sin(time * 1.3)))
        y = int(HEIGHT / 4 * (1 + np.cos(time * 0.9)))
        yield picture[y : y + HEIGHT, x : x + WIDTH]


def still(seconds: float, seed: int = 1, *, rate: int = RATE) -> Iterator[Pixels]:
    """One picture, all the time."""
    picture = drawn.pixels(seed, WIDTH, HEIGHT)
    return (picture for _ in range(round(seconds * rate)))


def blank(seconds: float, *, rate: int = RATE) -> Iterator[Pixels]:
    """Black."""
    black = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return (black for _ in range(round(seconds * rate)))


@cache
def clip(
    seed: int = 1, seconds: float = 6, container: str = "mp4", codec: str = "mpeg4", format_: str = "yuv420p"
) -> bytes:
    """A short video."""
    return drawing.film(walk(seed, seconds), container, codec, rate=RATE, format_=format_, **_OPTIONS.get(codec, {}))


@cache
def upload(*parts: tuple[str, int, float]) -> bytes:
    """Parts one after the other: ``("walk", seed, seconds)``, ``("still", …)``, ``("blank", …)``; encoded by H.264."""
    kinds = {"walk": walk, "still": lambda seed, seconds: still(seconds, seed), "blank": lambda _, n: blank(n)}
    frames = (frame for kind, seed, seconds in parts for frame in kinds[kind](seed, seconds))
    return drawing.film(frames, "mp4", "libx264", rate=RATE, group=40, **_OPTIONS["libx264"])


@cache
def frames_of(content: bytes) -> str:
    """The vPDQ value of a video as exchanges write it."""
    kind = registry.signal("vpdq")
    found = kind.compute(Content(content))[0]
    return kind.write(found.value, found.body)


def times(frames: str) -> list[float]:
    return [float(frame.split(",")[2]) for frame in json.loads(frames)]


def uneven(seed: int, stamps: list[Fraction | int], container: str = "matroska") -> bytes:
    """Frames of a walk at these times, in seconds."""
    import av

    out, pictures = io.BytesIO(), list(walk(seed, len(stamps) / RATE))
    with av.open(out, "w", format=container) as file:
        stream = file.add_stream("mpeg4", rate=1000)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for at, pixels in zip(stamps, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = int(at * 1000), Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return out.getvalue()


_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "26"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"preset": "12"},
}
