"""Terms of law: so many hours, days, months or years from a moment on, counted as calendars do. Free of Django.

The rule is that of Regulation (EEC, Euratom) 1182/71, Article 3(2)(c), and of most civil codes: a term of months or
years ends on the day that has the same number as the one on which it began; where that month has no such day, on its
last. Whether the day of the event itself counts, and whether a term that ends on a holiday goes on, differs by country:
that is for whoever asks.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said

MOST = {"hours": 24 * 366, "days": 100 * 366, "months": 12 * 100, "years": 100}
"""Unit → the largest amount of it: a hundred years, and in hours one."""
D = TypeVar("D", bound=date)


class BadPeriod(HimayaError):
    """{given} is no period that can be counted: {why}."""

    status = 422


@dataclass(frozen=True, slots=True)
class Period:
    """A length of time as a law states it.

    Attributes:
        amount: 1 or more.
        unit: ``hours``, ``days``, ``months`` or ``years``. 12 months are a year; 24 hours are no day.
    """

    amount: int
    unit: str

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            BadPeriod: the unit is none of these, or the amount below 1 or over a hundred years.
        """
        if self.unit not in MOST:
            raise BadPeriod(given=repr(self.unit[:20]), why=N_("the units are hours, days, months and years"))
        if not 1 <= self.amount <= MOST[self.unit]:
            why = Said("the amount is 1 to {most}", most=MOST[self.unit])
            raise BadPeriod(given=f"{str(self.amount)[:20]} {self.unit}", why=why)

    def __str__(self) -> str:
        return f"{self.amount} {self.unit if self.amount > 1 else self.unit[:-1]}"


def add_period(start: D, period: Period) -> D:
    """The end of a period that begins at ``start``, of the same type as it.

    Days, months and years keep the time of the day, as the clock of ``start`` shows it; the last day of a month stands
    for a day that it does not have (31 January + 1 month: 28 or 29 February). Hours are elapsed time, and need a zone.

    Raises:
        BadPeriod: hours are counted from a day or from a time without a zone, or the end lies beyond the year 9999.
    """
    if period.unit == "hours":
        return _later(start, period)
    try:
        if period.unit == "days":
            return start + timedelta(days=period.amount)
        months = start.month - 1 + period.amount * (12 if period.unit == "years" else 1)
        year, month = start.year + months // 12, months % 12 + 1
        return start.replace(year=year, month=month, day=min(start.day, monthrange(year, month)[1]))
    except (OverflowError, ValueError):
        raise BadPeriod(given=str(period), why=N_("it would end after the year 9999")) from None


def _later(start: D, period: Period) -> D:
    if not isinstance(start, datetime) or start.tzinfo is None:
        raise BadPeriod(given=str(period), why=N_("hours are counted from a time of a known zone, not from a day"))
    try:
        return (start.astimezone(UTC) + timedelta(hours=period.amount)).astimezone(start.tzinfo)
    except OverflowError:
        raise BadPeriod(given=str(period), why=N_("it would end after the year 9999")) from None
