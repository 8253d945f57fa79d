"""Idle memory of `himaya serve`: proportional set size of all its processes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.node import Figure, node


def run() -> Iterator[Figure]:
    with node() as made, made.serving() as (_, process):
        time.sleep(3)
        pids = _family(process.pid)
        figures = [sum(_pss(pid) for pid in pids) for _ in range(3)]
        yield Figure(f"serve, idle, {len(pids)} processes", len(pids), "MiB", figures, less=True)


def _family(pid: int) -> list[int]:
    children = [
        int(text) for task in Path(f"/proc/{pid}/task").iterdir() for text in (task / "children").read_text().split()
    ]
    return [pid, *(member for child in children for member in _family(child))]


def _pss(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in rollup if line.startswith("Pss:")).split()[1]) / 1024
