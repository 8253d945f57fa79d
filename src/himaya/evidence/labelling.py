"""What other bodies say of what is kept: kept with who said so, beside one another where they differ, never ours."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.intake.offered import KINDS, MAX_VALUE, Label
from himaya.core.words import N_, printable
from himaya.evidence.models import Exhibit
from himaya.evidence.models import Label as Row
from himaya.ledger.services import record

MOST = 100
"""Labels of one exhibit by one body."""
ONE_VALUE = frozenset({"category", "series"})
"""Kinds of which a thing has one: where two bodies name two, they contradict one another."""


class BadLabel(HimayaError):
    """The label cannot be kept: {why}."""

    status = 422


@transaction.atomic
def add_labels(exhibit: Exhibit, *, labels: Iterable[Label], said_by: str, came_with: str, by: str) -> list[Label]:
    """Keep what somebody else says of an exhibit. Told twice it is kept once; nothing that stands is overwritten.

    Args:
        exhibit: of what.
        labels: what they say.
        said_by: who says so, 1 to 300 characters.
        came_with: by what it came: ``intake:12``.
        by: who took it.

    Returns:
        Those that are new.

    Raises:
        BadLabel: a kind is not known, or a field is too long.
    """
    who = printable(said_by).strip()[:300]
    wanted = list(dict.fromkeys(labels))
    if not who:
        raise BadLabel(why=N_("it does not say who says so"))
    for one in wanted:
        if one.kind not in KINDS or not 0 < len(one.value) <= MAX_VALUE:
            raise BadLabel(why=N_("its kind is not known here, or its value is empty or too long"))
    if not wanted:
        return []
    Exhibit.objects.select_for_update().get(pk=exhibit.pk)
    have = set(Row.objects.filter(exhibit=exhibit, said_by=who).values_list("kind", "value"))
    new = [one for one in wanted if (one.kind, one.value) not in have][: max(MOST - len(have), 0)]
    now = clock.now()
    Row.objects.bulk_create(
        Row(
            exhibit=exhibit, kind=one.kind, value=one.value, said_by=who, came_with=came_with[:100], taken_by=by,
            taken_at=now,
        )
        for one in new
    )  # fmt: skip
    if new:
        record("evidence.labelled", by=by, about=exhibit.about, labels=len(new), with_=came_with[:100])
    return new


def labels_of(exhibits: Iterable[Exhibit]) -> Mapping[int, list[Row]]:
    """What others say of some exhibits, by their numbers: by who, kind and value."""
    found = defaultdict[int, list[Row]](list)
    numbers = [one.pk for one in exhibits]
    for start in range(0, len(numbers), 500):
        some = Row.objects.filter(exhibit__in=numbers[start : start + 500])
        for one in some.order_by("exhibit", "said_by", "kind", "value"):
            found[one.exhibit_id].append(one)
    return found


def contradictions(rows: Sequence[Row]) -> set[str]:
    """Kinds in which two bodies contradict one another."""
    said = defaultdict[str, dict[str, set[str]]](lambda: defaultdict(set))
    for one in rows:
        if one.kind in ONE_VALUE:
            said[one.kind][one.said_by].add(one.value)
    return {kind for kind, each in said.items() if len({frozenset(values) for values in each.values()}) > 1}


def labelled(found: QuerySet[Exhibit], text: str) -> QuerySet[Exhibit]:
    """Those of some exhibits of which somebody says this: a value, or ``kind:value``."""
    kind, colon, value = text.partition(":")
    rows = Row.objects.filter(exhibit=OuterRef("pk"))
    rows = rows.filter(kind=kind, value__iexact=value) if colon and kind in KINDS else rows.filter(value__iexact=text)
    return found.filter(Exists(rows))
