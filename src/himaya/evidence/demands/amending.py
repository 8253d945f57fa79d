"""Putting a demand right before it is decided on: what was typed wrongly, with a reason, and what stood there stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core.words import N_
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, demand_for, move, reason
from himaya.evidence.demands.services import check_followed
from himaya.evidence.demands.terms import Terms, check_terms, said_by

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.evidence.demands.models import Demand


@transaction.atomic
def amend_demand(number: int, terms: Terms, *, why: str, person: Person) -> Demand:
    """Write down anew what a demand says, whole. It is verified anew, and its clocks run as if it had been so at first.

    Its kind stays: a demand of another kind is refused, and recorded anew.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadScope, UnknownRow: as their names say.
        BadDemand: it cannot say this; it is of another kind, follows itself, or nothing of it is otherwise.
    """
    demand = demand_for(number, person)
    if terms.kind != demand.kind:
        raise BadDemand(why=N_("its kind stays: refuse it, and record another one"))
    if terms.follows == demand.pk:
        raise BadDemand(why=N_("it cannot follow itself"))
    check_terms(terms, known=demand.gag_until)
    if terms.follows != demand.follows_id:
        check_followed(terms)
    said, text = said_by(terms), reason(why)
    before = {name: getattr(demand, name) for name, value in said.items() if getattr(demand, name) != value}
    if not before:
        raise BadDemand(why=N_("nothing of it is otherwise"))
    for name in before:
        setattr(demand, name, said[name])
    told = {name: value if isinstance(value, str | bool) else f"{value or ''}" for name, value in before.items()}
    move(demand, "put right", why=text, by=person.actor, name="amended", before=told, fields=", ".join(sorted(before)))
    if before.keys() & {"received_at", "answer_by", "limit"}:
        clocks.end(demand, clocks.ANSWER)
        clocks.start_answer(demand, since=demand.received_at)
    if before.keys() & {"gag", "gag_until", "received_at"}:
        clocks.start_gag(demand)
    return demand


def terms_of(demand: Demand) -> Terms:
    """What a demand says now."""
    return Terms(
        kind=demand.kind, authority=demand.authority, country=demand.country, channel=demand.channel,
        instrument=demand.instrument, received_at=demand.received_at, person=demand.person, address=demand.address,
        limit=demand.limit, reference=demand.reference_theirs, asked=demand.asked, scope=demand.scope,
        answer_by=demand.answer_by, preserve_until=demand.preserve_until, follows=demand.follows_id, gag=demand.gag,
        gag_until=demand.gag_until, limit_applies=bool(demand.limit),
    )  # fmt: skip
