"""Writing notices."""

from __future__ import annotations

from himaya.cases import dispatch
from himaya.takedown.models import Notice


def queue_notices(case_id: int, *, verdict: int, by: str) -> list[Notice]:
    """Queue the notice of a confirmed case for every route that the operator set; a second call changes nothing."""
    return dispatch.queue(Notice, kind="notice", case_id=case_id, verdict=verdict, by=by)


def take_back_notices(case_id: int, *, verdict: int, by: str) -> int:
    """Cancel the notices of a verdict that have not left the house; how many."""
    return dispatch.take_back(Notice, case_id=case_id, verdict=verdict, by=by)
