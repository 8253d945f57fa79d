"""The search index by itself: queries at radius 31, beside faiss and threatexchange.

Lists are of random hashes (what an index likes best) and of drawn ones (``benchmarks.data``: what real lists are like).
Batches are of strangers, but one in a thousand that has a neighbour. Each figure is measured in turns with its peers',
all of which use one thread. The peers are:

* faiss' ``IndexBinaryMultiHash(256, 16, 16)`` with ``nflip = 1``, the very one that threatexchange's PDQ index makes,
  asked as a batch;
* faiss' ``IndexBinaryFlat``, which compares with every hash, asked as a batch;
* threatexchange's ``PDQIndex`` itself, which takes one hash at a time: as text, as does ours beside it.

Recall is measured: hashes of the list with 0 to 31 bits turned over are asked for, and what is found is compared with
what a scan of the whole list finds. The room that faiss takes is by how much this process grows.
"""

from __future__ import annotations

import ctypes
import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks import data
from benchmarks.data import Hashes
from benchmarks.node import Figure, is_there, seconds, speed, turns
from himaya.core import search

FAISS = "faiss IndexBinaryMultiHash 16 x 16, nflip 1"
FLAT = "faiss IndexBinaryFlat"
PDQ_INDEX = "threatexchange PDQIndex"
RADIUS = 31
SIZES = (100_000, 1_000_000, 10_000_000)
ROOM = 800
"""Bytes of memory for a hash, with all that is measured side by side."""
BATCHES = (1000, 10_000)
LINES = 700
"""How many lines of memory a query reads, about: 272 buckets of two lines each, and where they begin."""
Pairs = set[tuple[int, int]]
"""Which query found the item of which key."""


def run() -> Iterator[Figure]:
    yield from _single("1 hash", search.build(np.arange(1), data.random_values(1)), _strangers(1), None, 0)
    for items in SIZES:
        if items * ROOM > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"):
            Console().print(f"  left out: {items:,} hashes, for which this machine has too little memory")
            continue
        yield from _of(f"{items:,} random hashes", data.random_values(items), _strangers(items))
        yield from _of(f"{items:,} drawn hashes", np.array(data.drawn_values(items)), data.drawn_strangers(10_000))


def _strangers(items: int) -> Hashes:
    return np.random.default_rng(items).integers(0, 256, (10_000, 32), np.uint8)


def _of(name: str, hashes: Hashes, strangers: Hashes) -> Iterator[Figure]:
    asked = np.array(strangers)
    asked[::1000] = planted(hashes, 1)[::3][:10]
    peers = _peers(hashes)
    yield from _building(name, hashes, peers)
    index = search.build(np.arange(len(hashes)), hashes)
    few = 100 if len(hashes) < 10_000_000 else 40
    yield from _recall(name, index, hashes, peers)
    yield from _single(name, index, asked, peers, few)
    yield from _batches(name, index, asked, peers, few)
    yield from _saved(name, index, asked[0], peers)


class _Peers:
    """What is measured beside ours, filled with the list by faiss' own call, the quickest way to do it.

    The one that threatexchange's index makes, within an ``IndexBinaryIDMap2``: filled so it has been seen to answer
    several times as fast as by itself. What its own ways would add in Python is not counted.
    """

    def __init__(self, hashes: Hashes) -> None:
        import faiss
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex

        faiss.omp_set_num_threads(1)
        self.flat = faiss.IndexBinaryFlat(256)
        self.flat.add(hashes)
        self.pdq_index: PDQIndex[None] = PDQIndex()
        inner: Any = self.pdq_index.index
        before = _resident()
        self.seconds = seconds(lambda: inner.faiss_index.add_with_ids(hashes, np.arange(len(hashes))))
        self.bytes = (_resident() - before) / len(hashes)
        inner.index_rev_map = range(len(hashes))
        self.multi = inner.mih_index
        self.multi.nflip = RADIUS // self.multi.nhash
        self.pdq_index.local_id_to_entry = [("", None)] * len(hashes)

    def search(self, asked: Hashes) -> Pairs:
        limits, _, keys = self.multi.range_search(asked, RADIUS + 1)
        return set(
            zip(np.repeat(np.arange(len(asked)), np.diff(limits.astype(np.int64))).tolist(), keys.tolist(), strict=True)
        )


