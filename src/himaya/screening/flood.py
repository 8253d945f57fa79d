"""The flood guard: an item that suddenly matches too many contents is held until a person has looked at it.

A value that fits everything (a grey area, a logo, a test card that slipped into a list) would bury the queue. So every
likeness is noted by item and content: the same content seen a thousand times is one. An item that goes beyond
``flood_matches`` contents within ``flood_hours`` is put into quarantine with the figures; until a lead lets it go or
withdraws it, it is answered as ``quarantined`` and what is like it waits (:mod:`himaya.screening.waiting`) and opens no
case. What is equal to an item, in every byte or every bit, is no likeness: it does not count, and opens its case at
once, so that nobody silences an item for the very content that it stands for (docs/decisions/0018).

Locks are taken in the order: encounters, items, quarantines, then what a case needs, the ledger's head.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from django.db import connection
from django.db.models import Count

from himaya.core import clock
from himaya.core.config import config
from himaya.ledger import turns
from himaya.lists import quarantine
from himaya.lists.quarantine import Flood
from himaya.screening.models import Encounter

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.screening.matching import Found

STEP = 500
SWEEP_EVERY = 300.0
"""Seconds between two removals of what no count needs any more."""
SWEPT = 5000


class Met(NamedTuple):
    """A content met an item, at so many bits. ``content`` is a digest of what names the content."""

    item: int
    content: str
    distance: int


class Floods(NamedTuple):
    """Items that are too much: all of them, and the figures of those that nobody holds yet."""

    items: frozenset[int] = frozenset()
    new: dict[int, Flood] = {}


def is_equal(found: Found) -> bool:
    """Whether it is the listed value itself. Of videos it is not known: they share openings, frame by frame."""
    return found.distance == 0 and found.overlap is None


def met(item: int, name: str, distance: int) -> Met:
    """As :class:`Met`, by what names a content (``sha256:…``): kept is a digest, no longer than it is needed."""
    return Met(item, hashlib.blake2b(name.encode(), digest_size=16).hexdigest(), distance)


def note(found: Iterable[Met]) -> Floods:
    """Note what was met, within the caller's transaction.

    Returns:
        The items that are too much now, locked: the new ones are to be held before the transaction ends. Others may
        have been held since the caller looked; these open no case either.
    """
    once = sorted({(one.item, one.content): one for one in found}.values())
    if not once:
        return Floods()
    now = clock.now()
    Encounter.objects.bulk_create(
        [Encounter(item=one.item, content=one.content, distance=one.distance, at=now) for one in once],
        batch_size=STEP,
        update_conflicts=True,
        unique_fields=["item", "content"],
        update_fields=["at", "distance"],
    )
    return _too_much({one.item for one in once}, now)


def _too_much(items: set[int], now: datetime) -> Floods:
    hours, most = config().flood_hours, config().flood_matches
    many = _beyond(items, most, now)
    if not many:
        return Floods()
    limits = quarantine.limits(many)
    further: dict[int, set[int]] = defaultdict(set)
    for pk in many:
        further[max(most, limits.get(pk, 0))].add(pk)
    over = further.pop(most, set()).union(*(_beyond(some, limit, now) for limit, some in further.items()))
    claimed = quarantine.claim_items(over) if over else []
    distances = {pk: _distances(pk, now) for pk in claimed}
    return Floods(frozenset(over), {pk: Flood(sum(n.values()), hours, n) for pk, n in distances.items()})


def _beyond(items: Iterable[int], most: int, now: datetime) -> set[int]:
    """Items with more contents than so many; of each no more than these are counted, however large the flood is.

    By hand, for it is asked with each hit.
    """
    if most == quarantine.NEVER:
        return set()
    since = connection.ops.adapt_datetimefield_value(now - timedelta(hours=config().flood_hours))
    found: set[int] = set()
    with connection.cursor() as cursor:
        for item in sorted(items):
            cursor.execute(_BEYOND, [item, since, most])
            found.update({item} if cursor.fetchone() else ())
    return found


_BEYOND = "SELECT 1 FROM screening_encounter WHERE item = %s AND at > %s ORDER BY at LIMIT 1 OFFSET %s"


def _since(now: datetime) -> QuerySet[Encounter]:
    return Encounter.objects.filter(at__gt=now - timedelta(hours=config().flood_hours))


def _distances(item: int, now: datetime) -> dict[int, int]:
    found: dict[int, int] = defaultdict(int)
    for distance, n in _since(now).filter(item=item).values_list("distance").annotate(n=Count("pk")).order_by():
        found[distance] += n
    return dict(found)


def sweep() -> bool:
    """Remove what lies before the time that counts; True where there may be more. Called in rounds of the worker."""
    if not turns.is_due("screening.flood", every=SWEEP_EVERY):
        return False
    old = Encounter.objects.filter(at__lte=clock.now() - timedelta(hours=config().flood_hours))
    gone, _ = Encounter.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:SWEPT])).delete()
    if gone < SWEPT:
        turns.note("screening.flood")
    return gone == SWEPT
