"""What is done with a demand: each step with its reason, by whom, and on record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.countries import PLACES
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, printable
from himaya.evidence.demands import clocks, keeping
from himaya.evidence.demands.acting import BadDemand, demand_for, move, note, reason, require
from himaya.evidence.demands.keeping import let_go
from himaya.evidence.demands.lists import (
    AFTERWARDS,
    CHANNELS,
    CHECKS,
    GROUNDS,
    KINDS,
    PRESERVATION,
)  # fmt: skip
from himaya.evidence.demands.models import Check, Demand
from himaya.evidence.demands.queries import missing
from himaya.evidence.demands.scope import as_text
from himaya.evidence.demands.scoping import read_scope
from himaya.evidence.demands.states import CLOSED, RECEIVED, VERIFIED
from himaya.evidence.reasons import refuse
from himaya.reference.queries import time_limit

if TYPE_CHECKING:
    from collections.abc import Callable

    from himaya.accounts.models import Person

TRIES = 5
"""How often a demand is accepted anew, where something arrived in its scope at the same moment."""
REVIEW_AFTER = timedelta(days=30)
"""How long after an answer is due the holds of a demand that is not one to preserve are looked at."""


class MoreArrived(HimayaError):
    """While {number} was accepted, something arrived in its scope again and again: it was not accepted yet."""

    remedy = "Accept it once more."
    status = 409


@dataclass(frozen=True, slots=True)
class Terms:
    """What a demand says.

    Attributes:
        kind: one of ``lists.KINDS``.
        authority: who demands, 1 to 200 characters.
        country: of the authority, a code of ``core.countries.PLACES``.
        channel: by which way it came, one of ``lists.CHANNELS``.
        instrument: law or order on which it rests, 1 to 200 characters.
        received_at: when it came here; not later than now.
        person, address: who signed it, and where that person is reached.
        limit: the time limit of the reference that counts; empty: none.
        reference: theirs.
        asked: what it asks in its own words.
        scope: the same as :mod:`.scoping` reads it; empty: said later.
        answer_by, preserve_until: dates that the demand itself sets.
        follows: the number of the demand to preserve that this one follows.
        gag, gag_until: the person concerned may not be told, and until when; without a time: until it is lifted.
    """

    kind: str
    authority: str
    country: str
    channel: str
    instrument: str
    received_at: datetime
    person: str = ""
    address: str = ""
    limit: str = ""
    reference: str = ""
    asked: str = ""
    scope: str = ""
    answer_by: datetime | None = None
    preserve_until: datetime | None = None
    follows: int | None = None
    gag: bool = False
    gag_until: datetime | None = None


@transaction.atomic
def record_demand(terms: Terms, *, person: Person) -> Demand:
    """Put a demand on record as it came. The clock of its answer runs from when it was received.

    Raises:
        MayNotAct, BadDemand, BadScope, UnknownRow: the role may not; something of it cannot be taken.
    """
    require(person, "demands.work")
    _check_terms(terms)
    made = Demand.objects.create(
        kind=terms.kind, authority=_line(terms.authority), country=terms.country, person=_line(terms.person),
        address=_line(terms.address), channel=terms.channel, instrument=_line(terms.instrument), limit=terms.limit,
        reference_theirs=_line(terms.reference), received_at=terms.received_at, asked=terms.asked.strip(),
        scope=as_text(read_scope(terms.scope)) if terms.scope.strip() else "", answer_by=terms.answer_by,
        preserve_until=terms.preserve_until, follows_id=terms.follows, gag=terms.gag,
        gag_until=terms.gag_until if terms.gag else None,
    )  # fmt: skip
    clocks.start_answer(made, since=made.received_at)
    clocks.start_gag(made)
    note(
        made, "received", why="", by=person.actor, name="received", kind=made.kind, country=made.country,
        channel=made.channel, follows=terms.follows,
    )  # fmt: skip
    return made


@transaction.atomic
def set_scope(number: int, *, scope: str, why: str, person: Person) -> Demand:
    """Say what exactly a demand asks for, or say it anew, as long as it was not accepted.

    Raises:
        MayNotAct, UnknownDemand, BadDemand, BadScope: as their names say.
    """
    demand = demand_for(number, person)
    if demand.state not in (RECEIVED, VERIFIED):
        raise BadDemand(why=N_("its scope stands once it was decided on"))
    demand.scope = as_text(read_scope(scope))
    demand.save(update_fields=["scope"])
    note(demand, "scope", why=reason(why), by=person.actor, name="scoped")
    return demand


@transaction.atomic
def confirm_check(number: int, *, item: str, said: str, person: Person) -> Check:
    """Say that something was looked at and is so, and how that is known.

    Raises:
        MayNotAct, UnknownDemand, BadDemand: as their names say; or it is no item, or confirmed already.
    """
    demand = demand_for(number, person)
    if item not in CHECKS:
        raise BadDemand(why=N_("this is nothing that is looked at"))
    if demand.state == CLOSED or Check.objects.filter(demand=demand, item=item, taken_back_at=None).exists():
        raise BadDemand(why=N_("it is closed, or this was confirmed already"))
    made = Check.objects.create(demand=demand, item=item, note=reason(said, longest=500), by=person, at=clock.now())
    note(demand, "checked", why=made.note, by=person.actor, name="checked", item=item)
    if not missing(demand, AFTERWARDS.get(demand.kind, ())):
        clocks.meet(demand, clocks.FOLLOWING)
    return made


@transaction.atomic
def retract_check(number: int, *, item: str, why: str, person: Person) -> None:
    """It is not so after all. What was decided on it stands, and is looked at by whoever reads the record.

    Raises:
        MayNotAct, UnknownDemand, BadDemand: as their names say; or it was not confirmed.
    """
    demand = demand_for(number, person)
    found = Check.objects.filter(demand=demand, item=item, taken_back_at=None)
    if not found.update(taken_back_at=clock.now()):
        raise BadDemand(why=N_("this was not confirmed"))
    note(demand, "unchecked", why=reason(why), by=person.actor, name="unchecked", item=item)
    was_needed = demand.decided_at is not None and item in AFTERWARDS.get(demand.kind, ())
    if was_needed and clocks.open_clock(demand, clocks.FOLLOWING) is None:
        clocks.start_follow_up(demand)


@transaction.atomic
def verify_demand(number: int, *, person: Person) -> Demand:
    """The sender is who it says, and may demand this: everything that the kind requires was confirmed.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove: as their names say.
        BadDemand: something was not confirmed; names the first.
    """
    demand = demand_for(number, person)
    _require_checks(demand)
    move(demand, "verified", why="", by=person.actor, name="verified")
    return demand


def accept_demand(number: int, *, why: str, person: Person) -> Demand:
    """Do what it demands: what is in its scope is held from now on, and so is what arrives in it later (``arriving``).
    Nothing is handed over by that.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove: as their names say.
        BadDemand: something was not confirmed, its scope was never said, or it is not said until when to preserve.
        MoreArrived: nothing was done.
    """
    return _again(lambda: _accept(number, why=why, person=person))


def accept_part(number: int, *, scope: str, ground: str, text: str, person: Person) -> Demand:
    """Do a part of it: what is in its scope and in this one, too. The rest is refused, on a ground.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand, BadScope, MoreArrived: as their names say.
    """
    return _again(lambda: _accept_part(number, scope=scope, ground=ground, text=text, person=person))


def _again(act: Callable[[], Demand]) -> Demand:
    """Do it anew, from the beginning, where something arrived meanwhile: its epoch could not be locked any more."""
    for left in range(TRIES - 1, -1, -1):
        try:
            return act()
        except MoreArrived:
            if not left:
                raise
    raise AssertionError


@transaction.atomic
def _accept(number: int, *, why: str, person: Person) -> Demand:
    demand = demand_for(number, person)
    demand.granted_scope = demand.ground = demand.ground_text = ""
    _take(demand, "accepted", why=reason(why), person=person)
    return demand


@transaction.atomic
def _accept_part(number: int, *, scope: str, ground: str, text: str, person: Person) -> Demand:
    demand = demand_for(number, person)
    demand.granted_scope = as_text(read_scope(scope))
    demand.ground, demand.ground_text = _ground(ground), reason(text)
    _take(demand, "accepted in part", why=demand.ground_text, person=person)
    return demand


def _take(demand: Demand, act: str, *, why: str, person: Person) -> None:
    _require_checks(demand)
    demand.decided_at = clock.now()
    preserving = demand.kind == PRESERVATION
    kept = clocks.open_clock(demand, clocks.PRESERVE) or clocks.start_preserving(demand) if preserving else None
    running = clocks.open_clock(demand, clocks.ANSWER)
    later = max(clock.now(), running.due if running else clock.now()) + REVIEW_AFTER
    tomorrow = clock.now().date() + timedelta(days=1)
    held = keeping.hold_scope(demand, review_on=max((kept.due if kept else later).date(), tomorrow), by=person.actor)
    afterwards = missing(demand, AFTERWARDS.get(demand.kind, ()))
    if afterwards and clocks.open_clock(demand, clocks.FOLLOWING) is None:
        clocks.start_follow_up(demand)
    name = "accepted" if act == "accepted" else "accepted-in-part"
    move(demand, act, why=why, by=person.actor, name=name, held=held, ground=demand.ground)
    if keeping.missed(demand):
        raise MoreArrived(number=demand.reference)


@transaction.atomic
def refuse_demand(number: int, *, ground: str, text: str, person: Person) -> Demand:
    """Do not do it, on a ground of the closed list and in words.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand: as their names say.
    """
    demand = demand_for(number, person)
    demand.ground, demand.ground_text = _ground(ground), reason(text)
    demand.decided_at = clock.now()
    move(demand, "refused", why=demand.ground_text, by=person.actor, name="refused", ground=demand.ground)
    clocks.meet(demand, clocks.ANSWER)
    clocks.end(demand)
    return demand


@transaction.atomic
def confirm_preservation(number: int, *, why: str, person: Person) -> Demand:
    """Tell the authority that what it asked for is preserved: how, and how many exhibits; nothing of what is in them.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove: as their names say.
        BadDemand: it is not one to preserve.
    """
    demand = demand_for(number, person)
    if demand.kind != PRESERVATION:
        raise BadDemand(
            why=N_("it asks for more than to preserve: an answer is prepared, and approved by another lead")
        )
    move(demand, "answered", why=reason(why), by=person.actor, name="preserved")
    clocks.meet(demand, clocks.ANSWER)
    return demand


@transaction.atomic
def renew_preservation(number: int, *, why: str, person: Person, until: datetime | None = None) -> Demand:
    """Preserve for another term, because the authority asked again.

    ``until`` is the end that it names; None: the term of the law, where that knows one.

    Raises:
        MayNotAct, UnknownDemand: as their names say.
        BadDemand: nothing is preserved by it; there is no further term, or it is not later.
    """
    demand = demand_for(number, person)
    running = clocks.open_clock(demand, clocks.PRESERVE)
    if running is None:
        raise BadDemand(why=N_("nothing is preserved by it now"))
    following = clocks.renew(running, until=until)
    keeping.move_reviews(demand, review_on=following.due.date())
    note(
        demand, "renewed", why=reason(why), by=person.actor, name="renewed", renewals=following.renewals,
        until=following.due.isoformat(),
    )  # fmt: skip
    return demand


@transaction.atomic
def withdraw_demand(number: int, *, why: str, person: Person) -> Demand:
    """The authority took it back: its holds are lifted, and its clocks stand.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove, BadDemand: as their names say.
    """
    demand = demand_for(number, person)
    let_go(demand, by=person.actor)
    move(demand, "withdrawn", why=reason(why), by=person.actor, name="withdrawn")
    return demand


@transaction.atomic
def close_demand(number: int, *, why: str, person: Person) -> Demand:
    """Nothing is to be done any more: its holds are lifted, and its clocks stand.

    Raises:
        MayNotAct, UnknownDemand, WrongDemandMove: as their names say.
        BadDemand: something of an emergency was not looked at, or another demand follows and is not decided.
    """
    demand = demand_for(number, person)
    if demand.decided_at and demand.state == "answered" and missing(demand, AFTERWARDS.get(demand.kind, ())):
        raise BadDemand(why=N_("what could not wait was not looked at yet"))
    let_go(demand, by=person.actor)
    move(demand, "closed", why=reason(why), by=person.actor, name="closed")
    return demand


def _require_checks(demand: Demand) -> None:
    if lacking := missing(demand):
        raise BadDemand(why=Said("nobody has confirmed this: {item}", item=CHECKS[lacking[0]]))


def _ground(name: str) -> str:
    if name not in GROUNDS:
        raise BadDemand(why=N_("the ground is none of the list"))
    return name


def _line(text: str) -> str:
    return printable(text.strip())


def _check_terms(terms: Terms) -> None:
    flaws = {
        N_("its kind is none of the list"): terms.kind not in KINDS,
        N_("its channel is none of the list"): terms.channel not in CHANNELS,
        N_("the country of the authority is none"): terms.country not in PLACES,
        N_("the authority is not named, or with more than 200 characters"): not _fits(terms.authority, 1, 200),
        N_("the law or order is not named, or with more than 200 characters"): not _fits(terms.instrument, 1, 200),
        N_("person, address, reference or words are too long"): not (
            _fits(terms.person, 0, 200) and _fits(terms.address, 0, 300) and _fits(terms.reference, 0, 120)
            and _fits(terms.asked, 0, 2000)
        ),
        N_("it was received later than now"): terms.received_at > clock.now(),
        N_("an answer is due before it was received"): bool(terms.answer_by and terms.answer_by <= terms.received_at),
        N_("it preserves until before it was received"): bool(
            terms.preserve_until and terms.preserve_until <= terms.received_at
        ),
        N_("only a demand to preserve is followed by another one"): terms.follows is not None
        and not Demand.objects.filter(pk=terms.follows, kind=PRESERVATION).exists(),
    }  # fmt: skip
    refuse(flaws, BadDemand)
    if terms.limit:
        time_limit(terms.limit)


def _fits(text: str, least: int, most: int) -> bool:
    return least <= len(printable(text.strip())) <= most
