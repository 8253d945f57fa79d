"""Dealing keys anew: two of those who have parts bring them, and all custodians of now get parts of a new key."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.vault.wrapping import open_with
from himaya.core.words import N_, Said
from himaya.evidence.guarded.custodians import check_enough
from himaya.evidence.guarded.models import Brought, Renewal, RenewalOf
from himaya.evidence.guarded.parts import dealt, keep_deal
from himaya.evidence.keys import opened, wrap_again
from himaya.evidence.models import Exhibit
from himaya.evidence.states import DESTROYED, GUARDED, KEPT
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.accounts.models import Person

WITHIN, MOST = timedelta(days=7), 100
"""How long parts can be brought for it; exhibits of one."""


class NoRenewal(HimayaError):
    """Keys cannot be dealt anew: {why}."""

    status = 409


@transaction.atomic
def begin_renewal(exhibits: Collection[Exhibit], *, person: Person) -> Renewal:
    """Begin to deal keys anew; it is done as soon as two custodians have brought their parts.

    Args:
        exhibits: 1 to :data:`MOST`, guarded, and none of them destroyed.
        person: who begins it; being a custodian, they may bring a part as well: nobody reads anything by it.

    Raises:
        NoRenewal, TooFewCustodians: as their names say.
    """
    check_enough()
    if not 0 < len(exhibits) <= MOST:
        raise NoRenewal(why=Said("it names 1 to {n} exhibits", n=MOST))
    for one in exhibits:
        if one.kept_class != GUARDED or one.state == DESTROYED:
            raise NoRenewal(why=Said("{exhibit} is not guarded, or was destroyed", exhibit=one.reference))
    chosen = [one.pk for one in exhibits]
    now = clock.now()
    if RenewalOf.objects.filter(
        exhibit__in=chosen, done=False, renewal__ended_at=None, renewal__until__gt=now
    ).exists():
        raise NoRenewal(why=N_("one of them is to be dealt anew already: bring the parts for that"))
    made = Renewal.objects.create(begun_by=person, begun_at=now, until=now + WITHIN)
    RenewalOf.objects.bulk_create(RenewalOf(renewal=made, exhibit=one) for one in exhibits)
    record("evidence.renewal-begun", by=person.actor, about=made.about, exhibits=sorted(chosen))
    return made


def deal_anew(about: str, *, ready: Sequence[tuple[Exhibit, bytes]], by: str) -> None:
    """Deal the keys of exhibits anew, in the caller's transaction, which has locked their epochs.

    The custody key is another one from then on: old parts open nothing, whoever has them.

    Args:
        about: the renewal.
        ready: exhibits, each with its custody key.
        by: who brought the last part.

    Raises:
        TooFewCustodians: there are too few to deal to. Nothing was changed.
    """
    renewal = Renewal.objects.get(pk=int(about.partition(":")[2]))
    for exhibit, custody in ready:
        if exhibit.state != KEPT:  # its time is over, and its key is about to be destroyed
            continue
        one = Exhibit.objects.select_related("epoch").get(pk=exhibit.pk)
        closed, given = dealt(open_with(custody, opened(one), exhibit=one.reference), exhibit=one.uuid)
        wrap_again(one, closed)
        keep_deal(one, given)
        faults.point("evidence.dealt-anew")
        RenewalOf.objects.filter(renewal=renewal, exhibit=one).update(done=True)
        record("evidence.dealt-anew", by=by, about=one.about, custodians=[each.person.actor for each in given[1]])
    if not RenewalOf.objects.filter(renewal=renewal, done=False).exclude(exhibit__state=DESTROYED).exists():
        Brought.objects.filter(about=about).delete()
        renewal.ended_at = clock.now()
        renewal.save(update_fields=["ended_at"])
