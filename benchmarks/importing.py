"""`himaya lists import` of 300,000 rows: speed and peak memory, beside SQLite that is handed rows ready to store."""

from __future__ import annotations

import csv
import re
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

from benchmarks.node import HIMAYA, Figure, Node, list_file, node, rate

ROWS, REPEATS = 300_000, 3
PEER = "sqlite3 executemany of the same rows"
TABLE = """
PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;
CREATE TABLE item (id INTEGER PRIMARY KEY AUTOINCREMENT, list INTEGER, signal TEXT, value TEXT, state TEXT, scheme TEXT,
  code TEXT, source TEXT, added_by TEXT, added_at TEXT, revision INTEGER, UNIQUE (signal, value, list));
CREATE INDEX revision ON item (revision); CREATE INDEX of_list ON item (list, id);
"""
INSERT = """INSERT INTO item (list, signal, value, state, scheme, code, source, added_by, added_at, revision)
VALUES (1, ?, ?, 'active', ?, ?, ?, 'bench', '2026-01-01', 1)"""


def run() -> Iterator[Figure]:
    with node() as made:
        path = made.folder / "list.csv"
        list_file(path, ROWS)
        bare, fresh, again, waits = [], [], [], []
        for number in range(REPEATS):
            bare.append(_bare(path, made.folder / f"bare-{number}.sqlite3"))
            made.run("lists", "create", f"fresh-{number}")
            with _other_writer(made) as waited:
                fresh.append(_import(made, f"fresh-{number}", path))
            waits.append(quantiles(waited, n=100)[98] * 1000)
            again.append(_import(made, f"fresh-{number}", path))
        for work, found in (("import", fresh), ("import again, nothing new", again)):
            yield Figure(f"lists {work}", ROWS, "rows/s", [speed for speed, _ in found], PEER, bare)
            yield Figure(f"lists {work}, peak memory", ROWS, "MiB", [memory for _, memory in found], less=True)
        yield Figure("wait of another writer during that import, 99th percentile", ROWS, "ms", waits, less=True)


@contextmanager
def _other_writer(made: Node) -> Iterator[list[float]]:
    """Somebody else who writes a row every fifty milliseconds: how many seconds each of them takes."""
    waited: list[float] = []
    done = threading.Event()

    def write() -> None:
        connection = sqlite3.connect(made.folder / "node/himaya.sqlite3", timeout=60, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS bench (at REAL)")
        while not done.wait(0.05):
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO bench VALUES (1)")
            connection.execute("COMMIT")
            waited.append(time.perf_counter() - began)
        connection.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield waited
    finally:
        done.set()
        thread.join()


def _import(made: Node, name: str, path: Path) -> tuple[float, float]:
    """Rows a second, and MiB at the peak.

    The kernel's own record of the process's memory image: what ``wait4`` tells begins with that of whoever started it.
    """
    began, peak = time.perf_counter(), 0.0
    process = subprocess.Popen([*HIMAYA, "lists", "import", name, str(path)], env=made.env, stderr=subprocess.DEVNULL)
    image = Path(f"/proc/{process.pid}/status")
    while process.poll() is None:
        found = re.search(r"VmHWM:\s+(\d+) kB", image.read_text()) if image.exists() else None
        peak = max(peak, int(found[1]) / 1024) if found else peak
        time.sleep(0.2)
    assert process.returncode == 0, process.returncode
    return ROWS / (time.perf_counter() - began), peak


def _bare(path: Path, database: Path) -> float:
    """The least that it can take: the same rows, read already, in one transaction of a table with the same indexes."""
    with path.open() as file:
        rows = [tuple(row) for row in csv.reader(file)][1:]
    connection = sqlite3.connect(database)
    connection.executescript(TABLE)

    def store() -> None:
        with connection:
            connection.executemany(INSERT, rows)

    [speed] = rate(store, len(rows), repeats=1)
    connection.close()
    database.unlink()
    return speed
