"""The desk in numbers that can be published: none of them is so small that it tells of one person.

Counts from 1 to 4 are shown as *fewer than 5*. Where one alone of a table is hidden, the others and their sum would
tell it: then the smallest of the others is told as *5 or more*. The sum is that of the other tables, too: where any
table hides something, none tells its sum.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TypeVar

from django.db.models import Case, Count, Q, QuerySet, Value, When

from himaya.core.words import N_
from himaya.evidence.demands.lists import GIVEN, GIVEN_OUT, PRESERVATION, WITHHELD
from himaya.evidence.demands.models import AnswerPart, Demand, Objection, Request
from himaya.evidence.demands.states import ANSWERED, CHALLENGED, REFUSED

SMALL = 5
FEW, SOME = f"<{SMALL}", f"{SMALL}+"
PENDING = "pending"
ALSO: Mapping[str, str] = {
    "secret": N_("of them, secret for a time"),
    "notice-given": N_("of which the person concerned was told"),
    "notice-withheld": N_("of which the person concerned was not told, on a ground"),
    "objected": N_("challenged before a court"),
    "in-part": N_("followed in part"),
    "exhibits": N_("exhibits handed over by them"),
}
"""What is counted besides → in words."""
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Tallied:
    """Demands that were received in a time. Counts are texts: a number, :data:`FEW` or :data:`SOME`.

    Attributes:
        kinds: kind → count.
        countries: country of the authority → count.
        outcomes: ``answered``, ``refused``, ``withdrawn``, ``set aside``, ``challenged`` or ``pending`` → count.
        days: kind → median days from receiving to the answer or refusal; only of kinds with 5 of these or more.
        also: of these demands, names of :data:`ALSO` → count.
    """

    kinds: Mapping[str, str]
    countries: Mapping[str, str]
    outcomes: Mapping[str, str]
    days: Mapping[str, float]
    also: Mapping[str, str]


def tallied(*, since: datetime | None = None, until: datetime | None = None) -> Tallied:
    """The demands received from ``since`` on and before ``until``."""
    found = Demand.objects.all()
    found = found.filter(received_at__gte=since) if since else found
    found = found.filter(received_at__lt=until) if until else found
    ended = Case(
        When(~Q(outcome=""), then="outcome"), When(state=CHALLENGED, then=Value(CHALLENGED)), default=Value(PENDING)
    )
    kinds, countries = _counted(found, "kind"), _counted(found, "country")
    outcomes = _counted(found.annotate(how=ended), "how")
    spans: dict[str, list[float]] = {}
    done = found.filter(outcome__in=(ANSWERED, REFUSED))
    for kind, received, at in done.values_list("kind", "received_at", "ended_at").iterator(1000):
        if at is not None:
            spans.setdefault(kind, []).append((at - received).total_seconds() / 86400)
    days = {kind: round(median(each), 1) for kind, each in sorted(spans.items()) if len(each) >= SMALL}
    tables = hidden_together(kinds, countries, outcomes)
    return Tallied(tables[0], tables[1], tables[2], days, _also(found, sum(kinds.values())))


def _counted(found: QuerySet[Demand], by: str) -> Counter[str]:
    return Counter(dict(found.order_by().values_list(by).annotate(n=Count("pk"))))


def _also(found: QuerySet[Demand], every: int) -> dict[str, str]:
    """What is counted besides; a count is hidden where it is small, and where what is left is."""
    mine = found.values("pk")
    counts = {
        "secret": found.filter(gag=True).count(),
        "notice-given": found.filter(notice=GIVEN).count(),
        "notice-withheld": found.filter(notice=WITHHELD).count(),
        "objected": Objection.objects.filter(demand__in=mine).values("demand").distinct().count(),
        "in-part": found.exclude(granted_scope="").count(),
    }
    told = {name: _alone(n, every - n) for name, n in counts.items()}
    parts = AnswerPart.objects.filter(answer__demand__in=mine, answer__state=GIVEN_OUT)
    return {**told, "exhibits": _alone(parts.values("exhibit").distinct().count(), 0)}


def _alone(n: int, rest: int) -> str:
    if 0 < n < SMALL:
        return FEW
    return SOME if n and 0 < rest < SMALL else str(n)


def hidden_together(*tables: Mapping[str, int]) -> list[dict[str, str]]:
    """Tables that count the same things: where one of them hides something, each hides enough that nobody learns the
    sum from it, by which what is hidden elsewhere would be told.
    """
    shown = [hidden(one) for one in tables]
    if any(FEW in one.values() for one in shown):
        for one, counts in zip(shown, tables, strict=True):
            if not {FEW, SOME} & set(one.values()) and any(counts.values()):
                one[_smallest([key for key, n in counts.items() if n], counts)] = SOME
    return shown


def tally() -> dict[str, int]:
    """The desk in the numbers of the node, for those who work here; what is published is :func:`tallied`."""
    every = Demand.objects.all()
    taken = every.filter(kind=PRESERVATION).exclude(decided_at=None).exclude(outcome=REFUSED)
    return {
        "demands.received": every.count(),
        "demands.answered": every.filter(outcome=ANSWERED).count(),
        "demands.refused": every.filter(outcome=REFUSED).count(),
        "demands.in-part": every.exclude(granted_scope="").count(),
        "demands.preserved": taken.count(),
        "demands.secret": every.filter(gag=True).count(),
        "demands.told": every.filter(notice=GIVEN).count(),
        "demands.not-told": every.filter(notice=WITHHELD).count(),
        "requests.sent": Request.objects.exclude(sent_at=None).count(),
    }


def hidden(counts: Mapping[K, int]) -> dict[K, str]:
    """Counts as they can be shown, whatever else of the same table is shown."""
    shown = {key: FEW if 0 < n < SMALL else str(n) for key, n in counts.items()}
    few = [key for key in counts if shown[key] == FEW]
    others = [key for key, n in counts.items() if n >= SMALL]
    if len(few) == 1 and others:
        shown[_smallest(others, counts)] = SOME
    return shown


def _smallest(keys: Iterable[K], counts: Mapping[K, int]) -> K:
    return min(keys, key=lambda key: (counts[key], str(key)))
