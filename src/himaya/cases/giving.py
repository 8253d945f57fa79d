"""Who gets which case: the next one in turn, a colleague's, or none of those that one leaves to others."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef

from himaya.accounts.queries import person as person_named
from himaya.cases import queries, services
from himaya.cases.care import keeping
from himaya.cases.care import queries as care
from himaya.cases.danger import FIRST
from himaya.cases.models import Comment, Skip
from himaya.cases.searching import keep_words
from himaya.cases.services import ClaimedByOther
from himaya.cases.states import CASE, WrongMove
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.ledger.services import record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from himaya.accounts.models import Person
    from himaya.cases.models import Case

AT_ONCE, REACH = 20, 20_000
"""Cases that are tried before more are read; how far down the queue *next* looks past what somebody opted out of."""
FOR = timedelta(hours=24)
"""How long *next* does not give a case to somebody who left it to others."""


class NobodyToTakeIt(HimayaError):
    """{name} cannot be given a case."""

    remedy = "Choose a colleague from the list, or release it for everybody."
    status = 422


class BadNote(HimayaError):
    """It cannot be handed on: {why}."""

    status = 422


def claim_next(*, person: Person) -> Case | None:
    """Take the free case that comes first for this person; None where there is none. Two people who ask at once get two
    cases. What they left to others or opted out of is passed over, and what is severe, where that is enough for them
    (:mod:`himaya.cases.care`). After so many severe ones comes a mild one, unless a child may be in danger.

    Raises:
        NotAllowed, OnBreak: the role may not; the person has a break.
    """
    services.check_may("cases.claim", person=person)
    keeping.begin_shift(person=person)
    keeping.check_rest(person=person)
    mild_only = bool(care.why_mild(person))
    rows = queries.queue(free=True, severe=False if mild_only else None)
    rows = rows.exclude(Exists(Skip.objects.filter(case=OuterRef("pk"), person=person, until__gt=clock.now())))
    unwanted = care.opt_outs(person)
    if not mild_only and care.is_mild_next(person):
        for sooner in (rows.filter(rank=FIRST), rows.filter(severe=False)):
            if (taken := _first_of(sooner, person, unwanted)) is not None:
                return taken
    return _first_of(rows, person, unwanted)


def _first_of(rows: QuerySet[Case], person: Person, unwanted: Sequence[str]) -> Case | None:
    while found := _wanted(rows, unwanted):
        for pk in found:
            with suppress(ClaimedByOther, WrongMove):  # somebody was faster; those are no longer among the free
                return services.claim(pk, person=person)
    return None


def _wanted(rows: QuerySet[Case], unwanted: Sequence[str]) -> list[int]:
    """The first of the rows that show none of the facets that somebody opted out of, within :data:`REACH`."""
    ahead = rows.values_list("pk", "facets")[: REACH if unwanted else AT_ONCE]
    fit = (pk for pk, facets in ahead.iterator() if not any(f"|{one}|" in facets for one in unwanted))
    return list(islice(fit, AT_ONCE))


@transaction.atomic
def hand_over(case_id: int, *, person: Person, to: str, note: str) -> Case:
    """Give a case that one holds to a colleague, who has it as if they had claimed it now.

    Args:
        case_id: an open case that ``person`` has claimed.
        person: who holds it.
        to: the user name of a colleague whose role claims cases.
        note: what they should know, 1 to 2,000 characters; it stands in the history.

    Raises:
        UnknownCase, NotAllowed, NotYours, NobodyToTakeIt, BadNote: as their names say.
    """
    services.check_may("cases.claim", person=person)
    case = services.lock_held(case_id, person=person, act=N_("handed over"))
    text = services.read_text(note, refused=BadNote, empty=N_("write what your colleague should know"))
    colleague = person_named(to)
    if colleague is None or colleague == person or not colleague.may("cases.claim"):
        raise NobodyToTakeIt(name=to)
    case.claimed_by, case.claimed_until = colleague, clock.now() + timedelta(minutes=config().claim_minutes)
    case.save(update_fields=["claimed_by", "claimed_until"])
    said = Comment.objects.create(case=case, by=person, at=clock.now(), text=text)
    keep_words([(case, text)])
    record("case.handed-over", by=person.actor, about=case.about, to=colleague.actor, comment=said.pk)
    return case


@transaction.atomic
def leave_case(case_id: int, *, person: Person, reason: str) -> Skip:
    """Leave an open case to others for :data:`FOR`; where one holds it, it is free again. Leads see why.

    Raises:
        UnknownCase, NotAllowed, WrongMove, BadNote: as their names say.
    """
    services.check_may("cases.claim", person=person)
    case = services.lock_case(case_id)
    CASE.after("decided", case.state)
    text = services.read_text(reason, refused=BadNote, empty=services.NO_REASON)
    if case.holder() == person:
        case.claimed_by = case.claimed_until = None
        case.save(update_fields=["claimed_by", "claimed_until"])
    now = clock.now()
    made = Skip.objects.create(case=case, person=person, reason=text, at=now, until=now + FOR)
    record("case.skipped", by=person.actor, about=case.about, skip=made.pk)
    return made
