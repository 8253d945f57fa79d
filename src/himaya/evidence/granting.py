"""Who may read what is kept: nobody alone, for a time, named exhibits, each reading on record before its first byte.

One person asks and says why; another one, who has just confirmed with a security key who they are, grants it. The
grant is for half an hour and for so many readings; it ends when either of the two may not do any more what they did.
Where there is no time, a lead reads at once: everybody is told, and somebody else looks at it within a day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import F, QuerySet

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.vault.custody import Fact
from himaya.core.vault.recipients import NotRecipients, recipients
from himaya.core.words import N_, Said
from himaya.evidence.closing import READING, closed_reading
from himaya.evidence.custody import add_steps
from himaya.evidence.guarded.bringing import exhibit_keys, forget_brought
from himaya.evidence.handing import RETURN
from himaya.evidence.models import Access, AccessTo, Exhibit, Look
from himaya.evidence.proofs import WEBAUTHN as WEBAUTHN
from himaya.evidence.proofs import NoFreshProof as NoFreshProof
from himaya.evidence.proofs import Proof as Proof
from himaya.evidence.proofs import ProofSpent as ProofSpent
from himaya.evidence.proofs import check_proof as check_proof
from himaya.evidence.proofs import is_spent as is_spent
from himaya.evidence.proofs import spend_proof
from himaya.evidence.reading import unsafe_content
from himaya.evidence.reasons import reason_of
from himaya.evidence.returning import giver_of_all
from himaya.evidence.states import ASKED, DESTROYED, ENDED, GRANTED, REFUSED
from himaya.ledger.services import record, record_each

if TYPE_CHECKING:
    from uuid import UUID

    from himaya.accounts.models import Person

MINUTES, MOST = 30, 100
"""How long a grant lasts; exhibits in one."""


class BadAccess(HimayaError):
    """Access cannot be asked for: {why}."""

    status = 422


class UnknownAccess(HimayaError):
    """There is no request for access {number}."""

    status = 404


class AccessDecided(HimayaError):
    """This request is not open any more: it is {state}."""

    status = 409


class NotYourGrant(HimayaError):
    """You cannot decide on your own request."""

    remedy = "Another lead does."
    status = 403


class NoAccess(HimayaError):
    """You have no access to {exhibit}: {why}."""

    remedy = "Ask for it, and say why; another person grants it."
    status = 403


class MayNotAct(HimayaError):
    """Your role does not allow this: {act}."""

    status = 403


@transaction.atomic
def ask_access(exhibits: Collection[Exhibit], *, purpose: str, reason: str, recipient: str, person: Person) -> Access:
    """Ask to read exhibits.

    Args:
        exhibits: 1 to :data:`MOST`, none of them destroyed.
        purpose: what for, one word of the operator's.
        reason: why, 1 to 500 characters.
        recipient: the age recipient to whom they are encrypted.
        person: who asks.

    Raises:
        MayNotAct, BadAccess: the role may not; something of it cannot be.
        NotTheirs: with the purpose ``return``, something of it came from nobody to whom it could go back.
    """
    return _asked(exhibits, purpose, reason, recipient, person, act="evidence.ask")


def _asked(
    exhibits: Collection[Exhibit], purpose: str, reason: str, recipient: str, person: Person, *, act: str
) -> Access:
    _require(act, person)
    text = reason_of(reason, BadAccess)
    if not 0 < len(exhibits) <= MOST:
        raise BadAccess(why=Said("it names 1 to {n} exhibits", n=MOST))
    for one in exhibits:
        if one.state == DESTROYED:
            raise BadAccess(why=Said("{exhibit} was destroyed", exhibit=one.reference))
    if not 0 < len(purpose.strip()) <= 10:
        raise BadAccess(why=N_("it does not say what for"))
    if purpose.strip() == RETURN:
        giver_of_all(exhibits)
    key = _recipient(recipient)
    made = Access.objects.create(
        purpose=purpose.strip(), reason=text, recipient=key, asked_by=person, asked_at=clock.now(),
        state=ASKED,
    )  # fmt: skip
    AccessTo.objects.bulk_create(AccessTo(access=made, exhibit=one) for one in exhibits)
    numbers = sorted(one.pk for one in exhibits)
    record("evidence.access-asked", by=person.actor, about=made.about, exhibits=numbers, purpose=made.purpose)
    return made


@transaction.atomic
def grant_access(number: int, *, person: Person, proof: Proof | None) -> Access:
    """Let the person who asked read, for half an hour, each exhibit once.

    Raises:
        UnknownAccess, AccessDecided, NotYourGrant, MayNotAct: as their names say.
        NoFreshProof: a security key was not used within the last five minutes, or for another grant already.
    """
    access = _open(number, person)
    spend_proof(proof, by=person)
    _give(access, by=person, reads=exhibits_of(access).count())
    record("evidence.access-granted", by=person.actor, about=access.about, until=_until(access))
    return access


@transaction.atomic
def refuse_access(number: int, *, person: Person, reason: str) -> Access:
    """Do not let them.

    Raises:
        UnknownAccess, AccessDecided, NotYourGrant, MayNotAct, BadAccess: as their names say.
    """
    access = _open(number, person)
    access.state, access.decided_by, access.decided_at = REFUSED, person, clock.now()
    access.note = reason_of(reason, BadAccess)
    access.save(update_fields=["state", "decided_by", "decided_at", "note"])
    record("evidence.access-refused", by=person.actor, about=access.about)
    return access


@transaction.atomic
def end_access(number: int, *, person: Person) -> Access:
    """End a grant, or take back a request: whoever asked may, and whoever may grant.

    Raises:
        UnknownAccess, AccessDecided, MayNotAct: as their names say.
    """
    access = _locked(number)
    if person != access.asked_by:
        _require("evidence.grant", person)
    if access.state not in (ASKED, GRANTED):
        raise AccessDecided(state=access.state)
    access.state, access.reads_left = ENDED, 0
    access.save(update_fields=["state", "reads_left"])
    record("evidence.access-ended", by=person.actor, about=access.about)
    forget_brought(access.about)
    return access


@transaction.atomic
def take_access(
    exhibits: Collection[Exhibit], *, reason: str, recipient: str, person: Person, proof: Proof | None
) -> Access:
    """Read at once, where a life may hang on it: nobody is asked, and everybody is told.

    Raises:
        MayNotAct, BadAccess, NoFreshProof: as their names say.
    """
    _require("evidence.urgent", person)
    spend_proof(proof, by=person)  # the person is locked before the ledger's head, as everywhere
    access = _asked(exhibits, "urgent", reason, recipient, person, act="evidence.urgent")
    access.urgent = True
    _give(access, by=person, reads=len(exhibits))
    record("evidence.access-taken", by=person.actor, about=access.about, until=_until(access))
    return access


@transaction.atomic
def settle_urgent(number: int, *, person: Person, note: str) -> Access:
    """Say that an urgent access was looked at, by somebody else than who took it.

    Raises:
        UnknownAccess, AccessDecided, NotYourGrant, MayNotAct, BadAccess: as their names say.
    """
    access = _locked(number)
    _require("evidence.grant", person)
    if person == access.asked_by:
        raise NotYourGrant
    if not access.urgent or access.reviewed_at:
        raise AccessDecided(state=access.state)
    access.reviewed_by, access.reviewed_at, access.note = person, clock.now(), reason_of(note, BadAccess)
    access.save(update_fields=["reviewed_by", "reviewed_at", "note"])
    record("evidence.access-reviewed", by=person.actor, about=access.about)
    return access


def read_exhibit(exhibit: Exhibit, *, access: int, person: Person) -> Iterator[bytes]:
    """What is kept, once: the reading is counted and on record before the first byte is given.

    It is the material itself. A face encrypts it to the grant's recipient and shows none of it.

    Raises:
        NoAccess: the person has no grant for it that holds now.
        PartsMissing: it is guarded, and two custodians have not brought their parts yet. Nothing was counted.
        ExhibitEnded, SealBroken, …: as :func:`himaya.evidence.reading.unsafe_content`.
    """
    key = count_reading(exhibit, access=access, person=person, act="analyse")
    faults.point("evidence.read")
    return unsafe_content(exhibit, key=key)


def count_reading(exhibit: Exhibit, *, access: int, person: Person, act: str, **facts: Fact) -> bytes | None:
    """The same of one exhibit as :func:`count_readings` does; its key, where it is guarded."""
    return count_readings([exhibit], access=access, person=person, act=act, **facts).get(exhibit.uuid)


@transaction.atomic
def count_readings(
    exhibits: Sequence[Exhibit], *, access: int, person: Person, act: str, **facts: Fact
) -> dict[UUID, bytes]:
    """One reading of each less, and a step of custody. The row decides: of many who read at once, as many do as it
    allows; all of these exhibits are counted or none.

    Args:
        exhibits: one or more.
        access: the number of the grant.
        person: who reads.
        act: of custody: ``analyse`` or ``export``.
        facts: what else the step tells.

    Returns:
        The keys of what is guarded, opened with what two custodians have brought, by the exhibits' own numbers.

    Raises:
        NoAccess: the person has no grant for it that holds now.
        PartsMissing: two custodians have not brought their parts.
    """
    number = access
    found = Access.objects.select_related("asked_by", "decided_by").filter(pk=number).first()
    why = why_not(found, exhibits, person) or _not_taken(number, exhibits)
    if why is not None:
        raise NoAccess(exhibit=exhibits[0].reference if exhibits else f"access:{number}", why=why)
    assert found is not None
    list(Exhibit.objects.select_for_update().filter(pk__in=[one.pk for one in exhibits]).order_by("pk"))
    said = closed_reading(found).commitment
    told: dict[str, Fact] = {"to": person.actor, "access": found.pk, READING: said, **facts}
    keys = exhibit_keys(exhibits, about=found.about)
    add_steps(exhibits, act=act, by=person.actor, facts=[told] * len(exhibits), at=clock.now())
    record_each("evidence.read", by=person.actor, told=((one.about, {"access": found.pk}) for one in exhibits))
    forget_used(found)
    return keys


def _not_taken(number: int, exhibits: Sequence[Exhibit]) -> str | None:
    """Take the one reading of each exhibit by a grant, in the caller's transaction; why not, where one was taken."""
    now, n = clock.now(), len(exhibits)
    holds = Access.objects.filter(pk=number, state=GRANTED, until__gt=now, reads_left__gt=0)
    already = N_("it was read by this grant already")
    if not holds.filter(reads_left__gte=n).update(reads_left=F("reads_left") - n):
        return already if holds.exists() else N_("all its readings are used")
    left = AccessTo.objects.filter(access=number, exhibit__in=exhibits, read_at=None)
    return None if left.update(read_at=now) == n else already


