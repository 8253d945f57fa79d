"""What the eye needs and a template cannot compute: the tile of a fingerprint, the bars of a plot, a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import ceil, floor, log10
from typing import Any

from django import template
from django.utils.html import format_html

from himaya.accounts import words
from himaya.evidence.words import made

register = template.Library()

SIDE = 16  # a tile is 16 x 16 cells: the 256 bits of PDQ, in its own order
FLOOR, CEILING = 136.0, 16.0  # where the bars stand and where the highest may end, in pixels of parts/bars.html


def cells(value: str) -> str:
    """The path of the set cells of `value`, one horizontal run after the other.

    A value of 256 bits in hexadecimal (PDQ, SHA-256) is drawn as it is; any other is drawn as its SHA-256, so that
    every fingerprint has a tile and equal ones have equal tiles.
    """
    try:
        number = int(value, 16) if len(value) == SIDE * SIDE // 4 else None
    except ValueError:
        number = None
    if number is None:
        number = int.from_bytes(hashlib.sha256(value.encode()).digest())
    bits = f"{number:0{SIDE * SIDE}b}"
    lines = (bits[start : start + SIDE] for start in range(0, SIDE * SIDE, SIDE))
    return "".join(f"M{x} {y}h{run}v1h-{run}z" for y, line in enumerate(lines) for x, run in runs(line))


def runs(line: str) -> Iterable[tuple[int, int]]:
    """Start and length of each run of ones."""
    start = line.find("1")
    while start >= 0:
        end = line.find("0", start)
        end = len(line) if end < 0 else end
        yield start, end - start
        start = line.find("1", end)


@register.inclusion_tag("parts/tile.html")
def tile(value: str, label: str = "", size: str = "row") -> dict[str, str]:
    """`{% tile value %}` beside a row, `{% tile value label=… size="large" %}` on a case's own page."""
    return {"path": cells(str(value)), "label": label, "size": size}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar. `x`, `width` and `middle` are per cent of the plot's width, `y` and `height` pixels."""

    label: str
    value: int
    url: str
    plain: bool
    x: float
    y: float
    width: float
    height: float
    tick: bool
    peak: bool

    @property
    def middle(self) -> float:
        """The centre, in per cent."""
        return round(self.x + self.width / 2, 3)

    @property
    def above(self) -> float:
        """Where the value stands over the bar, in pixels."""
        return round(self.y - 4, 1)


def round_up(value: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50 …: a top that a person can halve in the head."""
    if value <= 1:
        return 1
    power: int = 10 ** floor(log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def drawn(rows: Sequence[Mapping[str, Any]], top: int, ticks: int) -> list[Bar]:
    """The bars of `rows`, at most `ticks` of them named on the axis, the highest ones with their value.

    Where bars stand close, only the first of the highest has it.
    """
    slot = 100 / max(len(rows), 1)
    gap = slot * 0.2 if len(rows) <= 48 else 0
    every = max(1, ceil(len(rows) / ticks))
    values = [int(row["value"]) for row in rows]
    highest = max(values, default=0)
    apart = len(rows) <= 2 * ticks  # where values beside each other stay legible
    bars = []
    for place, (row, value) in enumerate(zip(rows, values, strict=True)):
        height = (FLOOR - CEILING) * value / top
        bars.append(
            Bar(
                label=str(row["label"]),
                value=value,
                url=str(row.get("url", "")),
                plain=bool(row.get("plain", False)),
                x=round(place * slot + gap / 2, 3),
                y=round(FLOOR - height, 1),
                width=round(slot - gap, 3),
                height=round(height, 1),
                tick=place % every == 0,
                peak=value == highest > 0 and (apart or place == values.index(highest)),
            )
        )
    return bars


@register.inclusion_tag("parts/bars.html")
def bars(
    rows: Iterable[Mapping[str, Any]], *, title: str, across: str, up: str, summary: str = "", ticks: int = 6
) -> dict[str, Any]:
    """`{% bars rows title=… across=… up=… %}`: a plot that works without a script, its table behind it.

    `rows`: mappings with `label` and `value` (a count), and where wanted `url` (the rows behind the number) and `plain`
    (grey: not the point). `title` says the finding or the question; `across` and `up` name the axes with their units.
    """
    rows = list(rows)
    top = round_up(max((int(row["value"]) for row in rows), default=0))
    return {
        "plot": {
            "title": title,
            "summary": summary,
            "across": across,
            "up": up,
            "axes": f"{up} · {across}",
            "top": top,
            "bars": drawn(rows, top, ticks),
        }
    }


@register.inclusion_tag("parts/lying.html")
def lying(rows: Iterable[Mapping[str, Any]], *, title: str, what: str, count: str) -> dict[str, Any]:
    """`{% lying rows title=… what=… count=… %}`: a plot whose bars lie beside their labels, for labels that are long.

    `rows`, `title`: as for `bars`; `what` names what the labels are, `count` what is counted.
    """
    rows = list(rows)
    top = max((int(row["value"]) for row in rows), default=0) or 1
    shown = [{**row, "width": round(max(100 * int(row["value"]) / top, 0.4 if row["value"] else 0), 2)} for row in rows]
    return {"plot": {"title": title, "what": what, "count": count, "axes": f"{count} · {what}", "bars": shown}}


register.filter("joined", words.joined)
register.filter("made", made)


@register.filter
def moment(at: datetime | None, to: str = "") -> str:
    """`{{ at|moment }}`: a time to the minute or `"seconds"`, for people and machines; nothing where there is none."""
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), words.moment(at, to=to)) if at else ""


@register.filter
def day(at: date | None) -> str:
    """`{{ at|day }}`: the same for a date."""
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), words.day(at)) if at else ""
