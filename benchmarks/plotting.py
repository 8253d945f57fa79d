"""The ratios as a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from benchmarks.results import Row

LEFT, WIDTH, STEP, TOP = 610, 480, 22, 34
LEAST, MOST = -1, 4
"""Powers of ten at the ends of the scale."""
BEGIN = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-size="12"
  font-family="system-ui, sans-serif">
<title>How many times better than each peer</title>
<style>
  text { fill: #1f2933 } .axis { stroke: #9aa5b1; stroke-width: 0.6 } .more { fill: #1f7a8c } .less { fill: #b45309 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e4e7eb } .axis { stroke: #52606d } .more { fill: #5fb4c6 } .less { fill: #e0a458 }
  }
</style>"""


def plot(rows: Sequence[Row]) -> str:
    """The ratio of each work to the first of its peers, as bars on a logarithmic scale: an SVG for light and dark."""
    first: dict[str, tuple[str, float]] = {}
    for row in rows:
        if row.ratio and row.unit != "share":
            first.setdefault(row.work, (f"{row.work} / {row.peer}", row.ratio))
    shown = list(first.values())
    height = TOP + STEP * len(shown) + 10
    parts = [BEGIN.replace("{width}", str(LEFT + WIDTH + 60)).replace("{height}", str(height))]
    for power in range(LEAST, MOST + 1):
        x = _at(10.0**power)
        parts.append(f'<line class="axis" x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 8}" y2="{height - 8}"/>')
        parts.append(f'<text x="{x:.0f}" y="{TOP - 14}" text-anchor="middle">{10.0**power:,g} ×</text>')
    for number, (label, ratio) in enumerate(shown):
        parts += _bar(TOP + STEP * number, label, ratio)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _at(ratio: float) -> float:
    power = math.log10(min(max(ratio, 10.0**LEAST), 10.0**MOST))
    return LEFT + WIDTH * (power - LEAST) / (MOST - LEAST)


def _bar(y: int, label: str, ratio: float) -> list[str]:
    begin, end = sorted((_at(1), _at(ratio)))
    short = label if len(label) <= 100 else f"{label[:99]}…"
    kind = "more" if ratio >= 1 else "less"
    return [
        f'<text x="{LEFT - 8}" y="{y + 12}" text-anchor="end">{escape(short)}</text>',
        f'<rect class="{kind}" x="{begin:.1f}" y="{y}" width="{max(end - begin, 1):.1f}" height="15"/>',
        f'<text x="{end + 5:.1f}" y="{y + 12}">{told(ratio)}</text>',
    ]


def told(number: float) -> str:
    """Three significant digits are as many as such a figure has."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
