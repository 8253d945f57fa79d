"""Reading what somebody has seen, for themselves; and of the team, sums."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Q, Sum

from himaya.accounts.queries import people
from himaya.cases.care.models import Exposure, OptOut, Rest, Shift
from himaya.cases.care.reckoning import CASE, FORGOTTEN, Limit, Used, is_mild_due, is_near_the_end, limits
from himaya.cases.danger import GRAVE
from himaya.cases.models import Case
from himaya.core import clock
from himaya.core.config import config
from himaya.core.words import N_

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from himaya.accounts.models import Person

TEAM_DAYS, DUE_DAYS, OFTEN = 14, 7, 3


def today(person: Person) -> tuple[Limit, ...]:
    """What the person has used of the limits of this day (UTC)."""
    return limits(_used(Exposure.objects.filter(person=person, day=clock.now().date())), config().care)


def since_break(person: Person) -> Used:
    """What they have looked at today since their last break ended."""
    rows = Exposure.objects.filter(person=person, day=clock.now().date())
    last = Rest.objects.filter(person=person).order_by("-at").values_list("until", flat=True).first()
    return _used(rows.filter(at__gte=last) if last else rows)


def resting(person: Person) -> Rest | None:
    """The break that the person has now."""
    return Rest.objects.filter(person=person, until__gt=clock.now()).order_by("-until").first()


def shift(person: Person) -> Shift | None:
    """The shift that runs; one that nobody ended is over some hours after its planned end."""
    return Shift.objects.filter(person=person, ended_at=None, ends_at__gt=clock.now() - FORGOTTEN).first()


def why_mild(person: Person, used: tuple[Limit, ...] | None = None) -> str:
    """Why *next* gives nothing severe to this person now; empty: it may. ``used``: today's limits, where known."""
    if any(one.reached for one in (today(person) if used is None else used)):
        return N_("you have seen enough for today")
    running = shift(person)
    if running and is_near_the_end(running.ends_at, clock.now(), config().care):
        return N_("your shift is nearly over, and nothing severe comes last")
    return ""


def is_mild_next(person: Person) -> bool:
    """Whether a mild case is due after so many severe ones in a row."""
    n = config().care.severe_in_a_row
    rows = Exposure.objects.filter(person=person, day=clock.now().date(), kind=CASE).order_by("-pk")
    return is_mild_due(list(rows.values_list("severe", flat=True)[:n]), config().care)


def opt_outs(person: Person) -> list[str]:
    """What they are not given. For the person alone, and for *next*."""
    return list(OptOut.objects.filter(person=person).order_by("facet").values_list("facet", flat=True))


def severity_of(about: str) -> tuple[int, bool]:
    """How grave a case is, and whether it counts as severe; of what belongs to no case, that it may be."""
    number = about.removeprefix("case:")
    rows = Case.objects.filter(pk=int(number)) if number.isdigit() else None
    found = rows.values_list("severity", "severe").first() if rows is not None else None
    return found or (GRAVE, True)


def looks_of(about: str) -> tuple[int, int]:
    """What a case has cost: first looks, and looks at something as it is, by whomever."""
    found = Exposure.objects.filter(case=about).aggregate(
        looks=Count("pk", filter=Q(kind="look")), plain=Count("pk", filter=Q(kind="plain"))
    )
    return found["looks"], found["plain"]


def _used(rows: QuerySet[Exposure]) -> Used:
    found = rows.aggregate(
        looks=Count("pk", filter=Q(kind="look")), seconds=Sum("seconds"), points=Sum("points"),
        cases=Count("pk", filter=Q(kind=CASE)),
    )  # fmt: skip
    return Used(**{name: n or 0 for name, n in found.items()})


# --- the team --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Day:
    """Sums of everybody's day. ``limits`` is on how many days of people a limit was reached."""

    day: date
    used: Used
    breaks: int
    worked: int
    limits: int


@dataclass(frozen=True, slots=True)
class Due:
    """Somebody for whom support is due, and why, in words; no figures."""

    person: Person
    why: tuple[str, ...]


def team() -> list[Day]:
    """The load on all, day by day, newest first; no name and no comparison of people."""
    since = clock.now().date() - timedelta(days=TEAM_DAYS - 1)
    sums, rests = _sums(since), _rests(since)
    found = []
    for ago in range(TEAM_DAYS):
        day = since + timedelta(days=TEAM_DAYS - 1 - ago)
        each = [used for (_, on), used in sums.items() if on == day]
        total = Used(*(sum(getattr(one, name) for one in each) for name in Used.__slots__))
        reached = sum(any(limit.reached for limit in limits(one, config().care)) for one in each)
        on_day = [worked for (_, on), many in rests.items() if on == day for worked in many]
        found.append(Day(day, total, len(on_day) - sum(on_day), sum(on_day), reached))
    return found


def support_due() -> list[Due]:
    """People for whom support is due, by name: who reached limits often, or works through breaks."""
    since = clock.now().date() - timedelta(days=DUE_DAYS - 1)
    why: dict[int, list[str]] = defaultdict(list)
    full: dict[int, int] = defaultdict(int)
    for (pk, _), used in _sums(since).items():
        full[pk] += any(limit.reached for limit in limits(used, config().care))
    for pk, days in full.items():
        if days >= OFTEN:
            why[pk].append(N_("reached a limit on several days of the last seven"))
    for pk in {pk for (pk, _), many in _rests(since).items() if any(many)}:
        why[pk].append(N_("worked through a break in the last seven days"))
    who = {one.pk: one for one in people() if one.pk in why}
    return [Due(one, tuple(why[pk])) for pk, one in sorted(who.items(), key=lambda each: str(each[1]).casefold())]


def _sums(since: date) -> dict[tuple[int, date], Used]:
    rows = Exposure.objects.filter(day__gte=since).order_by().values_list("day", "person")
    counted: Iterable[tuple[date, int, int, int, int, int]] = rows.annotate(
        looks=Count("pk", filter=Q(kind="look")), seconds=Sum("seconds"), points=Sum("points"),
        cases=Count("pk", filter=Q(kind=CASE)),
    )  # fmt: skip
    return {(pk, day): Used(*numbers) for day, pk, *numbers in counted}


def _rests(since: date) -> dict[tuple[int, date], list[bool]]:
    """Breaks that were due, by person and day: whether each was worked through."""
    found: dict[tuple[int, date], list[bool]] = defaultdict(list)
    begin = datetime.combine(since, time(), UTC)
    rows = Rest.objects.filter(due=True, at__gte=begin).values_list("person", "at", "worked")
    at: datetime
    for pk, at, worked in rows:
        found[pk, at.date()].append(worked)
    return found
