"""The search by the pigeonring, in C: what ``search.build`` gives where there is a kernel.

An index is a few immutable segments, the largest of them often a mapped file, and a small table of what was added last.
What is removed stays where it is and is marked with the time it went (``graves``; ``died`` in the table); a query takes
the state that it finds, and the marks later than that mean nothing to it. So nobody waits for anybody, and a change
costs what it changes. When the table is full it becomes a segment; segments of like size become one.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from himaya.core.search import ring_file
from himaya.core.search.index import (
    HASH_BYTES,
    Ends,
    Groups,
    Hashes,
    Hit,
    Keys,
    Near,
    Radii,
    VariantHit,
    checked,
    last_of_each,
)
from himaya.core.search.segment import FLAT, NEVER, Segment, Table, in_threads, native, shares

SHARE = 128
"""Hashes of a batch for which a thread of its own is worth it."""
FREE = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
_FIRST_ROOM = 256

Graves = NDArray[np.uint64]


class _Level(NamedTuple):
    """A segment and the rows that were removed from it: an open table of row << 32 | time, ``FREE`` where free."""

    segment: Segment
    graves: Graves | None = None
    buried: int = 0


class _State(NamedTuple):
    """Replaced as a whole. A query sees what was there at ``now``, and ``visible`` rows of the table."""

    view: object
    now: int
    visible: int
    levels: tuple[_Level, ...]
    table: Table
    living: int


class RingIndex:
    """See :class:`himaya.core.search.index.SearchIndex`."""

    def __init__(self, levels: tuple[_Level, ...], note: bytes = b"") -> None:
        self.note = note
        self._writing = threading.Lock()
        self._one, self._many = native().one, native().many
        self._state = _state(0, levels, Table(_FIRST_ROOM), sum(level.segment.count for level in levels))

    @classmethod
    def build(cls, keys: Keys, hashes: Hashes, groups: Groups | None = None) -> Self:
        """An index of n ``hashes`` under n ``keys``; of equal keys the last counts."""
        keys, hashes, groups = checked(keys, hashes, groups)
        stay = last_of_each(keys)
        segment = Segment.build(keys[stay], np.ascontiguousarray(hashes[stay]), groups[stay])
        return cls((_Level(segment),) if segment.count else ())

    @classmethod
    def open(cls, path: Path) -> Self:
        """Map what ``save`` wrote, or raise :class:`BadIndexFile`."""
        segment, note = ring_file.open_segment(path)
        return cls((_Level(segment),), note)

    def save(self, path: Path, note: bytes = b"") -> None:
        """Everything that is there as one segment, in one file (``ring_file``)."""
        with self._writing:
            state = self._state
            new = _rows_of_table(state.table)
        if len(state.levels) == 1 and not state.levels[0].buried and not len(new[0]):
            segment = state.levels[0].segment
        else:
            segment = _merged([*(_living(level, state.now) for level in state.levels), new])
        ring_file.save_segment(path, segment, note)

    def add(self, keys: Keys, hashes: Hashes, groups: Groups | None = None) -> None:
        """Add hashes; a key that is there already gets the new hash."""
        keys, hashes, groups = checked(keys, hashes, groups)
        stay = last_of_each(keys)
        keys, hashes, groups = keys[stay], hashes[stay], groups[stay]
        with self._writing:
            state, now = self._state, self._state.now + 1
            removed, levels = _bury(state, keys, now)
            count = state.living - removed + len(keys)
            table = state.table
            if table.count + len(keys) > len(table.keys):
                wanted = len(table.live()) + len(keys)
                if wanted > FLAT:
                    level = _Level(_merged([_rows_of_table(table), (keys, hashes, groups)]))
                    self._state = _state(now, _settled((*levels, level), now), Table(_FIRST_ROOM), count)
                    return
                table = table.larger(max(_FIRST_ROOM, min(FLAT, 2 * wanted)))
            table.put(keys, hashes, groups)
            self._state = _state(now, levels, table, count)

    def remove(self, keys: Keys) -> int:
        """Forget the keys; how many of them were there."""
        with self._writing:
            state, now = self._state, self._state.now + 1
            removed, levels = _bury(state, np.unique(np.asarray(keys, np.int64)), now)
            if removed:
                self._state = _state(now, _settled(levels, now), state.table, state.living - removed)
        return removed

    def holds(self, keys: Keys) -> NDArray[np.bool_]:
        """For each key whether it is there."""
        wanted, back = np.unique(np.asarray(keys, np.int64), return_inverse=True)
        found = np.zeros(len(wanted), np.bool_)
        with self._writing:
            state = self._state
            found |= _rows(state.table.ring, wanted, state.visible) != NEVER
            for level in state.levels:
                rows = _living_rows(level, wanted)
                found |= rows != NEVER
        return found[back]

    def query(self, value: Hashes, radius: int | Radii, limit: int | None = None) -> list[Hit]:
        """The stored hashes within ``radius`` bits of one hash; with ``limit``, the nearest so many."""
        state = self._state
        found = self._one(state.view, state.now, state.visible, np.ascontiguousarray(value), radius, limit)
        return [Hit(key, distance) for key, distance in found] if found else found

    def query_many(self, values: Hashes, radius: int | Radii, limit: int | None = None) -> list[list[Hit]]:
        """As ``query`` for each row, in order."""
        rows, keys, distances = self._near(values, radius, limit, 0)
        hits = list(map(Hit, keys.tolist(), distances.tolist()))
        cuts = np.searchsorted(rows, np.arange(len(values) + 1)).tolist()
        return [hits[a:b] for a, b in pairwise(cuts)]

    def near(self, values: Hashes, radius: int | Radii, limit: int | None = None, *, threads: int = 0) -> Near:
        """As ``query_many``, in arrays; ``threads``: all processors for a large batch, where 0."""
        return self._near(values, radius, limit, threads)

    def query_variants(
        self, values: Hashes, ends: Ends, radius: int | Radii, limit: int | None = None
    ) -> list[list[VariantHit]]:
        """For each thing every key once, at its least distance, with the first such variant."""
        rows, keys, distances = self._near(values, radius, limit, 0, np.ascontiguousarray(ends, np.uint32))
        if not len(rows):
            return [[] for _ in range(len(ends))]
        things = np.searchsorted(ends, rows, side="right")
        variants = rows - _begins(ends)[things]
        hits = list(map(VariantHit, keys.tolist(), distances.tolist(), variants.tolist()))
        cuts = np.searchsorted(things, np.arange(len(ends) + 1)).tolist()
        return [hits[a:b] for a, b in pairwise(cuts)]

    def __len__(self) -> int:
        return self._state.living

    def size(self) -> int:
        """Bytes of all arrays, in memory or mapped."""
        state = self._state
        graves = sum(level.graves.nbytes for level in state.levels if level.graves is not None)
        return sum(level.segment.size() for level in state.levels) + graves + 46 * len(state.table.keys)

    def _near(
        self, values: Hashes, radius: int | Radii, limit: int | None, threads: int, ends: Ends | None = None
    ) -> Near:
        state, values = self._state, np.ascontiguousarray(values)
        if values.ndim != 2:
            raise ValueError(f"hashes are rows of {HASH_BYTES} uint8")
        start = (state.view, state.now, state.visible, values, radius, limit)
        parts = max(1, len(values) // SHARE)
        if parts > 1:
            parts = min(threads or os.cpu_count() or 1, parts)
        if parts == 1:
            return _arrays(self._many(*start, 0, len(values), ends))
        tasks = [partial(self._many, *start, *share) for share in _shares(len(values), ends, parts)]
        found = [_arrays(raw) for raw in in_threads(tasks, parts)]
        return Near(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))


Rows = tuple[Keys, Hashes, Groups]


def _state(now: int, levels: tuple[_Level, ...], table: Table, count: int) -> _State:
    view = native().view((*((level.segment.ring, level.graves) for level in levels), (table.ring, None)))
    return _State(view, now, table.count, levels, table, count)


def _arrays(raw: tuple[bytearray, bytearray, bytearray]) -> Near:
    return Near(np.frombuffer(raw[0], np.int32), np.frombuffer(raw[1], np.int64), np.frombuffer(raw[2], np.uint16))


def _shares(rows: int, ends: Ends | None, parts: int) -> list[tuple[int, int, Ends | None]]:
    """Rows cut into parts, no thing in two: begin, end, the ends of the things between, counted from the begin."""
    if ends is None:
        return [(s.start, s.stop, None) for s in shares(rows, parts)]
    begins = _begins(ends)
    if begins[-1] != rows or (np.diff(begins) < 0).any():
        raise ValueError(f"ends of things that do not fit {rows} rows")
    cuts = [(int(begins[s.start]), int(begins[s.stop]), ends[s]) for s in shares(len(ends), parts)]
    return [(start, stop, some - np.uint32(start)) for start, stop, some in cuts]


def _begins(ends: Ends) -> NDArray[np.int64]:
    """The first row of each thing, and the number of rows."""
    return np.concatenate(([0], ends), dtype=np.int64)


def _rows(ring: object, keys: Keys, visible: int = NEVER) -> NDArray[np.uint32]:
    """For each of distinct keys its row, ``NEVER`` where it has none."""
    rows = np.empty(len(keys), np.uint32)
    native().rows_of(ring, visible, np.ascontiguousarray(keys), rows)
    return rows


def _living_rows(level: _Level, keys: Keys) -> NDArray[np.uint32]:
    """The same in a segment, ``NEVER`` also where the row was removed. Keys beyond its last are not looked for."""
    segment = level.segment
    rows = np.full(len(keys), NEVER, np.uint32)
    within = keys <= segment.key_last
    if segment.key_bytes == 4:
        within &= keys >= segment.key_base
    if not within.any():
        return rows
    found = _rows(segment.ring, keys[within])
    if level.graves is not None:
        gone = np.empty(len(found), np.uint8)
        native().buried(level.graves, found, gone)
        found[gone.astype(np.bool_)] = NEVER
    rows[within] = found
    return rows


def _bury(state: _State, keys: Keys, now: int) -> tuple[int, tuple[_Level, ...]]:
    """Mark distinct keys as gone at ``now``, wherever they are; their number, and the levels with their graves."""
    removed, levels = 0, []
    for level in state.levels:
        rows = _living_rows(level, keys)
        rows = rows[rows != NEVER]
        removed += len(rows)
        levels.append(_with_graves(level, rows, now) if len(rows) else level)
    rows = _rows(state.table.ring, keys, state.visible)
    rows = rows[rows != NEVER]
    state.table.died[rows] = now
    return removed + len(rows), tuple(levels)


def _with_graves(level: _Level, rows: NDArray[np.uint32], now: int) -> _Level:
    graves, buried = level.graves, level.buried + len(rows)
    if graves is None or 2 * buried > len(graves):
        # Whoever sees the larger table comes at ``now`` or later: that is time enough for the older graves, too.
        old = np.empty(0, np.uint32) if graves is None else (graves[graves != FREE] >> np.uint64(32)).astype(np.uint32)
        graves = np.full(max(64, 1 << (4 * buried - 1).bit_length()), FREE, np.uint64)
        native().bury(graves, old, now)
    native().bury(graves, rows, now)
    return _Level(level.segment, graves, buried)


def _rows_of_table(table: Table) -> Rows:
    live = table.live()
    return table.keys[live], table.hashes[live], table.groups[live]


def _living(level: _Level, now: int) -> Rows:
    """The rows of a segment that were there at ``now``."""
    segment = level.segment
    everything = segment.keys(), segment.hashes(), segment.groups()
    if level.graves is None:
        return everything
    graves = level.graves[level.graves != FREE]
    gone = (graves >> np.uint64(32))[(graves & np.uint64(NEVER)) <= now]
    stay = np.ones(segment.count, np.bool_)
    stay[gone.astype(np.int64)] = False
    keys, hashes, groups = everything
    return keys[stay], hashes[stay], groups[stay]


def _merged(parts: list[Rows]) -> Segment:
    if len(parts) == 1:
        return Segment.build(*parts[0])
    keys, hashes, groups = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Segment.build(keys, hashes, groups)


def _settled(levels: tuple[_Level, ...], now: int) -> tuple[_Level, ...]:
    """Each segment more than four times the next, so that they are few; none of which a quarter was removed."""
    kept: list[_Level] = []
    for level in levels:
        kept.append(level)
        if 4 * level.buried > level.segment.count:
            kept[-1] = _Level(_merged([_living(level, now)]))
        while len(kept) > 1 and 4 * kept[-1].segment.count > kept[-2].segment.count:
            last = kept.pop()
            kept[-1] = _Level(_merged([_living(kept[-1], now), _living(last, now)]))
    return tuple(level for level in kept if level.segment.count)
