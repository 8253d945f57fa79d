"""Second looks: give one, settle two that differ, call one off. A verdict is never changed; another is added."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from himaya.cases import services as cases
from himaya.cases.care.keeping import note_decided
from himaya.cases.classing import NOTHING_STATED, BadVerdict, find_class, judged
from himaya.cases.models import Comment
from himaya.cases.quality.models import SecondLook
from himaya.cases.quality.states import LOOK
from himaya.cases.searching import keep_words
from himaya.cases.services import NO_REASON, NotAllowed
from himaya.core import clock, registry
from himaya.core.errors import HimayaError
from himaya.core.terms.relations import relation
from himaya.core.words import N_
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.cases.models import Case, Verdict
    from himaya.core.ports import Code

ACTS = {
    "quality.look": N_("take a second look at a verdict"),
    "quality.settle": N_("settle two verdicts that differ"),
}
"""Permission → what it allows, in words."""


class UnknownLook(HimayaError):
    """There is no second look {look}."""

    status = 404


class OwnVerdict(HimayaError):
    """A second look is for somebody else: you gave one of the verdicts."""

    status = 409


@transaction.atomic
def answer_second(look_id: int, *, person: Person, scheme: str, code: str, reason: str) -> SecondLook:
    """Say what the content is, without knowing what the first one said. The same: agreed. Else a lead decides.

    Args:
        look_id: an open one.
        person: not who gave the verdict.
        scheme: a scheme plug-in.
        code: one of its codes.
        reason: why, 1 to 2,000 characters.

    Raises:
        UnknownLook, NotAllowed, OwnVerdict, WrongLook: as their names say.
        BadVerdict: unknown scheme or code, or no reason.
    """
    look = _locked(look_id, person, "quality.look")
    if look.verdict.by_id == person.pk:
        raise OwnVerdict
    LOOK.after("agreed", look.state)
    found = find_class(scheme, code)
    text = cases.read_text(reason, refused=BadVerdict, empty=NO_REASON)
    same = _same(look.verdict, scheme, found)
    look.state = LOOK.after("agreed" if same else "differs", look.state)
    look.by, look.looked_at = person, clock.now()
    look.scheme, look.code, look.reason = scheme, code, text
    # who agrees agrees with what the first verdict came to, and that may be narrowed by what was stated, and by the law
    look.confirms = look.verdict.confirms if same else judged(found, stated=NOTHING_STATED).confirms
    look.save()
    note_decided(look.case, person=person)
    facts = {"look": look.pk, "verdict": look.verdict_id}
    record(f"case.look-{look.state}", by=person.actor, about=look.case.about, **facts)
    if same:
        _unveil(look)
    return look


@transaction.atomic
def settle_second(look_id: int, *, person: Person, change: bool, reason: str) -> SecondLook:
    """Decide between two verdicts that differ. The second one takes the way of every change: the case is opened again,
    and decided anew by who settles; rules take back what has not left, and what follows from the new one follows.

    Args:
        look_id: one where two differ.
        person: a lead who gave neither.
        change: True: the second one holds from now on; False: the first one stays.
        reason: why, 1 to 2,000 characters.

    Raises:
        UnknownLook, NotAllowed, OwnVerdict, WrongLook, BadVerdict: as their names say.
    """
    look = _locked(look_id, person, "quality.settle")
    if person.pk in (look.verdict.by_id, look.by_id):
        raise OwnVerdict
    look.state = LOOK.after("changed" if change else "kept", look.state)
    _settled(look, person, reason)
    _unveil(look)
    keep_words([(look.case, look.reason)])
    if change:
        look.result = decide_anew(
            look.case, person=person, scheme=look.scheme, code=look.code, reason=look.reason, why=look.why
        )
        look.save(update_fields=["result"])
    return look


@transaction.atomic
def cancel_second(look_id: int, *, person: Person, reason: str) -> SecondLook:
    """Call a second look off: nobody else is there, or a clock runs. What waited for it leaves.

    Raises:
        UnknownLook, NotAllowed, OwnVerdict, WrongLook, BadVerdict: as their names say; who gave the verdict cannot.
    """
    look = _locked(look_id, person, "quality.settle")
    if look.verdict.by_id == person.pk:
        raise OwnVerdict
    look.state = LOOK.after("dropped", look.state)
    _settled(look, person, reason)
    _unveil(look)
    return look


def decide_anew(case: Case, *, person: Person, scheme: str, code: str, reason: str, why: str) -> Verdict:
    """Open a decided case again and give another verdict, with the trace that both leave.

    Raises:
        NotAllowed, WrongMove, ClaimedByOther, BadVerdict: as of the services of cases.
    """
    cases.reopen(case.pk, person=person, reason=why)
    cases.claim(case.pk, person=person)
    verdict = cases.decide(case.pk, person=person, scheme=scheme, code=code, reason=reason).verdict
    if verdict is None:
        raise RuntimeError(f"case {case.pk} was decided and has no verdict")
    return verdict


def _locked(look_id: int, person: Person, permission: str) -> SecondLook:
    if not person.may(permission):
        raise NotAllowed(act=ACTS[permission])
    about = SecondLook.objects.filter(pk=look_id).values_list("case", flat=True).first()
    if about is None:
        raise UnknownLook(look=look_id)
    cases.lock_case(about)  # first: whoever opens it again locks it, too, and then its looks
    return SecondLook.objects.select_related("case", "verdict__by").get(pk=look_id)


def _same(first: Verdict, scheme: str, code: Code) -> bool:
    """The same class, or the one of another scheme that takes it over by name."""
    if (first.scheme, first.code) == (scheme, code.code):
        return True
    known = registry.schemes().get(first.scheme)
    said = known.get(first.code) if known else None
    return said is not None and relation(first.scheme, said, scheme, code).kind == "exact"


def _settled(look: SecondLook, person: Person, reason: str) -> None:
    look.why = cases.read_text(reason, refused=BadVerdict, empty=NO_REASON)
    look.settled_by, look.settled_at = person, clock.now()
    look.save()
    said = Comment.objects.create(case=look.case, by=person, at=clock.now(), text=look.why)
    keep_words([(look.case, look.why)])
    facts = {"look": look.pk, "verdict": look.verdict_id, "comment": said.pk}
    record(f"case.look-{look.state}", by=person.actor, about=look.case.about, **facts)


def _unveil(look: SecondLook) -> None:
    """The words of the first verdict may be found again."""
    keep_words([(look.case, look.verdict.reason)])
