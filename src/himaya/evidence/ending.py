"""The end of what is kept: when its time is over, and no hold says otherwise, nothing opens it any more.

What ends together in a month has one outer key, in a file. So what has not ended is first moved under the key of the
next generation; then the old key is destroyed, and only then does the database say so, and are sealed files removed.
Killed at any point, the next round does what is left. Whoever places a hold locks the same row: up to the destruction
of the key the hold wins, and afterwards it is told that it comes too late.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from himaya.core import clock, faults
from himaya.core.vault.custody import Fact
from himaya.core.vault.stores.port import StillLocked
from himaya.evidence.custody import add_step, certify
from himaya.evidence.guarded.parts import forget_deal
from himaya.evidence.keys import close, epoch_keys, opened, store
from himaya.evidence.models import Binding, Blob, Epoch, Exhibit, Hold, InnerKey, Step
from himaya.evidence.states import DESTROYED, ENDING, GOING, GONE, KEPT, LOCKED, ROTTEN, WHOLE
from himaya.ledger.services import SYSTEM, record

if TYPE_CHECKING:
    from uuid import UUID

    from django.db.models import QuerySet

log = logging.getLogger("himaya.evidence")
AGAIN = timedelta(hours=1)
"""After which a file that a bucket holds is asked for once more."""
AT_ONCE = 500
"""Exhibits that are moved to another key in one transaction."""


def held() -> Exists:
    """Of a query of exhibits: those that a hold keeps."""
    about = Q(exhibit=OuterRef("pk")) | (Q(case=OuterRef("case")) & ~Q(case=""))
    return Exists(Hold.objects.filter(about, lifted_at=None))


def due() -> QuerySet[Exhibit]:
    """Exhibits whose time is over and which nothing keeps."""
    return Exhibit.objects.filter(~held(), state__in=(KEPT, ENDING), review=False, until__lte=clock.now())


def end_due() -> bool:
    """End what is over, one epoch in a call; whether there was any. Called beside the worker; several may be at it."""
    first = due().order_by("until", "pk").values_list("epoch", "generation").first()
    unfinished = Exhibit.objects.filter(state=ENDING).values_list("epoch", "generation").first()
    if chosen := unfinished or first:
        _end(*chosen)
        return True
    return _remove_blobs()


def _end(epoch: int, generation: int) -> None:
    """End what is due of one generation of an epoch; what is not moves on before its key is destroyed."""
    while _move(epoch, generation):
        faults.point("evidence.moved")
    _destroy(epoch, generation)
    faults.point("evidence.destroyed")
    _remove_blobs()


@transaction.atomic
def _move(epoch_id: int, generation: int) -> bool:
    """Mark what is due, and move some of the rest under the next generation's key; whether there may be more."""
    epoch = Epoch.objects.select_for_update().get(pk=epoch_id)
    old = Exhibit.objects.filter(epoch=epoch, generation=generation)
    if _name(epoch, generation) in epoch_keys().destroyed():
        return False
    old.filter(pk__in=due().filter(epoch=epoch, generation=generation).values("pk")).update(state=ENDING)
    staying = list(old.filter(state=KEPT).select_related("epoch").order_by("pk")[:AT_ONCE])
    if not staying or not old.filter(state=ENDING).exists():
        return False
    if epoch.generation == generation:
        epoch.generation += 1
        epoch.save(update_fields=["generation"])
    epoch_keys().key_for(epoch.name)
    for one in staying:
        close(one, opened(one), epoch=epoch)
    Exhibit.objects.bulk_update(staying, ["generation", "wrapped"])
    return True


@transaction.atomic
def _destroy(epoch_id: int, generation: int) -> None:
    """Destroy the key and say so, unless something under it is still to be kept: then the next round moves that."""
    epoch = Epoch.objects.select_for_update().get(pk=epoch_id)
    old = Exhibit.objects.filter(epoch=epoch, generation=generation, state__in=(KEPT, ENDING))
    name = _name(epoch, generation)
    if name not in epoch_keys().destroyed():
        old.filter(held(), state=ENDING).update(state=KEPT)
        if old.filter(state=KEPT).exists() or not old.exists():
            return
    epoch_keys().destroy(name)
    faults.point("evidence.key-destroyed")
    if epoch.generation == generation:
        epoch.generation += 1
        epoch.save(update_fields=["generation"])
    steps = [_ended(one, name) for one in old.select_related("epoch").order_by("pk")]
    InnerKey.objects.filter(about__in=[f"exhibit:{step.exhibit.uuid}" for step in steps]).delete()
    for step in steps:
        certify(step)
        forget_deal(step.exhibit)
    for step in steps:
        record("evidence.destroyed", by=SYSTEM, about=step.exhibit.about, epoch=name, step=step.number)


def _ended(exhibit: Exhibit, epoch: str) -> Step:
    now = clock.now()
    exhibit.state, exhibit.wrapped, exhibit.ended_at = DESTROYED, None, now
    exhibit.save(update_fields=["state", "wrapped", "ended_at"])
    rules = [str(one.rule) for one in Binding.objects.filter(exhibit=exhibit).select_related("rule").order_by("pk")]
    facts: dict[str, Fact] = {
        "how": "the outer key was destroyed", "epoch": epoch, "rules": rules, "until": f"{exhibit.until:%Y-%m-%d}",
    }  # fmt: skip
    return add_step(exhibit, act="destroy", by=SYSTEM, facts=facts, at=now)


def _name(epoch: Epoch, generation: int) -> str:
    return Epoch(month=epoch.month, kept_class=epoch.kept_class, generation=generation).name


def _remove_blobs() -> bool:
    """Remove sealed files that no exhibit needs any more; whether there were any."""
    needed = Exhibit.objects.filter(blob=OuterRef("pk"), state__in=(KEPT, ENDING))
    again = Q(state=LOCKED, read_at__lt=clock.now() - AGAIN)
    idle = Blob.objects.filter(Q(state=GOING) | again | Q(~Exists(needed), state__in=(WHOLE, ROTTEN)))
    found = list(idle.values_list("pk", flat=True)[:AT_ONCE])
    for one in found:
        _remove(one)
    return bool(found)


def _remove(number: UUID) -> None:
    """Nothing is removed of what is kept again meanwhile: whoever keeps it has locked the row."""
    with transaction.atomic():
        row = Blob.objects.select_for_update().get(pk=number)
        if row.state in (WHOLE, ROTTEN) and Exhibit.objects.filter(blob=row, state__in=(KEPT, ENDING)).exists():
            return
        Blob.objects.filter(pk=number).update(state=GOING)
    try:
        store().delete(number)
    except StillLocked as error:  # a bucket holds it for a time; nobody can open it meanwhile
        log.warning("%s", error)
        Blob.objects.filter(pk=number).update(state=LOCKED, read_at=clock.now())
        return
    faults.point("evidence.removed")
    Blob.objects.filter(pk=number).update(state=GONE)
