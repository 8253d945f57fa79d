"""What is due, by which law, and whether it was met.

The time comes from the demand itself where it sets one, else from the time limit of the reference that counts for it,
else from what this node promises (``lists.PROMISES``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from himaya.core import clock
from himaya.core.periods import add_period
from himaya.core.words import N_, Said
from himaya.evidence.demands.acting import BadDemand
from himaya.evidence.demands.lists import FOLLOW_UP, PLANNED, PROMISES, REMIND, UNDECIDED
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
BY_ITSELF = ("completed submission", "identification of suspected abuse", "detection")
"""Triggers that are no demand: what is kept by such a law, the rules of evidence keep."""
IN_FORCE, UNKNOWN = "in-force", "not-verified"
LEAST = timedelta(seconds=1)


def limits_for(duty: str, *, on: date) -> list[TimeLimit]:
    """Time limits that can count for a demand (``preserve`` or ``answer``) that came on a day: their law was not known
    to be out of force then, and they run from a demand. Those in force come first.
    """
    found = [
        one
        for one in time_limits(duty=duty, on=on)
        if one.standing in (IN_FORCE, UNKNOWN) and one.trigger not in BY_ITSELF
    ]
    return sorted(found, key=lambda one: one.standing != IN_FORCE)


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


def resume_answer(demand: Demand, *, suspended_at: datetime) -> Clock:
    """When an answer is due whose clock was stopped for a time: later by that time."""
    stopped = Clock.objects.filter(demand=demand, what=ANSWER, ended_at__gte=suspended_at).order_by("-ended_at").first()
    if stopped is None:
        return start_answer(demand, since=clock.now())
    later = clock.now() - suspended_at
    return _start(ANSWER, stopped.began + later, stopped.due + later, limit=stopped.limit, demand=demand)


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
    if due <= now:
        raise BadDemand(
            why=Said("its time of preserving was over on {at}: put its dates right, or refuse it", at=f"{due:%Y-%m-%d}")
        )
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


def end_all(demand: Demand, *, spare: tuple[str, ...] = ()) -> None:
    """All its clocks are stopped, but those that are spared, and the one that says when the person concerned may be
    told, as long as it is not settled that nobody tells them.
    """
    if demand.notice in (UNDECIDED, PLANNED):
        spare = (*spare, GAG)
    Clock.objects.filter(demand=demand, met_at=None, ended_at=None).exclude(what__in=spare).update(ended_at=clock.now())


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
