"""Run the benchmarks: ``python -m benchmarks [PART …]``; all parts where none is named.

Each figure is the median of repeats, on a node of its own in a temporary directory where one is needed.
``results.json`` holds the ``machine`` of the last run and the ``rows``: ``machine, part, work, n, unit, ours, low,
high, recall`` and, where a peer was measured in the same run, ``peer, theirs, ratio``: how many times better ours is,
whether that is more a second or less time or room. A part that is measured anew replaces its own rows of the same
machine and no others. ``docs/figures.md`` and ``docs/figures.svg`` are the same for people.

Everything takes about a quarter of an hour on two quiet cores, and eight gigabytes of memory; the longest parts are
``match``, ``http``, ``import`` and ``hash``, of two to four minutes each. The first run also draws what is measured
with, into ``benchmarks/data``, which takes three minutes and 450 megabytes.

Nothing else should run meanwhile: a call of a peer that takes milliseconds is interrupted by others more often than
one of ours that takes microseconds, which flatters us.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from rich.console import Console

from benchmarks import (
    counting,
    exchange,
    handing,
    hashing,
    importing,
    install,
    ledgering,
    logging_leaves,
    matching,
    memory,
    queueing,
    results,
    scanning,
    screening,
    sealing,
    video,
    visible,
)
from benchmarks.node import Figure
from benchmarks.plotting import plot, told

HERE = Path(__file__).parent
RESULTS, PAGE, PLOT = HERE / "results.json", HERE.parent / "docs/figures.md", HERE.parent / "docs/figures.svg"
PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "match": matching.run,
    "hash": hashing.run,
    "video": video.run,
    "scan": scanning.run,
    "http": screening.run,
    "visible": visible.run,
    "import": importing.run,
    "ledger": ledgering.run,
    "log": logging_leaves.run,
    "exchange": exchange.run,
    "vault": lambda: chain(sealing.run(), handing.run(), counting.run()),
    "queue": queueing.run,
    "memory": memory.run,
    "install": install.run,
}


def main() -> None:
    """Measure, show, write down after each part. What is not measured this time keeps the figures of the last."""
    wanted = [part for argument in sys.argv[1:] for part in argument.split(",")] or list(PARTS)
    if strange := set(wanted) - PARTS.keys():
        sys.exit(f"No such part: {', '.join(sorted(strange))}. There are: {', '.join(PARTS)}.")
    for part in PARTS:
        if part in wanted:
            began = time.monotonic()
            Console().print(f"[bold]{part}[/]")
            record(part, PARTS[part]())
            Console().print(f"  {time.monotonic() - began:.0f} seconds", highlight=False)


def record(part: str, figures: Iterator[Figure]) -> None:
    """Show a part's figures as they come, and write them down once all are there."""
    measured_on = results.machine()
    new: list[results.Row] = []
    for figure in figures:
        new.append(results.row(results.name_of(measured_on), part, figure))
        Console().print(f"  {line(new[-1])}", soft_wrap=True, highlight=False, markup=False)
    rows = results.replaced(results.read(RESULTS), results.name_of(measured_on), part, new, list(PARTS))
    results.write(RESULTS, measured_on, rows)
    PAGE.write_text(results.page(measured_on, rows))
    PLOT.write_text(plot([row for row in rows if row.machine == results.name_of(measured_on)]))


def line(row: results.Row) -> str:
    """A row for who is waiting."""
    beside = (
        "" if row.theirs is None or row.ratio is None else f"; {row.peer}: {told(row.theirs)}, ratio {told(row.ratio)}"
    )
    return f"{row.work}: {told(row.ours)} {row.unit}{beside}"


if __name__ == "__main__":
    main()
