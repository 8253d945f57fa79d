"""Keys of epochs that are lost for good: the directory is there, the key is not, and no archive has it.

Nothing that such a key closed opens any more. That is no destruction: nobody has destroyed anything, so nothing is
certified as destroyed, and what was kept is called lost; when its time is over, what is left of it is removed. One lead
says so with a reason, another one confirms it, both with a security key; then the epoch is left alone, and what comes
is closed with a new key. A key that is found after all ends it: what it closed opens again.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.evidence.granting import check_proof
from himaya.evidence.keys import can_open, epoch_keys, lost_epochs
from himaya.evidence.lost import LOST
from himaya.evidence.lost import confirmed_losses as confirmed_losses
from himaya.evidence.lost import losses as losses
from himaya.evidence.lost import lost_generations as lost_generations
from himaya.evidence.models import Epoch, Exhibit
from himaya.evidence.mounted import keys_away
from himaya.evidence.reasons import reason_of
from himaya.evidence.standstill import Stop
from himaya.evidence.states import DESTROYED
from himaya.ledger.services import SYSTEM, record

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from himaya.accounts.models import Person
    from himaya.evidence.granting import Proof

TRIED = 20
"""Exhibits on which a key that was found is tried."""
log = logging.getLogger("himaya.evidence")


class BadLoss(HimayaError):
    """It cannot be recorded as lost: {why}."""

    status = 422


class OwnLoss(BadLoss):
    """You said that it is lost: somebody else confirms that."""

    remedy = "Ask another lead."
    status = 403


def waiting_losses(person: Person) -> QuerySet[Stop]:
    """Those that this person can confirm."""
    found = losses().filter(settled_by="") if person.may("evidence.hold") else losses().none()
    return found.exclude(facts__by=person.actor)


@transaction.atomic
def report_lost(name: str, *, reason: str, person: Person, proof: Proof | None) -> Stop:
    """Say that the key of an epoch is lost for good, and why that is known. Nothing changes before another confirms.

    Raises:
        NoFreshProof: not with a security key that was just used.
        BadLoss: the key is here or was destroyed, its directory is away, it was said already; or a reason is required.
    """
    check_proof(proof)
    text = reason_of(reason, BadLoss)
    epoch, generation = _missing(name)
    facts = {"epoch": epoch.pk, "generation": generation, "by": person.actor}
    made, new = Stop.objects.get_or_create(  # of two who say so at once, the first one
        kind=LOST, about=name, settled_at=None, defaults={"since": clock.now(), "facts": facts, "reason": text}
    )
    if not new:
        raise BadLoss(why=N_("somebody said so already"))
    record("evidence.loss-said", by=person.actor, about="evidence", epoch=name)
    return made


@transaction.atomic
def confirm_lost(number: int, *, person: Person, proof: Proof | None) -> Stop:
    """Confirm that: its epoch is left alone from now on, and what comes is closed with a new key.

    Raises:
        NoFreshProof, OwnLoss: as their names say.
        BadLoss: nobody says so, it was confirmed already, or the key is here.
    """
    found = losses().select_for_update().filter(pk=number, settled_by="").first()
    if found is None:
        raise BadLoss(why=N_("nothing of this number waits to be confirmed"))
    if found.facts["by"] == person.actor:
        raise OwnLoss
    check_proof(proof)
    epoch, generation = _missing(found.about)
    epoch = Epoch.objects.select_for_update().get(pk=epoch.pk)
    if epoch.generation == generation:
        epoch.generation += 1
        epoch.save(update_fields=["generation"])
    found.settled_by = person.actor
    found.save(update_fields=["settled_by"])
    closed = _closed_with(epoch, generation).count()
    record("evidence.key-lost", by=person.actor, about="evidence", epoch=found.about, exhibits=closed)
    return found


@transaction.atomic
def withdraw_loss(number: int, *, person: Person) -> Stop:
    """Take back what one said oneself, as long as nobody has confirmed it.

    Raises:
        BadLoss: one said nothing of this number that waits.
    """
    found = losses().select_for_update().filter(pk=number, settled_by="", facts__by=person.actor).first()
    if found is None:
        raise BadLoss(why=N_("nothing that you said waits to be confirmed under this number"))
    found.settled_at, found.settled_by = clock.now(), person.actor
    found.save(update_fields=["settled_at", "settled_by"])
    record("evidence.loss-withdrawn", by=person.actor, about="evidence", epoch=found.about)
    return found


def note_found() -> None:
    """Keys that were called lost and are here, or were destroyed before anybody confirmed it: they are lost no more.

    A name proves nothing: the directory is to be ours, and a key is to open what was closed with it.
    """
    keys = epoch_keys()
    if not (open_ := list(losses())) or keys_away(keys):
        return
    there, destroyed = set(keys.names()), set(keys.destroyed())
    for one in open_:
        if (one.about in destroyed and not one.settled_by) or (one.about in there and _opens_some(one)):
            with transaction.atomic():
                if Stop.objects.filter(pk=one.pk, settled_at=None).update(settled_at=clock.now()):
                    record("evidence.key-found", by=SYSTEM, about="evidence", epoch=one.about)
            log.warning("the key of the epoch %s, which was called lost, is here", one.about)


def _opens_some(loss: Stop) -> bool:
    """Whether the key opens one of the first exhibits that it closed; tried on a few."""
    closed = _closed_with(Epoch(pk=loss.facts["epoch"]), loss.facts["generation"]).select_related("epoch")
    return any(map(can_open, closed.order_by("pk")[:TRIED]))


def is_still_lost(loss: Stop) -> bool:
    """Whether a key is called lost still and is, in the caller's transaction; its row is locked until that ends."""
    stands = confirmed_losses().select_for_update().filter(pk=loss.pk).exists()
    return stands and not keys_away(epoch_keys()) and not _opens_some(loss)


def note_over(loss: Stop) -> None:
    """Nothing is left that a lost key had closed, as its time was over or its content came again: should that key be
    found, it is refused from now on.
    """
    Stop.objects.filter(pk=loss.pk).update(settled_at=clock.now())
    transaction.on_commit(partial(_bar, loss.about))


def _bar(name: str) -> None:
    keys = epoch_keys()
    try:
        keys.mark(name)
        keys.destroy(name)  # what lies beside it goes as well
    except (HimayaError, OSError) as error:
        log.warning("the lost key of the epoch %s could not be marked as gone: %s", name, error)


def _missing(name: str) -> tuple[Epoch, int]:
    """The epoch and generation of a key that is not here.

    Raises:
        BadLoss: it is; or nothing is known while the directory of keys is away.
    """
    if keys_away(epoch_keys()):
        raise BadLoss(why=N_("the directory of the epoch keys is not the one that this node has used: mount it first"))
    if name not in lost_epochs():
        raise BadLoss(why=N_("no key of this name is missing"))
    for epoch in Epoch.objects.all():
        for generation in range(1, epoch.generation + 1):
            if Epoch(month=epoch.month, kept_class=epoch.kept_class, generation=generation).name == name:
                return epoch, generation
    raise BadLoss(why=N_("no key of this name is missing"))


def _closed_with(epoch: Epoch, generation: int) -> QuerySet[Exhibit]:
    return Exhibit.objects.filter(epoch=epoch, generation=generation).exclude(state=DESTROYED)


def exhibits_lost() -> int:
    """How many exhibits nothing opens, as two people say."""
    return sum(_closed_with(Epoch(pk=epoch), generation).count() for epoch, generation in lost_generations())
