"""Handing over: exactly what was demanded and accepted, selected by one person, approved by another, encrypted.

What is outside of the scope of the demand gets into no answer: the selection is the program's, a person can only leave
something out; and it is asked again when the answer is approved, and when it leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from django.db import transaction
from django.db.models import QuerySet

from himaya.core import clock, faults
from himaya.core.bundles.facts import Authorisation, Bundle, Recipient
from himaya.core.bundles.writing import check_fit, check_size
from himaya.core.errors import HimayaError
from himaya.core.vault.recipients import recipients
from himaya.core.words import N_, Said, printable
from himaya.evidence.bundling import bundle_of, taken_out, with_steps, write_bundle
from himaya.evidence.custody import add_steps, node_key
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, UnknownAnswer, demand_for, move, note, reason, require
from himaya.evidence.demands.checking import require_checks
from himaya.evidence.demands.closed import OPENING, HeldBack, closed_words
from himaya.evidence.demands.lists import APPROVED, DISCLOSING, DROPPED, GIVEN_OUT, LEAVING, OPEN_ANSWERS, PREPARED
from himaya.evidence.demands.models import Answer, AnswerPart, Demand
from himaya.evidence.demands.selecting import asked_for, is_within, scopes_of
from himaya.evidence.demands.states import ANSWERED, TAKEN
from himaya.evidence.guarded.bringing import exhibit_keys, forget_brought
from himaya.evidence.models import Exhibit
from himaya.evidence.proofs import Proof, spend_proof
from himaya.evidence.states import DESTROYED
from himaya.ledger.services import record

if TYPE_CHECKING:
    from uuid import UUID

    from himaya.accounts.models import Person
    from himaya.core.bundles.report import Language
    from himaya.core.bundles.writing import Packed
    from himaya.core.vault.custody import Fact

GIVE_WITHIN = timedelta(days=1)
"""How long an approval counts."""


class AnswerMoved(HimayaError):
    """This answer cannot be {act}: it is {state}."""

    remedy = "Reload the page: somebody else may have been faster."
    status = 409


class OwnAnswer(HimayaError):
    """You prepared this answer: somebody else lets it leave."""

    remedy = "Ask another lead."
    status = 403


class PreservesOnly(HimayaError):
    """{number} asks to preserve and not to hand over: nothing that is kept can leave by it."""

    remedy = "When a demand to hand over comes, record it as one that follows this one."
    status = 409


class OutOfScope(HimayaError):
    """{exhibit} is not within what {number} asks for: the answer cannot leave."""

    remedy = "Drop this answer, and prepare another one."
    status = 409


@transaction.atomic
def prepare_answer(
    number: int, *, recipient: str, recipient_name: str, person: Person, leave_out: Collection[int] = ()
) -> Answer:
    """Select what a demand asks for.

    Args:
        number: of the demand, which was accepted, whole or in part.
        recipient: a public key of the authority: ``age1…`` or an SSH key. Nobody else opens what leaves.
        recipient_name: whose it is, 1 to 200 characters.
        person: who prepares it.
        leave_out: numbers of exhibits that are not handed over although they are asked for.

    Raises:
        MayNotAct, UnknownDemand, PreservesOnly, NotRecipients: as their names say.
        BadDemand: it is not accepted, an answer is being prepared already, or nothing is left to hand over.
        TooManyExhibits: they do not fit into one bundle.
    """
    demand = demand_for(number, person)
    _check_discloses(demand)
    found = recipients(recipient)
    name = printable(recipient_name.strip())
    if len(found) != 1 or len(found[0].text) > 200 or not 0 < len(name) <= 200:
        raise BadDemand(
            why=N_("the answer is encrypted to one key, of at most 200 characters, of somebody who is named")
        )
    if Answer.objects.filter(demand=demand, state__in=OPEN_ANSWERS).exists():
        raise BadDemand(why=N_("an answer to it is being prepared already"))
    exhibits = [one for one in asked_for(demand) if one.pk not in set(leave_out)]
    if not exhibits:
        raise BadDemand(why=N_("nothing that is kept is asked for"))
    made = Answer.objects.create(
        demand=demand, kind=demand.kind, recipient=found[0].text, recipient_name=name, prepared_by=person,
        prepared_at=clock.now(),
    )  # fmt: skip
    check_size(_bundle_of(made, demand, exhibits))  # now, and not when a second person has let it leave
    AnswerPart.objects.bulk_create(
        AnswerPart(answer=made, exhibit=one, sha256=one.digests["sha256"], size=one.blob.size) for one in exhibits
    )
    left = sorted(set(leave_out))
    note(
        demand, "answer prepared", why="", by=person.actor, name="answer-prepared", answer=made.pk, left_out=left,
        exhibits=[one.pk for one in exhibits],
    )  # fmt: skip
    return made


@transaction.atomic
def approve_answer(number: int, *, person: Person, proof: Proof | None) -> Answer:
    """Let an answer leave, within a day: another lead does, who has just confirmed with a security key who they are.

    Raises:
        MayNotAct, UnknownAnswer, AnswerMoved, OwnAnswer, OutOfScope, PreservesOnly, BadDemand: as their names say.
        NoFreshProof: a security key was not used within the last five minutes.
    """
    answer, demand = _locked(number, person, "demands.approve")
    if answer.state != PREPARED:
        raise AnswerMoved(act=N_("approved"), state=Said(answer.state))
    if answer.prepared_by == person:
        raise OwnAnswer
    spend_proof(proof, by=person)
    _check_parts(answer, demand)
    answer.state, answer.approved_by, answer.approved_at = APPROVED, person, clock.now()
    answer.save(update_fields=["state", "approved_by", "approved_at"])
    note(demand, "answer approved", why="", by=person.actor, name="answer-approved", answer=answer.pk)
    return answer


@transaction.atomic
def drop_answer(number: int, *, why: str, person: Person) -> Answer:
    """Do not hand it over: whoever prepared it takes it back, or another one refuses it.

    Raises:
        MayNotAct, UnknownAnswer, AnswerMoved, BadDemand: as their names say.
    """
    answer, demand = _locked(number, person, "demands.work")
    if answer.state not in OPEN_ANSWERS:
        raise AnswerMoved(act=N_("dropped"), state=Said(answer.state))
    answer.state, answer.note = DROPPED, reason(why, longest=500)
    answer.save(update_fields=["state", "note"])
    forget_brought(f"answer:{answer.pk}")
    note(demand, "answer dropped", why=answer.note, by=person.actor, name="answer-dropped", answer=answer.pk)
    return answer


@dataclass(frozen=True, slots=True)
class TakenOut:
    """An answer that is about to be written: that it is taken out, and each exhibit of it, is on record already.

    ``answer.attempt`` says which time it is: whoever takes it out anew ends the time before.
    """

    answer: Answer
    bundle: Bundle
    person: Person
    opened: Mapping[UUID, bytes] = field(default_factory=dict, repr=False)
    """Of what is guarded, the keys that custodians have opened."""

    def write(self, to: BinaryIO, *, languages: Sequence[Language] = ()) -> Packed:
        """Write it as a ZIP, in constant memory, with reports of custody; then the demand is answered.

        Nothing is written where it does not count any more; and the end without which it is no bundle is written when
        it is on record that it was given.

        Raises:
            AnswerMoved, BadDemand: it was dropped, taken out by somebody else, or challenged in the meantime.
            UnfitBundle, ExhibitDiffers, SealBroken, …: what came before is no bundle.
        """
        faults.point("demands.answer")
        _check_counts(self.answer, self.person)
        held_back = HeldBack(to)
        packed = write_bundle(
            self.bundle, cast("BinaryIO", held_back), languages=languages, opened=self.opened, stands=self._check_stands
        )
        _settle(self.answer, self.person, packed)
        held_back.give()
        return packed

    def _check_stands(self) -> None:
        """What counts no more leaves no further: of many exhibits, those behind the one that is being written."""
        now = Answer.objects.select_related("demand").get(pk=self.answer.pk)  # not locked: it is asked for each of them
        _check_leaving(now, self.answer)
        _check_discloses(now.demand)


def take_out(number: int, *, person: Person) -> TakenOut:
    """Take out an approved answer as a bundle (``core.bundles``); it is on record before a byte of it is given.

    Killed before it was written, it can be taken out again while the approval counts, and that is on record as well:
    what was taken out before is not written any more.

    Raises:
        MayNotAct, UnknownAnswer, AnswerMoved, OutOfScope, PreservesOnly, BadDemand: as their names say.
        PartsMissing: something of it is guarded, and two custodians, neither of them who prepared it, have not brought
            their parts since it was approved.
        UnfitBundle: something of it could not be verified, or is too much for one bundle. Nothing is on record.
    """
    return _take_out(number, person)


def write_answer(number: int, to: BinaryIO, *, person: Person, languages: Sequence[Language] = ()) -> Packed:
    """Take out an approved answer and write it: :func:`take_out` and :meth:`TakenOut.write` in one."""
    return take_out(number, person=person).write(to, languages=languages)


@transaction.atomic
def _take_out(number: int, person: Person) -> TakenOut:
    answer, demand = _locked(number, person, "demands.work")
    since = answer.approved_at
    if answer.state not in (APPROVED, LEAVING) or since is None:
        raise AnswerMoved(act=N_("handed over"), state=Said(answer.state))
    if since + GIVE_WITHIN <= clock.now() or answer.approved_by is None:
        raise BadDemand(why=N_("its approval is over: drop it, and prepare another one"))
    require(answer.approved_by, "demands.approve")
    exhibits = _check_parts(answer, demand)
    about = f"answer:{answer.pk}"
    opened = exhibit_keys(exhibits, about=about)
    bundle = _bundle_of(answer, demand, exhibits)
    check_size(bundle)
    check_fit(bundle, (), node_key())  # while nobody waits for the ledger's head
    answer.state, answer.attempt = LEAVING, answer.attempt + 1
    answer.save(update_fields=["state", "attempt"])
    told = closed_words(answer, demand)
    facts: dict[str, Fact] = {"demand": told.commitment}
    steps = add_steps(exhibits, act="export", by=person.actor, facts=[facts] * len(exhibits), at=clock.now())
    record(
        "demand.handing-over", by=person.actor, about=demand.about, answer=answer.pk, exhibits=len(exhibits),
        attempt=answer.attempt,
    )  # fmt: skip
    marks = {**taken_out(person, about), OPENING: told.opening}
    return TakenOut(answer, replace(with_steps(bundle, steps), about={**bundle.about, **marks}), person, opened)


def _bundle_of(answer: Answer, demand: Demand, exhibits: Sequence[Exhibit]) -> Bundle:
    return bundle_of(
        f"{demand.reference}-{answer.pk}", exhibits=exhibits, to=Recipient(answer.recipient_name, answer.recipient),
        authorisation=Authorisation(demand.instrument, demand.reference_theirs or demand.reference, demand.authority),
    )  # fmt: skip


@transaction.atomic
def _check_counts(taken: Answer, person: Person) -> tuple[Answer, Demand]:
    """What was taken out still may leave, by this attempt."""
    answer, demand = _locked(taken.pk, person, "demands.work")
    _check_leaving(answer, taken)
    _check_discloses(demand)
    return answer, demand


def _check_leaving(now: Answer, taken: Answer) -> None:
    if now.state != LEAVING or now.attempt != taken.attempt:  # dropped, or taken out anew, in the meantime
        raise AnswerMoved(act=N_("handed over"), state=Said(now.state))


@transaction.atomic
def _settle(taken: Answer, person: Person, packed: Packed) -> None:
    answer, demand = _check_counts(taken, person)
    answer.state, answer.given_at = GIVEN_OUT, clock.now()
    answer.save(update_fields=["state", "given_at"])
    forget_brought(f"answer:{answer.pk}")
    facts: dict[str, Any] = {"answer": answer.pk, "files": packed.files, "size": packed.size}
    clocks.meet(demand, clocks.ANSWER)
    if demand.state in TAKEN:
        move(demand, "answered", why="", by=person.actor, name="answered", **facts)
    else:
        note(demand, "answered", why="", by=person.actor, name="answered", **facts)


def _locked(number: int, person: Person, act: str) -> tuple[Answer, Demand]:
    """Answer and demand, the demand locked first, as every act of the desk does."""
    found = Answer.objects.filter(pk=number).first()
    if found is None:
        require(person, act)
        raise UnknownAnswer(number=number)
    demand = demand_for(found.demand_id, person, act)
    return Answer.objects.select_for_update(of=("self",)).get(pk=number), demand


def _check_discloses(demand: Demand) -> None:
    if demand.kind not in DISCLOSING:
        raise PreservesOnly(number=demand.reference)
    if demand.state not in (*TAKEN, ANSWERED):
        raise BadDemand(why=Said("it is {state}, and was not accepted", state=Said(demand.state)))
    require_checks(demand)


def _check_parts(answer: Answer, demand: Demand) -> list[Exhibit]:
    """What leaves is what was asked for, accepted, and selected; it is locked, and still kept."""
    _check_discloses(demand)
    exhibits, scopes = list(_exhibits(answer).select_for_update(of=("self",))), scopes_of(demand)
    for one in exhibits:
        if one.state == DESTROYED or not is_within(scopes, one):
            raise OutOfScope(exhibit=one.reference, number=demand.reference)
    return exhibits


def _exhibits(answer: Answer) -> QuerySet[Exhibit]:
    named = AnswerPart.objects.filter(answer=answer).values("exhibit")
    return Exhibit.objects.filter(pk__in=named).select_related("blob", "epoch").order_by("pk")
