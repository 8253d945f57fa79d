"""Reading reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.cases import dispatch
from himaya.reporting.models import Report

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
