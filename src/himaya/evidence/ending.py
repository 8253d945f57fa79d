"""The end of what is kept: when its time is over, and no hold says otherwise, nothing opens it any more.

What ends together in a month has one outer key, in a file. So what has not ended is first moved under the key of the
next generation; then the old key is destroyed, and only then does the database say so, and are sealed files removed.
Killed at any point, the next round does what is left. Whoever places a hold locks the same row: up to the destruction
of the key the hold wins, and afterwards it is told that it comes too late. An epoch ends once a day at most: a period
ends with its last day (docs/decisions/0029-ending.md).
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from himaya.core import clock, faults
from himaya.core.errors import HimayaError, in_words
from himaya.core.vault.custody import Fact
from himaya.core.vault.stores.port import StillLocked
from himaya.core.vault.wrapping import WrongKey
from himaya.core.words import Said
from himaya.evidence import losing, stopping
from himaya.evidence.custody import add_steps, certify
from himaya.evidence.guarded.parts import forget_deal
from himaya.evidence.keys import close, epoch_keys, note_moved, opened, see_key, store
from himaya.evidence.locking import forget_holds, lift_ours
from himaya.evidence.models import Binding, Blob, Epoch, Exhibit, Hold, InnerKey
from himaya.evidence.rules import NOTICE
from himaya.evidence.states import DESTROYED, ENDING, GOING, GONE, KEPT, LOCKED, ROTTEN, WHOLE
from himaya.ledger import turns
from himaya.ledger.services import SYSTEM, record_each

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from django.db.models import QuerySet

    from himaya.evidence.standstill import Stop

log = logging.getLogger("himaya.evidence")
TURN, EVERY = "evidence.ended", 30.0
"""Seconds between two looks whether anything is over."""
AGAIN = timedelta(hours=1)
"""After which a file that a bucket holds, or that could not be removed, is asked for once more."""
AT_ONCE = 500
"""Exhibits that are moved to another key, or said to be destroyed, in one transaction."""
NAMED = 5
"""Exhibits that an error names."""
PATIENCE = 5
"""Files that cannot be removed before a round is given up."""


class DoesNotOpen(HimayaError):
    """The key of their epoch is here, and does not open {exhibits}."""

    remedy = "Put the database back from a backup in which they open, or give them up where there is none."
    status = 500

    def __init__(self, exhibits: Sequence[Exhibit]) -> None:
        """``exhibits``: one or more."""
        named = ", ".join(one.reference for one in exhibits[:NAMED]) + (" …" if len(exhibits) > NAMED else "")
        super().__init__(exhibits=named)
        self.numbers = [one.pk for one in exhibits]


def held() -> Exists:
    """Of a query of some exhibits: those that a hold keeps."""
    about = Q(exhibit=OuterRef("pk")) | (Q(case=OuterRef("case")) & ~Q(case=""))
    return Exists(Hold.objects.filter(about, lifted_at=None))


def among_held(holds: QuerySet[Hold]) -> Q:
    """The same of a query of all exhibits, which begins with the holds: they are few."""
    exhibits = holds.filter(exhibit__isnull=False).values("exhibit")
    return Q(pk__in=exhibits) | Q(case__in=holds.exclude(case="").values("case"))


def today() -> datetime:
    """When this day began (UTC): what was over by then has had its last day."""
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0)


def keeping() -> QuerySet[Hold]:
    """Holds that keep something: they stand, or were lifted less than :data:`NOTICE` before this day."""
    return Hold.objects.filter(Q(lifted_at=None) | Q(lifted_at__gt=today() - NOTICE))


def due() -> QuerySet[Exhibit]:
    """Exhibits whose time is over and which nothing keeps."""
    over = Exhibit.objects.filter(state__in=(KEPT, ENDING), review=False, until__lte=today())
    return over.exclude(among_held(keeping()))


def end_when_due() -> bool:
    """:func:`end_due`, and a rest where there is nothing to do. Called beside the worker."""
    if not turns.is_due(TURN, every=EVERY):
        return False
    if end_due():
        return True
    turns.note(TURN)
    return False


def end_due() -> bool:
    """End what is over, one epoch in a call; whether there was any. Several may be at it."""
    losing.note_found()
    if not stopping.may_end():
        return False
    if chosen := _next():
        epoch, generation = Epoch.objects.get(pk=chosen[0]), chosen[1]
        name = _name(epoch, generation)
        try:
            _end(epoch.pk, generation, name)
        except (HimayaError, ValueError, OSError) as error:  # of this epoch; others end
            numbers = error.numbers if isinstance(error, DoesNotOpen) else ()
            stopping.note_stuck(epoch, generation, name=name, why=in_words(error), numbers=numbers)
        return True
    return _end_lost() or _remove_blobs()


def _next() -> tuple[int, int] | None:
    """Epoch and generation of which something is to end, that first which was begun, or given up."""
    if chosen := stopping.next_given_up():
        return chosen
    begun = Exhibit.objects.filter(state=ENDING).order_by("until")
    left_alone = [*stopping.left_alone(), *losing.lost_generations()]
    for found in (begun, due().order_by("until", "pk")):
        for epoch, generation in left_alone:
            found = found.exclude(epoch=epoch, generation=generation)
        if one := found.values_list("epoch", "generation").first():
            return one
    return None


def _end(epoch: int, generation: int, name: str) -> None:
    """End what is due of one generation of an epoch; what is not moves on before its key is destroyed."""
    _mark(epoch, generation)
    if epoch_keys().is_destroyed(name):
        epoch_keys().destroy(name)  # killed, or refused by the disk, after the mark: what is left of it to do
        given_up = _kept(epoch, generation).filter(pk__in=stopping.given_up(name)[0])
        given_up.exclude(among_held(keeping())).update(state=ENDING)
    else:
        while _move(epoch, generation, name):
            faults.point("evidence.moved")
        _destroy(epoch, generation, name)
    more = epoch_keys().is_destroyed(name)
    if more:
        ended = Exhibit.objects.filter(epoch=epoch, generation=generation, state=ENDING)
        epoch_keys().forget_moved(list(ended.values_list("uuid", flat=True)))
    while more:
        more = _settle(epoch, generation, name)
        faults.point("evidence.destroyed")
    if epoch_keys().is_destroyed(name):
        _note_lost(epoch, generation, name)
    else:  # somebody placed a hold meanwhile
        stopping.note_ended(name)
    _remove_blobs()


def _kept(epoch: int, generation: int) -> QuerySet[Exhibit]:
    return Exhibit.objects.filter(epoch=epoch, generation=generation, state=KEPT)


def _note_lost(epoch: int, generation: int, name: str) -> None:
    """Where more is kept under a key that is gone than was to end, as a database of before has it: that is no end."""
    if lost := list(_kept(epoch, generation).order_by("pk").values_list("pk", flat=True)):
        why = Said("its key was destroyed, and this database, of before, keeps {n} exhibits under it", n=len(lost))
        stopping.note_stuck(Epoch.objects.get(pk=epoch), generation, name=name, why=why, numbers=lost)
    else:
        stopping.note_ended(name)


@transaction.atomic
def _mark(epoch_id: int, generation: int) -> None:
    """Mark what is to end; a hold still saves it."""
    epoch = Epoch.objects.select_for_update().get(pk=epoch_id)
    due().filter(epoch=epoch, generation=generation, state=KEPT).update(state=ENDING)


@transaction.atomic
def _move(epoch_id: int, generation: int, name: str) -> bool:
    """Move some of what is not to end under the next generation's key; whether there may be more."""
    epoch = Epoch.objects.select_for_update().get(pk=epoch_id)
    old = Exhibit.objects.filter(epoch=epoch, generation=generation)
    if epoch_keys().is_destroyed(name):
        return False
    staying = list(old.filter(state=KEPT).select_related("epoch").order_by("pk")[:AT_ONCE])
    if not staying or not old.filter(state=ENDING).exists():
        return False
    if epoch.generation == generation:
        epoch.generation += 1
        epoch.save(update_fields=["generation"])
    see_key(epoch)
    found = {one.pk: _key(one) for one in staying}
    lost = [one for one in staying if found[one.pk] is None]
    _let_lost_end(lost, name)
    moved = [one for one in staying if one not in lost]
    for one in moved:
        close(one, found[one.pk] or b"", epoch=epoch)
    note_moved(moved)
    Exhibit.objects.bulk_update(moved, ["generation", "wrapped"])
    return True


