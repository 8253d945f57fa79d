"""What changed in the lists, brought into an index of one signal.

An item is in it by its value, under its id; an item of a composite signal by the frames of its body that count, each
different one once, under the keys of :func:`himaya.core.frames.keys`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

import numpy as np

from himaya.core import frames, registry, search
from himaya.core.overlap import Side
from himaya.lists import queries as lists

CHUNK = 50_000
BODIES = 500
"""Items whose bodies are read at a time."""

Part = search.SearchIndex | search.Prefixes
_Change = tuple[int, str, int]
"""An item's id, its value, its list's id."""
_Rows = tuple[search.Keys, search.Hashes, search.Groups]
_NOTHING: _Rows = np.empty(0, np.int64), np.empty((0, search.HASH_BYTES), np.uint8), np.empty(0, np.uint16)


def apply(signal: str, index: Part, since: int) -> int:
    """Bring an index that is at revision ``since`` up to date; how many hashes it took up or let go.

    All that is new goes in by one call, so that nobody sees half of an import. What is gone goes first: where somebody
    brings it back meanwhile, it is among the new. (Nobody meets what is gone in any case, for hits are looked up.)
    """
    if isinstance(index, search.Prefixes):  # what was withdrawn stays in, and is asked about in vain
        return _apply_exact(index, lists.matching_since(since, signal=signal))
    composite = registry.signal(signal).composite
    gone = np.fromiter(lists.withdrawn_since(since, signal=signal) if since else (), np.int64)
    removed = index.remove(_keys_of(gone) if composite else gone) if gone.size else 0
    changes = lists.matching_since(since, signal=signal)
    new = _new_frames(index, changes) if composite else _new_values(index, changes)
    if new[0].size:
        index.add(*new)
    return removed + len(new[0])


def _apply_exact(index: search.Prefixes, changes: Iterator[_Change]) -> int:
    firsts = [np.empty(0, np.uint64)]
    while chunk := list(islice(changes, CHUNK)):
        firsts.append(search.of_hex([value for _, value, _ in chunk]))
    new = np.concatenate(firsts)
    new = new[~index.perhaps(new)]
    if new.size:
        index.add(new)
    return len(new)


def _new_values(index: search.SearchIndex, changes: Iterator[_Change]) -> _Rows:
    rows = [_NOTHING]
    while chunk := list(islice(changes, CHUNK)):
        ids, values, of = zip(*chunk, strict=True)
        rows.append((np.array(ids, np.int64), search.from_hex(values), np.array(of, np.uint16)))
    keys, hashes, groups = _joined(rows)
    fresh = ~index.holds(keys)  # the rest has new terms alone: a value never changes
    return keys[fresh], hashes[fresh], groups[fresh]


def _new_frames(index: search.SearchIndex, changes: Iterator[_Change]) -> _Rows:
    list_of = {pk: of for pk, _, of in changes}
    ids = np.fromiter(list_of, np.int64, len(list_of))
    new = ids[~index.holds(frames.keys(ids, 0))]  # a body never changes either
    return frames_of({pk: list_of[pk] for pk in new.tolist()})


def frames_of(list_of: Mapping[int, int]) -> _Rows:
    """Keys, hashes and groups of the frames of items, by the ids of these and of their lists."""
    rows = [_NOTHING]
    for some in _some(np.fromiter(list_of, np.int64, len(list_of))):
        for pk, body in lists.bodies_by_id(some).items():
            side = Side(frames.unpack(body))
            keys = frames.keys(pk, np.arange(len(side)))
            rows.append((keys, side.hashes, np.full(len(side), list_of[pk], np.uint16)))
    return _joined(rows)


def _keys_of(ids: search.Keys) -> search.Keys:
    """The keys that items have: of as many frames as their bodies hold, though fewer of them may count."""
    sizes = [one for some in _some(ids) for one in lists.body_sizes(some).items()]
    return np.concatenate([_NOTHING[0], *(frames.keys(pk, np.arange(size // frames.PACKED)) for pk, size in sizes)])


def _some(ids: search.Keys) -> Iterator[list[int]]:
    return (ids[start : start + BODIES].tolist() for start in range(0, len(ids), BODIES))


def _joined(rows: list[_Rows]) -> _Rows:
    keys, hashes, groups = (np.concatenate(arrays) for arrays in zip(*rows, strict=True))
    return keys, hashes, groups
