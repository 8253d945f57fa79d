"""What arrives in the scope of a demand that was accepted is held by it as if it had been there before.

It is done in the transaction with which the exhibit arrives, so there is no moment in which it is kept and not held.
Whoever accepts a demand looks again once the ledger is theirs (:func:`keeping.missed`): arrivals take the ledger first,
so each of them is either seen there, or sees the demand here.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Exists, OuterRef, Q

from himaya.core import clock
from himaya.core.words import N_
from himaya.evidence.demands import clocks
from himaya.evidence.demands.keeping import hold
from himaya.evidence.demands.lists import PRESERVATION
from himaya.evidence.demands.models import Clock, Demand, DemandHold
from himaya.evidence.demands.scope import Thing
from himaya.evidence.demands.selecting import asking
from himaya.evidence.demands.states import ANSWERED, CHALLENGED, RECEIVED, TAKEN, VERIFIED
from himaya.evidence.models import Exhibit
from himaya.evidence.retention import note_on
from himaya.evidence.services import BadExhibit
from himaya.ledger.services import record_each

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from django.db.models import QuerySet

OCCASION = "demand"


def running() -> QuerySet[Demand]:
    """Demands by which what arrives is held: accepted, and not ended.

    One to preserve runs until the time is over for which it preserves, also when the authority was told; another one
    until it is answered. While an objection is open, and until it is decided anew, nothing is let go either, also where
    it is put right meanwhile.
    """
    preserves = Clock.objects.filter(demand=OuterRef("pk"), what=clocks.PRESERVE, met_at=None, ended_at=None)
    lasts = Q(kind=PRESERVATION) & Exists(preserves.filter(due__gt=clock.now()))
    undecided = Q(state__in=(CHALLENGED, RECEIVED, VERIFIED), decided_at__isnull=False)
    found = Demand.objects.filter(Q(state__in=TAKEN) | undecided | Q(state=ANSWERED, kind=PRESERVATION))
    return found.filter(~Q(kind=PRESERVATION) | lasts).exclude(scope="").order_by("pk")


def asking_for(thing: Thing) -> Iterator[Demand]:
    """The running demands that ask for something: two questions to the database, however many run."""
    return asking(list(running()), thing)


def hold_arrived(exhibit: Exhibit) -> None:
    """Hold what has just arrived for each demand that asks for it; called by ``services.keep``."""
    assert connection.in_atomic_block
    for demand in asking_for(exhibit):
        hold(demand, exhibit, review_on=review_day(demand))


def review_day(demand: Demand) -> date:
    """The day on which somebody looks whether what arrives is to be held still: that of what it holds already."""
    standing = DemandHold.objects.filter(demand=demand, hold__lifted_at=None).order_by("-hold__review_on")
    last = standing.values_list("hold__review_on", flat=True).first()
    kept = clocks.open_clock(demand, clocks.PRESERVE) or clocks.open_clock(demand, clocks.ANSWER)
    tomorrow = clock.now().date() + timedelta(days=1)
    return max(last or tomorrow, kept.due.date() if kept else tomorrow, tomorrow)


def note_demanded(number: int, *, exhibits: Collection[int], by: str) -> int:
    """Let the rules with the occasion ``demand`` bind what a demand to preserve has just held.

    Their time runs from when the authority asked, or from when the exhibit came, where that was later. Nothing happens
    where the demand is another one, or the holds are lifted by now. In the caller's transaction; told twice it changes
    nothing. How many exhibits are kept for another time than before.
    """
    demand = Demand.objects.get(pk=number)
    if demand.kind != PRESERVATION:
        return 0
    placed = DemandHold.objects.filter(demand=demand, exhibit__in=exhibits, hold__lifted_at=None)
    found = Exhibit.objects.filter(pk__in=placed.values("exhibit"))
    changed = note_on(found, occasion=OCCASION, since=lambda one: max(demand.received_at, one.acquired_at))
    if changed:
        told = [(one.about, {"occasion": OCCASION, "exhibits": 1}) for one in changed]
        record_each("evidence.period-began", by=by, told=told)
    return len(changed)


class Offered:
    """Something that is not kept yet, as a scope looks at it."""

    pk = 0

    def __init__(
        self, *, case: str, origin: str, media_type: str, at: datetime | None = None, account: str = ""
    ) -> None:
        self.case, self.origin, self.media_type, self.account = case, origin, media_type, account
        self.acquired_at = at or clock.now()


def require_demanded(offered: Offered) -> Demand:
    """The first running demand that asks for what is offered.

    Raises:
        BadExhibit: none does: nothing is kept for a demand that does not ask for it.
    """
    found = next(asking_for(offered), None)
    if found is None:
        raise BadExhibit(why=N_("no demand that was accepted asks for it: name its case, or the account it came from"))
    return found
