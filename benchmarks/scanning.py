"""`himaya scan` over JPEG files of 640 x 480, against 50,000 PDQ and 50,000 MD5 values, start-up included.

The peers are `tx match` of threatexchange over the same files, against the same 50,000 PDQ values (it compares
photos by nothing else), by itself and as a process for each core; and the bare libraries, which compare with nothing.
Ours also reads each file's MD5, SHA-1 and SHA-256, decodes in a sandbox, and commits what it found.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pdqhash
from PIL import Image

from benchmarks import data
from benchmarks.node import Figure, Node, is_there, list_file, node, speed, turns

FILES = 1000
BARE = "Pillow, pdqhash, hashlib in as many processes"
TX = "tx match of threatexchange"
TX_EACH = f"{TX}, a process a core"


def run() -> Iterator[Figure]:
    pictures = data.pictures(FILES)
    with node() as made:
        list_file(made.folder / "list.csv", 100_000)
        made.run("lists", "create", "bench")
        made.run("lists", "import", "bench", str(made.folder / "list.csv"))
        works = {"": lambda: _scan(made, pictures)}
        if is_there("threatexchange"):
            tx = _Tx(made.folder)
            works |= {TX: lambda: tx.match(pictures, 1), TX_EACH: lambda: tx.match(pictures, os.cpu_count() or 1)}
        works[BARE] = lambda: _bare(pictures)
        found = turns({who: speed(work, FILES) for who, work in works.items()}, repeats=3)
        ours = found.pop("")
        for who, theirs in found.items():
            yield Figure("scan, JPEG 640x480, start-up included", FILES, "pictures/s", ours, who, theirs)


def _scan(made: Node, pictures: Path) -> None:
    told = made.run("scan", str(pictures), "--json")
    assert re.search(rf'"files": {FILES}\b', told), told


class _Tx:
    """threatexchange's command line with a home of its own, which holds the PDQ values of ``list.csv``."""

    def __init__(self, folder: Path) -> None:
        self.env = {**os.environ, "HOME": str(folder)}
        rows = (line.split(",") for line in (folder / "list.csv").read_text().splitlines())
        values = [f"{signal} {value}\n" for signal, value, *_ in rows if signal == "pdq"]
        (folder / "list.txt").write_text("".join(values))
        self._run("config", "collab", "edit", "local_file", "--create", "bench", "--filename", str(folder / "list.txt"))
        assert f"Building index for pdq with {len(values)} signals" in self._run("fetch")

    def match(self, pictures: Path, processes: int) -> None:
        files = sorted(map(str, pictures.iterdir()))
        running = [self._start("match", "photo", *files[at::processes]) for at in range(processes)]
        for process in running:
            told, _ = process.communicate()
            assert process.returncode == 0, told

    def _run(self, *arguments: str) -> str:
        process = self._start(*arguments)
        told, _ = process.communicate()
        assert process.returncode == 0, told
        return told

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "threatexchange", *arguments]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


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
