"""The flood guard's half of a list: an item that suddenly matches too much is held until a person has looked at it.

Who counts is above (``screening.flood``); here stands which items are held, on what figures, how much waits for the
decision (``screening.waiting``), and who let them go. A row without an end is a quarantine that holds, and the database
lets an item have one of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.ledger.services import record
from himaya.lists.arrivals import revise
from himaya.lists.models import Item, Quarantine
from himaya.lists.seconding import require_second

if TYPE_CHECKING:
    from django.db.models import QuerySet

NEVER = 2**31 - 1
"""A limit that no item reaches: it is exempt."""


class NotHeld(HimayaError):
    """Item {item} is not in quarantine."""

    status = 409


class BadRelease(HimayaError):
    """The item cannot be let go so: {why}."""

    status = 422


@dataclass(frozen=True, slots=True)
class Flood:
    """How much an item matched: distinct contents within some hours, and how many of them lay at each distance."""

    contents: int
    hours: int
    distances: Mapping[int, int]


def limits(ids: Iterable[int]) -> dict[int, int]:
    """Item → how many contents it may match before it is held again; those that were never let go are not named."""
    ended = Quarantine.objects.filter(item__in=list(ids)).exclude(ended_at=None)
    return dict(ended.order_by("pk").values_list("item", "limit"))


def claim_items(ids: Iterable[int]) -> list[int]:
    """Lock items until the transaction ends, in one order; those of them that are not held yet.

    Whoever holds items afterwards calls this before anything of a case, or the ledger, is locked.
    """
    locked = Item.objects.select_for_update(no_key=True).filter(pk__in=list(ids)).order_by("pk")
    wanted = list(locked.values_list("pk", flat=True))
    held = set(Quarantine.objects.filter(item__in=wanted, ended_at=None).values_list("item", flat=True))
    return [pk for pk in wanted if pk not in held]


def hold_items(floods: Mapping[int, Flood]) -> None:
    """Put items into quarantine, within the caller's transaction: they match and say so, and open no case by
    themselves. Claim them first.

    Args:
        floods: item → what made it suspicious.
    """
    if not floods:
        return
    now, names = clock.now(), dict(Item.objects.filter(pk__in=floods).values_list("pk", "list__name"))
    Quarantine.objects.bulk_create(
        [
            Quarantine(item_id=pk, at=now, contents=one.contents, hours=one.hours, distances=_text(one.distances))
            for pk, one in sorted(floods.items())
        ]
    )
    revise()
    for pk, one in sorted(floods.items()):
        facts = {"list": names[pk], "contents": one.contents, "hours": one.hours}
        record("item.quarantined", by="system", about=f"item:{pk}", **facts)


@transaction.atomic
def release_item(item_id: int, *, by: str, reason: str, limit: int = NEVER, second: str = "") -> Quarantine:
    """Let an item open cases again.

    Args:
        item_id: an item in quarantine.
        by: a lead.
        reason: why, 1 to 500 characters.
        limit: how many contents it may match, within the time of the guard, before it is held again.
        second: who approves; a common list needs a second person.

    Raises:
        NeedsSecond: it is on a common list, and no second person approves.
        NotHeld: it is in no quarantine.
        BadRelease: no reason, or a limit that it has reached already, or that nothing could reach.
    """
    text = reason.strip()
    if not text or len(text) > 500 or "\0" in text:
        raise BadRelease(why=N_("a reason of at most 500 characters is required, without NUL"))
    claimed = Item.objects.select_for_update(of=("self",), no_key=True).select_related("list").filter(pk=item_id)
    item = claimed.first()
    held = Quarantine.objects.filter(item=item_id, ended_at=None).first()
    if item is None or held is None:
        raise NotHeld(item=item_id)
    if not held.contents < limit <= NEVER:
        raise BadRelease(why=Said("the limit must be greater than {n}, which it has matched by now", n=held.contents))
    wanted = {"item": item_id, "reason": text, "limit": limit}
    require_second(item.list, by=by, second=second, act="release", arguments=wanted)
    _end(held, by=by, reason=text, limit=limit)
    revise()
    facts = {"list": item.list.name, "limit": 0 if limit == NEVER else limit, **({"second": second} if second else {})}
    record("item.released", by=by, about=f"item:{item_id}", **facts)
    return held


def close(item: Item, *, by: str, reason: str) -> None:
    """End the quarantine of an item that matches no more; part of the act that withdraws it."""
    held = Quarantine.objects.filter(item=item, ended_at=None).first()
    if held:
        _end(held, by=by, reason=reason, limit=0)


def _end(held: Quarantine, *, by: str, reason: str, limit: int) -> None:
    held.ended_at, held.ended_by, held.reason, held.limit = clock.now(), by, reason, limit
    held.save(update_fields=["ended_at", "ended_by", "reason", "limit"])


# --- what waits ------------------------------------------------------------------------------------------------------


def lock_latest(items: Iterable[int]) -> dict[int, Quarantine]:
    """Item → its last quarantine, locked until the transaction ends: whoever lets an item go waits, or has done so.

    After items and before anything of a case, or the ledger, is locked.
    """
    rows = Quarantine.objects.filter(item__in=list(items)).order_by("pk")
    latest = {item: pk for pk, item in rows.values_list("pk", "item")}
    locked = Quarantine.objects.select_for_update(no_key=True).filter(pk__in=latest.values()).order_by("pk")
    return {one.item_id: one for one in locked}


def ended_with_kept() -> int | None:
    """A quarantine that has ended while something waited for it, or None."""
    return Quarantine.objects.filter(kept__gt=0).exclude(ended_at=None).values_list("pk", flat=True).first()


def lock(pk: int) -> Quarantine | None:
    """One quarantine, locked until the transaction ends; None where somebody else is at it."""
    return Quarantine.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=pk).first()


def note_waiting(one: Quarantine, *, kept: int, size: int, lost: int = 0) -> None:
    """Add to what is known of how much waits, with the caller's transaction; the row is locked."""
    one.kept, one.kept_bytes, one.lost = max(one.kept + kept, 0), max(one.kept_bytes + size, 0), one.lost + lost
    one.save(update_fields=["kept", "kept_bytes", "lost"])


def _text(distances: Mapping[int, int]) -> dict[str, int]:
    return {str(distance): n for distance, n in sorted(distances.items())}


def quarantines() -> QuerySet[Quarantine]:
    """Items that are held, those that wait longest first."""
    return Quarantine.objects.select_related("item", "item__list").filter(ended_at=None).order_by("pk")


def is_held(item: Item) -> bool:
    """Whether the item is in quarantine."""
    return Quarantine.objects.filter(item=item, ended_at=None).exists()
