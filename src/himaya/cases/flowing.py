"""What waits, for how long, what came and what went: of all cases, and of each list's queue.

A case that matches items of two lists stands in both queues.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from django.db.models import Count, Min, Q
from django.db.models.functions import TruncDate

from himaya.cases.models import Case, Match, Verdict
from himaya.cases.states import OPEN
from himaya.core import clock

if TYPE_CHECKING:
    from django.db.models import Manager


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


def opened_per_hour(*, hours: int = 24) -> list[tuple[datetime, int]]:
    """How many cases were opened in each of the last hours, oldest first, empty hours included."""
    end = clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    edges = [end - timedelta(hours=ago) for ago in range(hours, -1, -1)]
    return list(zip(edges[:-1], _between(edges, Case.objects, "opened_at"), strict=True))


def _between(edges: list[datetime], rows: Manager[Any], field: str) -> list[int]:
    """How many rows lie between each edge and the next; counted by the database, in one walk along the index."""
    spans = {
        f"n{place}": Count("pk", filter=Q(**{f"{field}__gte": start, f"{field}__lt": end}))
        for place, (start, end) in enumerate(pairwise(edges))
    }
    inside = {f"{field}__gte": edges[0], f"{field}__lt": edges[-1]}
    return list(rows.filter(**inside).aggregate(**spans).values())


AGES = (
    ("<1", 1),
    ("1-4", 4),
    ("4-12", 12),
    ("12-24", 24),
    ("24-72", 72),
    (">72", None),
)
"""Label and end of each class of waiting time, in hours. Numbers alone: they fit, and stand alike in every script."""


def queue_ages() -> list[tuple[str, int]]:
    """How long open cases have waited: label and number for each class of :data:`AGES`."""
    now = clock.now()
    bounds: list[tuple[str, Q]] = []
    younger = now + timedelta(days=1)
    for label, hours in AGES:
        older = now - timedelta(hours=hours) if hours else None
        inside = Q(opened_at__lte=younger) & (Q(opened_at__gt=older) if older else Q())
        bounds.append((label, inside))
        younger = older or younger
    found = Case.objects.filter(state=OPEN).aggregate(
        **{f"n{i}": Count("pk", filter=q) for i, (_, q) in enumerate(bounds)}
    )
    return [(label, found[f"n{i}"]) for i, (label, _) in enumerate(bounds)]


def oldest_open() -> datetime | None:
    """When the case that has waited longest was opened."""
    oldest: datetime | None = Case.objects.filter(state=OPEN).aggregate(oldest=Min("opened_at"))["oldest"]
    return oldest


def per_day(*, days: int = 30) -> list[tuple[str, int, int]]:
    """ISO date, cases opened, cases decided; oldest first, empty days included."""
    end = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    edges = [end - timedelta(days=ago) for ago in range(days, -1, -1)]
    names = [edge.date().isoformat() for edge in edges[:-1]]
    opened, decided = _between(edges, Case.objects, "opened_at"), _between(edges, Verdict.objects, "at")
    return list(zip(names, opened, decided, strict=True))
