"""A demand is challenged before a court: until that is settled nothing is handed over by it, and nothing is let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.words import N_, printable
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, demand_for, move, reason
from himaya.evidence.demands.keeping import let_go
from himaya.evidence.demands.lists import OUTCOMES
from himaya.evidence.demands.models import Demand, Objection
from himaya.evidence.demands.scope import as_text
from himaya.evidence.demands.scoping import read_scope

if TYPE_CHECKING:
    from himaya.accounts.models import Person


@transaction.atomic
def file_objection(number: int, *, filed_with: str, why: str, person: Person) -> Objection:
    """Challenge a demand. Its answer is not due any more until the objection is settled; what is held stays held.

    ``filed_with`` names the court or authority in 1 to 200 characters; ``why`` the grounds.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand: as their names say.
    """
    demand = demand_for(number, person)
    court = printable(filed_with.strip())
    if not 0 < len(court) <= 200:
        raise BadDemand(why=N_("it does not say before which court or authority it is challenged"))
    made = Objection.objects.create(demand=demand, filed_at=clock.now(), filed_with=court)
    clocks.end(demand, clocks.ANSWER)
    move(demand, "challenged", why=reason(why), by=person.actor, name="challenged")
    return made


@transaction.atomic
def settle_objection(number: int, *, outcome: str, why: str, person: Person, scope: str = "") -> Demand:
    """Say how the objection ended: the demand is decided on anew, with a new time to answer, or it is set aside.

    ``outcome`` is one of ``lists.OUTCOMES``; ``scope`` what is left of the demand, where it was narrowed.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand, BadScope: as their names say.
    """
    demand = demand_for(number, person)
    if outcome not in OUTCOMES:
        raise BadDemand(why=N_("the outcome is none of the list"))
    if (outcome == "narrowed") != bool(scope.strip()):
        raise BadDemand(why=N_("what is left of it is said where it was narrowed, and only there"))
    Objection.objects.filter(demand=demand, settled_at=None).update(outcome=outcome, settled_at=clock.now())
    text = reason(why)
    if outcome == "quashed":
        let_go(demand, by=person.actor)
        move(demand, "set aside", why=text, by=person.actor, name="set-aside", outcome=outcome)
        return demand
    if scope.strip():
        demand.scope = as_text(read_scope(scope))
    demand.granted_scope, demand.answer_by = "", None
    clocks.start_answer(demand, since=clock.now())
    move(demand, "decided anew", why=text, by=person.actor, name="to-decide-anew", outcome=outcome)
    return demand