def _key(one: Exhibit) -> bytes | None:
    """Its key; None where the key of its epoch does not open it."""
    try:
        return opened(one)
    except WrongKey:
        return None


def _let_lost_end(lost: Sequence[Exhibit], name: str) -> None:
    """What does not open ends with its epoch where a lead gave just that up, and no hold keeps it; else nothing does.

    Raises:
        DoesNotOpen: names the others.
    """
    numbers = {one.pk for one in lost}
    held_back = set(Exhibit.objects.filter(among_held(keeping()), pk__in=numbers).values_list("pk", flat=True))
    given, _ = stopping.given_up(name)
    if others := [one for one in lost if one.pk in held_back or one.pk not in given]:
        raise DoesNotOpen(others)
    Exhibit.objects.filter(pk__in=numbers).update(state=ENDING)
    record_each("evidence.lost", by=SYSTEM, told=[(one.about, {"epoch": name}) for one in lost])


@transaction.atomic
def _destroy(epoch_id: int, generation: int, name: str) -> None:
    """Destroy the key, unless something under it is still to be kept: then the next round moves that."""
    epoch = Epoch.objects.select_for_update().get(pk=epoch_id)
    old = Exhibit.objects.filter(epoch=epoch, generation=generation, state__in=(KEPT, ENDING))
    old.filter(among_held(keeping()), state=ENDING).update(state=KEPT)
    if old.filter(state=KEPT).exists() or not old.exists() or stopping.stops().exists():
        return
    epoch_keys().destroy(name)
    faults.point("evidence.key-destroyed")


