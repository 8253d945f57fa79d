"""When two videos count as the same: vPDQ's rule, and the known clip within a long upload.

vPDQ compares two videos by the share of frames of each that have a near frame in the other; frames of low quality do
not count, equal ones count once. By its defaults (80 % of the query's frames, 0 % of the listed ones) a known clip of a
minute in an upload of an hour is missed: it is a sixtieth of it. So a second rule holds beside it, :data:`CLIP`: what
is on the list is found in the upload, in its order.

*In its order* means: the time of a frame in the upload less its time in the listed video is the same for all of them,
within two seconds, for either video is looked at once a second or so, wherever the second falls. Then it is enough
that

* four fifths of the listed frames are there: it is the clip, were it one still picture; or
* three frames are there that are unlike each other on either side, over two seconds or more: an excerpt. One frame is
  a picture, which may be shared by accident (a test card, a title); two may be its fading in; three unlike ones in
  order are a scene. What many videos share (a distributor's intro) is an excerpt by this rule, and a person's to
  dismiss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from himaya.core.frames import FrameHashes

WHOLE, CLIP = "whole", "clip"
"""Which rule held."""
QUERY_PERCENT, LISTED_PERCENT = 80.0, 0.0
"""vPDQ's defaults."""
CLIP_PERCENT = 80.0
SCENE = 3
"""Frames of an excerpt, unlike each other."""
UNLIKE = 16
"""Bits beyond which two frames of one video are unlike: twice what encoding a still picture anew moves."""
SPAN = 2000
"""Milliseconds from the first to the last frame of an excerpt, at least."""
BIN = 1000
"""Milliseconds; differences of time agree where they lie in two neighbouring bins."""
PAIRS = 4_000_000
"""Near pairs whose order is looked at; beyond (two still videos of an hour) the shares alone decide, and some pairs."""
TRIED = 32
"""Differences of time that are tried, those with the most near pairs first."""
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class Overlap:
    """How an upload and a listed video match. Shares are in per cent, times in seconds from the upload's beginning."""

    rule: str
    query: float
    """Share of the upload's frames that are near one of the listed ones."""
    listed: float
    """Share of the listed frames that are near one of the upload's; by :data:`CLIP`, those in order."""
    start: float
    end: float
    """Where in the upload: the first and the last frame."""
    distance: int
    """Mean distance of the frames that match, in bits, each to the nearest."""


def shown_share(share: float) -> str:
    """A share in per cent for people: whole, and below one with a digit that says that it is not nothing."""
    return f"{share:.0f}" if share >= 1 or not share else f"{max(share, 0.1):.1f}"


def shown_time(seconds: float) -> str:
    """A place in a video for people: ``12:05``, ``1:02:05``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Side:
    """One of two videos, made ready to be compared: frames of sufficient quality, equal ones once."""

    def __init__(self, frames: FrameHashes) -> None:
        usable = frames.usable
        self.ms = usable.ms
        raw = np.ascontiguousarray(usable.hashes)
        _, first, self.which = np.unique(raw.view("V32").ravel(), return_index=True, return_inverse=True)
        self.first: NDArray[np.int64] = usable.ms[first]
        """Of each different frame, the time when it comes first."""
        self.hashes = raw[first]
        """Each different frame, n x 32."""
        self.words = self.hashes.view(np.uint64)

    def __len__(self) -> int:
        return len(self.hashes)


class Terms(NamedTuple):
    """The least shares of the upload and of the listed video by vPDQ's rule, in per cent."""

    query: float = QUERY_PERCENT
    listed: float = LISTED_PERCENT


VPDQ = Terms()


def may_overlap(query: Side, listed: Side, mine: int, theirs: int, terms: Terms) -> bool:
    """Whether they can match, where so many of the upload's frames are near a listed one, and of the listed ones near
    one of the upload's. Each rule needs as many; :func:`overlap` looks which they are.
    """
    whole = 100 * mine >= terms.query * len(query) and 100 * theirs >= terms.listed * len(listed)
    return whole or 100 * theirs >= CLIP_PERCENT * len(listed) or min(mine, theirs) >= SCENE


def overlap(query: Side, listed: Side, radius: int, terms: Terms = VPDQ) -> Overlap | None:
    """How they match; None where they do not.

    Args:
        query: the upload.
        listed: a video on a list.
        radius: the most bits between two frames that are near.
        terms: of vPDQ's rule.
    """
    if not len(query) or not len(listed):
        return None
    seen = _Seen(query, listed, radius)
    if not seen.any:
        return None
    near = seen.nearest <= radius
    shares = 100 * int(near.sum()) / len(query), 100 * int(seen.found.sum()) / len(listed)
    if shares[0] >= terms.query and shares[1] >= terms.listed:
        return Overlap(WHOLE, *shares, *_from_to(query.ms[near[query.which]]), round(float(seen.nearest[near].mean())))
    return seen.clip(shares[0])


