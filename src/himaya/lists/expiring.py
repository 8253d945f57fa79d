"""What was said for a time ceases to count by itself: the worker lets such items stand where they then do."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.ledger import turns
from himaya.ledger.services import SYSTEM, record
from himaya.lists.admission import EXPIRED, MATCHING, WITHDRAWN, standing
from himaya.lists.arrivals import Kind, count, revise, words
from himaya.lists.arrivals.revisions import kind
from himaya.lists.arrivals.words import BENIGN
from himaya.lists.models import HashList, Item

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.lists.arrivals.words import Said

TURN, EVERY = "lists.expired", 60.0
"""Name of the turn, and seconds between two looks."""
BATCH = 500


def expire() -> bool:
    """Once a minute, some of the items whose time has come; True where there may be more. Called in every round."""
    if not turns.is_due(TURN, every=EVERY):
        return False
    if _some():
        return True
    turns.note(TURN)
    return False


@transaction.atomic
def _some() -> int:
    """One batch under one revision; how many items it had."""
    now = clock.now()
    locked = Item.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    items = list(locked.select_related("list").filter(until__lte=now).order_by("pk")[:BATCH])
    if not items:
        return 0
    said, change = words.read(one.pk for one in items), revise().pk
    counts: dict[int, Counter[Kind]] = defaultdict(Counter)
    ended: Counter[int] = Counter()
    for item in items:
        before, was = kind(item), item.state
        _place(item, said[item.pk], now)
        item.changed_at, item.revision = now, change
        counts[item.list_id].update({kind(item): 1})
        counts[item.list_id].subtract({before: 1})
        ended[item.list_id] += item.state != was and (item.state == EXPIRED or was in MATCHING)
    columns = ["state", "agreement", "until", "organisation", "scheme", "code", "note", "changed_at", "revision"]
    Item.objects.bulk_update(items, columns)
    for one in HashList.objects.filter(pk__in=counts).order_by("pk"):
        count(one, counts[one.pk], at=now)
        if ended[one.pk]:
            record("list.expired", by=SYSTEM, about=f"list:{one.name}", items=ended[one.pk])
    return len(items)


def _place(item: Item, said: Said, now: datetime) -> None:
    place = standing((one.word() for one in said.words), BENIGN if item.negative else words.rule(item.list), now=now)
    item.state, item.agreement, item.until = place.state, min(place.vouching, 9), place.until
    item.organisation_id = place.organisation or item.organisation_id
    lead = said.leading(now)
    if lead and item.state != WITHDRAWN:  # its class is that of those who still vouch
        item.scheme, item.code, item.note = lead.scheme, lead.code, lead.reason
