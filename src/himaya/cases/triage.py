"""Which cases may hold a child whom nobody has found: by what lists of investigators say, and what people here said.

Nothing is looked at for it, and no face and no picture is searched for: it goes by marks that came with lists
(:mod:`himaya.lists.marks`, where the operator keeps them), by flags that people set, and by whether anybody has listed
the very content before.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db.models import Exists, F, OuterRef, Q

from himaya.cases.models import Case, Flag, Match
from himaya.cases.states import OPEN
from himaya.lists.marks import items_marked, marks_of, series_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.db.models import QuerySet

    from himaya.lists.marks import Marked

NOBODY, UNSAID, KNOWN = STANDINGS = ("nobody", "unsaid", "known")
"""Nobody has identified the child, as somebody says; nobody says; somebody says that it was identified."""
VICTIM: Final = "victim-identified"
MOST_SERIES: Final = 200


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a case: its standing, its series, and every mark with who says so; ``listed``: the very content
    is on a list, it was seen before.
    """

    standing: str
    series: tuple[str, ...]
    marks: tuple[Marked, ...]
    listed: bool


@dataclass(frozen=True, slots=True)
class Series:
    """A series by its name, and how many cases match items of it."""

    name: str
    open: int
    decided: int


def waiting(standing: str, *, series: str = "") -> QuerySet[Case]:
    """Open cases of a standing, and of a series: what nobody has listed before comes first, then by danger and age."""
    rows = Case.objects.select_related("claimed_by").filter(state=OPEN)
    known, nobody = _marked(VICTIM, "yes"), _marked(VICTIM, "no") | _flagged()
    rows = rows.filter({NOBODY: nobody & ~known, KNOWN: known}.get(standing, ~nobody & ~known))
    if series:
        rows = rows.filter(_marked("series", series))
    listed = Exists(Match.objects.filter(case=OuterRef("pk"), distance=0))
    return rows.annotate(listed=listed).order_by("listed", "rank", F("opened_at"), "pk")


def _marked(kind: str, value: str) -> Q:
    return Q(Exists(Match.objects.filter(case=OuterRef("pk"), item__in=items_marked(kind, value))))


def _flagged() -> Q:
    return Q(Exists(Flag.objects.filter(case=OuterRef("pk"), kind="unidentified", ended_at=None)))


def told(cases: Collection[Case]) -> dict[int, Told]:
    """What is said of each case."""
    items: dict[int, list[int]] = defaultdict(list)
    listed = set()
    for pk, item, distance in Match.objects.filter(case__in=cases).values_list("case", "item", "distance"):
        items[pk].append(item)
        if not distance:
            listed.add(pk)
    flagged = set(
        Flag.objects.filter(case__in=cases, kind="unidentified", ended_at=None).values_list("case", flat=True)
    )
    marks = marks_of(item for some in items.values() for item in some)
    found = {}
    for case in cases:
        mine = tuple(dict.fromkeys(mark for item in items[case.pk] for mark in marks.get(item, ())))
        said = {(mark.kind, mark.value) for mark in mine}
        nobody = (VICTIM, "no") in said or case.pk in flagged
        standing = KNOWN if (VICTIM, "yes") in said else NOBODY if nobody else UNSAID
        names = sorted({mark.value for mark in mine if mark.kind == "series"})
        found[case.pk] = Told(standing, tuple(names), mine, case.pk in listed)
    return found


def series() -> list[Series]:
    """Series of which there are cases, those with most open ones first; at most :data:`MOST_SERIES`."""
    found = series_of(Match.objects.values("item"))
    items = {item for some in found.values() for item in some}
    cases: dict[int, set[tuple[int, str]]] = defaultdict(set)
    for item, case, state in _in_parts(items):
        cases[item].add((case, state))
    made = []
    for name, some in found.items():
        mine = {one for item in some for one in cases[item]}
        waits = sum(state == OPEN for _, state in mine)
        made.append(Series(name, waits, len(mine) - waits))
    return sorted(made, key=lambda one: (-one.open, -one.decided, one.name))[:MOST_SERIES]


def _in_parts(items: Iterable[int]) -> Iterable[tuple[int, int, str]]:
    some = sorted(items)
    for start in range(0, len(some), 500):
        rows = Match.objects.filter(item__in=some[start : start + 500])
        yield from rows.values_list("item", "case", "case__state")
