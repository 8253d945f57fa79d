"""What benchmarks are made of: a figure, and a node of its own."""

from __future__ import annotations

import importlib.util
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psycopg
from rich.console import Console

REPEATS = 5
T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """What was measured, and beside it a peer's: the same work by another tool, or without this program.

    ``less``: smaller is better, as of a time or a size. ``recall``: the share of what was to be found that was found.
    """

    work: str
    n: int
    unit: str
    ours: list[float]
    peer: str | None = None
    theirs: list[float] | None = None
    less: bool = False
    recall: float | None = None


def rate(work: Callable[[], object], n: int, *, repeats: int = REPEATS) -> list[float]:
    """``n`` a second, several times."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        found.append(n / (time.perf_counter() - began))
    return found


def turns(works: Mapping[str, Callable[[], T]], *, repeats: int = REPEATS) -> dict[str, list[T]]:
    """Each work's figure, several times: one after the other and then all anew, so that what else the machine does
    in the meantime falls on all of them.
    """
    found: dict[str, list[T]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            found[name].append(work())
    return found


def speed(work: Callable[[], object], n: int, *, least: float = 0.2) -> Callable[[], float]:
    """``n`` a second, over ``least`` seconds or one time, whenever it is called: for :func:`turns`."""

    def measure() -> float:
        times, began = 0, time.perf_counter()
        while not times or time.perf_counter() - began < least:
            work()
            times += 1
        return n * times / (time.perf_counter() - began)

    return measure


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def is_there(package: str) -> bool:
    """Whether a peer is installed; one that is not is left out, and that is said."""
    if importlib.util.find_spec(package):
        return True
    Console().print(f"  left out: {package} is not installed (requirements-bench.in)")
    return False


HIMAYA = [sys.executable, "-c", "from himaya.site.cli import main; main()"]


class Node:
    """A data directory and the commands that work on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.env = {**os.environ, "HIMAYA_DATA": str(folder / "node"), "HIMAYA_SECOND_FACTOR": "false", "NO_COLOR": "1"}

    def run(self, *arguments: str, ok: tuple[int, ...] = (0,)) -> str:
        """Run a command; its standard output."""
        done = subprocess.run([*HIMAYA, *arguments], env=self.env, capture_output=True, text=True, check=False)
        if done.returncode not in ok:
            raise RuntimeError(f"{arguments}: {done.stderr}")
        return done.stdout

    @contextmanager
    def serving(self, *options: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
        """`himaya serve` on a free port, once it answers; the port and the process."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        process = subprocess.Popen(
            [*HIMAYA, "serve", "--port", str(port), *options], env=self.env, stderr=subprocess.DEVNULL
        )
        try:
            for _ in range(200):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1):
                        break
                except OSError:
                    time.sleep(0.1)
            else:
                raise RuntimeError("the server did not answer in 20 seconds")
            yield port, process
        finally:
            process.terminate()
            process.wait(15)


@contextmanager
def node(server: str = "", **settings: str) -> Iterator[Node]:
    """A fresh node, gone afterwards; where there is a PostgreSQL server, in a database of its own there."""
    with tempfile.TemporaryDirectory(prefix="himaya-bench-") as folder:
        made = Node(Path(folder))
        made.env |= settings
        made.env.pop("HIMAYA_DATABASE_URL", None)
        name = f"bench_{random.randrange(10**12)}"
        if server:
            with psycopg.connect(server, autocommit=True) as line:
                line.execute(f"CREATE DATABASE {name}".encode())
            made.env["HIMAYA_DATABASE_URL"] = f"{server.rpartition('/')[0]}/{name}"
        made.run("init")
        yield made
        if server:
            with psycopg.connect(server, autocommit=True) as line:
                line.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def list_file(path: Path, rows: int, *, seed: int = 1) -> list[tuple[str, str]]:
    """Write a CSV list of random values, PDQ and MD5 by turns; every thousandth (signal, value) is returned."""
    rng, some = random.Random(seed), []
    with path.open("w") as file:
        file.write("signal,value,scheme,code,source\n")
        for number in range(rows):
            signal, size = ("pdq", 32) if number % 2 == 0 else ("md5", 16)
            value = rng.randbytes(size).hex()
            file.write(f"{signal},{value},interpol,baseline,Benchmark\n")
            if number % 1000 < 2:
                some.append((signal, value))
    return some