def unread(access: Access) -> set[int]:
    """The numbers of the exhibits that a grant still lets be read."""
    left = AccessTo.objects.filter(access=access, read_at=None) if access.reads_left else AccessTo.objects.none()
    return set(left.values_list("exhibit", flat=True))


def forget_used(access: Access) -> None:
    """Forget the parts that custodians brought for a grant by which nothing is opened any more."""
    used = Access.objects.filter(pk=access.pk, reads_left=0).exists()
    if used and not Look.objects.filter(access=access, cleared_at=None).exists():
        forget_brought(access.about)


def why_not(access: Access | None, exhibits: Sequence[Exhibit], person: Person) -> str | None:
    """Why somebody reads nothing of some exhibits by a grant now, its readings aside; None: they may."""
    if access is None or access.asked_by != person:
        return N_("it was granted to nobody, or to somebody else")
    if exhibits_of(access).filter(pk__in=[one.pk for one in exhibits]).count() < len(exhibits):
        return N_("the grant names other exhibits")
    if access.state != GRANTED or access.until is None:
        return Said("the request is {state}", state=access.state)
    if access.until <= clock.now():
        return N_("the time of the grant is over")
    if not person.may("evidence.urgent" if access.urgent else "evidence.ask"):
        return N_("your role does not allow it any more")
    if access.decided_by is None or not access.decided_by.may("evidence.grant"):
        return N_("who granted it may not grant it any more")
    return None


