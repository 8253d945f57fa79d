"""Reading notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.cases import dispatch
from himaya.takedown.models import Notice

if TYPE_CHECKING:
    from django.db.models import QuerySet


def notices(*, state: str = "") -> QuerySet[Notice]:
    """All notices, newest first, by the state of their delivery."""
    return dispatch.rows(Notice, state=state)


def states() -> dict[str, int]:
    """How many notices there are in each state of delivery."""
    return dispatch.states(Notice)


def by_route() -> dict[str, int]:
    """Route → how many notices arrived over it."""
    return dispatch.by_route(Notice)


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    return dispatch.tally(Notice, "notices")
