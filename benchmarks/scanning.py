"""`himaya scan` over JPEG files of 640 x 480, against a list of 100,000 items, beside the bare libraries."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pdqhash
from PIL import Image

from benchmarks.node import Figure, Node, list_file, node, rate
from himaya.core import drawing

FILES = 400
PEER = "Pillow, pdqhash, hashlib in as many processes"


def run() -> Iterator[Figure]:
    with node() as made:
        list_file(made.folder / "list.csv", 100_000)
        made.run("lists", "create", "bench")
        made.run("lists", "import", "bench", str(made.folder / "list.csv"))
        pictures = made.folder / "pictures"
        pictures.mkdir()
        for seed in range(FILES):
            (pictures / f"{seed:05d}.jpg").write_bytes(drawing.encode(drawing.landscape(seed)))
        bare = rate(lambda: _bare(pictures), FILES)
        yield Figure("scan, JPEG 640x480, start-up included", FILES, "pictures/s", _scans(made, pictures), PEER, bare)


def _scans(made: Node, pictures: Path) -> list[float]:
    def scan() -> None:
        told = made.run("scan", str(pictures), "--json")
        assert re.search(rf'"files": {FILES}\b', told), told

    return rate(scan, FILES)


def _bare(pictures: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        assert len(pool.map(_read, sorted(pictures.iterdir()), chunksize=8)) == FILES


def _read(path: Path) -> list[str]:
    content = path.read_bytes()
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    bits, _ = pdqhash.compute(pixels)
    digests = [hashlib.new(name, content, usedforsecurity=False).hexdigest() for name in ("md5", "sha1", "sha256")]
    return [*digests, np.packbits(bits).tobytes().hex()]
