"""The desk in numbers that can be published: none of them is so small that it tells of one person.

Counts from 1 to 4 are shown as *fewer than 5*. Where one alone of a table is hidden, the others and their sum would
tell it: then the smallest of the others is told as *5 or more*.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TypeVar

from himaya.evidence.demands.lists import GIVEN, PRESERVATION, WITHHELD
from himaya.evidence.demands.models import Demand, Request
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
        by_kind: kind → one of :data:`COLUMNS` → count; what is never is left out.
        by_country: country of the authority → the same.
    """

    kinds: Mapping[str, str]
    countries: Mapping[str, str]
    outcomes: Mapping[str, str]
    days: Mapping[str, float]
    by_kind: Mapping[str, Mapping[str, str]]
    by_country: Mapping[str, Mapping[str, str]]


COLUMNS = ("answered", "refused", "in part", "preserved", "secret", "told", "not told")
"""What is counted of the demands of a kind or a country: how they ended, that they were accepted in part only, that
something is or was preserved by them, that the person concerned may not be told, that it was told, or deliberately not.
"""


def tallied(*, since: datetime | None = None, until: datetime | None = None) -> Tallied:
    """The demands received from ``since`` on and before ``until``."""
    found = Demand.objects.all()
    found = found.filter(received_at__gte=since) if since else found
    found = found.filter(received_at__lt=until) if until else found
    kinds, countries, outcomes = Counter[str](), Counter[str](), Counter[str]()
    spans: dict[str, list[float]] = {}
    kind_cells, country_cells = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for one in found.iterator(1000):
        kind, country, state, received = one.kind, one.country, one.state, one.received_at
        end, ended = one.outcome, one.ended_at
        for column in columns_of(one):
            kind_cells[kind, column] += 1
            country_cells[country, column] += 1
        outcome = end or (CHALLENGED if state == CHALLENGED else PENDING)
        kinds[kind] += 1
        countries[country] += 1
        outcomes[outcome] += 1
        if ended is not None and outcome in (ANSWERED, REFUSED):
            spans.setdefault(kind, []).append((ended - received).total_seconds() / 86400)
    days = {kind: round(median(each), 1) for kind, each in sorted(spans.items()) if len(each) >= SMALL}
    return Tallied(
        hidden(kinds), hidden(countries), hidden(outcomes), days, hidden_table(kind_cells), hidden_table(country_cells)
    )


def columns_of(one: Demand) -> Iterator[str]:
    """Under which of :data:`COLUMNS` a demand is counted."""
    is_so = {
        "answered": one.outcome == ANSWERED, "refused": one.outcome == REFUSED, "in part": bool(one.granted_scope),
        "preserved": one.kind == PRESERVATION and one.decided_at is not None and one.outcome != REFUSED,
        "secret": one.gag, "told": one.notice == GIVEN, "not told": one.notice == WITHHELD,
    }  # fmt: skip
    return (name for name in COLUMNS if is_so[name])


def hidden_table(cells: Mapping[tuple[str, str], int]) -> dict[str, dict[str, str]]:
    """Row → column → count, as they can be shown whatever sums of rows and columns are shown beside.

    Of no row and no column is one number alone hidden, unless there is none other: then its sum is as small, and hidden
    as well.
    """
    shown = {key: FEW if n < SMALL else str(n) for key, n in cells.items() if n}
    again = True
    while again:
        again = False
        for side in (0, 1):
            for name in sorted({key[side] for key in shown}):
                line = [key for key in shown if key[side] == name]
                plain = [key for key in line if shown[key] not in (FEW, SOME)]
                if len(line) - len(plain) == 1 and plain:
                    shown[min(plain, key=lambda key: (cells[key], key))] = SOME
                    again = True
    table: dict[str, dict[str, str]] = {}
    for (row, column), text in sorted(shown.items()):
        table.setdefault(row, {})[column] = text
    return table


def tally() -> dict[str, int]:
    """The desk in the numbers of the node, for those who work here; what is published is :func:`tallied`."""
    columns = Counter(column for one in Demand.objects.iterator(1000) for column in columns_of(one))
    return {
        "demands.received": Demand.objects.count(),
        "demands.answered": columns["answered"],
        "demands.refused": columns["refused"],
        "demands.in-part": columns["in part"],
        "demands.preserved": columns["preserved"],
        "demands.secret": columns["secret"],
        "demands.told": columns["told"],
        "demands.not-told": columns["not told"],
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
