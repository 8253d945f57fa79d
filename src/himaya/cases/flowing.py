"""Queues: the open cases by the list that they match, how long they wait, and what came and went.

A case that matches items of two lists stands in both queues.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Min
from django.db.models.functions import TruncDate

from himaya.cases.models import Match, Verdict
from himaya.cases.states import OPEN
from himaya.core import clock


@dataclass(frozen=True, slots=True)
class Queue:
    """The open cases that match a list, now. ``oldest``: when the one that has waited longest was opened."""

    list_name: str
    open: int
    oldest: datetime


@dataclass(frozen=True, slots=True)
class Flow:
    """Of a list, day by day, oldest first, empty days included: ISO date, cases opened, cases decided."""

    list_name: str
    days: tuple[tuple[str, int, int], ...]

    @property
    def opened(self) -> int:
        """Cases opened in all these days."""
        return sum(n for _, n, _ in self.days)

    @property
    def decided(self) -> int:
        """Verdicts given in all these days."""
        return sum(n for _, _, n in self.days)


def queues() -> list[Queue]:
    """A queue for each list that open cases match, the fullest first."""
    rows = Match.objects.filter(case__state=OPEN).values("list_name").order_by()
    found = rows.annotate(n=Count("case", distinct=True), oldest=Min("case__opened_at"))
    made = [Queue(row["list_name"], row["n"], row["oldest"]) for row in found]
    return sorted(made, key=lambda one: (-one.open, one.list_name))


def flows(*, days: int = 30) -> list[Flow]:
    """What came into each queue and what left it, for lists where anything did."""
    last = clock.now().date()
    first = last - timedelta(days=days - 1)
    since = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
    opened = Match.objects.filter(case__opened_at__gte=since).annotate(day=TruncDate("case__opened_at"))
    decided = Match.objects.filter(case__in=Verdict.objects.filter(at__gte=since).values("case"))
    numbers: dict[str, Counter[tuple[str, date]]] = defaultdict(Counter)
    for name, day, n in opened.values_list("list_name", "day").annotate(n=Count("case", distinct=True)).order_by():
        numbers[name]["opened", day] = n
    verdicts = Verdict.objects.filter(at__gte=since).annotate(day=TruncDate("at")).values_list("case", "day")
    lists = defaultdict(set)
    for case, name in decided.values_list("case", "list_name").distinct():
        lists[case].add(name)
    for case, day in verdicts.iterator():
        for name in lists[case]:
            numbers[name]["decided", day] += 1
    dates = [first + timedelta(days=n) for n in range(days)]
    return [
        Flow(name, tuple((d.isoformat(), count["opened", d], count["decided", d]) for d in dates))
        for name, count in sorted(numbers.items())
    ]
