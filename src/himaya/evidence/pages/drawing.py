"""The custody of an exhibit as a picture: its steps, the rules that bind it and the holds that keep it, over time.

Places are per cent of the picture's width, so that letters keep their size at every width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import dateformat
from django.utils.translation import gettext

from himaya.accounts.words import apart, day, joined, moment
from himaya.core import clock
from himaya.evidence import words
from himaya.evidence.states import DESTROYED

if TYPE_CHECKING:
    from himaya.evidence.models import Binding, Exhibit, Hold, Step

LEFT, RIGHT = 1.5, 98.5
TOP, LANE, FOOT = 56, 44, 24
"""Pixels: of the lane of custody, of each lane below it, of the axis."""
TICKS, NEAR, LONGEST, LONGEST_RULE = 4, 2.5, 34, 18
"""Named days of the axis at most; steps nearer than this (per cent) are one mark; letters of a lane, a rule."""
LANES = 12
"""Rules and holds that are drawn; all of them stand in the tables."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One step of custody, or some that are too near to be told apart."""

    x: float
    label: str
    number: int
    ends: bool


@dataclass(frozen=True, slots=True)
class Lane:
    """A rule or a hold: from when on, until when.

    ``kind``: ``least`` (kept so long, and it may be longer), ``most`` (and no longer) or ``hold``. ``open``: it has no
    end. ``counts``: this one decides.
    """

    y: int
    name: str
    said: str
    x: float
    width: float
    kind: str
    open: bool = False
    counts: bool = False

    @property
    def end(self) -> float:
        """Where its bar ends."""
        return round(self.x + self.width, 2)

    @property
    def text_y(self) -> int:
        """Where its name stands."""
        return self.y + 16

    @property
    def bar_y(self) -> int:
        """Where its bar begins."""
        return self.y + 23


@dataclass(frozen=True, slots=True)
class Picture:
    """What the template draws."""

    title: str
    summary: str
    height: int
    marks: Sequence[Mark]
    lanes: Sequence[Lane]
    ticks: Sequence[tuple[float, str, str]]
    """Place, name, and how its text stands to it."""
    now: float
    solid: float
    until: float
    destroyed: bool

    @property
    def axis(self) -> int:
        """Where the axis stands."""
        return self.height - FOOT


def picture(
    one: Exhibit, steps: Sequence[Step], bindings: Sequence[Binding], holds: Sequence[Hold], *, by: int
) -> Picture:
    """Draw it.

    Args:
        one: whose custody it is.
        steps: in their order.
        bindings: the rules that bind it.
        holds: all that kept it or keep it.
        by: the key of the binding that counts.
    """
    now, gone = clock.now(), one.state == DESTROYED
    begin = min([one.acquired_at, *(step.at for step in steps)])
    ends = [now, one.until, *(end for each in bindings for end in (each.at_least, each.at_most) if end)]
    scale = _Scale(begin, max(*ends, begin + timedelta(days=1)))
    last = one.ended_at or now
    lanes = [*_rules(bindings, scale, by), *_holds(holds, scale)][:LANES]
    lanes = [_placed(lane, n) for n, lane in enumerate(lanes)]
    return Picture(
        title=gettext("Custody of %(exhibit)s") % {"exhibit": one.reference},
        summary=_summary(one, steps, holds),
        height=TOP + LANE * len(lanes) + FOOT,
        marks=list(_marks(steps, scale)),
        lanes=lanes,
        ticks=scale.ticks(),
        now=scale.x(now),
        solid=scale.x(last),
        until=scale.x(max(one.until, last)) if not gone else scale.x(last),
        destroyed=gone,
    )


def _summary(one: Exhibit, steps: Sequence[Step], holds: Sequence[Hold]) -> str:
    told = [
        gettext("Acquired %(day)s.") % {"day": day(one.acquired_at)},
        gettext("Steps of custody: %(n)s.") % {"n": len(steps)},
    ]
    if one.ended_at:
        told.append(gettext("Destroyed %(day)s.") % {"day": day(one.ended_at)})
    else:
        told.append(gettext("Its rules keep it until %(day)s.") % {"day": day(one.until)})
    if standing := [hold.authority for hold in holds if not hold.lifted_at]:
        told.append(gettext("Held for: %(whom)s.") % {"whom": joined(standing)})
    return " ".join(told)


