"""Videos against those of the lists: an index of frames finds who may match, :mod:`himaya.core.overlap` decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


def find(
    signal: str,
    values: Iterable[str],
    bodies: Mapping[str, bytes],
    *,
    index: search.SearchIndex,
    radii: search.Radii,
) -> dict[str, list[tuple[Known, Overlap]]]:
    """For each value, the items whose frames overlap with its own.

    Args:
        signal: a composite signal.
        values: canonical values.
        bodies: value → packed frames; a value that is not among them is one that a list has, or matches nothing.
        index: the frames of the signal's items (:mod:`himaya.screening.changes`).
        radii: the most bits between near frames, by list.
    """
    wanted = list(values)
    lacking = [value for value in wanted if value not in bodies]
    known = {**bodies, **lists.bodies(signal, lacking)} if lacking else bodies
    return {
        value: _of_one(index, value, Side(frames.unpack(known[value])), radii) for value in wanted if value in known
    }


def _of_one(index: search.SearchIndex, value: str, query: Side, radii: search.Radii) -> list[tuple[Known, Overlap]]:
    settings = config()
    shares = {"query_percent": settings.video_query_percent, "listed_percent": settings.video_listed_percent}
    candidates = _candidates(index, query, radii)
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


def _candidates(index: search.SearchIndex, query: Side, radii: search.Radii) -> list[int]:
    """Ids of the items that have a frame within their list's radius of one of the query's, in order."""
    parts = (query.hashes[start : start + ASKED] for start in range(0, len(query), ASKED))
    found = [frames.videos(index.near(part, radii).keys) for part in parts]
    return np.unique(np.concatenate(found)).tolist() if found else []
