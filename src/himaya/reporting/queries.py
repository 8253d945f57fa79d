"""Reading reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Case, Count, Exists, F, OuterRef, Q, When

from himaya.cases import dispatch
from himaya.core import clock
from himaya.reporting.clocks import SOON
from himaya.reporting.drafting import UnknownFiling
from himaya.reporting.models import Filing, FilingStep, Report
from himaya.reporting.states import (
    DRAFT,
    FILED,
    FILING,
    GIVEN_UP,
    OPEN,
    QUEUED,
    REFUSED,
    RETRACTED,
    RETRACTING,
    UNKNOWN,
)

if TYPE_CHECKING:
    from django.db.models import QuerySet


def reports(*, state: str = "") -> QuerySet[Report]:
    """All reports, newest first, by the state of their delivery."""
    return dispatch.rows(Report, state=state)


def states() -> dict[str, int]:
    """How many reports there are in each state of delivery."""
    return dispatch.states(Report)


def by_route() -> dict[str, int]:
    """Route → how many reports arrived over it."""
    return dispatch.by_route(Report)


def is_report(job: int) -> bool:
    """Whether a delivery is that of a report."""
    return Report.objects.filter(job=job).exists()


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    numbers, standing = filing_states(), concerns()
    return {
        **dispatch.tally(Report, "reports"),
        "filings.filed": numbers.get(FILED, 0),
        "filings.drafts": numbers.get(DRAFT, 0),
        "filings.waiting": sum(numbers.get(state, 0) for state in (QUEUED, FILING, RETRACTING)),
        "filings.need-a-person": standing.unknown + standing.refused + standing.missing,
    }


ENDED = (FILED, RETRACTED, GIVEN_UP)
"""States in which no clock runs."""


# --- in a form of the other side -------------------------------------------------------------------------------------


def filings(*, state: str = "", case: int = 0, after: int = 0) -> QuerySet[Filing]:
    """Reports in forms of others, in the order in which they were made, behind the number ``after``; ``state`` may also
    be ``open``.
    """
    found = Filing.objects.select_related("case", "job", "follows").filter(pk__gt=after).order_by("pk")
    found = found.filter(case=case) if case else found
    if state == "open":
        return found.filter(state__in=OPEN)
    return found.filter(state=state) if state else found


def filing(pk: int) -> Filing:
    """One of them.

    Raises:
        UnknownFiling: there is none.
    """
    found = filings().filter(pk=pk).first() if 0 < pk < 2**63 else None
    if found is None:
        raise UnknownFiling(filing=pk)
    return found


def by_reference(text: str) -> Filing:
    """The report that people call ``R-2026-000042``, or by its number.

    Raises:
        UnknownFiling: there is none of this number, or it is of another year.
    """
    found = re.fullmatch(r"(?:R-([0-9]{4})-)?([0-9]{1,18})", text.strip(), re.IGNORECASE)
    if found is None:
        raise UnknownFiling(filing=repr(text[:40]))
    one = filing(int(found[2]))
    if found[1] and one.reference != f"R-{found[1]}-{one.pk:06d}":
        raise UnknownFiling(filing=repr(text[:40]))
    return one


def steps(of: Filing) -> QuerySet[FilingStep]:
    """Its steps, in the order in which they were begun first."""
    return FilingStep.objects.filter(filing=of).order_by("round", "number", "pk")


def followers(of: Filing) -> QuerySet[Filing]:
    """What follows it up."""
    return Filing.objects.filter(follows=of).order_by("pk")


@dataclass(frozen=True, slots=True)
class Concerns:
    """How many reports a person must look at, and why."""

    late: int
    soon: int
    missing: int
    unknown: int
    refused: int
    gone: int
    left: int

    @property
    def all(self) -> int:
        """How many concerns there are."""
        return self.late + self.soon + self.missing + self.unknown + self.refused + self.gone + self.left


def concerns() -> Concerns:
    """What needs a person, counted; what is unknown or was refused and late besides counts for both."""
    now = clock.now()
    open_, numbers = Filing.objects.filter(state__in=OPEN), filing_states()
    return Concerns(
        late=open_.filter(due__lte=now).count(),
        soon=open_.filter(due__gt=now, due__lte=now + SOON).count(),
        missing=Filing.objects.filter(state=FILED, there=False).count(),
        unknown=numbers.get(UNKNOWN, 0),
        refused=numbers.get(REFUSED, 0),
        gone=gone().count(),
        left=left().count(),
    )


def gone() -> QuerySet[Filing]:
    """What is filed although its case is not confirmed any more, and what nothing follows up: the other side does not
    know. A correction that was filed with the verdict that holds is none of it.
    """
    unconfirmed = Q(case__verdict=None) | Q(case__verdict__confirms=False)
    following = Filing.objects.filter(follows=OuterRef("pk")).exclude(state__in=(GIVEN_UP, RETRACTED))
    found = Filing.objects.filter(unconfirmed, ~Exists(following), state=FILED)
    return found.exclude(case__verdict__isnull=False, case__verdict=F("verdict"))


def left() -> QuerySet[Filing]:
    """What was taken back and stays at the other side unfinished, until a person says that it is looked after."""
    return Filing.objects.filter(state=RETRACTED).exclude(trouble="")


def need_a_person() -> QuerySet[Filing]:
    """What is missing there, unknown, refused, without its verdict, left there, or a draft, by their clocks."""
    wanted = Q(state__in=(UNKNOWN, REFUSED, DRAFT)) | Q(state=FILED, there=False) | Q(pk__in=gone()) | Q(pk__in=left())
    orders = {UNKNOWN: 1, REFUSED: 2, FILED: 3, RETRACTED: 4}
    ordered = [When(state=state, then=place) for state, place in orders.items()]
    first = Case(When(there=False, then=0), *ordered, default=5)
    found = Filing.objects.select_related("case", "job").filter(wanted).annotate(first=first)
    return found.order_by("first", F("due").asc(nulls_last=True), "pk")


def filing_states() -> dict[str, int]:
    """How many there are in each state."""
    return dict(Filing.objects.values_list("state").annotate(n=Count("pk")).order_by())
