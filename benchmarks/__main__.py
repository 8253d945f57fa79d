"""Run the benchmarks: ``python -m benchmarks [PART …]``; all parts where none is named.

Each figure is the median of repeats, on a node of its own in a temporary directory where one is needed.
``results.json`` holds the rows ``part, work, n, unit, ours, low, high, recall`` and, where a peer was measured in the
same run, ``peer, theirs, ratio``: how many times better ours is, whether that is more a second or less time or room.
``docs/figures.md`` and ``docs/figures.svg`` are the same for people.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import hashing, importing, install, ledgering, matching, memory, scanning, screening, video, visible
from benchmarks.node import Figure
from benchmarks.plotting import plot, told

HERE = Path(__file__).parent
PAGE, PLOT = HERE.parent / "docs/figures.md", HERE.parent / "docs/figures.svg"
SAYS = """Written by `make bench`, which measures them anew on your machine (`make bench ONLY=match,hash`: a part of
them). Medians of repeats. A ratio says how many times better this program is than a peer that was measured in the same
run, whether that is more a second, or less time or room; below 1, the peer is better. Compare ratios, not figures:
these move with the machine."""
PARTS: dict[str, Callable[[], Iterator[Figure]]] = {
    "scan": scanning.run,
    "http": screening.run,
    "hash": hashing.run,
    "video": video.run,
    "match": matching.run,
    "visible": visible.run,
    "import": importing.run,
    "ledger": ledgering.run,
    "memory": memory.run,
    "install": install.run,
}


@dataclass(frozen=True)
class Row:
    """One figure. ``low`` and ``high`` are the extremes of the repeats."""

    part: str
    work: str
    n: int
    unit: str
    ours: float
    low: float
    high: float
    peer: str | None = None
    theirs: float | None = None
    ratio: float | None = None
    recall: float | None = None


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())  # fmt: skip
    memory_ = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "memory": f"{memory_:.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "database": "PostgreSQL" if os.environ.get("HIMAYA_DATABASE_URL") else "SQLite",
    }


def main() -> None:
    """Measure, show, write down. What is not measured this time keeps the figures of the last."""
    wanted = [part for argument in sys.argv[1:] for part in argument.split(",")] or list(PARTS)
    if strange := set(wanted) - PARTS.keys():
        sys.exit(f"No such part: {', '.join(sorted(strange))}. There are: {', '.join(PARTS)}.")
    path, out = HERE / "results.json", Console()
    before = json.loads(path.read_text())["rows"] if path.exists() else []
    rows = [row for row in before if row.get("part") in PARTS.keys() - set(wanted)]
    for part in wanted:
        out.print(f"[bold]{part}[/]")
        for figure in PARTS[part]():
            row = _row(part, figure)
            rows.append(asdict(row))
            out.print(f"  {row.work}: {told(row.ours)} {row.unit}{_beside(row)}", soft_wrap=True, highlight=False)
    rows.sort(key=lambda row: list(PARTS).index(row["part"]))
    path.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    PAGE.write_text(page(machine(), rows))
    PLOT.write_text(plot(rows))


def page(measured_on: dict[str, str], rows: list[dict[str, Any]]) -> str:
    """The figures as a page of the documentation: ratios first, then the rest."""
    lines = ["# Figures", "", SAYS, ""]
    lines += ["Measured on: " + ", ".join(f"{name} {value}" for name, value in measured_on.items()) + ".", ""]
    lines += ["![How many times better than each peer, on a logarithmic scale](figures.svg)", ""]
    lines += ["## Beside others", "", "| work | n | ratio | ours | peer | theirs | unit | recall |"]
    lines += ["|---|--:|--:|--:|---|--:|---|--:|"]
    for row in (row for row in rows if row["peer"]):
        recall = "" if row["recall"] is None else f"{row['recall']:.4g}"
        lines.append(
            f"| {row['work']} | {row['n']:,} | **{told(row['ratio'])} ×** | {told(row['ours'])} | {row['peer']} "
            f"| {told(row['theirs'])} | {row['unit']} | {recall} |"
        )
    lines += ["", "## By itself", "", "| work | n | median | range | unit |", "|---|--:|--:|--:|---|"]
    for row in (row for row in rows if not row["peer"]):
        span = f"{told(row['low'])} to {told(row['high'])}"
        lines.append(f"| {row['work']} | {row['n']:,} | {told(row['ours'])} | {span} | {row['unit']} |")
    return "\n".join(lines) + "\n"


def _row(part: str, figure: Figure) -> Row:
    ours = statistics.median(figure.ours)
    row = Row(part, figure.work, figure.n, figure.unit, ours, min(figure.ours), max(figure.ours))
    if not figure.theirs:
        return replace(row, recall=figure.recall)
    theirs = statistics.median(figure.theirs)
    ratio = theirs / ours if figure.less else ours / theirs
    return replace(row, peer=figure.peer, theirs=theirs, ratio=ratio, recall=figure.recall)


def _beside(row: Row) -> str:
    recall = "" if row.recall is None else f", recall {row.recall:.4g}"
    return f"; {row.peer}: {told(row.theirs)}, ratio {told(row.ratio)}{recall}" if row.theirs and row.ratio else recall


if __name__ == "__main__":
    main()
