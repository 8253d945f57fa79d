"""Who has parts of keys: naming custodians, ending them, and how many there have to be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from himaya.accounts.roles import MAY as RIGHTS
from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.vault import shares
from himaya.core.vault.recipients import NotRecipients, recipients
from himaya.core.words import N_, Said
from himaya.evidence.guarded.models import Brought, Custodian, Part
from himaya.evidence.models import Exhibit
from himaya.evidence.reasons import reason_of
from himaya.evidence.states import ENDING, GUARDED, KEPT
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.accounts.models import Person

LEAST, THRESHOLD, MOST = 3, 2, shares.MOST
"""Custodians that there have to be; parts that give a key; custodians that there can be."""
MAY = "evidence.share"


class TooFewCustodians(HimayaError):
    """What is guarded needs {least} custodians, and there are {found}: nothing is guarded before that."""

    remedy = "A lead names custodians on Evidence, Custodians, or with: himaya evidence custodians add."
    status = 409


class BadCustodian(HimayaError):
    """The custodian cannot be taken: {why}."""

    status = 422


class UnknownCustodian(HimayaError):
    """There is no custodian {number} who acts."""

    status = 404


def acts(at: str = "") -> Q:
    """Of rows that lead to a custodian by ``at``: those whose custodian acts, can sign in, and may bring parts."""
    rights = {f"{at}person__is_active": True, f"{at}person__role__in": RIGHTS[MAY]}
    return Q(**{f"{at}until": None}, **rights)


def acting() -> QuerySet[Custodian]:
    """Those who are custodians now, the first one first."""
    return Custodian.objects.filter(acts()).select_related("person").order_by("pk")


def check_enough() -> list[Custodian]:
    """Those who act, where they are enough to guard something.

    Raises:
        TooFewCustodians: they are not.
    """
    found = list(acting())
    if len(found) < LEAST:
        raise TooFewCustodians(least=LEAST, found=len(found))
    return found


@transaction.atomic
def add_custodian(person: Person, *, recipient: str, by: str) -> Custodian:
    """Name a custodian. Of what is sealed from now on they have a part; of the rest once it is dealt anew.

    Args:
        person: who it is; their role lets them bring parts.
        recipient: their age key (``age1…``) or SSH key, which is nobody else's.
        by: who names them.

    Raises:
        BadCustodian: they cannot be one.
    """
    try:
        every = recipients(recipient)
    except NotRecipients as error:
        raise BadCustodian(why=error.said()) from None
    if len(every) > 1 or len(every[0].text) > 1000:
        raise BadCustodian(why=N_("a custodian has one key, of at most 1,000 characters"))
    if not person.may(MAY):
        raise BadCustodian(why=N_("their role does not let them bring parts of keys"))
    if acting().count() >= MOST:
        raise BadCustodian(why=Said("there are {n} already, which is the most there can be", n=MOST))
    facts = {"recipient": every[0].text, "since": clock.now(), "named_by": by}
    try:
        with transaction.atomic():
            made = Custodian.objects.create(person=person, **facts)
    except IntegrityError:
        raise BadCustodian(why=N_("the person is one already, or the key is that of another one")) from None
    record("evidence.custodian-named", by=by, about=made.about, person=person.actor, key=made.recipient)
    return made


def end_custodian(number: int, *, by: str, reason: str) -> Custodian:
    """Somebody is a custodian no more: what they have brought is forgotten, and what they have counts no more.

    Raises:
        UnknownCustodian, BadCustodian: there is no such one; no reason is given.
    """
    text = reason_of(reason, BadCustodian)
    with transaction.atomic():
        rows = Custodian.objects.select_for_update(of=("self",), no_key=True)  # whoever deals refers to it meanwhile
        found = rows.filter(pk=number, until=None).first()
        if found is None:
            raise UnknownCustodian(number=number)
        found.until, found.ended_by = clock.now(), by
        found.save(update_fields=["until", "ended_by"])
        record("evidence.custodian-ended", by=by, about=found.about, person=found.person.actor, reason=text)
    Brought.objects.filter(part__custodian=found).delete()  # it counts no more; others may be reading these rows
    return found


def counted() -> QuerySet[Exhibit]:
    """What is guarded and stands, with ``n``: how many acting custodians have a part of its key."""
    mine = Part.objects.filter(acts("custodian__"), deal__exhibit=OuterRef("pk")).order_by()
    found = Exhibit.objects.filter(kept_class=GUARDED, state__in=(KEPT, ENDING))
    number = Subquery(mine.values("deal").annotate(n=Count("pk")).values("n"))
    return found.annotate(n=number).order_by("pk")


def thin() -> QuerySet[Exhibit]:
    """What fewer than :data:`LEAST` acting custodians have a part of: one more that is lost, and it may be lost."""
    return counted().filter(Q(n__lt=LEAST) | Q(n=None))


def renewable() -> QuerySet[Exhibit]:
    """What too few have a part of, and two still have: its key can be dealt anew."""
    return counted().filter(Q(n__lt=LEAST, n__gte=THRESHOLD), state=KEPT)


def lost() -> QuerySet[Exhibit]:
    """What those who act cannot open: fewer than two of them have a part."""
    return counted().filter(Q(n__lt=THRESHOLD) | Q(n=None))
