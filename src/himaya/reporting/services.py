"""Writing reports."""

from __future__ import annotations

from himaya.cases import dispatch
from himaya.reporting.models import Report


def queue_reports(case_id: int, *, verdict: int, by: str) -> list[Report]:
    """Queue the report of a confirmed case for every route that the operator set; a second call changes nothing."""
    return dispatch.queue(Report, kind="report", case_id=case_id, verdict=verdict, by=by)


def take_back_reports(case_id: int, *, verdict: int, by: str) -> int:
    """Cancel the reports of a verdict that have not left the house; how many."""
    return dispatch.take_back(Report, case_id=case_id, verdict=verdict, by=by)
