"""Videos against those of the lists: an index of frames finds who may match, :mod:`himaya.core.overlap` decides."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from itertools import islice

import numpy as np

from himaya.core import frames, search
from himaya.core.config import config
from himaya.core.overlap import Overlap, Side, overlap
from himaya.lists import queries as lists
from himaya.lists.queries import Known

CHUNK = 500
"""Items that are read at a time."""
ASKED = 256
"""Frames that are looked up at a time: still pictures find a great many, and only whose they are is kept."""
_ROOM = 15
"""Bits of a key that number the frame within its item; the rest is the item's."""
assert frames.MOST <= 1 << _ROOM


class FrameIndex:
    """The frames of one composite signal's items. Every question asks first what has changed."""

    def __init__(self, signal: str) -> None:
        self._signal = signal
        self._lock = threading.Lock()
        self._index = search.empty()
        self._sizes: dict[int, int] = {}
        self._revision = -1

    def candidates(self, query: Side, radii: search.Radii) -> set[int]:
        """Ids of the items that have a frame within their list's radius of one of the query's."""
        found: set[int] = set()
        with self._lock:
            self._follow()
            for start in range(0, len(query), ASKED):
                answers = self._index.query_many(query.hashes[start : start + ASKED], radii)
                found.update(hit.key >> _ROOM for hits in answers for hit in hits)
        return found

    def __len__(self) -> int:
        """Frames."""
        return len(self._index)

    def _follow(self) -> None:
        revision = lists.revision()
        if revision == self._revision:
            return
        if revision < self._revision:  # an older database was restored: begin anew
            self._index, self._sizes, self._revision = search.empty(), {}, -1
        since = max(self._revision, 0)
        self._remove([pk for pk in lists.withdrawn_since(since, signal=self._signal) if pk in self._sizes])
        changes = lists.matching_since(since, signal=self._signal)
        self._add({pk: of for pk, _, of in changes if pk not in self._sizes})
        self._revision = revision

    def _add(self, list_of: Mapping[int, int]) -> None:
        """Items by id and the lists that they are on; all at once, for an index may be copied each time."""
        keys, hashes, groups, new = [], [], [], iter(list_of)
        while some := list(islice(new, CHUNK)):
            for pk, body in lists.bodies_by_id(some).items():
                side = Side(frames.unpack(body))
                keys.append(_keys(pk, len(side)))
                hashes.append(side.hashes)
                groups.append(np.full(len(side), list_of[pk], np.uint16))
                self._sizes[pk] = len(side)
        if keys:
            self._index.add(np.concatenate(keys), np.concatenate(hashes), np.concatenate(groups))

    def _remove(self, gone: list[int]) -> None:
        if gone:
            self._index.remove(np.concatenate([_keys(pk, self._sizes.pop(pk)) for pk in gone]))


def _keys(pk: int, number: int) -> search.Keys:
    return (pk << _ROOM) + np.arange(number, dtype=np.int64)


_indexes: dict[str, FrameIndex] = {}
_indexes_lock = threading.Lock()


def forget() -> None:
    """Drop the indexes of this process. For tests."""
    with _indexes_lock:
        _indexes.clear()


def find(
    signal: str, values: Iterable[str], bodies: Mapping[str, bytes], *, radii: search.Radii
) -> dict[str, list[tuple[Known, Overlap]]]:
    """For each value, the items whose frames overlap with its own.

    Args:
        signal: a composite signal.
        values: canonical values.
        bodies: value → packed frames; a value that is not among them is one that a list has, or matches nothing.
        radii: the most bits between near frames, by list.
    """
    with _indexes_lock:
        index = _indexes.setdefault(signal, FrameIndex(signal))
    wanted = list(values)
    known = {**lists.bodies(signal, [value for value in wanted if value not in bodies]), **bodies}
    return {
        value: _of_one(index, value, Side(frames.unpack(known[value])), radii) for value in wanted if value in known
    }


def _of_one(index: FrameIndex, value: str, query: Side, radii: search.Radii) -> list[tuple[Known, Overlap]]:
    settings = config()
    shares = {"query_percent": settings.video_query_percent, "listed_percent": settings.video_listed_percent}
    candidates = sorted(index.candidates(query, radii))
    found = []
    for start in range(0, len(candidates), CHUNK):
        some = candidates[start : start + CHUNK]
        listed = lists.bodies_by_id(some)
        for pk, item in lists.known_by_id(some).items():
            if item.negative and item.value != value:  # what is benign beside it says nothing about the rest of a video
                continue
            how = overlap(query, Side(frames.unpack(listed[pk])), item.radius, **shares)
            if how is not None:
                found.append((item, how))
    return found
