"""Fingerprints of the frames of a video: how they are kept, and how others write them.

vPDQ (Meta, "vPDQ: video PDQ", 2022) describes a video by the PDQ value of a frame a second, its quality and its time.
Exchanges write these as JSON: a list of texts ``"<64 hexadecimal digits>,<quality>,<seconds>"`` (threatexchange 1.x),
or objects with ``hash``, ``quality`` and ``timestamp``, before that an object of such objects by the number of the
frame. All are read, the first is written.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from himaya.core.words import N_, Said

MOST = 20_000
"""Frames of one video: five and a half hours at one a second."""
LONGEST = 2 * 1024**2 - 64 * 1024
"""Characters of a video's frames as JSON; room for :data:`MOST` of them."""
ROOM = 15
"""Bits of a key that number the frame within its video, where the frames of many videos are searched together."""
assert MOST <= 1 << ROOM
FLOOR = 50
"""Quality below which a frame has too little detail to be compared (vPDQ's default): black, blank, a line of text."""

_RECORD = np.dtype([("hash", "u1", (32,)), ("quality", "u1"), ("ms", "<u4")])
PACKED = _RECORD.itemsize
"""Bytes of a packed frame."""
_HEX = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True, eq=False)
class FrameHashes:
    """The fingerprints of a video's frames, in the order of their times."""

    hashes: NDArray[np.uint8]
    """n x 32."""
    quality: NDArray[np.uint8]
    """n, 0 to 100."""
    ms: NDArray[np.int64]
    """n, milliseconds from the beginning."""

    def __len__(self) -> int:
        return len(self.ms)

    def pack(self) -> bytes:
        """37 bytes a frame: the hash, the quality, the time as four bytes, the least first."""
        records = np.zeros(len(self), _RECORD)
        records["hash"], records["quality"], records["ms"] = self.hashes, self.quality, self.ms
        return records.tobytes()

    @property
    def usable(self) -> FrameHashes:
        """Those with enough detail to be compared."""
        stay = self.quality >= FLOOR
        return FrameHashes(self.hashes[stay], self.quality[stay], self.ms[stay])


def unpack(body: bytes) -> FrameHashes:
    """What ``pack`` packed.

    Raises:
        ValueError: it is of another length.
    """
    records = np.frombuffer(body, _RECORD)
    return FrameHashes(records["hash"], records["quality"], records["ms"].astype(np.int64))


def keys(videos: NDArray[np.int64] | int, numbers: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """The keys of frames in an index of many videos: the video's number, then the frame's, less than :data:`MOST`."""
    return (np.asarray(videos, np.int64) << ROOM) + numbers


def videos(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """The numbers of the videos that frames are of, by their keys."""
    return keys >> ROOM


def digest(body: bytes) -> str:
    """The name of packed frames: their SHA-256 in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def of(rows: list[tuple[bytes, int, float]]) -> FrameHashes:
    """Hashes, qualities and times in seconds as frames; the order is that of the times, then the given one."""
    ordered = sorted(rows, key=lambda row: row[2])
    ms = np.array([round(row[2] * 1000) for row in ordered], np.int64)
    hashes = np.frombuffer(b"".join(row[0] for row in ordered), np.uint8).reshape(-1, 32)
    return FrameHashes(hashes, np.array([row[1] for row in ordered], np.uint8), _spread(ms))


def to_json(frames: FrameHashes) -> str:
    """As exchanges write them, without spaces."""
    rows = zip(frames.hashes, frames.quality.tolist(), frames.ms.tolist(), strict=True)
    return json.dumps([f"{h.tobytes().hex()},{q},{ms / 1000:.3f}" for h, q, ms in rows], separators=(",", ":"))


def from_json(text: str) -> FrameHashes:
    """Frames as somebody wrote them.

    Raises:
        ValueError: with what is wrong, for a person.
    """
    if len(text) > LONGEST:
        raise ValueError(Said("it is longer than {n} characters", n=LONGEST))
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(N_("it is not JSON")) from None
    if isinstance(rows, dict):
        rows = list(rows.values())
    if not isinstance(rows, list) or not rows:
        raise ValueError(N_("it is no list of frames"))
    if len(rows) > MOST:
        raise ValueError(Said("it has {n} frames, at most {most} are taken", n=len(rows), most=MOST))
    frames = of([_row(number, row) for number, row in enumerate(rows)])
    if not len(frames.usable):
        raise ValueError(Said("no frame has enough detail: quality {least} of 100 is needed", least=FLOOR))
    return frames


def _row(number: int, row: Any) -> tuple[bytes, int, float]:
    if isinstance(row, str):
        parts: list[Any] = row.split(",")
    elif isinstance(row, dict):
        parts = [row.get("hash"), row.get("quality"), row.get("timestamp")]
    else:
        parts = []
    try:
        value, quality, time = parts
        good = bool(_HEX.fullmatch(str(value).strip()))
        quality, time = int(quality), float(time)
        good = good and 0 <= quality <= 100 and math.isfinite(time) and 0 <= time < 2**31 / 1000
    except (ValueError, TypeError, OverflowError):
        good = False
    if not good:
        raise ValueError(Said("frame {n} is not a hash, a quality of 0 to 100 and a time in seconds", n=number))
    return bytes.fromhex(str(value).strip()), quality, time


def _spread(ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Times that are equal, spread evenly to the next one, and by a second each at the end.

    Some exchanges write three digits of a time and no more: past 1,000 seconds ten frames share one.
    """
    known, first, count = np.unique(ms, return_index=True, return_counts=True)
    if len(known) == len(ms):
        return ms
    gaps = np.append(np.diff(known), 1000 * count[-1])
    within = np.arange(len(ms)) - np.repeat(first, count)
    spread = np.repeat(known, count) + within * np.repeat(gaps, count) // np.repeat(count, count)
    return np.asarray(np.minimum(spread, 2**32 - 1), np.int64)
