"""What is due, by which law, and whether it was met.

The time comes from the demand itself where it sets one, else from the time limit of the reference that counts for it,
else from what this node promises (``lists.PROMISES``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from himaya.core import clock
from himaya.core.periods import add_period
from himaya.core.words import N_
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.lists import FOLLOW_UP, PROMISES, REMIND
from himaya.evidence.demands.models import Clock, Demand, Request
from himaya.reference.queries import time_limit, time_limits

if TYPE_CHECKING:
    from himaya.core.reference import TimeLimit

ANSWER, PRESERVE, FOLLOWING, GAG, REMINDER, KEEPING = "answer", "preserve", "follow-up", "gag", "remind", "keeping"
WHAT: Mapping[str, str] = {
    ANSWER: N_("Answer"),
    PRESERVE: N_("Preserved until"),
    FOLLOWING: N_("Check what could not wait"),
    GAG: N_("The person concerned may be told"),
    REMINDER: N_("Remind them"),
    KEEPING: N_("They preserve until"),
}
"""What is due → in words."""
FROM_ACCEPTING = ("preservation",)
"""Triggers of time limits that are not the demand itself, but that it was followed."""
LEAST = timedelta(seconds=1)


def limits_for(kind_is_preserving: bool) -> list[TimeLimit]:
    """Time limits that can count for a demand: to preserve, or to answer."""
    return time_limits(duty="preserve" if kind_is_preserving else "answer")


def start_answer(demand: Demand, *, since: datetime) -> Clock:
    """When an answer is due."""
    due = demand.answer_by
    limit = time_limit(demand.limit) if demand.limit else None
    rests_on = ""
    if due is None and limit is not None and limit.duty == "answer":
        due, rests_on = limit.end(since), limit.key
    if due is None:
        due, rests_on = add_period(since, PROMISES[demand.kind]), ""
    return _start(ANSWER, since, due, limit=rests_on, demand=demand)


def start_preserving(demand: Demand) -> Clock:
    """Until when what was demanded is preserved.

    Raises:
        BadDemand: neither the demand nor a time limit says until when.
    """
    now = clock.now()
    limit = time_limit(demand.limit) if demand.limit else None
    due, rests_on, since = demand.preserve_until, "", demand.received_at
    if due is None and limit is not None and limit.duty == "preserve":
        since = now if limit.trigger in FROM_ACCEPTING else since
        due, rests_on = limit.end(since), limit.key
    if due is None:
        raise BadDemand(why=N_("neither the law it rests on nor the demand itself says until when to preserve"))
    return _start(PRESERVE, since, due, limit=rests_on, demand=demand)


def start_follow_up(demand: Demand) -> Clock:
    """When what could not be looked at before has to be."""
    now = clock.now()
    return _start(FOLLOWING, now, add_period(now, FOLLOW_UP), demand=demand)


def start_gag(demand: Demand) -> Clock | None:
    """When the person concerned may be told; a gag without an end has no clock."""
    end(demand, GAG)
    if not demand.gag or demand.gag_until is None:
        return None
    return _start(GAG, min(demand.received_at, demand.gag_until), demand.gag_until, demand=demand)


def start_reminder(request: Request, *, since: datetime) -> Clock:
    """When somebody who is silent is reminded."""
    return _start(REMINDER, since, add_period(since, REMIND), request=request)


def start_keeping(request: Request) -> Clock | None:
    """Until when others preserve what we asked them to, by the time limit that counts; None: none is named."""
    limit = time_limit(request.limit) if request.limit else None
    due = limit.end(request.sent_at) if limit and request.sent_at else None
    if due is None or limit is None or request.sent_at is None:
        return None
    return _start(KEEPING, request.sent_at, due, limit=limit.key, request=request)


def open_clock(one: Demand | Request, what: str) -> Clock | None:
    """The clock that runs."""
    about = {"demand": one} if isinstance(one, Demand) else {"request": one}
    return Clock.objects.filter(what=what, met_at=None, ended_at=None, **about).first()


def meet(one: Demand | Request, what: str) -> None:
    """What was due is done."""
    if found := open_clock(one, what):
        found.met_at = clock.now()
        found.save(update_fields=["met_at"])


def end(one: Demand | Request, *what: str) -> None:
    """Clocks that run are stopped: what was due is not due any more. Without names: all of them."""
    about = {"demand": one} if isinstance(one, Demand) else {"request": one}
    running = Clock.objects.filter(met_at=None, ended_at=None, **about)
    (running.filter(what__in=what) if what else running).update(ended_at=clock.now())


def renew(found: Clock, *, until: datetime | None) -> Clock:
    """The next term of a clock: it begins where the last one ended, or now where that is over.

    Raises:
        BadDemand: its law knows no extension and no date is given, or the date is not later.
    """
    due = until
    limit = time_limit(found.limit) if found.limit else None
    if due is None:
        if limit is None or not limit.extension:
            raise BadDemand(why=N_("the law it rests on names no extension: say until when"))
        due = limit.end(max(found.due, clock.now()))
    if due is None or due <= found.due:
        raise BadDemand(why=N_("the new end is not later than the one that stands"))
    found.met_at = clock.now()
    found.save(update_fields=["met_at"])
    return Clock.objects.create(
        demand=found.demand, request=found.request, what=found.what, limit=found.limit if until is None else "",
        began=found.due if found.due < due else clock.now(), due=due, renewals=found.renewals + 1,
    )  # fmt: skip


def is_late(one: Clock) -> bool:
    """Whether it was not met in time, or is not by now."""
    return one.ended_at is None and (one.met_at or clock.now()) > one.due


def _start(
    what: str, since: datetime, due: datetime, *, limit: str = "", demand: Demand | None = None,
    request: Request | None = None,
) -> Clock:  # fmt: skip
    return Clock.objects.create(
        what=what, began=since, due=max(due, since + LEAST), limit=limit, demand=demand, request=request
    )
