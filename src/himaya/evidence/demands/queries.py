"""Reading about the desk: what waits, what is due next, what a demand asks for, what was done with it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from himaya.core import clock
from himaya.evidence.demands.acting import UnknownAnswer, UnknownDemand, UnknownRequest
from himaya.evidence.demands.lists import APPROVED, PREPARED, REQUIRED
from himaya.evidence.demands.models import (
    Answer,
    AnswerPart,
    Change,
    Check,
    Clock,
    Demand,
    DemandHold,
    Objection,
    Request,
)
from himaya.evidence.demands.states import OPEN

if TYPE_CHECKING:
    from datetime import datetime


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


def held_by(one: Demand) -> QuerySet[DemandHold]:
    """The holds that a demand placed and that stand."""
    return DemandHold.objects.filter(demand=one, hold__lifted_at=None).select_related("exhibit", "hold").order_by("pk")


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
    return Answer.objects.filter(state__in=(PREPARED, APPROVED)).select_related("demand", "prepared_by").order_by("pk")


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
