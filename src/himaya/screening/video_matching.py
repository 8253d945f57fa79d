"""Videos against those of the lists: an index of frames finds who may match, :mod:`himaya.core.overlap` decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from himaya.core import frames, search
from himaya.core.config import config
from himaya.core.overlap import Overlap, Side, Terms, may_overlap, overlap
from himaya.lists import queries as lists
from himaya.lists.queries import Known

CHUNK = 100
"""Items that are read at a time."""
ASKED = 16
"""Frames that are looked up at a time: still pictures find a great many, and only whose they are is kept."""
COMPARED = 1000
"""Items that one video is compared with at most, those with the most near frames first."""


def find(
    values: Iterable[str],
    bodies: Mapping[str, bytes],
    *,
    index: search.SearchIndex,
    radii: search.Radii,
    most: int,
) -> dict[str, list[tuple[Known, Overlap]]]:
    """For each value, the items whose frames overlap with its own.

    Args:
        values: canonical values of a composite signal.
        bodies: value → packed frames; a value that is not among them matches nothing.
        index: the frames of the signal's items (:mod:`himaya.screening.changes`).
        radii: the most bits between near frames, by list.
        most: so many matches for one value are enough; those with the most near frames are found.
    """
    return {
        value: _of_one(index, value, Side(frames.unpack(bodies[value])), radii, most)
        for value in values
        if value in bodies
    }


def _of_one(
    index: search.SearchIndex, value: str, query: Side, radii: search.Radii, most: int
) -> list[tuple[Known, Overlap]]:
    settings = config()
    terms = Terms(settings.video_query_percent, settings.video_listed_percent)
    candidates = _candidates(index, query, radii)
    ordered = sorted(candidates, key=lambda pk: (-min(candidates[pk]), pk))
    found: list[tuple[Known, Overlap]] = []
    compared = 0
    for start in range(0, len(ordered), CHUNK):
        if len(found) >= most or compared >= COMPARED:
            break
        some = ordered[start : start + CHUNK]
        listed = lists.bodies_by_id(some)
        for pk, item in lists.known_by_id(some).items():
            if item.negative and item.value != value:  # what is benign beside it says nothing about the rest of a video
                continue
            other = Side(frames.unpack(listed[pk]))
            if not may_overlap(query, other, *candidates[pk], terms):
                continue
            compared += 1
            how = overlap(query, other, item.radius, terms)
            if how is not None:
                found.append((item, how))
    return found


def _candidates(index: search.SearchIndex, query: Side, radii: search.Radii) -> dict[int, tuple[int, int]]:
    """Ids of the items that have a frame within their list's radius of one of the query's: how many of the query's
    frames are near one of theirs, how many of theirs are near one of the query's.
    """
    mine: Counter[int] = Counter()
    near = np.empty(0, np.int64)
    for start in range(0, len(query), ASKED):
        found = index.near(query.hashes[start : start + ASKED], radii)
        near = np.union1d(near, found.keys)
        for row in range(int(found.rows[-1]) + 1 if len(found.rows) else 0):
            mine.update(np.unique(frames.videos(found.keys[found.rows == row])).tolist())
    videos, theirs = np.unique(frames.videos(near), return_counts=True)
    return {pk: (mine[pk], number) for pk, number in zip(videos.tolist(), theirs.tolist(), strict=True)}
