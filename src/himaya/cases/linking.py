"""What a case shares with others: items that both match, and hosts where both were met. Drawn, and told in a table."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from himaya.cases.models import Case, Match, Sighting
from himaya.cases.searching import with_words

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_THINGS: Final = 12
MOST_CASES: Final = 24
"""That are drawn; of how many there are, the page says the number."""
MOST_HOSTS: Final = 20
"""Of a case that are looked for elsewhere: each is two questions to the database."""
READ: Final = 2000
_HOST: Final = re.compile(r"[a-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True)
class Thing:
    """Something that cases share. ``kind``: ``item`` (``value``: its number) or ``host``."""

    kind: str
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Links:
    """A case's things, those that most others share first, and the other cases with the things that they share."""

    things: tuple[Thing, ...]
    cases: tuple[tuple[Case, tuple[Thing, ...]], ...]
    more: int
    """Other cases beyond those told."""


def links(of: Case) -> Links:
    """What the case shares with others."""
    shared: dict[int, set[Thing]] = defaultdict(set)
    for thing, cases in (*_items(of), *_hosts(of)):
        for case in cases:
            shared[case].add(thing)
    shared.pop(of.pk, None)
    often = Counter(thing for things in shared.values() for thing in things)
    things = tuple(thing for thing, _ in often.most_common(MOST_THINGS))
    drawn = {case: tuple(t for t in things if t in some) for case, some in shared.items()}
    order = sorted(drawn, key=lambda case: (-len(shared[case]), case))[:MOST_CASES]
    rows = Case.objects.select_related("verdict").in_bulk(order)
    return Links(things, tuple((rows[pk], drawn[pk]) for pk in order), len(shared) - len(order))


def _items(of: Case) -> Iterable[tuple[Thing, set[int]]]:
    mine = {item: (name, signal) for item, name, signal in
            Match.objects.filter(case=of).values_list("item", "list_name", "signal")[:READ]}  # fmt: skip
    others: dict[int, set[int]] = defaultdict(set)
    for item, case in Match.objects.filter(item__in=list(mine)).values_list("item", "case")[:READ]:
        others[item].add(case)
    for item, (name, signal) in mine.items():
        yield Thing("item", str(item), f"{name} · {signal}"), others[item]


def _hosts(of: Case) -> Iterable[tuple[Thing, set[int]]]:
    places = Sighting.objects.filter(case=of).values_list("place", flat=True)[:READ]
    often = Counter(name for place in places if (name := host_of(place)))
    for host, _ in often.most_common(MOST_HOSTS):
        worded = with_words(host)
        found = Case.objects.filter(worded).values_list("pk", flat=True)[:READ] if worded is not None else ()
        met = Sighting.objects.filter(case__in=list(found), place__icontains=host).values_list("case", "place")[:READ]
        yield Thing("host", host, host), {case for case, place in met if host_of(place) == host}


def host_of(place: str) -> str:
    """The host of an address of the web; empty where the place is none."""
    if not place.lower().startswith(("http://", "https://")):
        return ""
    try:
        host = (urlsplit(place).hostname or "").rstrip(".")
    except ValueError:
        return ""
    return host if _HOST.fullmatch(host) else ""