class _Seen:
    """What is near to what."""

    def __init__(self, query: Side, listed: Side, radius: int) -> None:
        self.query, self.listed = query, listed
        self.nearest = np.full(len(query), 257, np.int64)
        self.found = np.zeros(len(listed), bool)
        kept, room = [np.empty((3, 0), np.int64)], PAIRS
        for start, distances in _blocks(query.words, listed.words):
            near = distances <= radius
            self.nearest[start : start + len(distances)] = distances.min(axis=1)
            self.found |= near.any(axis=0)
            if room > 0:
                rows, columns = np.nonzero(near)
                pairs = np.stack((rows + start, columns, distances[rows, columns].astype(np.int64)))[:, :room]
                room -= pairs.shape[1]
                kept.append(pairs)
        self.any = bool(self.found.any())
        self._pairs = _in_time(query, np.concatenate(kept, axis=1))

    def clip(self, share: float) -> Overlap | None:
        """The best excerpt in order, where there is one that suffices."""
        at, which, of, distance = self._pairs
        bins = (at - self.listed.first[of]) // BIN
        known, votes = np.unique(bins, return_counts=True)
        both = votes + np.where(np.isin(known + 1, known), np.append(votes[1:], 0), 0)
        best: tuple[int, int] | None = None
        chosen = np.empty(0, np.int64)
        for one in known[np.argsort(-both, kind="stable")[:TRIED]]:
            (within,) = np.nonzero((bins == one) | (bins == one + 1))
            there = len(np.unique(of[within]))
            enough = there * 100 >= CLIP_PERCENT * len(self.listed) or self._is_scene(which[within], of[within])
            if enough and (best is None or (there, -int(one)) > best):
                best, chosen = (there, -int(one)), within
        if best is None:
            return None
        nearest = np.full(len(self.listed), 257, np.int64)
        np.minimum.at(nearest, of[chosen], distance[chosen])
        listed = 100 * best[0] / len(self.listed)
        mean = round(float(nearest[nearest <= 256].mean()))
        return Overlap(CLIP, share, listed, *_from_to(at[chosen]), mean)

    def _is_scene(self, which: NDArray[np.int64], of: NDArray[np.int64]) -> bool:
        """Whether enough of the pairs are unlike each other on either side, and not all in one moment."""
        order = np.argsort(self.listed.first[of], kind="stable")
        times = self.listed.first[of[order]]
        mine, theirs = self.query.words[which[order]], self.listed.words[of[order]]
        left, taken = np.ones(len(order), bool), 0
        while left.any():
            one = int(left.argmax())
            taken += 1
            if taken >= SCENE and times[one] - times[0] >= SPAN:
                return True
            left &= (_distances(mine, mine[one]) > UNLIKE) & (_distances(theirs, theirs[one]) > UNLIKE)
        return False


def _from_to(ms: NDArray[np.int64]) -> tuple[float, float]:
    """The first and the last moment, in seconds."""
    return int(ms.min()) / 1000, int(ms.max()) / 1000


def _in_time(query: Side, pairs: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Near pairs once for each time that the upload's frame is shown: its time, both frames, the distance."""
    order = np.argsort(query.which, kind="stable")
    shown = np.bincount(query.which, minlength=len(query))
    begins = np.cumsum(shown) - shown
    which, of, distance = pairs[:, np.cumsum(shown[pairs[0]]) <= PAIRS]
    times = shown[which]
    again = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
    at = query.ms[order[np.repeat(begins[which], times) + again]]
    return at, np.repeat(which, times), np.repeat(of, times), np.repeat(distance, times)


def _blocks(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """Distances of every row of one to every row of the other, some rows at a time."""
    step = max(1, _BLOCK // len(other))
    for start in range(0, len(one), step):
        yield start, _distances(one[start : start + step, None], other[None])


def _distances(one: NDArray[np.uint64], other: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """In bits, along the last axis of four words."""
    total: NDArray[np.uint16] = np.bitwise_count(one[..., 0] ^ other[..., 0]).astype(np.uint16)
    for word in (1, 2, 3):
        total += np.bitwise_count(one[..., word] ^ other[..., word])
    return total
