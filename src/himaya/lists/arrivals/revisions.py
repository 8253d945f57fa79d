"""Numbers of changes, and how many items of a list are alike."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection
from django.db.models import F, Max

from himaya.core import clock
from himaya.ledger.services import lock_head
from himaya.lists.models import HashList, Portion, Revision

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from himaya.lists.models import Item

CHANNEL = "himaya_lists"
"""Where PostgreSQL says that a list changed (NOTIFY)."""


class Kind(NamedTuple):
    """What items of a list are counted by, named as an item's attributes are. ``month``: since January 1970."""

    signal: str
    scheme: str
    code: str
    state: str
    negative: bool
    organisation_id: int
    agreement: int
    month: int


def kind(item: Item) -> Kind:
    """What an item is counted by."""
    return Kind(*(getattr(item, name) for name in Kind._fields))


def month(at: datetime) -> int:
    """Months from January 1970."""
    return (at.year - 1970) * 12 + at.month - 1


def count(hash_list: HashList, changes: Mapping[Kind, int], *, at: datetime) -> None:
    """Add to the portions of a list, in the transaction of the change and with the ledger's head locked."""
    for one, n in sorted(changes.items()):
        rows = Portion.objects.filter(list=hash_list, **one._asdict())
        if n and not rows.update(number=F("number") + n, changed_at=at):
            Portion.objects.create(list=hash_list, number=n, changed_at=at, **one._asdict())


def revise() -> Revision:
    """A revision that holds with the caller's transaction; until that ends, other changes wait in a line."""
    lock_head()
    tell()
    return Revision.objects.create(**next_number())


def tell() -> None:
    """Wake whoever follows the lists, once the caller's transaction holds. On SQLite they ask by themselves."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {CHANNEL}")


def last_number() -> int:
    """The number of the last change; 0 where there was none."""
    return Revision.objects.aggregate(last=Max("number"))["last"] or 0


def skip_numbers(by: int) -> int:
    """Have the next change follow on a number that is ``by`` ahead of twice the last one, which is returned; in the
    caller's transaction. After a backup was put back, others know numbers that were given since it was made.
    """
    lock_head()
    facts = next_number()
    return Revision.objects.create(**{**facts, "number": facts["number"] * 2 + by}).number or 0


def next_number() -> dict[str, Any]:
    """Number and time of the next change; the ledger's head is locked. A later number has a later time, whatever the
    clock says: readers ask by time for what is new.
    """
    last = Revision.objects.filter(number__isnull=False).order_by("-number").values_list("number", "at").first()
    number, at = last or (0, None)
    now = clock.now()
    return {"number": (number or 0) + 1, "at": max(now, at + timedelta(microseconds=1)) if at else now}
