"""What every act of the desk does: find the row and lock it, ask whether the person may, move, and put it on record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, printable
from himaya.evidence.demands.models import Change, Demand, Request
from himaya.evidence.demands.states import DEMAND, ENDS, REQUEST
from himaya.evidence.granting import MayNotAct
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.accounts.models import Person

LONGEST = 2000
ACTS = {
    "demands.work": N_("work at the legal desk"),
    "demands.approve": N_("let an answer leave"),
    "evidence.hold": N_("say that exhibits may end"),
}
"""Permission → what it allows, in words."""


class UnknownDemand(HimayaError):
    """There is no demand {number}."""

    status = 404


class UnknownRequest(HimayaError):
    """There is no request {number}."""

    status = 404


class UnknownAnswer(HimayaError):
    """There is no answer {number}."""

    status = 404


class BadDemand(HimayaError):
    """This cannot be done with the demand: {why}."""

    status = 422


class BadRequest(HimayaError):
    """This cannot be done with the request: {why}."""

    status = 422


def require(person: Person, act: str) -> None:
    """The person may do it.

    Raises:
        MayNotAct: their role does not allow it.
    """
    if not person.may(act):
        raise MayNotAct(act=ACTS[act])


def demand_for(number: int, person: Person, act: str = "demands.work") -> Demand:
    """The demand, locked until the caller's transaction ends.

    Raises:
        MayNotAct, UnknownDemand: as their names say.
    """
    assert connection.in_atomic_block
    require(person, act)
    # "no key": what arrives has the ledger, and points to the row; who acts has the row, and wants the ledger
    found = Demand.objects.select_for_update(of=("self",), no_key=True).filter(pk=number).first()
    if found is None:
        raise UnknownDemand(number=number)
    return found


def request_for(number: int, person: Person) -> Request:
    """The request, locked until the caller's transaction ends.

    Raises:
        MayNotAct, UnknownRequest: as their names say.
    """
    assert connection.in_atomic_block
    require(person, "demands.work")
    found = Request.objects.select_for_update(of=("self",)).filter(pk=number).first()
    if found is None:
        raise UnknownRequest(number=number)
    return found


def reason(text: str, error: type[BadDemand | BadRequest] = BadDemand, *, longest: int = LONGEST) -> str:
    """A text that a person has to give, as it is kept.

    Raises:
        BadDemand, BadRequest: it is empty or too long.
    """
    found = "\n".join(printable(line).rstrip() for line in text.strip().splitlines())
    if not 0 < len(found) <= longest:
        raise error(why=Said("a reason is required, of 1 to {n} characters", n=longest))
    return found


def move(
    one: Demand | Request, act: str, *, why: str, by: str, name: str, before: dict[str, Any] | None = None, **facts: Any
) -> None:
    """Go the way of an act, keep why, and put it on record: the ledger gets facts, and no words of anybody.

    ``act`` is the graph's word; ``why`` is kept, and may be empty where the act says all; ``name`` is the ledger's
    word: ``accepted`` is recorded as ``demand.accepted``.

    Raises:
        WrongDemandMove, WrongRequestMove: there is no such way.
    """
    one.state = (DEMAND if isinstance(one, Demand) else REQUEST).after(act, one.state)
    if isinstance(one, Demand) and act in ENDS:
        one.outcome, one.ended_at = act, clock.now()
    one.save()
    note(one, act, why=why, by=by, name=name, before=before, **facts)


def note(
    one: Demand | Request, act: str, *, why: str, by: str, name: str, before: dict[str, Any] | None = None, **facts: Any
) -> None:
    """Keep what was done and why, and put it on record; ``before``: what was put right, which stays here."""
    about = {"demand": one} if isinstance(one, Demand) else {"request": one}
    Change.objects.create(act=act, why=why, before=before or {}, facts=facts, by=by, at=clock.now(), **about)
    kind = "demand" if isinstance(one, Demand) else "request"
    record(f"{kind}.{name}", by=by, about=one.about, **facts)


@transaction.atomic
def note_console(person: Person, *, by: str, act: str, about: str, permission: str = "demands.work") -> None:
    """Put on record that somebody at the console is about to act in the name of a person who may do that.

    Raises:
        MayNotAct: the person's role does not allow it.
    """
    require(person, permission)
    record("desk.console", by=by, about=about, person=person.actor, step=act)
