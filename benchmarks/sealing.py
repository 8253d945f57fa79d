"""Sealing a large thing into a directory, opening it, reading it again to find what rots; and many small ones.

Seal is the whole way: four digests of the thing and one of the sealed file, AES-256-GCM, written and on the disk
(fsync). The thing has ``BENCH_GIB`` gibibytes, 1 unless the environment says otherwise, and comes out of memory, so
that no disk is read beside the one that is written. Each repeat is a process of its own, whose peak of memory is told.
The peer of the scrub is coreutils' sha256sum over the same file, dropped from the system's memory each time. It reads
before and after the scrub, and the better of the two counts: a disk of a virtual machine may be cached below it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

from benchmarks.node import Figure, turns

GIB = int(os.environ.get("BENCH_GIB", "1"))
SMALL = 500
"""Things of 50 kB: pictures."""
SCRIPT = """
import hashlib, io, json, os, resource, subprocess, sys, time
from pathlib import Path
from uuid import UUID, uuid4
from himaya.core.vault import sealed
from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.mirrored import unsealed
from himaya.core.vault.stores.scrub import scrub

class Drawn(io.RawIOBase):
    part = os.urandom(1 << 20)
    def __init__(self, size): self.left = size
    def read(self, size=-1):
        piece = self.part[:min(size, self.left)]
        self.left -= len(piece)
        return piece

folder, size, small, peer = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
store, key, name = LocalStore(folder), sealed.new_key(), uuid4()
memory = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
told, began = {"before": memory()}, time.perf_counter()
def lap(work, n):
    global began
    now = time.perf_counter()
    told[work], began = n / (now - began), now
with store.writing(name, size=sealed.stored_size(size)) as to:
    seal = sealed.seal(Drawn(size), to, key=key, exhibit=name)
lap("seal", size / 1e6)
with store.writing(uuid4()) as to:
    source = Drawn(size)
    while piece := source.read(1 << 20): to.write(piece)
lap("write", size / 1e6)
for _ in unsealed(store, name, key=key, exhibit=name): pass
lap("open", size / 1e6)
path = folder / str(name)[:2] / str(name)[2:4] / f"{name}.sealed"
def by_the_peer():
    with path.open("rb") as file: os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    before = time.perf_counter()
    said = subprocess.run([peer, path], capture_output=True, check=True, text=True).stdout
    assert said.startswith(seal.stored_sha256)
    return size / 1e6 / (time.perf_counter() - before)
theirs = [by_the_peer()] if peer else []
began = time.perf_counter()
(outcome,) = scrub(store, [(name, seal.stored_sha256)])
assert outcome.found == "whole"
lap("scrub", size / 1e6)
if peer: told["sha256sum"] = max(*theirs, by_the_peer())
told["peak"] = memory()
began = time.perf_counter()
for _ in range(small):
    with store.writing(one := uuid4()) as to:
        sealed.seal(Drawn(50_000), to, key=key, exhibit=one)
lap("small", small)
print(json.dumps(told))
"""


def run() -> Iterator[Figure]:
    peer = shutil.which("sha256sum") or ""
    found = turns({"": lambda: _measured(peer)}, repeats=3)[""]

    def of(what: str) -> list[float]:
        return [one[what] for one in found]

    thing = f"{GIB} GiB"
    yield Figure(f"vault: {thing}, sealed into a directory, five digests, on the disk", GIB, "MB/s", of("seal"))
    yield Figure(f"vault: {thing}, written into it alone, on the disk", GIB, "MB/s", of("write"))
    yield Figure(f"vault: {thing}, opened and verified", GIB, "MB/s", of("open"))
    beside = ("sha256sum", of("sha256sum")) if peer else (None, None)
    yield Figure(f"vault: {thing}, scrubbed", GIB, "MB/s", of("scrub"), *beside)
    yield Figure(f"vault: {thing}, peak of memory", GIB, "MiB", of("peak"), less=True)
    more = [one["peak"] - one["before"] for one in found]
    yield Figure(f"vault: {thing}, memory beyond what Python and its libraries take", GIB, "MiB", more, less=True)
    yield Figure("vault: things of 50 kB, sealed one by one, each on the disk", SMALL, "things/s", of("small"))


def _measured(peer: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", SCRIPT, folder, str(GIB << 30), str(SMALL), peer]
        told: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
        return told
