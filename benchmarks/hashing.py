"""From a picture file to its PDQ, and PDQ of pixels that are decoded already, on one core, beside the peers.

The peers are in the extra ``bench``; one that is not installed is left out, and said. What is measured of them is what
their own documentation says to call. Pictures are landscapes with the noise of natural scenes, JPEGs at qualities 75
and 85: what cameras and the web write.

What bounds us is the decoder. So its share of our time is measured, too: Pillow alone, which opens the same bytes, is
told of the same fraction of the size, and has libjpeg-turbo decode the luminance.
"""

from __future__ import annotations

import io
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sized
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pdqhash
from PIL import Image

from benchmarks.node import Figure, is_there, speed, turns
from himaya.core import drawing, pdq, pictures

SIZES = {(640, 480): 20, (1920, 1080): 6, (4000, 3000): 2}
"""How many pictures of each size; the formats beside JPEG are measured at the middle one."""
QUALITIES = (75, 85)
OTHERS = ("PNG", "WEBP", "AVIF", "HEIF")


def run() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        for (width, height), number in SIZES.items():
            drawn = [drawing.landscape(seed, width=width, height=height) for seed in range(number)]
            for quality in QUALITIES:
                files = _files(Path(folder), "JPEG", drawn, quality=quality)
                yield from _jpegs(f"JPEG {width}x{height}, quality {quality}", files)
            yield from _pixels_alone(f"{width}x{height}", drawn)
        drawn = [drawing.landscape(seed, width=1920, height=1080) for seed in range(3)]
        for format_ in OTHERS:
            options = {"quality": 85} if format_ == "WEBP" else {}
            yield from _whole(f"{format_} 1920x1080", _files(Path(folder), format_, drawn, **options))


def _files(folder: Path, format_: str, drawn: list[drawing.Pixels], **options: int) -> list[Path]:
    files = [folder / f"{number}.{format_.lower()}" for number in range(len(drawn))]
    for file, pixels in zip(files, drawn, strict=True):
        file.write_bytes(drawing.encode(pixels, format_, **options))
    return files


def _jpegs(work: str, files: list[Path]) -> Iterator[Figure]:
    """The whole way, fast and exact, beside each peer; and the decoder by itself."""
    quick, exact, decode = "quick", "exact", "decode"
    found = _speeds(files, {quick: _quick, exact: _exact, decode: _decode_alone, **_peers()})
    rates = {name: found.pop(name) for name in (quick, exact, decode)}
    yield from _beside(f"{work}, to PDQ", files, rates[quick], found)
    yield from _beside(f"{work}, to PDQ, exact", files, rates[exact], found)
    yield Figure(f"{work}: the decode alone", len(files), "pictures/s", rates[decode])
    shares = [ours / alone for ours, alone in zip(rates[quick], rates[decode], strict=True)]
    yield Figure(f"{work}: share of the decode", len(files), "share", shares)
    away = [_distance(_quick(file), _exact(file)) for file in files]
    yield Figure(f"{work}: bits from the exact value, mean", len(files), "bits", [statistics.mean(away)])


def _whole(work: str, files: list[Path]) -> Iterator[Figure]:
    """What is decoded whole: the same, exact alone."""
    found = _speeds(files, {"": _exact, "decode": lambda file: pictures.decode(file.read_bytes()), **_peers()})
    ours, decode = found.pop(""), found.pop("decode")
    yield from _beside(f"{work}, to PDQ", files, ours, found)
    shares = [whole / alone for whole, alone in zip(ours, decode, strict=True)]
    yield Figure(f"{work}: share of the decode", len(files), "share", shares)


def _pixels_alone(size: str, drawn: list[drawing.Pixels]) -> Iterator[Figure]:
    """Hashing apart from decoding, beside the reference, which is asserted to give the same."""
    assert all(pdq.compute(pixels) == _reference(pixels) for pixels in drawn)
    peer = "pdqhash (C++)"
    for work, ours, theirs in (
        (f"PDQ of {size} pixels", pdq.compute, pdqhash.compute),
        (f"eight orientations of {size} pixels", pdq.dihedral, pdqhash.compute_dihedral),
    ):
        found = _speeds(drawn, {"": ours, peer: theirs})
        yield from _beside(work, drawn, found.pop(""), found)


def _beside(work: str, files: Sized, ours: list[float], found: dict[str, list[float]]) -> Iterator[Figure]:
    for peer, theirs in found.items():
        yield Figure(work, len(files), "pictures/s", ours, peer, theirs)


def _speeds(files: list[Any], works: dict[str, Callable[[Any], object]]) -> dict[str, list[float]]:
    """Pictures a second of each way, by turns."""
    for work in works.values():
        work(files[0])  # imports, tables, the file in memory
    return turns({name: speed(partial(_all, work, files), len(files)) for name, work in works.items()})


def _all(work: Callable[[Any], object], files: list[Any]) -> None:
    for file in files:
        work(file)


def _decode_alone(file: Path) -> Image.Image:
    """What Pillow and libjpeg-turbo need for the pixels that we look at."""
    image = Image.open(io.BytesIO(file.read_bytes()), formats=["JPEG"])
    width, height = image.size
    scale = next((by for by in (8, 4, 2) if min(width, height) >= pictures.ENOUGH * by), 1)
    image.draft("L", (width // scale, height // scale))
    image.load()
    return image


def _quick(file: Path) -> tuple[bytes, int]:
    content = file.read_bytes()
    return pdq.compute((pictures.sketch(content) or pictures.decode(content)).upright)


def _exact(file: Path) -> tuple[bytes, int]:
    return pdq.compute(pictures.decode(file.read_bytes()).upright)


def _peers() -> dict[str, Callable[[Path], object]]:
    """Those that are installed."""
    peers: dict[str, Callable[[Path], object]] = {}
    if is_there("threatexchange"):
        from threatexchange.signal_type.pdq.signal import PdqSignal

        peers["threatexchange hash_from_file"] = PdqSignal.hash_from_file
    peers["Pillow and pdqhash"] = lambda file: pdqhash.compute(_pixels(file))
    if is_there("imagehash"):
        import imagehash

        peers["ImageHash phash"] = lambda file: imagehash.phash(Image.open(file))
    if is_there("perception"):
        from perception.hashers.image.pdq import PDQHash

        hasher = PDQHash()
        peers["perception PDQHash"] = lambda file: hasher.compute(_pixels(file))
    return peers


def _pixels(file: Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))


def _reference(pixels: drawing.Pixels) -> tuple[bytes, int]:
    bits, quality = pdqhash.compute(pixels)
    return np.packbits(bits).tobytes(), quality


def _distance(one: tuple[bytes, int], other: tuple[bytes, int]) -> int:
    return int(np.bitwise_count(np.frombuffer(one[0], np.uint8) ^ np.frombuffer(other[0], np.uint8)).sum())
