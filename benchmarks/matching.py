"""The search index by itself: queries at radius 31, beside its twin in NumPy and, where it is installed, faiss.

The peer is ``IndexBinaryMultiHash(256, 16, 16)`` with ``nflip = 1``, as threatexchange configures it. Hashes are random
(what an index likes best) and clustered (a third of the list are neighbours of 300 hashes). Each figure is measured in
turns with its peer. ``HIMAYA_BENCH_ITEMS=10000000`` adds a size.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.node import Figure, rate
from himaya.core import search
from himaya.core.search.numpy_index import NumpyIndex

TWIN = "the NumPy twin"
FAISS = "faiss IndexBinaryMultiHash 16 x 16, nflip 1"
RADIUS = 31


def run() -> Iterator[Figure]:
    for items in (100_000, 1_000_000, *map(int, filter(None, os.environ.get("HIMAYA_BENCH_ITEMS", "").split(",")))):
        for kind in ("random", "clustered"):
            hashes, asked = data(items, kind)
            yield from _of(f"{items:,} {kind} hashes", hashes, asked)


def data(items: int, kind: str) -> tuple[Any, Any]:
    """Hashes, and 10,000 to ask for: strangers, but one in a thousand that has a neighbour."""
    rng = np.random.default_rng(1)
    hashes = np.frombuffer(rng.bytes(32 * items), np.uint8).reshape(-1, 32).copy()
    if kind == "clustered":
        part = items // 3
        near = rng.integers(0, 256, (part, 32), np.uint8)
        for _ in range(3):
            near &= rng.integers(0, 256, (part, 32), np.uint8)  # about 16 bits of 256
        hashes[:part] = hashes[rng.integers(part, part + 300, part)] ^ near
    asked = rng.integers(0, 256, (10_000, 32), np.uint8)
    asked[::1000] = hashes[-10:]
    return hashes, asked


def _of(name: str, hashes: Any, asked: Any) -> Iterator[Figure]:
    items, keys = len(hashes), np.arange(len(hashes))
    build = _seconds(lambda: search.build(keys, hashes), 3)
    index, twin = search.build(keys, hashes), NumpyIndex.build(keys, hashes)
    single = rate(lambda: [index.query(one, RADIUS) for one in asked[:1000]], 1000)
    yield Figure(f"{name}, one by one", items, "queries/s", single, TWIN, rate(lambda: twin.query(asked[0], RADIUS), 1))
    peer = _faiss(hashes)
    for batch in (1000, 10_000):
        ours = rate(lambda n=batch: index.near(asked[:n], RADIUS, threads=1), batch)
        theirs = rate(lambda: peer(asked[:50]), 50) if peer else rate(lambda: twin.near(asked[:20], RADIUS), 20)
        who = FAISS if peer else TWIN
        yield Figure(f"{name}, {batch:,} at once, one thread", items, "queries/s", ours, who, theirs)
    ours = rate(lambda: index.near(asked, RADIUS), len(asked))
    yield Figure(f"{name}, 10,000 at once, all processors", items, "queries/s", ours)
    yield Figure(f"{name}, building", items, "s", build)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index")
        index.save(path)
        yield Figure(f"{name}, bytes a hash, it and its key included", items, "bytes", [path.stat().st_size / items])
        opened = _seconds(lambda: search.open(path).query(asked[0], RADIUS), 5)
        yield Figure(f"{name}, opening a saved index and the first query", items, "ms", [s * 1000 for s in opened])


def _seconds(work: Callable[[], object], times: int) -> list[float]:
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return taken


def _faiss(hashes: Any) -> Callable[[Any], object] | None:
    try:
        import faiss
    except ImportError:
        return None
    faiss.omp_set_num_threads(1)
    index = faiss.IndexBinaryMultiHash(256, 16, 16)
    index.nflip = 1
    index.add(hashes)
    return lambda asked: index.range_search(asked, RADIUS + 1)