@transaction.atomic
def _settle(epoch_id: int, generation: int, name: str) -> bool:
    """Say of some exhibits whose key was destroyed that they are; whether there may be more."""
    epoch = Epoch.objects.select_for_update().get(pk=epoch_id)
    if epoch.generation == generation:
        epoch.generation += 1
        epoch.save(update_fields=["generation"])
    old = Exhibit.objects.filter(epoch=epoch, generation=generation, state=ENDING)
    some = list(old.select_for_update(of=("self",)).select_related("epoch").order_by("pk")[:AT_ONCE])
    if not some:
        return False
    _say_ended(some, name, act="evidence.destroyed", how="the outer key was destroyed")
    return len(some) == AT_ONCE


def _say_ended(some: Sequence[Exhibit], name: str, *, act: str, how: str) -> None:
    """Write down that they are gone, and let go what is left of them; the caller has locked epoch and exhibits."""
    now, facts = clock.now(), _told(some, name, how=how)
    Exhibit.objects.filter(pk__in=[one.pk for one in some]).update(state=DESTROYED, wrapped=None, ended_at=now)
    InnerKey.objects.filter(about__in=[f"exhibit:{one.uuid}" for one in some]).delete()
    _let_go({one.blob_id for one in some})
    for one in some:
        forget_deal(one)
    steps = add_steps(some, act="destroy", by=SYSTEM, facts=facts, at=now)
    certify(steps)
    told = [(step.exhibit.about, {"epoch": name, "step": step.number}) for step in steps]
    record_each(act, by=SYSTEM, told=told)


def _end_lost() -> bool:
    """End what is over and was closed with keys that are lost: nobody destroyed these, and the certificates say so.
    Whether there was any.
    """
    return any(_end_lost_of(loss) for loss in losing.confirmed_losses())


