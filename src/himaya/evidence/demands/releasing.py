"""Letting go before the time is over: where the authority released it, as one lead says and another confirms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.words import N_
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, demand_for, note, reason
from himaya.evidence.demands.lists import RELEASES
from himaya.evidence.demands.models import Demand, Release
from himaya.evidence.granting import Proof, check_proof

if TYPE_CHECKING:
    from himaya.accounts.models import Person


class StillPreserved(BadDemand):
    """{number} preserves until {until}, and nobody has confirmed that the authority released it."""

    remedy = "Say on what ground it is released; another lead confirms that with a security key."
    status = 409


class OwnRelease(BadDemand):
    """You said that it is released: somebody else confirms that."""

    remedy = "Ask another lead."
    status = 403


@transaction.atomic
def ask_release(number: int, *, ground: str, why: str, person: Person) -> Release:
    """Say that what a demand preserves need not be preserved for longer. Nothing is let go by that.

    ``ground`` is one of ``lists.RELEASES``; ``why`` says how that is known.

    Raises:
        MayNotAct, UnknownDemand, BadDemand: as their names say; or nothing is preserved by it now.
    """
    demand = demand_for(number, person)
    if ground not in RELEASES:
        raise BadDemand(why=N_("the ground is none of the list"))
    if clocks.open_clock(demand, clocks.PRESERVE) is None:
        raise BadDemand(why=N_("nothing is preserved by it now"))
    end_release(demand)
    made = Release.objects.create(demand=demand, ground=ground, asked_by=person, asked_at=clock.now())
    note(demand, "release asked", why=reason(why), by=person.actor, name="release-asked", ground=ground)
    return made


@transaction.atomic
def confirm_release(number: int, *, person: Person, proof: Proof | None) -> Release:
    """Confirm that: another lead does, who has just used a security key. Then the demand can be ended.

    Raises:
        MayNotAct, UnknownDemand, OwnRelease, NoFreshProof: as their names say.
        BadDemand: nobody has said so, or it was confirmed already.
    """
    demand = demand_for(number, person, "demands.approve")
    found = open_release(demand)
    if found is None or found.at is not None:
        raise BadDemand(why=N_("nothing waits to be released"))
    if found.asked_by == person:
        raise OwnRelease
    check_proof(proof)
    found.by, found.at = person, clock.now()
    found.save(update_fields=["by", "at"])
    note(demand, "released", why="", by=person.actor, name="released", ground=found.ground)
    return found


def open_release(demand: Demand) -> Release | None:
    """The release that counts: asked for, or confirmed."""
    return Release.objects.filter(demand=demand, ended_at=None).select_related("asked_by", "by").first()


def end_release(demand: Demand) -> None:
    """It counts no more."""
    Release.objects.filter(demand=demand, ended_at=None).update(ended_at=clock.now())


def check_released(demand: Demand) -> None:
    """Its time of preserving is over, or it was released.

    Raises:
        StillPreserved: neither.
    """
    running = clocks.open_clock(demand, clocks.PRESERVE)
    if running is None or running.due <= clock.now():
        return
    found = open_release(demand)
    if found is None or found.at is None:
        raise StillPreserved(number=demand.reference, until=f"{running.due:%Y-%m-%d %H:%M} UTC")
