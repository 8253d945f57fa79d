"""What is measured with, made once into ``benchmarks/data`` (git ignores it): values of pictures, and picture files.

The realistic list is of values that PDQ gives drawn landscapes, after what happens to known pictures on their way:
saved as JPEG at several qualities, cut out of, turned a little, mirrored, and laid one over another. Such values are
not spread evenly as random ones are: their bits depend on one another, and many have near neighbours.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import Progress

from himaya.core import drawing, pdq

HERE = Path(__file__).parent / "data"
Hashes = NDArray[np.uint8]
"""A row of 32 bytes each."""
Floats = NDArray[np.float32]

SCENES, CUTS = 400, 200
"""Landscapes, and how many pieces are cut out of each at random; one in eight landscapes is kept for strangers."""
SIDE, QUALITIES = 128, (30, 50, 75, 95)
BLOCK = 50_000
MOST, STRANGERS = 10_000_000, 100_000


def random_values(items: int) -> Hashes:
    """Values with nothing in common."""
    return np.random.default_rng(1).integers(0, 256, (items, 32), np.uint8)


def drawn_values(items: int) -> Hashes:
    """Values of altered drawings, up to ``MOST``; mapped from a file that is made where it is missing."""
    return _values("drawn.npy", MOST, slice(0, SCENES * 7 // 8), seed=1)[:items]


def drawn_strangers(items: int) -> Hashes:
    """Values of drawings none of which is in the list, altered in the same ways; up to ``STRANGERS``."""
    return _values("strangers.npy", STRANGERS, slice(SCENES * 7 // 8, SCENES), seed=2)[:items]


def pictures(number: int) -> Path:
    """A folder of so many JPEG files of 640 x 480."""
    folder = HERE / f"jpeg-640x480-{number}"
    missing = [seed for seed in range(number) if not (folder / f"{seed:05d}.jpg").exists()]
    folder.mkdir(parents=True, exist_ok=True)
    with Progress(transient=True) as progress:
        for seed in progress.track(missing, description=f"drawing {number:,} pictures"):
            part = folder / f"{seed:05d}.part"
            part.write_bytes(drawing.encode(drawing.landscape(seed)))
            part.rename(part.with_suffix(".jpg"))
    return folder


def _values(name: str, items: int, scenes: slice, *, seed: int) -> Hashes:
    path = HERE / name
    if not path.exists():
        HERE.mkdir(exist_ok=True)
        with Progress(transient=True) as progress:
            part = path.with_suffix(".part")
            with part.open("wb") as file:
                np.lib.format.write_array_header_1_0(
                    file, {"descr": "|u1", "fortran_order": False, "shape": (items, 32)}
                )
                for block in altered(items, scenes, seed, progress.track):
                    block.tofile(file)
            part.rename(path)
    found: Hashes = np.load(path, mmap_mode="r")
    return found


def altered(items: int, scenes: slice, seed: int, track: Callable[..., Any]) -> Iterator[Hashes]:
    """Values of pieces of landscapes, laid one over another: blocks of them, ``items`` in all.

    PDQ's coefficients are linear in the picture, so those of a blend are the blend of those of its two pictures: only
    the pieces are drawn, and millions of blends cost no more than choosing bits.
    """
    rng = np.random.default_rng(seed)
    numbers = range(SCENES)[scenes]
    pool = np.concatenate([pieces(number, CUTS, rng) for number in track(numbers, description="drawing the list")])
    for start in track(range(0, items, BLOCK), description=f"blending {items:,} pictures"):
        number = min(BLOCK, items - start)
        one, other = rng.integers(0, len(pool), (2, number))
        much = rng.uniform(0.5, 1, (number, 1)).astype(np.float32)
        yield bits(pool[one] * much + pool[other] * (1 - much))


def pieces(scene: int, number: int, rng: np.random.Generator) -> Floats:
    """Coefficients (n x 256) of pieces of one landscape, each of a JPEG at some quality. Those of low quality are left
    out, as their values are from lists.
    """
    landscape = Image.fromarray(drawing.landscape(scene, width=SIDE, height=SIDE))
    saved = np.stack([_saved(landscape, quality) for quality in QUALITIES])
    across, down = _where(number, rng)
    small = saved[rng.integers(0, len(saved), number)[:, None, None], down, across]
    good = [at for at, picture in enumerate(small) if pdq.compute(picture)[1] >= 50]
    return coefficients(small[good])


def coefficients(small: NDArray[np.uint8]) -> Floats:
    """Those that PDQ keeps, n x 256, of luminances of n x 64 x 64: at that size it blurs nothing."""
    at = np.outer(np.arange(1, pdq.KEPT + 1), 2 * np.arange(pdq.SIDE) + 1)
    waves = np.cos(np.pi / 2 / pdq.SIDE * at).astype(np.float32)
    return np.asarray(waves @ small.astype(np.float32) @ waves.T).reshape(len(small), -1)


def bits(many: Floats) -> Hashes:
    """The values of n x 256 coefficients."""
    middle = pdq.KEPT * pdq.KEPT // 2 - 1
    median = np.partition(many, middle, axis=1)[:, middle, None]
    return np.packbits((many > median)[:, ::-1], axis=1)


def _saved(picture: Image.Image, quality: int) -> NDArray[np.uint8]:
    """Its luminance once it has been a JPEG."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("L"))


def _where(number: int, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where the 64 x 64 pixels of each piece are taken from: half to all of the picture, turned by up to a tenth of a
    radian, a third of them mirrored.
    """
    step = (np.arange(pdq.SIDE) + 0.5) / pdq.SIDE - 0.5
    size, angle = rng.uniform(0.5, 0.9, (number, 1, 1)), rng.normal(0, 0.05, (number, 1, 1)).clip(-0.1, 0.1)
    x = size * step * np.where(rng.random((number, 1, 1)) < 1 / 3, -1, 1)
    y = size * step[:, None] * rng.uniform(0.9, 1.1, (number, 1, 1))
    room = (1 - size) / 2
    across = 0.5 + x * np.cos(angle) - y * np.sin(angle) + rng.uniform(-1, 1, (number, 1, 1)) * room
    down = 0.5 + x * np.sin(angle) + y * np.cos(angle) + rng.uniform(-1, 1, (number, 1, 1)) * room
    return _pixel(across), _pixel(down)


def _pixel(share: NDArray[np.float64]) -> NDArray[np.int64]:
    return (share * SIDE).astype(np.int64).clip(0, SIDE - 1)
