"""The desk in numbers that can be published: none of them is so small that it tells of one person.

Counts from 1 to 4 are shown as *fewer than 5*. Where one alone of a table is hidden, the others and their sum would
tell it: then the smallest of the others is told as *5 or more*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TypeVar

from himaya.evidence.demands.models import Demand
from himaya.evidence.demands.states import ANSWERED, CHALLENGED, REFUSED

SMALL = 5
FEW, SOME = f"<{SMALL}", f"{SMALL}+"
PENDING = "pending"
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Tallied:
    """Demands that were received in a time. Counts are texts: a number, :data:`FEW` or :data:`SOME`.

    Attributes:
        kinds: kind → count.
        countries: country of the authority → count.
        outcomes: ``answered``, ``refused``, ``withdrawn``, ``set aside``, ``challenged`` or ``pending`` → count.
        days: kind → median days from receiving to the answer or refusal; only of kinds with 5 of these or more.
    """

    kinds: Mapping[str, str]
    countries: Mapping[str, str]
    outcomes: Mapping[str, str]
    days: Mapping[str, float]


def tallied(*, since: datetime | None = None, until: datetime | None = None) -> Tallied:
    """The demands received from ``since`` on and before ``until``."""
    found = Demand.objects.all()
    found = found.filter(received_at__gte=since) if since else found
    found = found.filter(received_at__lt=until) if until else found
    kinds, countries, outcomes = Counter[str](), Counter[str](), Counter[str]()
    spans: dict[str, list[float]] = {}
    rows = found.values_list("kind", "country", "state", "received_at", "outcome", "ended_at")
    for kind, country, state, received, end, ended in rows.iterator(1000):
        outcome = end or (CHALLENGED if state == CHALLENGED else PENDING)
        kinds[kind] += 1
        countries[country] += 1
        outcomes[outcome] += 1
        if ended is not None and outcome in (ANSWERED, REFUSED):
            spans.setdefault(kind, []).append((ended - received).total_seconds() / 86400)
    days = {kind: round(median(each), 1) for kind, each in sorted(spans.items()) if len(each) >= SMALL}
    return Tallied(hidden(kinds), hidden(countries), hidden(outcomes), days)


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
