"""Reading scans and counts. What this process has counted and not written yet is included; see :mod:`counting`."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db.models import Sum

from himaya.core import clock
from himaya.screening import counting
from himaya.screening.models import DayCount, Scan

if TYPE_CHECKING:
    from django.db.models import QuerySet


SCREENED = ("hit", "quarantined", "disputed", "suppressed", "miss")
"""Outcomes of what was screened; each thing has one. ``quarantined``: it matched only items that are in quarantine;
``disputed``: only disputed ones, which do not act alone; ``suppressed``: only such that a list knows to be benign.
"""


def scans(*, before: int = 0) -> QuerySet[Scan]:
    """Scans, newest first, beginning with the one before ``before``."""
    rows = Scan.objects.order_by("-pk")
    return rows.filter(pk__lt=before) if before else rows


def scan(pk: int) -> Scan | None:
    """One scan, or None."""
    return Scan.objects.filter(pk=pk).first()


def screened(outcomes: Counter[str]) -> int:
    """How many things were screened: what was known and what was not. What could not be read stands apart."""
    return sum(outcomes[name] for name in SCREENED)


def on_day(day: date) -> Counter[str]:
    """How many things were looked at on a day, by outcome (those of :data:`SCREENED`, ``skipped``)."""
    return _by_day(day, day).get(day, Counter())


def today() -> Counter[str]:
    """How many things were looked at today (UTC), by outcome."""
    return on_day(clock.now().date())


def per_day(*, days: int = 30) -> list[tuple[str, int, int]]:
    """ISO date, things screened, hits among them; oldest first, empty days included."""
    last = clock.now().date()
    first = last - timedelta(days=days - 1)
    found: dict[date, Counter[str]] = {first + timedelta(days=d): Counter() for d in range(days)}
    found |= _by_day(first, last)
    return [(day.isoformat(), screened(n), n["hit"]) for day, n in found.items()]


def _by_day(first: date, last: date) -> dict[date, Counter[str]]:
    """Day → outcome → number."""
    found: dict[date, Counter[str]] = defaultdict(Counter)
    for row in DayCount.objects.filter(day__range=(first, last)):
        found[row.day][row.outcome] += row.number
    for (day, _, outcome), number in counting.waiting().items():
        if first <= day <= last:
            found[day][outcome] += number
    return found


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    totals = Counter(dict(DayCount.objects.values_list("outcome").annotate(n=Sum("number")).order_by()))
    for (_, _, outcome), number in counting.waiting().items():
        totals[outcome] += number
    return {
        "screened": screened(totals),
        "screened.hits": totals["hit"],
        "screened.quarantined": totals["quarantined"],
        "screened.disputed": totals["disputed"],
        "screened.suppressed": totals["suppressed"],
        "screened.misses": totals["miss"],
        "screened.skipped": totals["skipped"],
        "screened.before": totals["before"],
        "screened.released": totals["released"],
        "scans": Scan.objects.count(),
    }
