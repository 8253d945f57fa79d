"""Writing down what somebody decided, looked at, and when they rest."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.cases.care import queries
from himaya.cases.care.kinds import FACETS
from himaya.cases.care.models import Exposure, OptOut, Rest, Shift
from himaya.cases.care.reckoning import CASE, FORGOTTEN, LONGEST_LOOK, LOOK, PLAIN, is_break_due, points
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import Said

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from himaya.accounts.models import Person
    from himaya.cases.models import Case


class OnBreak(HimayaError):
    """You have a break until {until}: until then nothing is given to you and nothing shown."""

    remedy = "Leave the screen. A break is no fault; what you hold waits for you, and what is urgent goes to others."
    status = 409


class EnoughForToday(HimayaError):
    """You have seen enough for today: {what} are used up."""

    remedy = "Go on with cases that need no look, or stop here. Tomorrow it begins anew."
    status = 409


class BadOptOut(HimayaError):
    """There is no kind {facet!r} of cases to choose."""

    status = 422


@transaction.atomic
def note_decided(case: Case, *, person: Person) -> None:
    """Count a decided case; a break during which somebody decides is one that they worked through."""
    begin_shift(person=person)
    close_look(person=person)
    _write(person, CASE, case.about, case.severity, severe=case.severe)
    Rest.objects.filter(person=person, due=True, until__gt=clock.now()).update(worked=True)


@transaction.atomic
def note_look(about: str, *, person: Person, plain: bool, urgent: bool) -> None:
    """Count a look at something that is kept of a case, before it is shown.

    Args:
        about: the case, as the ledger names it; empty: of none.
        person: who looks.
        plain: as it is, which goes on with a look that was counted; else the first one, small and blurred.
        urgent: a life may hang on it: it is counted, and no limit stops it.

    Raises:
        OnBreak, EnoughForToday: a first look that is not urgent; then nothing is counted.
    """
    begin_shift(person=person)  # and its row is locked: of two looks at once, the second one counts the first
    close_look(person=person)
    if not plain and not urgent:
        check_rest(person=person)
        if reached := [one for one in queries.today(person) if one.reached]:
            raise EnoughForToday(what=reached[0].what)
    severity, severe = queries.severity_of(about)
    _write(person, PLAIN if plain else LOOK, about, severity, severe=severe, seconds=LONGEST_LOOK)
    care = config().care
    if is_break_due(queries.since_break(person), care):
        now = clock.now()
        Rest.objects.create(person=person, at=now, until=now + timedelta(minutes=care.break_minutes), due=True)


def check_rest(*, person: Person) -> None:
    """See that the person has no break now.

    Raises:
        OnBreak: they have.
    """
    if (rest := queries.resting(person)) is not None:
        raise OnBreak(until=Said("{time} UTC", time=f"{rest.until:%H:%M}"))


def close_look(*, person: Person) -> None:
    """The person does something else: a look that was running lasted until now."""
    now = clock.now()
    for one in Exposure.objects.select_for_update().filter(person=person, day=now.date(), running=True):
        one.seconds, one.running = min(int((now - one.at).total_seconds()), LONGEST_LOOK), False
        one.save(update_fields=["seconds", "running"])


@transaction.atomic
def begin_shift(*, person: Person) -> Shift:
    """Begin to work, for as long as a shift lasts; one that runs goes on, one that was forgotten is over."""
    now, running = clock.now(), Shift.objects.select_for_update().filter(person=person, ended_at=None).first()
    if running is not None and now < running.ends_at + FORGOTTEN:
        return running
    if running is not None:
        running.ended_at = running.ends_at
        running.save(update_fields=["ended_at"])
    made = Shift(person=person, began_at=now, ends_at=now + timedelta(hours=config().care.shift_hours))
    Shift.objects.bulk_create([made], ignore_conflicts=True)  # of two that begin at once there is one
    return Shift.objects.select_for_update().get(person=person, ended_at=None)


@transaction.atomic
def end_shift(*, person: Person) -> None:
    """Stop for today; harmless where no shift runs."""
    close_look(person=person)
    Shift.objects.filter(person=person, ended_at=None).update(ended_at=clock.now())


@transaction.atomic
def take_break(*, person: Person) -> Rest:
    """Take a break, as long as one that a limit calls for; a break that runs goes on."""
    close_look(person=person)
    if (running := queries.resting(person)) is not None:
        return running
    now = clock.now()
    until = now + timedelta(minutes=config().care.break_minutes)
    return Rest.objects.create(person=person, at=now, until=until, due=False)


@transaction.atomic
def end_break(*, person: Person) -> None:
    """End a break that one took oneself. One that a limit called for lasts as long as it lasts."""
    now = clock.now()
    Rest.objects.filter(person=person, due=False, until__gt=now).update(until=now)


@transaction.atomic
def set_opt_outs(facets: Collection[str], *, person: Person) -> None:
    """What *next* does not give to this person from now on, by facets of all schemes.

    Raises:
        BadOptOut: there is no such facet.
    """
    for one in facets:
        if one not in FACETS:
            raise BadOptOut(facet=one)
    OptOut.objects.filter(person=person).delete()
    OptOut.objects.bulk_create(OptOut(person=person, facet=one) for one in sorted(set(facets)))


def _write(person: Person, kind: str, about: str, severity: int, *, severe: bool, seconds: int = 0) -> None:
    now: datetime = clock.now()
    Exposure.objects.create(
        person=person, at=now, day=now.date(), kind=kind, case=about, severity=severity, severe=severe,
        points=points(kind, severity=severity, severe=severe), seconds=seconds, running=bool(seconds),
    )  # fmt: skip
