"""Holds that demands place: on what is in their scope, exhibit by exhibit, and on nothing beyond it.

A hold says nothing of the demand that placed it: who may read the demand finds it by :class:`DemandHold`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

from django.db import connection

from himaya.core import clock
from himaya.core.words import N_, Said
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, note
from himaya.evidence.demands.lists import DROPPED, OPEN_ANSWERS
from himaya.evidence.demands.models import Answer, Change, Demand, DemandHold
from himaya.evidence.demands.releasing import check_released, end_release
from himaya.evidence.demands.selecting import asked_for
from himaya.evidence.demands.states import OPEN, TAKEN
from himaya.evidence.guarded.bringing import forget_brought
from himaya.evidence.keys import is_gone, lock_epochs
from himaya.evidence.locking import see_locks
from himaya.evidence.models import Epoch, Exhibit, Hold
from himaya.evidence.states import ENDING, KEPT
from himaya.ledger.services import SYSTEM, lock_head, record

if TYPE_CHECKING:
    from django.db.models import QuerySet

FOR_DEMAND = N_("a demand")
"""What a hold says of the authority and of the reason, where a demand placed it."""
NO_MORE = N_("the demand does not ask for it any more")
AT_ONCE = 500
"""Holds that are written, and named in the ledger, at once."""
NAMED = 50
"""Exhibits that the history names, of those whose holds were lifted."""


def hold_scope(demand: Demand, *, review_on: date, by: str) -> int:
    """Hold what the demand asks for and is kept, and nothing else; how many exhibits are newly held.

    In the caller's transaction. What was already destroyed is no more: it is left out. What is held and not asked for
    any more is let go.

    Raises:
        StillPreserved: that is to be preserved for longer, and nobody has released it.
    """
    assert connection.in_atomic_block
    asked, standing = asked_for(demand), _standing(demand)
    there = set(standing.values_list("exhibit", flat=True))
    wanted = [one for one in asked if one.pk not in there]
    numbers = {one.pk for one in asked}
    _lock(standing)
    lock_epochs(Epoch.objects.filter(pk__in={one.epoch_id for one in wanted}))  # before the ledger, which is last
    if outside := [row for row in standing.select_related("exhibit") if row.exhibit_id not in numbers]:
        check_released(demand)
        end_release(demand)
        _lift(outside, demand, by=by)
    made = 0
    for start in range(0, len(wanted), AT_ONCE):
        some = [one.pk for one in wanted[start : start + AT_ONCE]]
        made += _hold(demand, some, review_on=review_on, by=by)
    return made


def _hold(demand: Demand, numbers: Sequence[int], *, review_on: date, by: str) -> int:
    """Some exhibits, whose epochs are locked: what an end has begun is kept, what is gone is left out."""
    found = Exhibit.objects.filter(pk__in=numbers)
    gone = {one.pk for one in found.select_related("epoch").exclude(state=KEPT) if is_gone(one)}
    found.filter(state=ENDING).exclude(pk__in=gone).update(state=KEPT)
    now = clock.now()
    holds = Hold.objects.bulk_create(
        Hold(
            exhibit_id=number, reason=FOR_DEMAND, authority=FOR_DEMAND, review_on=review_on, placed_by=by, placed_at=now
        )
        for number in numbers
        if number not in gone
    )
    DemandHold.objects.bulk_create(DemandHold(demand=demand, exhibit_id=one.exhibit_id or 0, hold=one) for one in holds)
    if holds:
        see_locks(list(found.filter(pk__in=[one.exhibit_id for one in holds]).values_list("blob", flat=True)))
        record(
            "demand.held", by=by, about=demand.about, review_on=f"{review_on}", n=len(holds),
            exhibits=[one.exhibit_id for one in holds],
        )  # fmt: skip
    return len(holds)


def hold(demand: Demand, exhibit: Exhibit, *, review_on: date, by: str = SYSTEM) -> None:
    """Place the hold of a demand on one exhibit, in the caller's transaction, which has locked its epoch."""
    _hold(demand, [exhibit.pk], review_on=review_on, by=by)


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


def keeps(demand: Demand) -> bool:
    """Whether something is held, preserved or about to leave by it, whatever its state says."""
    waiting = Answer.objects.filter(demand=demand, state__in=OPEN_ANSWERS)
    return _standing(demand).exists() or clocks.open_clock(demand, clocks.PRESERVE) is not None or waiting.exists()


def let_go(demand: Demand, *, by: str, spare: tuple[str, ...] = ()) -> int:
    """Its holds are lifted, answers that wait are dropped, and its clocks stop but those in ``spare``; how many holds
    were lifted. Holds of others on the same exhibits stay.

    Raises:
        BadDemand: another demand follows it and is not decided: between the two nothing may be lost.
        StillPreserved: its time of preserving is not over, and nobody has released it.
    """
    undecided = Demand.objects.filter(follows=demand, state__in=set(OPEN) - set(TAKEN)).first()
    if undecided is not None:
        raise BadDemand(why=Said("{number} follows it, and is not decided", number=undecided.reference))
    check_released(demand)
    end_release(demand)
    standing = _standing(demand)
    _lock(standing)
    _drop_answers(demand, by=by)
    clocks.end_all(demand, spare=spare)
    lifted = _lift(list(standing.select_related("exhibit")), demand, by=by)
    lock_head()  # what arrived before this is here by now, and what arrives later sees that nothing is asked
    return lifted + _lift(list(_standing(demand).select_related("exhibit")), demand, by=by)


def _drop_answers(demand: Demand, *, by: str) -> None:
    for answer in Answer.objects.select_for_update(of=("self",)).filter(demand=demand, state__in=OPEN_ANSWERS):
        answer.state, answer.note = DROPPED, N_("the demand counts no more")
        answer.save(update_fields=["state", "note"])
        forget_brought(f"answer:{answer.pk}")
        note(demand, "answer dropped", why="", by=by, name="answer-dropped", answer=answer.pk)


def _standing(demand: Demand) -> QuerySet[DemandHold]:
    return DemandHold.objects.filter(demand=demand, hold__lifted_at=None).order_by("hold")


def _lock(standing: QuerySet[DemandHold]) -> None:
    """The holds, before the ledger."""
    for _ in Hold.objects.select_for_update(of=("self",)).filter(pk__in=standing.values("hold")).order_by("pk"):
        pass


def _lift(rows: Sequence[DemandHold], demand: Demand, *, by: str) -> int:
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        Hold.objects.filter(pk__in=[one.hold_id for one in some]).update(
            lifted_by=by, lifted_at=clock.now(), lift_reason=NO_MORE
        )
        see_locks([one.exhibit.blob_id for one in some])
        record(
            "demand.let-go", by=by, about=demand.about, n=len(some), exhibits=[one.exhibit_id for one in some]
        )  # fmt: skip
    if rows:
        named = ", ".join(one.exhibit.reference for one in rows[:NAMED]) + (", …" if len(rows) > NAMED else "")
        facts = {"n": len(rows)}
        Change.objects.create(demand=demand, act="let go", why=named, facts=facts, by=by, at=clock.now())
    return len(rows)