def _marks(steps: Sequence[Step], scale: _Scale) -> Iterable[Mark]:
    group: list[Step] = []
    for step in [*steps, None]:
        if group and (step is None or scale.x(step.at) - scale.x(group[0].at) > NEAR):
            told = [f"{words.act(each.act)}: {moment(each.at)}" for each in group]
            yield Mark(scale.x(group[0].at), "\n".join(told), len(group), any(each.act == "destroy" for each in group))
            group = []
        if step is not None:
            group.append(step)


def _rules(bindings: Sequence[Binding], scale: _Scale, by: int) -> Iterable[Lane]:
    for one in bindings:
        counts = one.pk == by
        rule = _cut(str(one.rule), LONGEST_RULE)
        rule = gettext("%(rule)s (counts)") % {"rule": rule} if counts else rule
        for kind, end, said, name in (
            ("least", one.at_least, gettext("%(rule)s: at the least until %(day)s"), gettext("%(rule)s: at the least")),
            ("most", one.at_most, gettext("%(rule)s: at the most until %(day)s"), gettext("%(rule)s: at the most")),
        ):
            if end:
                told, width = said % {"rule": one.rule, "day": day(end)}, scale.width(one.since, end)
                named = apart(name % {"rule": apart(rule)})
                yield Lane(0, named, told, scale.x(one.since), width, kind, counts=counts)


def _holds(holds: Sequence[Hold], scale: _Scale) -> Iterable[Lane]:
    for one in holds:
        end = one.lifted_at or scale.last
        if one.lifted_at:
            told = gettext("Held for %(whom)s until %(day)s") % {"whom": one.authority, "day": day(one.lifted_at)}
        else:
            told = gettext("Held for %(whom)s since %(day)s") % {"whom": one.authority, "day": day(one.placed_at)}
        name = _short(gettext("Hold: %(whom)s") % {"whom": one.authority})
        start = max(one.placed_at, scale.first)
        yield Lane(0, name, told, scale.x(start), scale.width(start, end), "hold", open=not one.lifted_at)


def _placed(lane: Lane, n: int) -> Lane:
    return replace(lane, y=TOP + LANE * n)


def _short(name: str) -> str:
    return apart(_cut(name, LONGEST))


def _cut(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


class _Scale:
    """From a time to a place, and the days that the axis names."""

    def __init__(self, first: datetime, last: datetime) -> None:
        self.first, self.last = first, last
        self._span = (last - first).total_seconds()

    def x(self, at: datetime) -> float:
        """In per cent."""
        share = (at - self.first).total_seconds() / self._span
        return round(LEFT + (RIGHT - LEFT) * min(max(share, 0.0), 1.0), 2)

    def width(self, start: datetime, end: datetime) -> float:
        """In per cent; something can always be seen."""
        return round(max(self.x(end) - self.x(start), 0.6), 2)

    def ticks(self) -> list[tuple[float, str, str]]:
        """First and last day, and beginnings of months or years between them."""
        form = "j M" if self._span < 300 * 86400 else "M Y"
        found = [(self.x(at), apart(dateformat.format(at, form))) for at in self._between()]
        inner = [(x, name, "middle") for x, name in found if 20 < x < 80]
        outer = "j M Y"
        first = (LEFT, apart(dateformat.format(self.first, outer)), "start")
        return [first, *inner, (RIGHT, apart(dateformat.format(self.last, outer)), "end")]

    def _between(self) -> list[datetime]:
        if self._span < 60 * 86400:
            step = max(1, int(self._span // 86400 // TICKS))
            start = datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC)
            return [start + timedelta(days=step * n) for n in range(1, TICKS + 1)]
        months = int(self._span // (30.5 * 86400))
        step = next(each for each in (1, 2, 3, 4, 6, 12, 24, 60, 120, 240, 600, 1200) if months // each <= TICKS)
        base = self.first.year * 12 + self.first.month - 1
        base = base // min(step, 12) * min(step, 12)
        every = [base + step * n for n in range(1, TICKS + 2)]
        return [datetime(n // 12, n % 12 + 1, 1, tzinfo=UTC) for n in every if n // 12 < 9999]