def _resident() -> int:
    """How many bytes of memory this process has, without those that it could give back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _peers(hashes: Hashes) -> _Peers | None:
    return _Peers(hashes) if is_there("faiss") and is_there("threatexchange") else None


def _building(name: str, hashes: Hashes, peers: _Peers | None) -> Iterator[Figure]:
    keys = np.arange(len(hashes))
    ours = [seconds(lambda: search.build(keys, hashes)) for _ in range(3)]
    theirs = [peers.seconds] if peers else None
    yield Figure(f"{name}, building", len(hashes), "s", ours, FAISS if peers else None, theirs, less=True)


def _recall(name: str, index: search.SearchIndex, hashes: Hashes, peers: _Peers | None) -> Iterator[Figure]:
    asked = planted(hashes, 10 if len(hashes) < 10_000_000 else 2)
    true = scanned(hashes, asked)
    near = index.near(asked, RADIUS)
    ours = recall(set(zip(near.rows.tolist(), near.keys.tolist(), strict=True)), true)
    title = f"{name}, recall of neighbours at 0 to 31 bits"
    theirs = [recall(peers.search(asked), true)] if peers else None
    yield Figure(title, len(hashes), "share", [ours], FAISS if peers else None, theirs, recall=ours)


def planted(hashes: Hashes, each: int) -> Hashes:
    """Hashes of the list with bits turned over: ``each`` of them for every number of bits from 0 to ``RADIUS``."""
    rng = np.random.default_rng(3)
    away = np.repeat(np.arange(RADIUS + 1), each)
    order = rng.permuted(np.tile(np.arange(256), (len(away), 1)), axis=1)
    turned = np.packbits(np.take_along_axis(np.arange(256) < away[:, None], order, axis=1), axis=1)
    return np.asarray(hashes[rng.integers(0, len(hashes), len(away))] ^ turned)


def scanned(hashes: Hashes, asked: Hashes) -> Pairs:
    """Every pair within the radius, by comparing each with all; the numbers of the rows are the keys."""
    found: Pairs = set()
    for start in range(0, len(hashes), 1_000_000):
        block = np.ascontiguousarray(hashes[start : start + 1_000_000]).view(np.uint64)
        for number, one in enumerate(np.ascontiguousarray(asked).view(np.uint64)):
            away = np.bitwise_count(block ^ one).sum(axis=1, dtype=np.uint16)
            found.update((number, start + at) for at in np.flatnonzero(away <= RADIUS).tolist())
    return found


def recall(found: Pairs, true: Pairs) -> float:
    """The share of the true pairs that were found.

    Raises:
        AssertionError: where one was found that is none.
    """
    assert found <= true, f"{len(found - true)} were found that are further away than {RADIUS} bits"
    return len(found) / len(true)


def _single(name: str, index: search.SearchIndex, asked: Hashes, peers: _Peers | None, few: int) -> Iterator[Figure]:
    """The median and the 99th percentile of questions asked one by one, from the text of a hash to its matches."""
    texts = [row.tobytes().hex() for row in asked[1:]]
    works = {"": lambda: _each(lambda text: index.query(np.frombuffer(bytes.fromhex(text), np.uint8), RADIUS), texts)}
    if peers:
        works[PDQ_INDEX] = lambda: _each(peers.pdq_index.query, texts[:few])
    took = turns(works)
    for at, percent in ((0, "p50"), (1, "p99")):
        found = {who: [both[at] for both in every] for who, every in took.items()}
        who, theirs = (PDQ_INDEX, found[PDQ_INDEX]) if peers else (None, None)
        yield Figure(f"{name}, one query, {percent}", len(index), "µs", found[""], who, theirs, less=True)


def _each(ask: Callable[[str], object], texts: list[str]) -> tuple[float, float]:
    """The 50th and the 99th percentile of one question, in microseconds."""
    took = []
    for text in texts:
        began = time.perf_counter_ns()
        ask(text)
        took.append((time.perf_counter_ns() - began) / 1000)
    return float(np.percentile(took, 50)), float(np.percentile(took, 99))


def _batches(name: str, index: Any, asked: Hashes, peers: _Peers | None, few: int) -> Iterator[Figure]:
    names = [f"{name}, {batch:,} at once, one thread" for batch in BATCHES]
    works = {
        title: speed(partial(index.near, asked[:batch], RADIUS, threads=1), batch)
        for title, batch in zip(names, BATCHES, strict=True)
    }
    works["all"] = speed(lambda: index.near(asked, RADIUS), len(asked))
    if peers:
        works[FAISS] = speed(lambda: peers.multi.range_search(asked[:few], RADIUS + 1), few)
        works[FLAT] = speed(lambda: peers.flat.range_search(asked[:few], RADIUS + 1), few)
    found = turns(works)
    for title in names:
        for who in (FAISS, FLAT) if peers else (None,):
            yield Figure(title, len(index), "queries/s", found[title], who, found.get(who or ""))
    yield Figure(f"{name}, 10,000 at once, all processors", len(index), "queries/s", found["all"])


def _saved(name: str, index: search.SearchIndex, one: Hashes, peers: _Peers | None) -> Iterator[Figure]:
    items, who, theirs = len(index), FAISS if peers else None, [peers.bytes] if peers else None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "index")
        index.save(path)
        size = path.stat().st_size
        yield Figure(
            f"{name}, bytes a hash, it and its key included", items, "bytes", [size / items], who, theirs, less=True
        )
        opened = [seconds(lambda: search.open(path).query(one, RADIUS)) * 1000 for _ in range(5)]
        yield Figure(f"{name}, opening a saved index and the first query", items, "ms", opened, less=True)
    if "random" in name:
        yield Figure(f"{name}, lines of its memory read at random", size // 64, "lines/s", _lines(size))


def _lines(size: int) -> list[float]:
    """What bounds a query: lines of 64 bytes a second from anywhere in as much memory as the index takes."""
    memory = np.ones((size // 64, 8), np.uint64)
    where = np.random.default_rng(0).integers(0, len(memory), 2_000_000)
    out = np.empty((len(where), 8), np.uint64)
    read = speed(lambda: np.take(memory, where, axis=0, out=out, mode="clip"), len(where))
    return turns({"": read})[""]
