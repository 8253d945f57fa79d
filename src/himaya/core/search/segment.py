"""The arrays of a ring (``core/kernel/src/search.h``), built by several threads; and those of a table that grows."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from himaya.core import kernel
from himaya.core.search.index import HASH_BYTES, Groups, Hashes, Keys

CHUNKS, VALUES, SLACK = 16, 65_536, 32
"""As in ``search.h``: chunks of a hash, values of a chunk, signatures that may be read past the end."""
FLAT = 8192
"""Rows below which looking at each costs less than the 4 MiB of a ring's offsets."""
NEVER = 0xFFFF_FFFF

NARROW_ROWS = 1 << 24
"""A row's number fits into three bytes below this."""
Bytes = NDArray[np.uint8]
Rows = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Segment:
    """Hashes under keys, never changed. ``ring`` is the kernel's view of the arrays; both may lie in a mapped file."""

    count: int
    key_base: int
    key_last: int
    """The greatest; no key beyond it has to be looked for."""
    key_bytes: int
    id_bytes: int
    group_bytes: int
    arrays: tuple[Bytes | None, ...]
    """Hashes, keys, groups, offsets, signatures, ids; None where there are none."""
    ring: object

    @classmethod
    def of(
        cls, count: int, key_range: tuple[int, int], sizes: tuple[int, int, int], arrays: tuple[Bytes | None, ...]
    ) -> Segment:
        """From its arrays; ``sizes`` are the bytes of a key, an id and a group.

        Raises:
            ValueError: they do not fit one another.
        """
        ring = native().ring(count, key_range[0], *sizes, *arrays, None)
        return cls(count, *key_range, *sizes, arrays, ring)

    @classmethod
    def build(cls, keys: Keys, hashes: Hashes, groups: Groups, threads: int | None = None) -> Segment:
        """From n distinct keys, their hashes and groups."""
        count, c = len(keys), native()
        if count < FLAT:
            return cls.of(
                count, *_narrow(keys, 4, groups), (_flat(hashes.copy()), *_packed(keys, groups), None, None, None)
            )
        order, ordered = np.empty(count, np.uint32), np.empty((count, HASH_BYTES), np.uint8)
        c.order_rows(hashes, order)
        threads = threads or os.cpu_count() or 1
        in_threads([partial(c.gather, hashes, order[s], ordered[s]) for s in shares(count, threads)], threads)
        keys, groups = keys[order], groups[order]
        width = 3 if count < NARROW_ROWS else 4
        offsets = np.empty(4 * CHUNKS * (VALUES + 1), np.uint8)
        signatures = np.empty(2 * (CHUNKS * count + SLACK), np.uint8)
        signatures[-2 * SLACK :] = 0
        ids = np.empty((CHUNKS - 1) * count * width + 1, np.uint8)
        ids[-1] = 0
        arrays = offsets, signatures, ids
        in_threads([partial(c.fill_chunk, ordered, n, width, *arrays) for n in range(CHUNKS)], threads)
        return cls.of(count, *_narrow(keys, width, groups), (_flat(ordered), *_packed(keys, groups), *arrays))

    def keys(self) -> Keys:
        """The keys, row by row."""
        stored = self.arrays[1]
        if self.key_bytes == 8:
            return stored[: 8 * self.count].view(np.int64)  # type: ignore[index]
        return stored[: 4 * self.count].view(np.uint32).astype(np.int64) + np.int64(self.key_base)  # type: ignore[index]

    def groups(self) -> Groups:
        """The groups, row by row."""
        stored = self.arrays[2]
        if stored is None:
            return np.zeros(self.count, np.uint16)
        kind = np.uint8 if self.group_bytes == 1 else np.uint16
        return stored[: self.group_bytes * self.count].view(kind).astype(np.uint16)

    def hashes(self) -> Hashes:
        """The hashes, row by row."""
        return self.arrays[0][: HASH_BYTES * self.count].reshape(-1, HASH_BYTES)  # type: ignore[index]

    def size(self) -> int:
        """Bytes of everything."""
        return sum(a.nbytes for a in self.arrays if a is not None)