def exhibits_of(access: Access) -> QuerySet[Exhibit]:
    """The exhibits that a request names, by number."""
    return Exhibit.objects.filter(pk__in=AccessTo.objects.filter(access=access).values("exhibit")).order_by("pk")


def _give(access: Access, *, by: Person, reads: int) -> None:
    now = clock.now()
    access.state, access.decided_by, access.decided_at = GRANTED, by, now
    access.until, access.reads_left = now + timedelta(minutes=MINUTES), reads
    access.save(update_fields=["state", "decided_by", "decided_at", "until", "reads_left", "urgent"])


def _recipient(text: str) -> str:
    """The one recipient, in its one spelling."""
    try:
        every = recipients(text)
    except NotRecipients as error:
        raise BadAccess(why=error.said()) from None
    if len(every) > 1:
        raise BadAccess(why=N_("it is encrypted to one recipient"))
    return every[0].text


def _until(access: Access) -> str:
    return access.until.isoformat() if access.until else ""


def _open(number: int, person: Person) -> Access:
    access = _locked(number)
    _require("evidence.grant", person)
    if person == access.asked_by:
        raise NotYourGrant
    if access.state != ASKED:
        raise AccessDecided(state=access.state)
    return access


def _locked(number: int) -> Access:
    found = Access.objects.select_for_update(of=("self",)).filter(pk=number).first()
    if found is None:
        raise UnknownAccess(number=number)
    return found


def _require(act: str, person: Person) -> None:
    if not person.may(act):
        raise MayNotAct(act=ACTS[act])


ACTS = {
    "evidence.ask": N_("ask to read exhibits"),
    "evidence.grant": N_("let somebody read exhibits"),
    "evidence.urgent": N_("read exhibits at once"),
    "evidence.rule": N_("set rules by which things are kept"),
    "evidence.hold": N_("place and lift holds"),
}
"""Permission → what it allows, in words."""
