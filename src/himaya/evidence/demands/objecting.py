"""A demand is challenged before a court: until that is settled nothing is handed over by it, and nothing is let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.words import N_, Said, printable
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, demand_for, move, reason
from himaya.evidence.demands.keeping import let_go
from himaya.evidence.demands.lists import MOST_OBJECTIONS, OUTCOMES
from himaya.evidence.demands.models import Demand, Objection
from himaya.evidence.demands.selecting import scope_text

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
    if Objection.objects.filter(demand=demand).count() >= MOST_OBJECTIONS:
        raise BadDemand(why=Said("it was challenged {n} times already", n=MOST_OBJECTIONS))
    made = Objection.objects.create(demand=demand, filed_at=clock.now(), filed_with=court)
    clocks.end(demand, clocks.ANSWER)
    move(demand, "challenged", why=reason(why), by=person.actor, name="challenged")
    return made


@transaction.atomic
def settle_objection(number: int, *, outcome: str, why: str, person: Person, scope: str = "") -> Demand:
    """Say how the objection ended: the demand is decided on anew, or it is set aside. Its answer is due when it was,
    later by the time for which the objection stood.

    ``outcome`` is one of ``lists.OUTCOMES``; ``scope`` what is left of the demand, where it was narrowed: what it asked
    for stays on record, and nothing beyond either of the two is held or handed over.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand, BadScope: as their names say.
    """
    demand = demand_for(number, person)
    if outcome not in OUTCOMES:
        raise BadDemand(why=N_("the outcome is none of the list"))
    if (outcome == "narrowed") != bool(scope.strip()):
        raise BadDemand(why=N_("what is left of it is said where it was narrowed, and only there"))
    found = Objection.objects.get(demand=demand, settled_at=None)
    found.outcome, found.settled_at = outcome, clock.now()
    found.scope = scope_text(scope) if scope.strip() else ""
    found.save(update_fields=["outcome", "settled_at", "scope"])
    text = reason(why)
    if outcome == "quashed":
        let_go(demand, by=person.actor)
        move(demand, "set aside", why=text, by=person.actor, name="set-aside", outcome=outcome)
        return demand
    demand.granted_scope = ""
    clocks.resume_answer(demand, suspended_at=found.filed_at)
    move(demand, "decided anew", why=text, by=person.actor, name="to-decide-anew", outcome=outcome)
    return demand
