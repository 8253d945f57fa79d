"""What lists of investigators say of a picture beyond its class: whether anybody was identified, and of which series.

It is kept only where the operator lets it be (``investigators_marks``): it may tell of an investigation that is not
over, and a series may be named after a person. It serves the people who work here, and no export, no partner and no
publication has a place for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from himaya.ledger import storing


class Mark(models.Model):
    """One thing that an organisation says of an item. What it says under its latest revision counts, that alone."""

    item = models.ForeignKey("lists.Item", on_delete=models.PROTECT, related_name="+", db_index=False)
    organisation = models.ForeignKey("lists.Organisation", on_delete=models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=20)
    """One of :data:`himaya.core.intake.offered.KINDS`."""
    value = models.CharField(max_length=200)
    """``yes`` or ``no``; of a series its name."""
    revision = models.BigIntegerField()

    class Meta:
        app_label = "lists"
        indexes = [
            models.Index(fields=["item", "revision"], name="lists_mark_item"),
            models.Index(fields=["kind", "value"], name="lists_mark_value"),
            models.Index(fields=["revision"], name="lists_mark_revision"),
        ]


Said = frozenset[tuple[str, str]]
"""Kinds and values."""


@dataclass(frozen=True, slots=True)
class Marked:
    """What is said of an item, and by which organisation (its name)."""

    kind: str
    value: str
    organisation: str


def latest(items: Collection[int], *, revision: int = 0) -> Mapping[tuple[int, int], Said]:
    """Item and organisation → what counts, and what the import under way as ``revision`` brought already."""
    rows = (_counting() | Mark.objects.filter(revision=revision)).filter(item__in=list(items))
    found: dict[tuple[int, int], dict[int, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for item, organisation, at, kind, value in rows.values_list("item", "organisation", "revision", "kind", "value"):
        found[item, organisation][at].add((kind, value))
    return {key: frozenset(by_revision[max(by_revision)]) for key, by_revision in found.items()}


def supersede(revision: int) -> None:
    """Let go what organisations said before of items of which they say something in this revision, as it is published:
    in the caller's transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """DELETE FROM lists_mark WHERE revision <> %s AND EXISTS (
                SELECT 1 FROM lists_mark n WHERE n.revision = %s
                AND n.item_id = lists_mark.item_id AND n.organisation_id = lists_mark.organisation_id)""",
            [revision, revision],
        )


def write(said: Mapping[tuple[int, int], Said], *, revision: int) -> bool:
    """Keep what is said anew, in the caller's transaction; whether anything is."""
    have = latest({item for item, _ in said}, revision=revision)
    rows = [
        (*key, kind, value, revision)
        for key, marks in said.items()
        if marks != have.get(key, frozenset())
        for kind, value in sorted(marks)
    ]
    if rows:
        storing.insert(Mark, ("item_id", "organisation_id", "kind", "value", "revision"), rows)
    return bool(rows)


def marks_of(items: Iterable[int]) -> dict[int, list[Marked]]:
    """Item → what organisations say of it, in the order of kinds."""
    from himaya.lists.models import Organisation

    found = latest(set(items))
    names = dict(Organisation.objects.filter(pk__in={who for _, who in found}).values_list("pk", "name"))
    told: dict[int, list[Marked]] = defaultdict(list)
    for (item, who), marks in found.items():
        told[item] += [Marked(kind, value, names[who]) for kind, value in marks]
    return {item: sorted(some, key=lambda one: (one.kind, one.value, one.organisation)) for item, some in told.items()}


def items_marked(kind: str, value: str) -> models.QuerySet[Mark, Any]:
    """The items of which somebody says so, as a subquery."""
    return _counting().filter(kind=kind, value=value).values("item")


def series_of(items: models.QuerySet[Any, Any]) -> dict[str, set[int]]:
    """Name of a series → those of the items that somebody says are of it."""
    found: dict[str, set[int]] = defaultdict(set)
    for name, item in _counting().filter(kind="series", item__in=items).values_list("value", "item"):
        found[name].add(item)
    return dict(found)


def _counting() -> models.QuerySet[Mark]:
    from himaya.lists.models import Revision

    return Mark.objects.exclude(revision__in=Revision.objects.filter(number=None).values("pk"))
