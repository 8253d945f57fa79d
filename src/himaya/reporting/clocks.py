"""Until when a report must be filed: as the reference says of the duty to report, or as the operator set."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from himaya.core.config import config
from himaya.reference.queries import time_limits

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.core.reference import TimeLimit
    from himaya.core.routes import FilingRoute

SOON = timedelta(hours=24)
"""So long before its end a clock is an alarm."""


def due_of(route: FilingRoute, *, decided: datetime) -> datetime | None:
    """The first of the ends that bind: what the operator set for the route, and where law in force names a number."""
    ends = [decided + timedelta(hours=route.within_hours)] if route.within_hours else []
    ends += [end for one in duties(decided) if (end := one.end(decided)) is not None]
    return min(ends, default=None)


def duties(at: datetime) -> list[TimeLimit]:
    """What the law where this node acts says of reporting, as far as it is in force."""
    place = config().jurisdiction.partition("-")[0]
    found = time_limits(jurisdiction=place, duty="report", on=at.date()) if place else []
    return [one for one in found if one.standing == "in-force" and one.bound in ("", "within")]


def standing(due: datetime | None, *, now: datetime) -> str:
    """``late``, ``soon``, ``runs``, or empty where there is no end."""
    if due is None:
        return ""
    if now >= due:
        return "late"
    return "soon" if now >= due - SOON else "runs"
