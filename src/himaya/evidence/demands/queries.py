"""Reading about the desk: what waits, what is due next, what a demand asks for, what was done with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, F, Max, OuterRef, Q, QuerySet, Subquery

from himaya.core import clock
from himaya.evidence.demands.acting import UnknownAnswer, UnknownDemand, UnknownRequest
from himaya.evidence.demands.lists import OPEN_ANSWERS, PREPARED, REQUIRED
from himaya.evidence.demands.models import (
    Answer,
    AnswerPart,
    Change,
    Check,
    Clock,
    Demand,
    DemandHold,
    Objection,
    Release,
    Request,
)
from himaya.evidence.demands.states import OPEN

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.accounts.models import Person
    from himaya.evidence.models import Hold


def demands(*, state: str = "", kind: str = "", open_only: bool = False) -> QuerySet[Demand]:
    """Demands, each with ``next_due``: when something of it is due next."""
    running = Clock.objects.filter(demand=OuterRef("pk"), met_at=None, ended_at=None).order_by("due")
    found = Demand.objects.annotate(next_due=Subquery(running.values("due")[:1]))
    found = found.filter(state=state) if state else found
    found = found.filter(kind=kind) if kind else found
    return found.filter(state__in=OPEN) if open_only else found


def by_due(found: QuerySet[Demand]) -> QuerySet[Demand]:
    """Those of :func:`demands` of which something is due first, first; those of which nothing is, last."""
    return found.order_by(F("next_due").asc(nulls_last=True), "pk")


def demand(number: int) -> Demand:
    """One of them.

    Raises:
        UnknownDemand: there is none of that number.
    """
    found = Demand.objects.select_related("follows").filter(pk=number).first()
    if found is None:
        raise UnknownDemand(number=number)
    return found


def followers(one: Demand) -> QuerySet[Demand]:
    """The demands that follow one to preserve."""
    return Demand.objects.filter(follows=one).order_by("pk")


def checks(one: Demand) -> dict[str, Check]:
    """What was confirmed: item → who, when, how."""
    found = Check.objects.filter(demand=one, taken_back_at=None).select_related("by")
    return {check.item: check for check in found}


def missing(one: Demand, items: Collection[str] | None = None) -> list[str]:
    """What was not confirmed of what the kind requires (or of ``items``), in the order of the list."""
    wanted = REQUIRED[one.kind] if items is None else items
    there = set(Check.objects.filter(demand=one, taken_back_at=None).values_list("item", flat=True))
    return [item for item in wanted if item not in there]


def changes(one: Demand | Request) -> QuerySet[Change]:
    """What was done, the first step first."""
    found = Change.objects.filter(demand=one) if isinstance(one, Demand) else Change.objects.filter(request=one)
    return found.order_by("pk")


def clocks_of(one: Demand | Request) -> QuerySet[Clock]:
    """All its clocks, by when they are due, those that were met or stopped too."""
    found = Clock.objects.filter(demand=one) if isinstance(one, Demand) else Clock.objects.filter(request=one)
    return found.order_by("due", "pk")


def due_next(*, before: datetime | None = None) -> QuerySet[Clock]:
    """What is due, of demands and of requests, the first first; what is late is at the top."""
    running = Clock.objects.filter(met_at=None, ended_at=None).select_related("demand", "request")
    return (running if before is None else running.filter(due__lt=before)).order_by("due", "pk")


def late() -> QuerySet[Clock]:
    """What should have been done by now. At the end of a time of preserving or of a gag, too, somebody has to act."""
    return due_next(before=clock.now())


def due_behind(last: Clock | None, *, late_only: bool = False) -> QuerySet[Clock]:
    """What is due, by when it is due, behind the last one that was shown; None: from the first."""
    found = late() if late_only else due_next()
    return found if last is None else found.filter(Q(due__gt=last.due) | Q(due=last.due, pk__gt=last.pk))


def clock_of(number: str) -> Clock | None:
    """A clock by its number as an address writes it; None: there is none."""
    return Clock.objects.filter(pk=int(number)).first() if number.isascii() and number.isdecimal() else None


def years() -> list[int]:
    """The years in which demands were received, the last one first."""
    return [at.year for at in Demand.objects.dates("received_at", "year", order="DESC")]


def held_by(one: Demand) -> QuerySet[DemandHold]:
    """The holds that a demand placed and that stand."""
    return DemandHold.objects.filter(demand=one, hold__lifted_at=None).select_related("exhibit", "hold").order_by("pk")


def demands_of(holds: Iterable[Hold]) -> dict[int, Demand]:
    """Number of a hold → the demand that placed it; of those that one placed."""
    found = DemandHold.objects.filter(hold__in=[one.pk for one in holds]).select_related("demand")
    return {row.hold_id: row.demand for row in found}


def held_counts(demands: Iterable[Demand], *, lifted: bool = False) -> dict[int, int]:
    """Number of a demand → how many exhibits it holds; with ``lifted`` those that it held, too."""
    found = DemandHold.objects.filter(demand__in={one.pk for one in demands})
    found = found if lifted else found.filter(hold__lifted_at=None)
    return dict(found.order_by().values_list("demand").annotate(n=Count("exhibit", distinct=True)))


def once_each_demand(holds: QuerySet[Hold]) -> QuerySet[Hold]:
    """Of holds: those that no demand placed, and the last one of each demand."""
    of = DemandHold.objects.filter(hold__in=holds.order_by().values("pk"))
    last = of.order_by().values("demand").annotate(last=Max("hold")).values("last")
    return holds.filter(~Exists(DemandHold.objects.filter(hold=OuterRef("pk"))) | Q(pk__in=last))


def objections(one: Demand) -> QuerySet[Objection]:
    """How it was challenged."""
    return Objection.objects.filter(demand=one).order_by("pk")


def answers(one: Demand) -> QuerySet[Answer]:
    """What was prepared, approved, handed over, the last first."""
    return Answer.objects.filter(demand=one).select_related("prepared_by", "approved_by").order_by("-pk")


def parts(one: Answer) -> QuerySet[AnswerPart]:
    """The exhibits of an answer."""
    return AnswerPart.objects.filter(answer=one).select_related("exhibit").order_by("exhibit")


def answer(number: int) -> Answer:
    """One of them.

    Raises:
        UnknownAnswer: there is none of that number.
    """
    found = Answer.objects.select_related("demand").filter(pk=number).first()
    if found is None:
        raise UnknownAnswer(number=number)
    return found


def waiting_answers() -> QuerySet[Answer]:
    """What waits for another lead to approve, or for being handed over."""
    return Answer.objects.filter(state__in=OPEN_ANSWERS).select_related("demand", "prepared_by").order_by("pk")


def waiting_for(person: Person) -> QuerySet[Answer]:
    """Of these, what this person can let leave, or hand over."""
    approve = Q(state=PREPARED) & ~Q(prepared_by=person) if person.may("demands.approve") else Q(pk=None)
    hand_over = ~Q(state=PREPARED) if person.may("demands.work") else Q(pk=None)
    return waiting_answers().filter(approve | hand_over)


def waiting_releases(person: Person) -> QuerySet[Release]:
    """Releases that another lead said, and that this person can confirm."""
    found = Release.objects.filter(at=None, ended_at=None).exclude(asked_by=person)
    found = found if person.may("demands.approve") else found.none()
    return found.select_related("demand", "asked_by").order_by("asked_at", "pk")


def requests(*, state: str = "", case: str = "") -> QuerySet[Request]:
    """Requests that go out."""
    running = Clock.objects.filter(request=OuterRef("pk"), met_at=None, ended_at=None).order_by("due")
    found = Request.objects.annotate(next_due=Subquery(running.values("due")[:1]))
    return found.filter(Q(state=state) if state else Q(), Q(case=case) if case else Q())


def request(number: int) -> Request:
    """One of them.

    Raises:
        UnknownRequest: there is none of that number.
    """
    found = Request.objects.filter(pk=number).first()
    if found is None:
        raise UnknownRequest(number=number)
    return found
