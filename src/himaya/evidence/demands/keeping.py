"""Holds that demands place: on what is in their scope, exhibit by exhibit, and on nothing beyond it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.db import connection

from himaya.core.words import Said
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.models import Demand, DemandHold
from himaya.evidence.demands.selecting import asked_for
from himaya.evidence.demands.states import OPEN, TAKEN
from himaya.evidence.holding import TooLateToHold, lift_hold, place_hold
from himaya.evidence.keys import is_gone
from himaya.evidence.models import Epoch, Exhibit, Hold
from himaya.ledger.services import SYSTEM, lock_head

if TYPE_CHECKING:
    from django.db.models import QuerySet


def hold_scope(demand: Demand, *, review_on: date, by: str) -> int:
    """Hold what the demand asks for and is kept, and nothing else; how many exhibits are newly held.

    In the caller's transaction. What was already destroyed is no more: it is left out.
    """
    assert connection.in_atomic_block
    asked, standing = asked_for(demand), _standing(demand)
    there = set(standing.values_list("exhibit", flat=True))
    wanted = [one for one in asked if one.pk not in there]
    _lock(standing)
    for epoch in sorted({one.epoch_id for one in wanted}):  # all of them before the ledger is locked, which is last
        Epoch.objects.select_for_update().get(pk=epoch)
    made = 0
    _lift(standing.exclude(exhibit__in=[one.pk for one in asked]), demand, by=by)
    for one in wanted:
        try:
            hold(demand, one, review_on=review_on, by=by)
        except TooLateToHold:
            continue
        made += 1
    return made


def hold(demand: Demand, exhibit: Exhibit, *, review_on: date, by: str = SYSTEM) -> None:
    """Place the hold of a demand on one exhibit, in the caller's transaction, which has locked its epoch.

    Raises:
        TooLateToHold: it was destroyed.
    """
    placed = place_hold(
        exhibit.about, reason=Said("demand {number}", number=demand.reference), authority=demand.authority,
        review_on=review_on, by=by,
    )  # fmt: skip
    DemandHold.objects.create(demand=demand, exhibit=exhibit, hold=placed)


def missed(demand: Demand) -> bool:
    """Whether something in its scope is kept and not held by it, as it arrived while :func:`hold_scope` went on.

    To be asked once the caller has written to the ledger: what arrives later waits for that, and sees the demand.
    """
    there = set(_standing(demand).values_list("exhibit", flat=True))
    return any(one.pk not in there and not is_gone(one) for one in asked_for(demand))


def move_reviews(demand: Demand, *, review_on: date) -> None:
    """The holds of a demand are looked at on another day: it was renewed."""
    holds = DemandHold.objects.filter(demand=demand).values("hold")
    Hold.objects.filter(pk__in=holds, lifted_at=None).update(review_on=review_on)


def let_go(demand: Demand, *, by: str) -> int:
    """Its holds are lifted and its clocks stop; how many were lifted. Holds of others on the same exhibits stay.

    Raises:
        BadDemand: another demand follows it and is not decided: between the two nothing may be lost.
    """
    undecided = Demand.objects.filter(follows=demand, state__in=set(OPEN) - set(TAKEN)).first()
    if undecided is not None:
        raise BadDemand(why=Said("{number} follows it, and is not decided", number=undecided.reference))
    standing = _standing(demand)
    _lock(standing)
    clocks.end(demand)
    lifted = _lift(standing, demand, by=by)
    lock_head()  # what arrived before this is here by now, and what arrives later sees that nothing is asked
    return lifted + _lift(_standing(demand), demand, by=by)


def _standing(demand: Demand) -> QuerySet[DemandHold]:
    return DemandHold.objects.filter(demand=demand, hold__lifted_at=None).order_by("hold")


def _lock(standing: QuerySet[DemandHold]) -> None:
    """The holds, before the ledger."""
    for _ in Hold.objects.select_for_update(of=("self",)).filter(pk__in=standing.values("hold")).order_by("pk"):
        pass


def _lift(standing: QuerySet[DemandHold], demand: Demand, *, by: str) -> int:
    numbers = list(standing.values_list("hold", flat=True))
    for number in numbers:
        lift_hold(number, reason=Said("{number} does not ask for it any more", number=demand.reference), by=by)
    return len(numbers)