@transaction.atomic
def _end_lost_of(loss: Stop) -> bool:
    epoch = Epoch.objects.select_for_update().get(pk=loss.facts["epoch"])
    closed = Exhibit.objects.filter(epoch=epoch, generation=loss.facts["generation"])
    if not losing.is_still_lost(loss) or stopping.stops().exists():
        return False
    over = closed.filter(pk__in=due().order_by().values("pk"))
    some = list(over.select_for_update(of=("self",)).select_related("epoch").order_by("pk")[:AT_ONCE])
    if some:  # an act of its own: by the other one a restore knows which keys were destroyed
        _say_ended(
            some,
            loss.about,
            act="evidence.lost-ended",
            how="its outer key was lost before; what it had closed was removed",
        )
    if not closed.exclude(state=DESTROYED).exists():
        losing.note_over(loss)
        stopping.note_ended(loss.about)  # before it was called lost, it was what nothing ended of
    return bool(some)


def _told(some: Sequence[Exhibit], epoch: str, *, how: str) -> list[dict[str, Fact]]:
    """What the certificate of each says: how, by which rules, and who has let it end, where people did."""
    rules: dict[int, list[str]] = {}
    for bound in Binding.objects.filter(exhibit__in=some).select_related("rule").order_by("pk"):
        rules.setdefault(bound.exhibit_id, []).append(str(bound.rule))
    cases = {one.case for one in some if one.case}
    lifted: dict[int | str, list[str]] = {}
    for hold in Hold.objects.filter(Q(exhibit__in=some) | Q(case__in=cases)).exclude(lifted_at=None).order_by("pk"):
        line = f"{hold.pk}: {hold.lifted_by}, {hold.lifted_at:%Y-%m-%d}"
        lifted.setdefault(hold.exhibit_id or hold.case, []).append(line)
    confirmed, told = stopping.confirmed_by(), list[dict[str, Fact]]()
    given_up, who = stopping.given_up(epoch)
    for one in some:
        facts: dict[str, Fact] = {
            "how": how, "epoch": epoch, "rules": rules.get(one.pk, []), "until": f"{one.until:%Y-%m-%d}",
        }  # fmt: skip
        if holds := [*lifted.get(one.pk, []), *lifted.get(one.case, [])]:
            facts["holds_lifted"] = holds
        if one.pk in given_up:
            facts["lost"] = f"it did not open before, and was given up by {who}"
        told.append(facts | ({"confirmed": confirmed} if confirmed else {}))
    return told


def _let_go(blobs: set[UUID]) -> None:
    """Have the sealed files removed that nothing needs any more, in the caller's transaction."""
    needed = Exhibit.objects.filter(blob=OuterRef("pk"), state__in=(KEPT, ENDING))
    these = Blob.objects.filter(pk__in=blobs, state__in=(WHOLE, ROTTEN))
    list(these.order_by("pk").select_for_update())
    these.filter(~Exists(needed)).update(state=GOING)


def _name(epoch: Epoch, generation: int) -> str:
    return Epoch(month=epoch.month, kept_class=epoch.kept_class, generation=generation).name


def _remove_blobs() -> bool:
    """Remove sealed files that no exhibit needs any more; whether any was."""
    going = Blob.objects.filter(state=GOING).order_by("read_at").values_list("pk", flat=True)
    again = Blob.objects.filter(state=LOCKED, read_at__lt=clock.now() - AGAIN).values_list("pk", flat=True)
    gone = failed = 0
    for one in [*going[:AT_ONCE], *again[:AT_ONCE]]:
        done = _remove(one)
        gone, failed = gone + done, failed + (not done)
        if failed == PATIENCE:  # the store is away, as it seems; what failed is asked for last the next time
            break
    return gone > 0


def _remove(number: UUID) -> bool:
    """One; whether it is gone. What cannot be removed now is asked for again, and holds up no other."""
    try:
        lift_ours(number)  # a process that died left one, or another file took its place
        store().delete(number)
    except HimayaError as error:  # a bucket locks it, or does not answer; nobody can open it meanwhile
        log.warning("%s", error)
        state = LOCKED if isinstance(error, StillLocked) else GOING
        Blob.objects.filter(pk=number).update(state=state, read_at=clock.now())
        return False
    faults.point("evidence.removed")
    forget_holds(number)
    Blob.objects.filter(pk=number).update(state=GONE)
    return True
