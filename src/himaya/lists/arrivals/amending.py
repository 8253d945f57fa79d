"""What an import changes of items that are there already: it waits beside them until the import holds."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import F

from himaya.lists.admission import WITHDRAWN, Rule, standing
from himaya.lists.arrivals import words
from himaya.lists.arrivals.revisions import Kind
from himaya.lists.arrivals.words import BENIGN, STEP, steps
from himaya.lists.models import Amendment, Item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

TERMS = ("scheme", "code", "source", "reference", "note")
PLACE = (*TERMS, "organisation_id", "agreement", "until", "state")
"""The columns of an item that an amendment sets."""


def of(revision: int, items: list[int]) -> dict[int, Amendment]:
    """Item → what this import has made of it so far."""
    found: dict[int, Amendment] = {}
    for part in steps(items):
        found.update({one.item_id: one for one in Amendment.objects.filter(revision=revision, item__in=part)})
    return found


def put(revision: int, changed: Iterable[tuple[int, int, dict[str, Any]]]) -> None:
    """Write for each item, beside its revision when this was worked out, what it is to become."""
    Amendment.objects.bulk_create(
        [Amendment(revision=revision, item_id=pk, was=was, **columns) for pk, was, columns in changed],
        batch_size=STEP,
        update_conflicts=True,
        unique_fields=["revision", "item"],
        update_fields=[*(name.removesuffix("_id") for name in PLACE), "was"],
    )


def lock(revision: int) -> Iterator[int]:
    """Lock the items, in one order: nobody marks one of them between the count and the change. Keeps none in memory."""
    amended = Amendment.objects.filter(revision=revision).values("item")
    rows = Item.everything.select_for_update(no_key=True).filter(pk__in=amended).order_by("pk")
    return rows.values_list("pk", flat=True).iterator() if connection.vendor == "postgresql" else iter(())


def work_out_again(revision: int, rule: Rule, *, now: datetime) -> None:
    """Of items about which somebody else said something meanwhile, where they stand now; they are few."""
    late = Amendment.objects.filter(revision=revision).exclude(item__revision=F("was")).select_related("item")
    for one in late:
        said = words.read([one.item_id], revision=revision)[one.item_id]
        place = standing((w.word() for w in said.words), BENIGN if one.item.negative else rule, now=now)
        one.state, one.agreement, one.until = place.state, min(place.vouching, 9), place.until
        one.organisation_id = place.organisation or one.organisation_id
        if place.state == WITHDRAWN:  # what is withdrawn stays as it was
            for name in TERMS:
                setattr(one, name, getattr(one.item, name))
        elif lead := said.leading(now):  # and what was restored meanwhile has the class of whoever vouched last
            one.scheme, one.code, one.note = lead.scheme, lead.code, lead.reason
        one.save(update_fields=[*TERMS, "state", "agreement", "until", "organisation"])


_BOTH = ("scheme", "code", "state", "organisation_id", "agreement")
_MOVED = f"""
SELECT i.signal, i.negative, i.month, {", ".join(f"i.{name}" for name in _BOTH)},
    {", ".join(f"a.{name}" for name in _BOTH)}, COUNT(*)
FROM lists_amendment a JOIN lists_item i ON i.id = a.item_id
WHERE a.revision = %s GROUP BY {", ".join(str(n) for n in range(1, 4 + 2 * len(_BOTH)))}"""  # noqa: S608 - constants
_AMEND = f"""
UPDATE lists_item SET {", ".join(f"{name} = a.{name}" for name in PLACE)}, changed_at = %s, revision = a.revision
FROM lists_amendment a WHERE a.item_id = lists_item.id AND a.revision = %s"""  # noqa: S608 - constants


def apply(revision: int, *, at: datetime) -> Counter[Kind]:
    """Give items their new terms and places; returns by how much the portions change."""
    moved = Counter[Kind]()
    with connection.cursor() as cursor:
        cursor.execute(_MOVED, [revision])
        for signal, negative, month, *rest, n in cursor.fetchall():
            for sign, (scheme, code, state, who, agreement) in ((-1, rest[:5]), (1, rest[5:])):
                moved[Kind(signal, scheme, code, state, bool(negative), who, agreement, month)] += sign * n
        cursor.execute(_AMEND, [connection.ops.adapt_datetimefield_value(at), revision])
        cursor.execute("DELETE FROM lists_amendment WHERE revision = %s", [revision])
    return moved
