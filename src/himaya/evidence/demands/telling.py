"""Whether and when the person concerned is told of a demand: as the law and the order say, and on record."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from himaya.core import clock
from himaya.core.words import N_
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, demand_for, note, reason
from himaya.evidence.demands.lists import GIVEN, NOTICES, WITHHELD, WITHHOLDING
from himaya.evidence.demands.models import AnswerPart, Demand, DemandHold
from himaya.evidence.demands.selecting import is_within, scopes_of
from himaya.evidence.demands.states import CLOSED, REFUSED, WITHDRAWN
from himaya.evidence.models import Exhibit

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
    if until is not None and not gag:
        raise BadDemand(why=N_("it says until when it is secret, and not that it is: tick it, or leave out the time"))
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
    if notice == GIVEN and (secret := secret_with(demand)):
        raise StillSecret(number=secret.reference)
    demand.notice, demand.notice_ground, demand.notice_note = notice, ground, reason(why, longest=500)
    demand.save(update_fields=["notice", "notice_ground", "notice_note"])
    if notice == GIVEN:
        clocks.meet(demand, clocks.GAG)
    elif notice == WITHHELD and demand.state in (REFUSED, WITHDRAWN, CLOSED):
        clocks.end(demand, clocks.GAG)
    note(demand, "notice", why=demand.notice_note, by=person.actor, name="notice", notice=notice, ground=ground)
    return demand


def is_secret(demand: Demand) -> bool:
    """Whether the person concerned may not be told of this demand now, as it says itself."""
    return demand.gag and (demand.gag_until is None or demand.gag_until > clock.now())


def secret_with(demand: Demand) -> Demand | None:
    """The demand for which the person concerned may not be told now: this one; one that it follows or that follows it,
    however far; or one that is about the same exhibits. None: they may be told.
    """
    if is_secret(demand):
        return demand
    chain = _chain(demand)
    secret = Demand.objects.filter(Q(gag_until=None) | Q(gag_until__gt=clock.now()), gag=True).exclude(pk=demand.pk)
    numbers = {
        *DemandHold.objects.filter(demand__in=chain).values_list("exhibit", flat=True),
        *AnswerPart.objects.filter(answer__demand__in=chain).values_list("exhibit", flat=True),
    }
    for one in secret.order_by("pk").iterator():
        if one.pk in chain or (numbers and _is_about(one, numbers)):
            return one
    return None


def _chain(demand: Demand) -> set[int]:
    """The numbers of a demand, of those that it follows, and of those that follow them."""
    found, ahead = {demand.pk}, {demand.pk}
    while ahead:
        near = Demand.objects.filter(Q(follows__in=ahead) | Q(pk__in=_followed(ahead))).values_list("pk", flat=True)
        ahead = set(near) - found
        found |= ahead
    return found


def _followed(numbers: set[int]) -> set[int]:
    named = Demand.objects.filter(pk__in=numbers, follows__isnull=False)
    return {one.follows_id for one in named if one.follows_id}


def _is_about(one: Demand, numbers: set[int]) -> bool:
    """Whether a demand held, was answered with, or asks for one of these exhibits."""
    its = {
        *DemandHold.objects.filter(demand=one).values_list("exhibit", flat=True),
        *AnswerPart.objects.filter(answer__demand=one).values_list("exhibit", flat=True),
    }
    if its or not one.scope:
        return not its.isdisjoint(numbers)
    scopes = scopes_of(one)
    return any(is_within(scopes, each) for each in Exhibit.objects.filter(pk__in=numbers).iterator(1000))
