"""Saying that a case is urgent, and taking that back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.cases import services
from himaya.cases.danger import FLAGS, TOLD
from himaya.cases.models import Comment, Flag
from himaya.cases.searching import keep_words
from himaya.cases.states import CASE
from himaya.cases.weighing import save_weight
from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.ledger.queries import entries
from himaya.ledger.services import record

if TYPE_CHECKING:
    from datetime import datetime

    from himaya.accounts.models import Person
    from himaya.cases.models import Case

DUTY = "duty"


class BadFlag(HimayaError):
    """It cannot be said of this case: {why}."""

    status = 422


@transaction.atomic
def raise_flag(case_id: int, *, kind: str, reason: str, by: str, due_at: datetime | None = None) -> Flag | None:
    """Say that a case is urgent, and put it where it belongs in the queue.

    Args:
        case_id: an open case.
        kind: one of :data:`himaya.cases.danger.FLAGS`.
        reason: why, 1 to 2,000 characters.
        by: who says so, as the ledger names them; a service of another room says on whose word in the reason.
        due_at: of a duty, its deadline.

    Returns:
        The flag; None where it stands already.

    Raises:
        UnknownCase, BadFlag, WrongMove: as their names say.
    """
    case = services.lock_case(case_id)
    CASE.after("decided", case.state)
    if kind not in FLAGS:
        raise BadFlag(why=N_("choose what makes it urgent"))
    if (kind == DUTY) != (due_at is not None):
        raise BadFlag(why=N_("a duty has a deadline, and nothing else has one"))
    text = services.read_text(reason, refused=BadFlag, empty=services.NO_REASON)
    if Flag.objects.filter(case=case, kind=kind, ended_at=None).exists():
        return None
    made = Flag.objects.create(case=case, kind=kind, reason=text, by=by, at=clock.now(), due_at=due_at)
    keep_words([(case, text)])
    save_weight(case)
    record("case.flagged", by=by, about=case.about, flag=made.pk, kind=kind)
    return made


@transaction.atomic
def flag_case(case_id: int, *, person: Person, kind: str, reason: str, due_at: datetime | None = None) -> Flag | None:
    """As :func:`raise_flag`, by a person.

    Raises:
        NotAllowed: the role may not.
        UnknownCase, BadFlag, WrongMove: as :func:`raise_flag`.
    """
    services.check_may("cases.flag", person=person)
    return raise_flag(case_id, kind=kind, reason=reason, by=person.actor, due_at=due_at)


@transaction.atomic
def note_told(case_id: int, *, urgent: str, by: str) -> None:
    """What a service says of the urgency of a case now, instead of what it said before; empty: nothing. Of a case that
    is decided nothing is noted, and what a person took back last is not said again in the same words.
    """
    case = services.lock_case(case_id)
    text = urgent.strip()[: services.LONGEST]
    standing = Flag.objects.filter(case=case, kind=TOLD, ended_at=None).first()
    if case.verdict_id is not None or (standing.reason if standing else "") == text:
        return
    if standing is not None:
        standing.ended_at = clock.now()
        standing.save(update_fields=["ended_at"])
        save_weight(case)
        record("case.unflagged", by=by, about=case.about, kind=TOLD)
    if text and not _took_back(case, text):
        raise_flag(case_id, kind=TOLD, reason=text, by=by)


def _took_back(case: Case, text: str) -> bool:
    """Whether the last that was said of its urgency are these words, and a person took them back."""
    last = Flag.objects.filter(case=case, kind=TOLD).order_by("-pk").first()
    ended = (one for one in entries(about=case.about, act="case.unflagged")[:200] if one.data.get("kind") == TOLD)
    by = next((one.actor for one in ended), "")
    return last is not None and last.reason == text and by.startswith("person:")


@transaction.atomic
def take_back_flag(case_id: int, *, person: Person, kind: str, reason: str) -> None:
    """Say that it does not hold any more, and why.

    Raises:
        UnknownCase, NotAllowed, BadFlag: as their names say.
    """
    services.check_may("cases.flag", person=person)
    case = services.lock_case(case_id)
    text = services.read_text(reason, refused=BadFlag, empty=services.NO_REASON)
    if not Flag.objects.filter(case=case, kind=kind, ended_at=None).update(ended_at=clock.now()):
        raise BadFlag(why=N_("nobody says so of it now"))
    said = Comment.objects.create(case=case, by=person, at=clock.now(), text=text)
    keep_words([(case, text)])
    save_weight(case)
    record("case.unflagged", by=person.actor, about=case.about, kind=kind, comment=said.pk)
