"""Reading reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count

from himaya.cases import dispatch
from himaya.reporting.drafting import UnknownFiling
from himaya.reporting.models import Filing, FilingStep, Report
from himaya.reporting.states import OPEN

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
    return dispatch.tally(Report, "reports")


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
    found = filings().filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise UnknownFiling(filing=pk)
    return found


def steps(of: Filing) -> QuerySet[FilingStep]:
    """Its steps, in the order in which they were begun first."""
    return FilingStep.objects.filter(filing=of).order_by("round", "number", "pk")


def followers(of: Filing) -> QuerySet[Filing]:
    """What follows it up."""
    return Filing.objects.filter(follows=of).order_by("pk")


def filing_states() -> dict[str, int]:
    """How many there are in each state."""
    return dict(Filing.objects.values_list("state").annotate(n=Count("pk")).order_by())
