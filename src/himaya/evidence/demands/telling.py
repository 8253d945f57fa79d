"""Whether and when the person concerned is told of a demand: as the law and the order say, and on record."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.words import N_
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, demand_for, note, reason
from himaya.evidence.demands.lists import GIVEN, NOTICES, WITHHELD, WITHHOLDING
from himaya.evidence.demands.models import Demand

if TYPE_CHECKING:
    from himaya.accounts.models import Person


class StillSecret(BadDemand):
    """The person concerned may not be told of {number} yet."""

    status = 409


@transaction.atomic
def set_gag(number: int, *, gag: bool, why: str, person: Person, until: datetime | None = None) -> Demand:
    """Say that the person concerned may not be told (until a time, or until it is lifted), or that they may.

    Raises:
        MayNotAct, UnknownDemand, BadDemand: as their names say; or the time has passed.
    """
    demand = demand_for(number, person)
    if gag and until is not None and until <= clock.now():
        raise BadDemand(why=N_("the time until which it is secret has passed"))
    demand.gag, demand.gag_until = gag, until if gag else None
    demand.save(update_fields=["gag", "gag_until"])
    clocks.start_gag(demand)
    name = "gagged" if gag else "ungagged"
    note(demand, name, why=reason(why), by=person.actor, name=name, until=until.isoformat() if gag and until else "")
    return demand


@transaction.atomic
def set_notice(number: int, *, notice: str, why: str, person: Person, ground: str = "") -> Demand:
    """Say whether the person concerned is told: it is planned, it was done, or it is withheld on a ground.

    ``notice`` is one of ``lists.NOTICES``; ``ground`` one of ``lists.WITHHOLDING`` where it is withheld, else empty.

    Raises:
        MayNotAct, UnknownDemand, BadDemand: as their names say.
        StillSecret: it was given, and may not have been.
    """
    demand = demand_for(number, person)
    if notice not in NOTICES:
        raise BadDemand(why=N_("this is none of the list"))
    if (notice == WITHHELD) != (ground in WITHHOLDING):
        raise BadDemand(why=N_("a ground of the list is named where it is withheld, and only there"))
    if notice == GIVEN and is_secret(demand):
        raise StillSecret(number=demand.reference)
    demand.notice, demand.notice_ground, demand.notice_note = notice, ground, reason(why, longest=500)
    demand.save(update_fields=["notice", "notice_ground", "notice_note"])
    if notice == GIVEN:
        clocks.meet(demand, clocks.GAG)
    note(demand, "notice", why=demand.notice_note, by=person.actor, name="notice", notice=notice, ground=ground)
    return demand


def is_secret(demand: Demand) -> bool:
    """Whether the person concerned may not be told now."""
    return demand.gag and (demand.gag_until is None or demand.gag_until > clock.now())
