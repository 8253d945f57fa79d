"""Rows of figures: kept beside those of other machines and of other runs, and told as a page."""

from __future__ import annotations

import json
import os
import platform
import statistics
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from benchmarks.goals import GOALS
from benchmarks.node import Figure
from benchmarks.plotting import told

SAYS = """Written by `make bench`, which measures them anew on your machine (`make bench ONLY=match,hash`: a part of
them). Medians of repeats, ours and theirs by turns. A ratio says how many times better this program is than a peer that
was measured in the same run, whether that is more a second, or less time or room; below 1, the peer is better. Compare
ratios, not figures: these move with the machine."""


@dataclass(frozen=True)
class Row:
    """One figure, of one machine. ``low`` and ``high`` are the extremes of the repeats."""

    machine: str
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
    """What the figures are measured on."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())  # fmt: skip
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "memory": f"{memory:.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "database": "PostgreSQL" if os.environ.get("HIMAYA_DATABASE_URL") else "SQLite",
    }


def name_of(machine: dict[str, str]) -> str:
    """How rows name their machine: what moves the figures, and nothing that each upgrade of the system changes."""
    return ", ".join(
        [
            machine["processor"],
            f"{machine['cores']} cores",
            machine["memory"],
            f"Python {machine['python']}",
            machine["database"],
        ]
    )


def row(machine: str, part: str, figure: Figure) -> Row:
    """The median of the repeats, and how many times better it is than the peer's."""
    ours = statistics.median(figure.ours)
    made = Row(machine, part, figure.work, figure.n, figure.unit, ours, min(figure.ours), max(figure.ours))
    made = replace(made, recall=figure.recall)
    if not figure.theirs:
        return made
    theirs = statistics.median(figure.theirs)
    ratio = theirs / ours if figure.less else ours / theirs
    return replace(made, peer=figure.peer, theirs=theirs, ratio=ratio)


def read(path: Path) -> list[Row]:
    """The rows of earlier runs; those of another shape are left out."""
    if not path.exists():
        return []
    names = {field.name for field in fields(Row)}
    return [Row(**found) for found in json.loads(path.read_text())["rows"] if found.keys() == names]


def replaced(rows: list[Row], machine: str, part: str, new: list[Row], order: list[str]) -> list[Row]:
    """The rows with those of this part on this machine exchanged: this machine's first, parts in their order."""
    stay = [row for row in rows if (row.machine, row.part) != (machine, part) and row.part in order]
    return sorted([*stay, *new], key=lambda row: (row.machine != machine, row.machine, order.index(row.part)))


def write(path: Path, measured_on: dict[str, str], rows: list[Row]) -> None:
    """As ``read`` reads them: a file that appears whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps({"machine": measured_on, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")
    part.replace(path)


# --- the page --------------------------------------------------------------------------------------------------------


def page(measured_on: dict[str, str], rows: list[Row]) -> str:
    """The figures as a page of the documentation: ratios, goals, the rest; other machines at the end."""
    here = name_of(measured_on)
    own = [row for row in rows if row.machine == here]
    lines = ["# Figures", "", SAYS, ""]
    lines += ["Measured on: " + ", ".join(f"{name} {value}" for name, value in measured_on.items()) + ".", ""]
    lines += ["![How many times better than the first peer of each work, on a logarithmic scale](figures.svg)", ""]
    lines += [*_beside(own, "##"), *_goals(own), *_alone(own, "##")]
    for other in dict.fromkeys(row.machine for row in rows if row.machine != here):
        theirs = [row for row in rows if row.machine == other]
        lines += [f"## Measured earlier on: {other}", "", *_beside(theirs, "###"), *_alone(theirs, "###")]
    return "\n".join(lines).rstrip() + "\n"


def _beside(rows: list[Row], level: str) -> list[str]:
    lines = [f"{level} Beside others", "", "| work | n | ratio | ours | peer | theirs | unit | recall |"]
    lines += ["|---|--:|--:|--:|---|--:|---|--:|"]
    for row in rows:
        if row.ratio is not None and row.theirs is not None:
            recall = "" if row.recall is None else f"{row.recall:.4g}"
            lines.append(
                f"| {row.work} | {row.n:,} | **{told(row.ratio)} ×** | {told(row.ours)} | {row.peer} "
                f"| {told(row.theirs)} | {row.unit} | {recall} |"
            )
    return [*lines, ""]


def _goals(rows: list[Row]) -> list[str]:
    lines = ["## What is to be reached", "", "| work | to reach | reached | |", "|---|--:|--:|---|"]
    lines += [goal.line(rows) for goal in GOALS]
    return [*lines, ""]


def _alone(rows: list[Row], level: str) -> list[str]:
    lines = [f"{level} By itself", "", "| work | n | median | range | unit |", "|---|--:|--:|--:|---|"]
    for row in rows:
        if row.ratio is None:
            span = f"{told(row.low)} to {told(row.high)}"
            lines.append(f"| {row.work} | {row.n:,} | {told(row.ours)} | {span} | {row.unit} |")
    return [*lines, ""]
