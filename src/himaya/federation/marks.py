"""What a partner has, where its protocol asks by time: nothing is told twice without need, and nothing is ever missed.

A client asks for what changed from the end of its last question on, by its own clock. Its clock may be wrong, or set to
another zone (``threatexchange`` writes local time as if it were UTC); a change may have a time before the question and
come to count after the answer; a list may have been opened to it since. So a node remembers which change was the last
one that it had when it answered, and goes on behind that.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.federation.models import Mark
from himaya.lists import changes
from himaya.lists.changes import START, Place, behind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.federation.models import Partner

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
"""So far ahead a client's clock is believed; and so far back it is told again what it may have, where nothing is known
of what it was told."""
KEPT = timedelta(days=100)
"""A client that comes back later is told the last day before its question again."""


def begins(partner: Partner, scope: str, lists: Iterable[int], since: datetime) -> Place:
    """Where a partner goes on that says to have everything before ``since``; ``lists`` are those that it may read."""
    ids = set(lists)
    known = list(Mark.objects.filter(partner=partner, scope=scope, upto__gte=since).values_list("number", "lists"))
    if not known:
        return behind(changes.number_at(max(since - DAY, EPOCH)))
    if any(ids ^ _ids(told) for _, told in known):
        return START  # a list was opened to it, or it may not read one any more
    before = changes.number_at(since - timedelta(microseconds=1))
    return behind(min(before, *(number for number, _ in known)))


def lost(partner: Partner, scope: str, lists: Iterable[int], since: datetime) -> set[int]:
    """Ids of lists that it was told of, and may not read any more: all that it has of them is to be told as gone."""
    known = Mark.objects.filter(partner=partner, scope=scope, upto__gte=since).values_list("lists", flat=True)
    return set[int]().union(*map(_ids, known)) - set(lists)


def ends(partner: Partner, scope: str, lists: Iterable[int], upto: datetime) -> int:
    """The number of the last change of an answer about everything up to a time, which is noted where changes that are
    still to come may have a time before that.
    """
    number, at = changes.last()
    if at and upto < at:
        return changes.number_at(upto)
    now = clock.now()
    with transaction.atomic():
        told = _written(lists)
        mine = Mark.objects.filter(partner=partner, scope=scope)
        same = mine.filter(number=number, lists=told)
        until = min(upto, now + DAY)
        if not same.exists():
            Mark.objects.create(partner=partner, scope=scope, number=number, lists=told, upto=until)
        same.filter(upto__lt=until).update(upto=until)
        mine.filter(upto__lt=now - KEPT).delete()
    return number


def _written(lists: Iterable[int]) -> str:
    """Ids as text. Of more than fit, those that are left out count as new ones."""
    text = ",".join(str(one) for one in sorted(lists))
    return text if len(text) <= 4000 else text[:4000].rpartition(",")[0]


def _ids(text: str) -> set[int]:
    return {int(one) for one in text.split(",") if one}
