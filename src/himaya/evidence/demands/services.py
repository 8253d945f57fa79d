"""What is done with a demand: each step with its reason, by whom, and on record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.evidence.demands import clocks, keeping
from himaya.evidence.demands.acting import BadDemand, demand_for, move, note, reason, require
from himaya.evidence.demands.checking import require_checks
from himaya.evidence.demands.keeping import let_go
from himaya.evidence.demands.lists import AFTERWARDS, CHECKS, GROUNDS, PRESERVATION
from himaya.evidence.demands.models import Check, Demand
from himaya.evidence.demands.queries import missing
from himaya.evidence.demands.releasing import end_release
from himaya.evidence.demands.selecting import scope_text
from himaya.evidence.demands.states import ANSWERED, CLOSED, DEMAND, OPEN, RECEIVED, VERIFIED
from himaya.evidence.demands.terms import Terms, check_terms, said_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from himaya.accounts.models import Person

TRIES = 5
"""How often a demand is accepted anew, where something arrived in its scope at the same moment."""
REVIEW_AFTER = timedelta(days=30)
"""How long after an answer is due the holds of a demand that is not one to preserve are looked at."""


class MoreArrived(HimayaError):
    """While {number} was accepted, something arrived in its scope again and again: it was not accepted yet."""

    remedy = "Accept it once more."
    status = 409


@transaction.atomic
def record_demand(terms: Terms, *, person: Person) -> Demand:
    """Put a demand on record as it came. The clock of its answer runs from when it was received.

    Raises:
        MayNotAct, BadDemand, BadScope, UnknownRow: the role may not; something of it cannot be taken.
    """
    require(person, "demands.work")
    check_terms(terms)
    check_followed(terms)
    made = Demand.objects.create(kind=terms.kind, **said_by(terms))
    clocks.start_answer(made, since=made.received_at)
    clocks.start_gag(made)
    note(
        made, "received", why="", by=person.actor, name="received", kind=made.kind, country=made.country,
        channel=made.channel, follows=terms.follows,
    )  # fmt: skip
    return made


def check_followed(terms: Terms) -> None:
    """What a demand follows is one to preserve that still does, or waits to be decided on; it is locked.

    Raises:
        BadDemand: it is not.
    """
    if terms.follows is None:
        return
    found = Demand.objects.select_for_update(of=("self",)).filter(pk=terms.follows, kind=PRESERVATION).first()
    if found is None:
        raise BadDemand(why=N_("only a demand to preserve is followed by another one"))
    if found.state not in (*OPEN, ANSWERED):
        raise BadDemand(why=Said("{number} is {state}, and preserves nothing", number=found.reference,
                                 state=Said(found.state)))  # fmt: skip


@transaction.atomic
def set_scope(number: int, *, scope: str, why: str, person: Person) -> Demand:
    """Say what exactly a demand asks for, or say it anew, as long as it was not accepted.

    Where it was said otherwise before and verified, it is verified anew. What a court left of it still bounds it.

    Raises:
        MayNotAct, UnknownDemand, BadDemand, BadScope: as their names say.
    """
    demand = demand_for(number, person)
    if demand.state not in (RECEIVED, VERIFIED):
        raise BadDemand(why=N_("its scope stands once it was decided on"))
    before, demand.scope = demand.scope, scope_text(scope)
    if before and before != demand.scope:
        demand.state = DEMAND.after("put right", demand.state)
    demand.save(update_fields=["scope", "state"])
    note(demand, "scope", why=reason(why), by=person.actor, name="scoped", before={"scope": before} if before else {})
    return demand


@transaction.atomic
def confirm_check(number: int, *, item: str, said: str, person: Person) -> Check:
    """Say that something was looked at and is so, and how that is known.

    Raises:
        MayNotAct, UnknownDemand, BadDemand: as their names say; or it is no item, or confirmed already.
    """
    demand = demand_for(number, person)
    if item not in CHECKS:
        raise BadDemand(why=N_("this is nothing that is looked at"))
    if demand.state == CLOSED or Check.objects.filter(demand=demand, item=item, taken_back_at=None).exists():
        raise BadDemand(why=N_("it is closed, or this was confirmed already"))
    made = Check.objects.create(demand=demand, item=item, note=reason(said, longest=500), by=person, at=clock.now())
    note(demand, "checked", why=made.note, by=person.actor, name="checked", item=item)
    if not missing(demand, AFTERWARDS.get(demand.kind, ())):
        clocks.meet(demand, clocks.FOLLOWING)
    return made


@transaction.atomic
def retract_check(number: int, *, item: str, why: str, person: Person) -> None:
    """It is not so after all. What was decided on it stands, and is looked at by whoever reads the record.

    Raises:
        MayNotAct, UnknownDemand, BadDemand: as their names say; or it was not confirmed.
    """
    demand = demand_for(number, person)
    found = Check.objects.filter(demand=demand, item=item, taken_back_at=None)
    if not found.update(taken_back_at=clock.now()):
        raise BadDemand(why=N_("this was not confirmed"))
    note(demand, "unchecked", why=reason(why), by=person.actor, name="unchecked", item=item)
    was_needed = demand.decided_at is not None and item in AFTERWARDS.get(demand.kind, ())
    if was_needed and clocks.open_clock(demand, clocks.FOLLOWING) is None:
        clocks.start_follow_up(demand)


@transaction.atomic
def verify_demand(number: int, *, person: Person) -> Demand:
    """The sender is who it says, and may demand this: everything that the kind requires was confirmed.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove: as their names say.
        BadDemand: something was not confirmed; names the first.
    """
    demand = demand_for(number, person)
    require_checks(demand)
    move(demand, "verified", why="", by=person.actor, name="verified")
    return demand


def accept_demand(number: int, *, why: str, person: Person) -> Demand:
    """Do what it demands: what is in its scope is held from now on, and so is what arrives in it later (``arriving``).
    Nothing is handed over by that.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove: as their names say.
        BadDemand: something was not confirmed, its scope was never said, or it is not said until when to preserve.
        StillPreserved: it was accepted for more before, which it preserves for longer, and nobody has released that.
        MoreArrived: nothing was done.
    """
    return _again(lambda: _accept(number, why=why, person=person))


def accept_part(number: int, *, scope: str, ground: str, text: str, person: Person) -> Demand:
    """Do a part of it: what is in its scope and in this one, too. The rest is refused, on a ground.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand, BadScope, MoreArrived: as their names say.
        StillPreserved: as of :func:`accept_demand`.
    """
    return _again(lambda: _accept_part(number, scope=scope, ground=ground, text=text, person=person))


def _again(act: Callable[[], Demand]) -> Demand:
    """Do it anew, from the beginning, where something arrived meanwhile: its epoch could not be locked any more."""
    for left in range(TRIES - 1, -1, -1):
        try:
            return act()
        except MoreArrived:
            if not left:
                raise
    raise AssertionError


@transaction.atomic
def _accept(number: int, *, why: str, person: Person) -> Demand:
    demand = demand_for(number, person)
    demand.granted_scope = demand.ground = demand.ground_text = ""
    _take(demand, "accepted", why=reason(why), person=person)
    return demand


@transaction.atomic
def _accept_part(number: int, *, scope: str, ground: str, text: str, person: Person) -> Demand:
    demand = demand_for(number, person)
    demand.granted_scope = scope_text(scope)
    demand.ground, demand.ground_text = _ground(ground), reason(text)
    _take(demand, "accepted in part", why=demand.ground_text, person=person)
    return demand


def _take(demand: Demand, act: str, *, why: str, person: Person) -> None:
    require_checks(demand)
    demand.decided_at = clock.now()
    preserving = demand.kind == PRESERVATION
    kept = clocks.open_clock(demand, clocks.PRESERVE) or clocks.start_preserving(demand) if preserving else None
    running = clocks.open_clock(demand, clocks.ANSWER)
    later = max(clock.now(), running.due if running else clock.now()) + REVIEW_AFTER
    tomorrow = clock.now().date() + timedelta(days=1)
    held = keeping.hold_scope(demand, review_on=max((kept.due if kept else later).date(), tomorrow), by=person.actor)
    afterwards = missing(demand, AFTERWARDS.get(demand.kind, ()))
    if afterwards and clocks.open_clock(demand, clocks.FOLLOWING) is None:
        clocks.start_follow_up(demand)
    name = "accepted" if act == "accepted" else "accepted-in-part"
    move(demand, act, why=why, by=person.actor, name=name, held=held, ground=demand.ground)
    if keeping.missed(demand):
        raise MoreArrived(number=demand.reference)


@transaction.atomic
def refuse_demand(number: int, *, ground: str, text: str, person: Person) -> Demand:
    """Do not do it, on a ground of the closed list and in words. Where it was accepted before, also where an
    objection followed, that counts no more: its holds are lifted, and answers that wait are dropped.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand: as their names say.
        StillPreserved: it preserves for longer, and nobody has released it.
    """
    demand = demand_for(number, person)
    demand.ground, demand.ground_text = _ground(ground), reason(text)
    counted = demand.decided_at is not None or keeping.keeps(demand)  # its state forgets what was accepted before
    demand.decided_at = clock.now()
    move(demand, "refused", why=demand.ground_text, by=person.actor, name="refused", ground=demand.ground)
    clocks.meet(demand, clocks.ANSWER)
    if counted:
        let_go(demand, by=person.actor)
    clocks.end_all(demand)
    return demand


@transaction.atomic
def revoke_acceptance(number: int, *, why: str, person: Person) -> Demand:
    """It should not have been accepted, or not yet: it is decided on anew, from the beginning. Its holds are lifted,
    and answers that wait are dropped; the clock of its answer runs on.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand: as their names say.
        StillPreserved: it preserves for longer, and nobody has released it.
    """
    demand = demand_for(number, person)
    demand.decided_at, demand.granted_scope, demand.ground, demand.ground_text = None, "", "", ""
    move(demand, "revoked", why=reason(why), by=person.actor, name="revoked")
    let_go(demand, by=person.actor, spare=(clocks.ANSWER,))
    return demand


@transaction.atomic
def confirm_preservation(number: int, *, why: str, person: Person) -> Demand:
    """Tell the authority that what it asked for is preserved: how, and how many exhibits; nothing of what is in them.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove: as their names say.
        BadDemand: it is not one to preserve.
    """
    demand = demand_for(number, person)
    if demand.kind != PRESERVATION:
        raise BadDemand(
            why=N_("it asks for more than to preserve: an answer is prepared, and approved by another lead")
        )
    move(demand, "answered", why=reason(why), by=person.actor, name="preserved")
    clocks.meet(demand, clocks.ANSWER)
    return demand


@transaction.atomic
def renew_preservation(number: int, *, why: str, person: Person, until: datetime | None = None) -> Demand:
    """Preserve for another term, because the authority asked again.

    ``until`` is the end that it names; None: the term of the law, where that knows one.

    Raises:
        MayNotAct, UnknownDemand: as their names say.
        BadDemand: nothing is preserved by it; there is no further term, or it is not later.
    """
    demand = demand_for(number, person)
    running = clocks.open_clock(demand, clocks.PRESERVE)
    if running is None:
        raise BadDemand(why=N_("nothing is preserved by it now"))
    following = clocks.renew(running, until=until)
    end_release(demand)
    keeping.move_reviews(demand, review_on=following.due.date())
    note(
        demand, "renewed", why=reason(why), by=person.actor, name="renewed", renewals=following.renewals,
        until=following.due.isoformat(),
    )  # fmt: skip
    return demand


@transaction.atomic
def withdraw_demand(number: int, *, why: str, person: Person) -> Demand:
    """The authority took it back: its holds are lifted, and its clocks stand.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand: as their names say.
        StillPreserved: it preserves for longer, and nobody has released it.
    """
    demand = demand_for(number, person)
    let_go(demand, by=person.actor)
    move(demand, "withdrawn", why=reason(why), by=person.actor, name="withdrawn")
    return demand


@transaction.atomic
def close_demand(number: int, *, why: str, person: Person) -> Demand:
    """Nothing is to be done any more: its holds are lifted, and its clocks stand.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove: as their names say.
        BadDemand: something of an emergency was not looked at, or another demand follows and is not decided.
        StillPreserved: it preserves for longer, and nobody has released it.
    """
    demand = demand_for(number, person)
    if demand.decided_at and demand.state == "answered" and missing(demand, AFTERWARDS.get(demand.kind, ())):
        raise BadDemand(why=N_("what could not wait was not looked at yet"))
    let_go(demand, by=person.actor)
    move(demand, "closed", why=reason(why), by=person.actor, name="closed")
    return demand


def _ground(name: str) -> str:
    if name not in GROUNDS:
        raise BadDemand(why=N_("the ground is none of the list"))
    return name
