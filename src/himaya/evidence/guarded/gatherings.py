"""What custodians bring their parts for: one grant, one answer to a demand, or one renewal of keys; and until when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.evidence.demands.lists import APPROVED
from himaya.evidence.demands.models import Answer, AnswerPart
from himaya.evidence.guarded.custodians import acts
from himaya.evidence.guarded.models import Part, Renewal, RenewalOf
from himaya.evidence.lost import among_lost
from himaya.evidence.models import Access, AccessTo, Exhibit
from himaya.evidence.states import ASKED, DESTROYED, GRANTED, GUARDED

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from himaya.accounts.models import Person

ANSWER_WITHIN = timedelta(days=1)
"""How long the approval of an answer counts."""
_TABLES: dict[str, tuple[type[Model], type[Model], str]] = {
    "access": (Access, AccessTo, "access"),
    "answer": (Answer, AnswerPart, "answer"),
    "renewal": (Renewal, RenewalOf, "renewal"),
}
"""Kind → its rows, and the rows that name its exhibits, by which field."""


class UnknownGathering(HimayaError):
    """There is nothing named {about} for which parts are brought."""

    remedy = "Name it as access:12, answer:3 or renewal:1."
    status = 404


@dataclass(frozen=True, slots=True)
class Gathering:
    """Something for which parts are brought.

    Attributes:
        about: as the ledger names it.
        exhibits: what is guarded of it, stands, and is not lost, by number.
        asker: who asked, and may bring nothing to it themselves; None: anybody's part counts.
        until: when it ends by itself; None: it has not begun.
        closed: why nothing is brought to it now; empty: it is open.
        over: nothing is opened by it any more.
    """

    about: str
    exhibits: tuple[Exhibit, ...]
    asker: Person | None
    until: datetime | None
    closed: str
    over: bool


def gathering(about: str, *, lock: bool = False) -> Gathering:
    """One of them; with ``lock`` its row is locked until the transaction ends.

    Raises:
        UnknownGathering: there is none of this name.
    """
    kind, _, number = about.partition(":")
    if kind not in _TABLES or not number.isascii() or not number.isdigit() or len(number) > 18:
        raise UnknownGathering(about=about[:40])
    rows: QuerySet[Any] = _TABLES[kind][0]._default_manager.all()
    rows = rows.select_for_update(of=("self",)) if lock else rows
    row = rows.filter(pk=int(number)).first()
    if row is None:
        raise UnknownGathering(about=about)
    return _of(row)


def open_gatherings() -> list[Gathering]:
    """All that are open now and hold something that is guarded."""
    now = clock.now()
    rows: list[Any] = [*Access.objects.filter(_guarded("access"), state=GRANTED, until__gt=now, reads_left__gt=0)]
    since = now - ANSWER_WITHIN
    rows += Answer.objects.filter(_guarded("answer"), state=APPROVED, approved_at__gt=since)
    rows += Renewal.objects.filter(_guarded("renewal"), ended_at=None, until__gt=now)
    return [_of(row) for row in rows]


def shown_to(found: Gathering, person: Person) -> Gathering | None:
    """What somebody may know of it: of an answer to an authority, who may not see demands, the exhibits that they have
    a part in; None: nothing.
    """
    if not found.about.startswith("answer:") or person.may("demands.view"):
        return found
    mine = Part.objects.filter(acts("custodian__"), custodian__person=person, deal__exhibit__in=found.exhibits)
    named = set(mine.values_list("deal__exhibit", flat=True))
    return replace(found, exhibits=tuple(one for one in found.exhibits if one.pk in named)) if named else None


def gathering_for(person: Person, about: str) -> Gathering:
    """One of them, as somebody may see it.

    Raises:
        UnknownGathering: there is none of this name, or none of which they may know.
    """
    found = shown_to(gathering(about), person)
    if found is None:
        raise UnknownGathering(about=about)
    return found


def _guarded(kind: str) -> Exists:
    _, named, field = _TABLES[kind]
    rows: QuerySet[Any] = named._default_manager.filter(**{field: OuterRef("pk")})
    return Exists(rows.filter(exhibit__kept_class=GUARDED).exclude(exhibit__state=DESTROYED))


def _of(row: Access | Answer | Renewal) -> Gathering:
    now = clock.now()
    if isinstance(row, Access):
        until, asker, closed = row.until, row.asked_by, _access_closed(row, now)
        over = row.state not in (ASKED, GRANTED) or (until is not None and until <= now)
        return Gathering(row.about, _exhibits("access", row.pk), asker, until, closed, over)
    if isinstance(row, Answer):
        until = row.approved_at + ANSWER_WITHIN if row.approved_at else None
        is_open = row.state == APPROVED and until is not None and until > now
        closed = "" if is_open else N_("the answer is not approved, or its approval is over")
        return Gathering(f"answer:{row.pk}", _exhibits("answer", row.pk), row.prepared_by, until, closed, not is_open)
    over = row.ended_at is not None or row.until <= now
    closed = N_("it is done, or its time is over") if over else ""
    left = Q(pk__in=RenewalOf.objects.filter(renewal=row, done=False).values("exhibit"))
    return Gathering(row.about, _exhibits("renewal", row.pk, left), None, row.until, closed, over)


def _access_closed(row: Access, now: datetime) -> str:
    if row.state != GRANTED or row.until is None:
        return Said("the request is {state}", state=row.state)
    if row.until <= now:
        return N_("the time of the grant is over")
    return "" if row.reads_left else N_("all its readings are used")


def _exhibits(kind: str, number: int, which: Q | None = None) -> tuple[Exhibit, ...]:
    _, table, field = _TABLES[kind]
    named: QuerySet[Any] = table._default_manager.filter(**{field: number}).values("exhibit")
    found = Exhibit.objects.filter(which or Q(), pk__in=named, kept_class=GUARDED).exclude(state=DESTROYED)
    found = found.exclude(among_lost())  # no part opens it: nobody brings one
    return tuple(found.select_related("epoch").order_by("pk"))