class Table:
    """Rows that are added and removed; ``count`` of them are in use. Those removed stay, with the time they went."""

    def __init__(self, room: int) -> None:
        self.keys, self.groups = np.zeros(room, np.int64), np.zeros(room, np.uint16)
        self.hashes, self.died = np.zeros((room, HASH_BYTES), np.uint8), np.full(room, NEVER, np.uint32)
        self.count = 0
        arrays = (_flat(self.hashes), _flat(self.keys), _flat(self.groups), None, None, None, _flat(self.died))
        self.ring = native().ring(room, 0, 8, 4, 2, *arrays)

    def put(self, keys: Keys, hashes: Hashes, groups: Groups) -> None:
        """Write rows after those in use. There has to be room."""
        rows = slice(self.count, self.count + len(keys))
        self.keys[rows], self.hashes[rows], self.groups[rows] = keys, hashes, groups
        self.count += len(keys)

    def larger(self, room: int) -> Table:
        """A copy of the rows that live, with more room."""
        new, live = Table(room), self.live()
        new.put(self.keys[live], self.hashes[live], self.groups[live])
        return new

    def live(self) -> NDArray[np.int64]:
        """The rows that were not removed."""
        return np.nonzero(self.died[: self.count] == NEVER)[0]


def native() -> Any:
    """The extension module."""
    if kernel.native is None:
        raise RuntimeError("there is no C kernel in this process")
    return kernel.native


def shares(count: int, parts: int) -> list[slice]:
    """``count`` things in as many runs of like length."""
    cuts = [count * part // parts for part in range(parts + 1)]
    return [slice(a, b) for a, b in pairwise(cuts)]


def in_threads(tasks: Sequence[Callable[[], Any]], threads: int) -> list[Any]:
    """The results of the tasks, which let go of Python's lock. Threads begin and end here: none must survive a fork."""
    results: list[Any] = [None] * len(tasks)
    errors: list[BaseException] = []
    numbers = iter(range(len(tasks)))
    lock = threading.Lock()

    def work() -> None:
        try:
            while not errors:
                with lock:
                    n = next(numbers, None)
                if n is None:
                    return
                results[n] = tasks[n]()
        except BaseException as error:  # noqa: BLE001 - it is raised where the work was ordered
            errors.append(error)

    others = [threading.Thread(target=work, daemon=True) for _ in range(min(threads, len(tasks)) - 1)]
    for thread in others:
        thread.start()
    work()
    for thread in others:
        thread.join()
    if errors:
        raise errors[0]
    return results


def _flat(array: NDArray[Any]) -> Bytes:
    return array.reshape(-1).view(np.uint8)


def _narrow(keys: Keys, id_bytes: int, groups: Groups) -> tuple[tuple[int, int], tuple[int, int, int]]:
    """The base of keys (the least where 32 bits are enough after it, else 0), the greatest; bytes of key, id, group."""
    least, last = (int(keys.min()), int(keys.max())) if len(keys) else (0, 0)
    most = int(groups.max()) if len(groups) else 0
    group_bytes = 0 if most == 0 else 1 if most < 256 else 2
    narrow = last - least < 1 << 32
    return (least if narrow else 0, last), (4 if narrow else 8, id_bytes, group_bytes)


def _packed(keys: Keys, groups: Groups) -> tuple[Bytes, Bytes | None]:
    """Keys and groups in as few bytes as ``_narrow`` says."""
    (base, _), (key_bytes, _, group_bytes) = _narrow(keys, 4, groups)
    packed = keys.copy() if key_bytes == 8 else (keys - np.int64(base)).astype(np.uint32)
    if not group_bytes:
        return _flat(packed), None
    return _flat(packed), _flat(groups.astype(np.uint8 if group_bytes == 1 else np.uint16))
