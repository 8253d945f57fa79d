"""Appeals of users: taken in by reference, answered by somebody who did not give the verdict."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction

from himaya.cases import services as cases
from himaya.cases.quality.appeal_queries import appeal_by_reference
from himaya.cases.quality.models import Appeal
from himaya.cases.quality.queries import unsettled
from himaya.cases.quality.services import decide_anew
from himaya.cases.quality.states import APPEAL
from himaya.cases.quality.words import GROUNDS
from himaya.cases.services import NO_REASON, NotAllowed
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.accounts.models import Person

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")
ACT = N_("answer an appeal")


class UnknownAppeal(HimayaError):
    """There is no appeal {reference}."""

    status = 404


class BadAppeal(HimayaError):
    """The appeal cannot be taken: {why}."""

    status = 422


class NothingToAppeal(HimayaError):
    """No verdict that holds on this case had anything follow from it: there is nothing to object to."""

    status = 409


class OwnAppeal(HimayaError):
    """You gave the verdict that is objected to: somebody else answers."""

    status = 409


class LookFirst(HimayaError):
    """A second look at this verdict is under way: that comes first."""

    remedy = "Do it again when the second look has ended."
    status = 409


class ReferenceTaken(HimayaError):
    """There is another appeal with the reference {reference}."""

    status = 409


@transaction.atomic
def take_appeal(case_id: int, *, reference: str, ground: str, made_at: datetime, by: str, said: str = "") -> Appeal:
    """Take in that a user objects. The same one again, by its reference, is the one that is there.

    Args:
        case_id: a decided case of which something left, or is harmful.
        reference: as who passes it on calls it: 1 to 80 letters, digits, dots, colons, dashes and low lines.
        ground: one of :data:`.words.GROUNDS`.
        made_at: when the user objected, not in the future.
        by: who passes it on, as the ledger names actors.
        said: in the user's words, without who they are; up to 2,000 characters.

    Raises:
        UnknownCase, BadAppeal, ReferenceTaken, LookFirst, NothingToAppeal: as their names say.
    """
    case = cases.lock_case(case_id)
    if not REFERENCE.fullmatch(reference):
        raise BadAppeal(why=N_("its reference is 1 to 80 letters, digits, dots, colons, dashes and low lines"))
    known = appeal_by_reference(reference)
    if known is not None and known.case_id == case.pk and known.ground == ground:
        return known
    if known is not None:
        raise ReferenceTaken(reference=reference)
    if ground not in GROUNDS:
        raise BadAppeal(why=Said("there is no ground {ground}; there are: {known}", ground=repr(ground[:20]),
                                 known=", ".join(GROUNDS)))  # fmt: skip
    now = clock.now()
    if made_at > now + timedelta(minutes=5):
        raise BadAppeal(why=N_("it was made in the future"))
    if unsettled().filter(case=case).exists():  # before the next answer, which would tell the verdict
        raise LookFirst
    verdict = case.verdict
    if verdict is None or not (verdict.confirms or verdict.harmful):
        raise NothingToAppeal
    text = cases.read_text(said, refused=BadAppeal, empty="") if said.strip() else ""
    try:
        with transaction.atomic():
            made = Appeal.objects.create(
                case=case, verdict=verdict, reference=reference, ground=ground, said=text, made_at=made_at,
                received_at=now, due_at=now + timedelta(days=config().appeal_days), by=by,
            )  # fmt: skip
    except IntegrityError:  # in the same moment, for another case
        raise ReferenceTaken(reference=reference) from None
    record("case.appealed", by=by, about=case.about, appeal=made.pk, reference=reference, ground=ground)
    return made


@transaction.atomic
def add_appeal(case_id: int, *, person: Person, reference: str, ground: str, made_at: datetime, said: str) -> Appeal:
    """As :func:`take_appeal`, by a person to whom a platform wrote.

    Raises:
        NotAllowed: the role may not.
        UnknownCase, BadAppeal, ReferenceTaken, LookFirst, NothingToAppeal: as :func:`take_appeal`.
    """
    if not person.may("appeals.add"):
        raise NotAllowed(act=N_("enter an appeal"))
    return take_appeal(case_id, reference=reference, ground=ground, made_at=made_at, by=person.actor, said=said)


@transaction.atomic
def refuse_appeal(appeal_id: int, *, person: Person, reason: str) -> Appeal:
    """Let the verdict stay.

    Args:
        appeal_id: an open one.
        person: who did not give the verdict.
        reason: for the user, 1 to 2,000 characters.

    Raises:
        UnknownAppeal, NotAllowed, OwnAppeal, LookFirst, WrongAppeal, BadAppeal: as their names say.
    """
    appeal = _locked(appeal_id, person)
    _answered(appeal, "upheld", person, reason)
    return appeal


@transaction.atomic
def accept_appeal(appeal_id: int, *, person: Person, scheme: str, code: str, reason: str) -> Appeal:
    """Find the verdict wrong: the case is opened again and decided anew by who answers. Rules take back what has not
    left and vote anew on what matched; what has left, a person tells (:func:`.appeal_queries.to_be_told`).

    Args:
        appeal_id: an open one.
        person: who did not give the verdict.
        scheme: of the new verdict.
        code: of the new verdict, another one than the old.
        reason: for the user, and of the new verdict: 1 to 2,000 characters.

    Raises:
        UnknownAppeal, NotAllowed, OwnAppeal, LookFirst, WrongAppeal, BadAppeal, BadVerdict: as their names say.
    """
    appeal = _locked(appeal_id, person)
    if (scheme, code) == (appeal.verdict.scheme, appeal.verdict.code):
        raise BadAppeal(why=N_("the new verdict is the old one: let it stay instead"))
    _answered(appeal, "overturned", person, reason)
    appeal.result = decide_anew(
        appeal.case, person=person, scheme=scheme, code=code, reason=appeal.reason, why=appeal.reason
    )
    appeal.save(update_fields=["result"])
    return appeal


def _locked(appeal_id: int, person: Person) -> Appeal:
    if not person.may("appeals.answer"):
        raise NotAllowed(act=ACT)
    about = Appeal.objects.filter(pk=appeal_id).values_list("case", flat=True).first()
    if about is None:
        raise UnknownAppeal(reference=appeal_id)
    cases.lock_case(about)  # first: whoever opens it again locks it, too, and then its appeals
    appeal = Appeal.objects.select_related("case", "verdict").get(pk=appeal_id)
    if appeal.verdict.by_id == person.pk:
        raise OwnAppeal
    APPEAL.after("upheld", appeal.state)
    if unsettled().filter(case=about).exists():
        raise LookFirst
    return appeal


def _answered(appeal: Appeal, act: str, person: Person, reason: str) -> None:
    appeal.reason = cases.read_text(reason, refused=BadAppeal, empty=NO_REASON)
    appeal.state = APPEAL.after(act, appeal.state)
    appeal.answered_by, appeal.answered_at = person, clock.now()
    appeal.save()
    facts = {"appeal": appeal.pk, "reference": appeal.reference}
    record(f"case.appeal-{appeal.state}", by=person.actor, about=appeal.case.about, **facts)
