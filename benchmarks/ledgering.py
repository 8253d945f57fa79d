"""Appending to the ledger and proving it, in a process of its own."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.node import Figure, Node, node, rate, turns

SCRIPT = """
import json, time
from himaya.site.cli import start
start.database()
from django.db import transaction
from himaya.ledger import queries, services

def append(commits, each):
    began = time.perf_counter()
    for _ in range(commits):
        with transaction.atomic():
            for number in range(each):
                services.record("bench.done", by="system", about="bench:1", number=number)
    return commits * each / (time.perf_counter() - began)

one, many = append(500, 1), append(10, 500)
began = time.perf_counter()
proof = queries.proof()
assert proof.whole
print(json.dumps([one, many, proof.entries / (time.perf_counter() - began)]))
"""


PEER = "sqlite3, a plain INSERT"


def run() -> Iterator[Figure]:
    with node() as made:
        works = {"": lambda: _ours(made), "one": lambda: _bare(made, 500, 1), "many": lambda: _bare(made, 10, 500)}
        found = turns(works)
        one, many, proved = zip(*found[""], strict=True)
        yield Figure("ledger append, one a commit", 1, "entries/s", list(one), PEER, found["one"])
        yield Figure("ledger append, 500 a commit", 500, "entries/s", list(many), PEER, found["many"])
        yield Figure("ledger verify", 1, "entries/s", list(proved))


def _ours(made: Node) -> Any:
    told = subprocess.run([sys.executable, "-c", SCRIPT], env=made.env, capture_output=True, text=True, check=True)
    return json.loads(told.stdout.splitlines()[-1])


def _bare(made: Node, commits: int, each: int) -> float:
    """What the disk allows: rows of the same size, each commit synced as the node's are."""
    connection = sqlite3.connect(made.folder / f"bare-{each}.sqlite3")
    connection.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE IF NOT EXISTS entry (id INTEGER, t TEXT)"
    )

    def append() -> None:
        for _ in range(commits):
            with connection:
                for number in range(each):
                    connection.execute("INSERT INTO entry VALUES (?, ?)", (number, "x" * 250))

    [found] = rate(append, commits * each, repeats=1)
    connection.close()
    return found
