"""Videos to their frames' fingerprints, one a second: seconds of video in a second of processor time.

Of processor time, because the peer decodes in one thread and hashes in another, however many it is asked to use.

The peer is vpdq, Meta's implementation in C++, where it is installed (it has no wheel: it builds with cmake and
FFmpeg's headers). Its distance to ours is checked in the same run. What bounds us is libavcodec, so its share of our
time is measured: our reader with nothing done to its frames. What it saves by passing over frames on which no wanted
one depends shows beside PyAV alone, which decodes every frame of the same file in one thread.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
import numpy as np

from benchmarks.node import Figure, is_there, rate, turns
from himaya.core import drawing, frames, registry
from himaya.core.contents import Content
from himaya.core.overlap import Side, overlap
from himaya.core.ports import CANONICAL, Options, VideoTerms
from himaya.core.video import Frames

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
            yield from _of(f"h264 {height}p, a key frame every {group}, to frames", path, vpdq)
    yield from _law()


def _of(work: str, path: Path, vpdq: Callable[[Path], list[str]] | None) -> Iterator[Figure]:
    keys = Options(video=VideoTerms(key_frames=True))
    works: dict[str, Callable[[], object]] = {
        "": lambda: _ours(path),
        "keys": lambda: _ours(path, keys),
        "decode": lambda: _decode_alone(path),
        "every": lambda: _decode_every(path),
    }
    if vpdq:
        _agree(path, vpdq(path))
        works[PEER] = lambda: vpdq(path)
    found = turns({name: partial(_speed, one) for name, one in works.items()}, repeats=3)
    yield Figure(work, 1, "× real time", found[""], PEER if vpdq else None, found.get(PEER))
    yield Figure(f"{work}: key frames alone", 1, "× real time", found["keys"])
    yield Figure(f"{work}: the decode alone", 1, "× real time", found["decode"])
    yield Figure(f"{work}: every frame decoded, and none looked at", 1, "× real time", found["every"])
    shares = [ours / alone for ours, alone in zip(found[""], found["decode"], strict=True)]
    yield Figure(f"{work}: share of the decode", 1, "share", shares)


def _speed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return SECONDS / (time.process_time() - began)


def _decode_alone(path: Path) -> None:
    with path.open("rb") as file:
        content = Content(file)
        for _ in Frames(content.file(), content.media_type, CANONICAL.video, content.progress):
            pass


def _decode_every(path: Path) -> None:
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_count, stream.thread_type = 1, "NONE"
        for _ in file.decode(stream):
            pass


def _law() -> Iterator[Figure]:
    """A known clip of a minute against an upload of an hour: what each candidate costs once the index has named it."""
    rng = np.random.default_rng(1)
    rows = [(rng.bytes(32), 100, float(n)) for n in range(3600)]
    upload, clip = Side(frames.of(rows)), Side(frames.of(rows[1800:1860]))
    assert overlap(upload, clip, 31) is not None
    yield Figure("a clip of a minute in an upload of an hour", 1, "pairs/s", rate(lambda: overlap(upload, clip, 31), 1))


def _peer() -> Callable[[Path], list[str]] | None:
    if not is_there("vpdq"):
        return None
    import vpdq

    return lambda path: [f.hex for f in vpdq.computeHash(str(path), seconds_per_hash=1.0, thread_count=1)]


def _ours(path: Path, options: Options = CANONICAL) -> frames.FrameHashes:
    with path.open("rb") as file:
        found = registry.signal("vpdq").compute(Content(file), options)[0].body
    return frames.unpack(found)


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
        seen: drawing.Pixels = np.clip(shown, 0, 255).astype(np.uint8)
        return seen

    pictures = (view(number) for number in range(SECONDS * RATE))
    return drawing.film(
        pictures, "mp4", "libx264", rate=Fraction(RATE), group=group, preset="veryfast", crf="24", threads="0"
    )
