"""How a subscription is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef

from himaya.core import clock, registry
from himaya.core.statements import RETRACT, VOUCH
from himaya.lists.models import Statement
from himaya.lists.subscribing.spool import waiting

if TYPE_CHECKING:
    from himaya.lists.models import Subscription


@dataclass(frozen=True, slots=True)
class Health:
    """How a subscription is: ``state`` is one of ``fine``, ``new``, ``paused``, ``late``, ``failing``; where its source
    brings no list: ``closed`` (it may not be asked), ``open`` (it was not asked yet), ``answering``, ``paused``,
    ``failing``.
    """

    state: str
    lag: timedelta | None
    """How old what we have is: since the last round that was applied began; None where none was."""
    waiting: int
    """Pages of a round that is on its way, or was cut off."""
    reading: bool


def brings_list(one: Subscription) -> bool:
    """Whether its source hands its list over. One that does not is asked, hash by hash."""
    known = registry.exchanges().get(one.exchange)
    return known is None or known.pulls


def vouched(one: Subscription) -> int:
    """How many items its source stands behind now: what it took back does not count."""
    back = Statement.objects.filter(
        subscription=one.pk, act=RETRACT, item=OuterRef("item"), organisation=OuterRef("organisation"),
        key=OuterRef("key"), pk__gt=OuterRef("pk"),
    )  # fmt: skip
    stands = Statement.objects.filter(~Exists(back), subscription=one.pk, act=VOUCH)
    return stands.values("item").distinct().count()


def health(one: Subscription) -> Health:
    """How it is now. Late: nothing was applied for three intervals, and at least two hours."""
    now = clock.now()
    lag = now - one.ended_at if one.ended_at else None
    if not brings_list(one):
        return Health(_answers(one), lag, 0, reading=False)
    begun = bool(one.began_at and (not one.ended_at or one.began_at > one.ended_at))
    reading = begun and one.due_at > now  # who reads it puts that off; who was killed does not any more
    late = lag is not None and lag > max(timedelta(seconds=3 * one.interval), timedelta(hours=2))
    state = "fine" if lag is not None else "new"
    state = "late" if late else state
    state = "failing" if one.failures else state
    return Health("paused" if not one.enabled else state, lag, waiting(one.pk), reading)


def _answers(one: Subscription) -> str:
    if not one.enabled:
        return "paused"
    if not one.asking:
        return "closed"
    if one.failures:
        return "failing"
    return "answering" if one.ended_at else "open"
