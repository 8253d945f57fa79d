"""What a person has seen today, and what follows from it. Pure: facts and limits in, words and answers out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from himaya.core.words import N_

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from himaya.core.caring import Care

CASE, LOOK, PLAIN = "case", "look", "plain"
LONGEST_LOOK = 120
"""Seconds that one look counts at most: until the next act of the person, for nobody sees when eyes leave a screen."""
WEIGHT = (1, 1, 2, 4)
"""Points of a decided case by severity; a look counts three times as much, one at the picture as it is six times."""
TIMES = {CASE: 1, LOOK: 3, PLAIN: 6}
FORGOTTEN = timedelta(hours=6)
"""So long after its planned end, a shift that nobody ended is over."""


@dataclass(frozen=True, slots=True)
class Used:
    """What was looked at and decided in some time."""

    looks: int = 0
    seconds: int = 0
    points: int = 0
    cases: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a day: what it is of, how much was used of how much; ``most`` 0: there is none."""

    what: str
    used: int
    most: int

    @property
    def left(self) -> int:
        """What is left of it."""
        return max(self.most - self.used, 0)

    @property
    def reached(self) -> bool:
        """Whether nothing is."""
        return bool(self.most) and self.used >= self.most


def points(kind: str, *, severity: int, severe: bool) -> int:
    """What one thing weighs. A case known byte for byte need not be looked at: it weighs as the mildest."""
    return TIMES[kind] * WEIGHT[severity if severe or kind != CASE else 0]


def limits(used: Used, care: Care) -> tuple[Limit, ...]:
    """The limits of a day; minutes are whole, and begun ones count."""
    return (
        Limit(N_("looks"), used.looks, care.looks_a_day),
        Limit(N_("minutes of looking"), -(-used.seconds // 60), care.minutes_a_day),
        Limit(N_("points"), used.points, care.points_a_day),
    )


def is_break_due(since: Used, care: Care) -> bool:
    """Whether what was looked at since the last break is enough for one."""
    by_looks = care.looks_before_break and since.looks >= care.looks_before_break
    by_minutes = care.minutes_before_break and since.seconds >= 60 * care.minutes_before_break
    return bool(by_looks or by_minutes)


def is_near_the_end(ends_at: datetime | None, now: datetime, care: Care) -> bool:
    """Whether a shift is so near its end that nothing severe is given any more; also after it."""
    return ends_at is not None and now >= ends_at - timedelta(minutes=care.mild_at_the_end_minutes)


def is_mild_due(last: Sequence[bool], care: Care) -> bool:
    """Whether a mild case is due: ``last`` says of the last decided ones, newest first, whether they were severe."""
    n = care.severe_in_a_row
    return bool(n) and len(last) >= n and all(last[:n])
