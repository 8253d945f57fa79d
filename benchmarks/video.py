"""Videos to their frames' fingerprints, one a second: seconds of video in a second of processor time.

Of processor time, because the peer decodes in one thread and hashes in another, however many it is asked to use.

The peer is vpdq, Meta's implementation in C++, where it is installed (it has no wheel: it builds with cmake and
FFmpeg's headers). Its distance to ours is checked in the same run.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks.node import REPEATS, Figure, rate
from himaya.core import drawing, frames, registry
from himaya.core.contents import Content
from himaya.core.overlap import Side, overlap
from himaya.core.ports import CANONICAL, Options, VideoTerms

SECONDS = 20
RATE = 30
PEER = "vpdq (C++)"


def run() -> Iterator[Figure]:
    vpdq = _peer()
    for width, height, group in ((1280, 720, 250), (1920, 1080, 250), (1920, 1080, 60)):
        with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
            file.write(_film(width, height, group))
            file.flush()
            path = Path(file.name)
            work = f"h264 {height}p, a key frame every {group}, to frames"
            theirs = _speed(lambda p=path: vpdq(p)) if vpdq else None
            if vpdq:
                _agree(path, vpdq(path))
            yield Figure(work, 1, "× real time", _speed(lambda p=path: _ours(p)), PEER if vpdq else None, theirs)
            keys = Options(video=VideoTerms(key_frames=True))
            yield Figure(f"{work}: key frames alone", 1, "× real time", _speed(lambda p=path, how=keys: _ours(p, how)))
    yield from _law()


def _speed(work: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(REPEATS):
        began = time.process_time()
        work()
        found.append(SECONDS / (time.process_time() - began))
    return found


def _law() -> Iterator[Figure]:
    """A known clip of a minute against an upload of an hour: what each candidate costs once the index has named it."""
    rng = np.random.default_rng(1)
    rows = [(rng.bytes(32), 100, float(n)) for n in range(3600)]
    upload, clip = Side(frames.of(rows)), Side(frames.of(rows[1800:1860]))
    assert overlap(upload, clip, 31) is not None
    yield Figure("a clip of a minute in an upload of an hour", 1, "pairs/s", rate(lambda: overlap(upload, clip, 31), 1))


def _peer() -> Callable[[Path], list[str]] | None:
    try:
        import vpdq
    except ImportError:
        return None
    return lambda path: [f.hex for f in vpdq.computeHash(str(path), seconds_per_hash=1.0, thread_count=1)]


def _ours(path: Path, options: Options = CANONICAL) -> frames.FrameHashes:
    with path.open("rb") as file:
        return frames.unpack(registry.signal("vpdq").compute(Content(file), options)[0].body)


def _agree(path: Path, theirs: list[str]) -> None:
    ours = [one.tobytes().hex() for one in _ours(path).hashes]
    bits = [(int(a, 16) ^ int(b, 16)).bit_count() for a, b in zip(ours, theirs, strict=True)]
    assert max(bits) <= 12, bits


def _film(width: int, height: int, group: int) -> bytes:
    """A new landscape every four seconds, a view that moves over it, and grain."""
    rng = np.random.default_rng(0)
    grain = rng.integers(-6, 7, (8, height, width, 1), dtype=np.int16)
    wide = [drawing.landscape(n, width=width * 5 // 4, height=height * 5 // 4) for n in range(SECONDS // 4)]

    def view(number: int) -> drawing.Pixels:
        time = number / RATE
        x, y = int(width / 8 * (1 + np.sin(time / 2))), int(height / 8 * (1 + np.cos(time / 3)))
        shown = wide[int(time // 4)][y : y + height, x : x + width].astype(np.int16) + grain[number % 8]
        return np.clip(shown, 0, 255).astype(np.uint8)

    pictures = (view(number) for number in range(SECONDS * RATE))
    return drawing.film(
        pictures, "mp4", "libx264", rate=Fraction(RATE), group=group, preset="veryfast", crf="24", threads="0"
    )
