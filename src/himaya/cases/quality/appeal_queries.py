"""Reading about appeals."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from himaya.cases.leaving import LEFT, leaving
from himaya.cases.quality.models import Appeal, SecondLook
from himaya.cases.quality.states import AGREED, CHANGED, KEPT, OPEN, OVERTURNED, UPHELD
from himaya.core import clock

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.accounts.models import Person
    from himaya.cases.models import Case


def appeals(*, state: str = "") -> QuerySet[Appeal]:
    """Appeals: open ones by when they are due, others newest first."""
    rows = Appeal.objects.select_related("case", "verdict", "answered_by")
    if state == OPEN:
        return rows.filter(state=OPEN).order_by("due_at", "pk")
    return (rows.filter(state=state) if state else rows).order_by("-pk")


def appeal(pk: int) -> Appeal | None:
    """One of them, or None."""
    return appeals().filter(pk=pk).first()


def appeal_by_reference(reference: str) -> Appeal | None:
    """The one that somebody passed on by this name, or None."""
    return appeals().filter(reference=reference).first()


def appeals_of(case: Case) -> QuerySet[Appeal]:
    """What users objected to on a case, newest first."""
    return appeals().filter(case=case)


def late() -> int:
    """How many were to be answered by now."""
    return Appeal.objects.filter(state=OPEN, due_at__lt=clock.now()).count()


def is_being_overturned(case: Case, person: Person) -> bool:
    """Whether this person has just found wrong, on appeal, the verdict that holds."""
    if case.verdict_id is None:
        return False
    found = Appeal.objects.filter(verdict=case.verdict_id, state=OVERTURNED, result=None, answered_by=person)
    return found.exists()


def to_be_told(of: Appeal) -> list[tuple[int, str, str, str]]:
    """What had left about a verdict that was overturned, and may have arrived: number of the delivery, kind of the
    document, route and state. Their recipients are to be told by a person: nothing calls a message back.
    """
    if of.state != OVERTURNED:
        return []
    ours = f"{of.case.reference}-{of.verdict_id}"
    left = [one for one in leaving(of.case) if one.about == ours and one.state in LEFT]
    return [(one.number, one.kind, one.route, one.state) for one in reversed(left)]


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    by_state = Counter(dict(Appeal.objects.values_list("state").annotate(n=Count("pk")).order_by()))
    looks = SecondLook.objects.aggregate(
        ended=Count("pk", filter=Q(state__in=(AGREED, KEPT, CHANGED))),
        changed=Count("pk", filter=Q(state=CHANGED)),
    )
    return {
        "cases.second-looks": looks["ended"],
        "cases.second-looks-changed": looks["changed"],
        "appeals": by_state.total(),
        "appeals.open": by_state[OPEN],
        "appeals.upheld": by_state[UPHELD],
        "appeals.overturned": by_state[OVERTURNED],
    }
