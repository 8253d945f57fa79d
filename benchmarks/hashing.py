"""From a picture file to its PDQ, and PDQ of pixels that are decoded already, on one core, beside the peers.

The peers are in the extra ``bench``; one that is not installed is left out, and said. What is measured of them is what
their own documentation says to call. Pictures are landscapes with the noise of natural scenes, JPEGs at quality 85.
"""

from __future__ import annotations

import importlib.util
import io
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pdqhash
from PIL import Image
from rich.console import Console

from benchmarks.node import Figure, rate
from himaya.core import drawing, pdq, pictures

SIZES = {(640, 480): 20, (1920, 1080): 6, (4000, 3000): 2}
"""How many pictures of each size; the formats beside JPEG are measured at the middle one."""
OTHERS = ("PNG", "WEBP", "AVIF", "HEIF")
REPEATS = 5


def run() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        for (width, height), number in SIZES.items():
            files = _files(Path(folder), "JPEG", width, height, number)
            yield from _files_to_values(f"JPEG {width}x{height}", files)
            yield from _parts(f"JPEG {width}x{height}", files)
        for format_ in OTHERS:
            files = _files(Path(folder), format_, 1920, 1080, 3)
            yield from _files_to_values(f"{format_} 1920x1080", files)
            yield from _parts(f"{format_} 1920x1080", files)


def _files(folder: Path, format_: str, width: int, height: int, number: int) -> list[Path]:
    files = []
    for seed in range(number):
        files.append(folder / f"{seed}-{width}.{format_.lower()}")
        options = {"quality": 85} if format_ in ("JPEG", "WEBP") else {}
        drawn = drawing.landscape(seed, width=width, height=height)
        files[-1].write_bytes(drawing.encode(drawn, format_, **options))
    return files


def _files_to_values(work: str, files: list[Path]) -> Iterator[Figure]:
    """The whole way, fast and exact, beside each peer in the same run."""
    peers = dict(_peers())
    quick = _rate(lambda file: pdq.compute(_quick(file.read_bytes())), files)
    exact = _rate(lambda file: pdq.compute(pictures.decode(file.read_bytes()).upright), files)
    sketched = work.startswith("JPEG")
    for peer, hash_file in peers.items():
        theirs = _rate(hash_file, files)
        if sketched:
            yield Figure(f"{work} to PDQ", len(files), "pictures/s", quick, peer, theirs)
        yield Figure(f"{work} to PDQ, exact", len(files), "pictures/s", exact, peer, theirs)
    if sketched:
        away = [
            _distance(pdq.compute(_quick(file.read_bytes())), pdq.compute(pictures.decode(file.read_bytes()).upright))
            for file in files
        ]
        yield Figure(f"{work}: bits from the exact value, mean", len(files), "bits", [statistics.mean(away)])


def _parts(work: str, files: list[Path]) -> Iterator[Figure]:
    """Decoding and hashing apart."""
    decoded = {file: pictures.decode(file.read_bytes()).upright for file in files}
    assert all(pdq.compute(pixels) == _reference(pixels) for pixels in decoded.values())
    if work.startswith("JPEG"):
        yield Figure(f"{work}: decoded", len(files), "pictures/s", _rate(lambda file: _quick(file.read_bytes()), files))
    whole = _rate(lambda file: pictures.decode(file.read_bytes()), files)
    yield Figure(f"{work}: decoded, exact", len(files), "pictures/s", whole)
    if not work.startswith("JPEG"):
        return
    theirs = _rate(lambda file: pdqhash.compute(decoded[file]), files)
    ours = _rate(lambda file: pdq.compute(decoded[file]), files)
    yield Figure(f"{work}: PDQ of its pixels", len(files), "pictures/s", ours, "pdqhash (C++)", theirs)
    theirs = _rate(lambda file: pdqhash.compute_dihedral(decoded[file]), files)
    ours = _rate(lambda file: pdq.dihedral(decoded[file]), files)
    yield Figure(f"{work}: eight orientations of its pixels", len(files), "pictures/s", ours, "pdqhash (C++)", theirs)


def _quick(content: bytes) -> pdq.Samples | pdq.Scaled:
    return (pictures.sketch(content) or pictures.decode(content)).upright


def _rate(work: Callable[[Path], object], files: list[Path]) -> list[float]:
    work(files[0])  # imports, tables, the file in memory
    return rate(lambda: [work(file) for file in files], len(files), repeats=REPEATS)


def _peers() -> Iterator[tuple[str, Callable[[Path], object]]]:
    """Those that are installed."""
    if _is_there("threatexchange"):
        from threatexchange.signal_type.pdq import PdqSignal

        yield "threatexchange hash_from_file", PdqSignal.hash_from_file
    yield "Pillow and pdqhash", lambda file: pdqhash.compute(_pixels(file))
    if _is_there("imagehash"):
        import imagehash

        yield "ImageHash phash", lambda file: imagehash.phash(Image.open(file))
    if _is_there("perception"):
        from perception.hashers.image.pdq import PDQHash

        hasher = PDQHash()
        yield "perception PDQHash", lambda file: hasher.compute(_pixels(file))


def _is_there(package: str) -> bool:
    if importlib.util.find_spec(package):
        return True
    Console().print(f"  left out: {package} is not installed (extra bench)")
    return False


def _pixels(file: Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(file.read_bytes())).convert("RGB"))


def _reference(pixels: drawing.Pixels) -> tuple[bytes, int]:
    bits, quality = pdqhash.compute(pixels)
    return np.packbits(bits).tobytes(), quality


def _distance(one: tuple[bytes, int], other: tuple[bytes, int]) -> int:
    return int(np.bitwise_count(np.frombuffer(one[0], np.uint8) ^ np.frombuffer(other[0], np.uint8)).sum())
