"""Locks in a bucket that can lock: nobody deletes a sealed file before the law lets it go, whoever may write there.

Until when, what binds its exhibits says; and while a hold keeps one of them, it is on hold there, too, without an end.
Whenever that changes, and whenever a copy may be new, the file is noted; then
it is locked in every bucket, for longer where that is due, and never for less. A hold that this node has not set stays:
another's, or, after a backup was put back, one that is not known here any more. And none is lifted before a lead has
looked.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max, Q

from himaya.core import clock
from himaya.core.errors import HimayaError, in_words
from himaya.core.vault.stores.port import NoLocks, NotStored
from himaya.core.words import packed
from himaya.evidence.keys import store
from himaya.evidence.models import Binding, Blob, Exhibit, Hold
from himaya.evidence.standstill import is_restored
from himaya.evidence.states import ENDING, KEPT, ROTTEN, WHOLE
from himaya.evidence.whereabouts import HeldCopy, Unlocked

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from himaya.core.vault.stores.port import Store

AT_ONCE, AGAIN, FEW = 100, timedelta(hours=1), 10
"""Files that are locked in one call; after which one that could not be is tried again; so few are locked at once."""
log = logging.getLogger("himaya.evidence")


def locked_until(blob: UUID) -> datetime | None:
    """Until when the law wants a sealed file kept at the least; None: it does not say. Never longer: a lock stays."""
    kept = Binding.objects.filter(exhibit__blob=blob, exhibit__state__in=(KEPT, ENDING), released_at=None)
    until: datetime | None = kept.aggregate(most=Max("at_least"))["most"]
    return until


def is_held(blob: UUID) -> bool:
    """Whether a hold keeps an exhibit that a sealed file belongs to."""
    standing = Hold.objects.filter(lifted_at=None)
    found = Exhibit.objects.filter(blob=blob, state__in=(KEPT, ENDING))
    named = Q(pk__in=standing.filter(exhibit__isnull=False).values("exhibit"))
    return found.filter(named | Q(case__in=standing.exclude(case="").values("case"))).exists()


def see_locks(blobs: Collection[UUID]) -> None:
    """See that files are locked once the caller's transaction stands: a few at once, the rest beside the worker.

    What is dropped must not be locked, and nobody waits for many. Where this is lost, a scrub sees it.
    """
    if blobs:
        transaction.on_commit(partial(_see, sorted(set(blobs))), robust=True)


def _see(blobs: Sequence[UUID]) -> None:
    for start in range(FEW, len(blobs), AT_ONCE):
        _ask(blobs[start : start + AT_ONCE])
    for one in blobs[:FEW]:
        lock_file(one)


def _ask(some: Sequence[UUID]) -> None:
    """Have the worker look at some, also where somebody is looking now, who has not seen what changed."""
    Unlocked.objects.bulk_create(
        [Unlocked(blob_id=one) for one in some],
        update_conflicts=True, update_fields=["asked", "tried_at"], unique_fields=["blob"],
    )  # fmt: skip


def see_all_locks() -> None:
    """Have the worker look at all: a backup was put back, and what was brought bears no lock; or a lead has looked."""
    every = Blob.objects.filter(state__in=(WHOLE, ROTTEN)).values_list("pk", flat=True).order_by("pk").iterator()
    while some := list(islice(every, AT_ONCE)):
        _ask(some)


def lock_due() -> None:
    """Lock some of what is to be. Called beside the worker."""
    due = Unlocked.objects.filter(Q(tried_at=None) | Q(tried_at__lt=clock.now() - AGAIN))
    for one in list(due.order_by("tried_at").values_list("pk", flat=True)[:AT_ONCE]):
        lock_file(one)


def unlocked() -> QuerySet[Unlocked]:
    """Files that could not be locked."""
    return Unlocked.objects.exclude(tried_at=None).order_by("tried_at")


def lock_file(number: UUID) -> None:
    """Lock a sealed file, in each store that can, until the law lets it go, and while a hold keeps it. What fails is
    noted: it is kept all the same. Where what is due changes meanwhile, it is done again.
    """
    while True:
        asked = Unlocked.objects.filter(blob=number).values_list("asked", flat=True).first()
        due = locked_until(number), is_held(number)
        failed = _lock_copies(number, *due)
        if (locked_until(number), is_held(number)) == due:
            break
    if failed is None:
        Unlocked.objects.filter(blob=number, asked__in=[asked] if asked else []).delete()
        return
    log.warning("the sealed file %s is kept, and could not be locked: %s", number, failed)
    facts = {"tried_at": clock.now(), "why": packed(in_words(failed))}
    Unlocked.objects.update_or_create(blob_id=number, defaults=facts)


def _lock_copies(number: UUID, until: datetime | None, held: bool) -> HimayaError | None:
    """Why one of the copies could not be locked as is due."""
    failed: HimayaError | None = None
    until = until if until and until > clock.now() else None
    try:
        if not held:
            lift_ours(number)
    except HimayaError as error:
        failed = error
    for copy in store().copies():
        try:
            _lock(copy, number, until, held=held)
        except HimayaError as error:
            failed = failed or error
    return failed


def _lock(copy: Store, number: UUID, until: datetime | None, *, held: bool) -> None:
    with suppress(NoLocks, NotStored):  # where a copy is missing, a scrub brings it, and asks for its lock
        there = copy.lock(number)
        stands = bool(there and there.held)
        _note_held(number, copy.place, stands=stands, held=held)
        if held and not stands:
            copy.hold(number, on=True)
        if until is None:
            return
        if there is None or there.until is None or there.until < until.replace(microsecond=0):
            copy.retain(number, until)


def _note_held(number: UUID, place: str, *, stands: bool, held: bool) -> None:
    """Note whose hold stands on a copy, ours before it does. What is entered again while a lead has not looked after a
    restore is the one that stands there since.
    """
    about: dict[str, Any] = {"blob_id": number, "place": place}
    now = {"noted_at": clock.now()}
    if held and (not stands or is_restored()):
        HeldCopy.objects.update_or_create(**about, defaults={"ours": True, **now})
    elif stands and not held:
        HeldCopy.objects.get_or_create(**about, defaults={"ours": False, **now})
    else:
        HeldCopy.objects.filter(**about, ours=False).delete()


def lift_ours(number: UUID) -> None:
    """Lift the holds that this node has set on a sealed file that nothing holds any more; none while a lead has not
    looked after a restore.

    Raises:
        StoreFailed: a bucket does not answer; it was lifted in the others.
    """
    ours, failed = HeldCopy.objects.filter(blob=number, ours=True), None
    places = set(ours.values_list("place", flat=True))
    if not places or is_restored():
        return
    here = [copy for copy in store().copies() if copy.place in places]
    for copy in here:
        try:
            with suppress(NoLocks, NotStored):
                copy.hold(number, on=False)
        except HimayaError as error:
            failed = failed or error
    if failed:
        raise failed
    with transaction.atomic():
        list(ours.select_for_update())
        if not is_held(number):  # else whoever has placed one meanwhile may have found it here
            ours.filter(place__in={copy.place for copy in here}).delete()


def foreign_holds() -> QuerySet[Exhibit]:
    """Exhibits on whose sealed files a hold stands in a bucket that this node has not set, and none here."""
    return Exhibit.objects.filter(blob__in=HeldCopy.objects.filter(ours=False).values("blob")).order_by("pk")


def forget_holds(number: UUID) -> None:
    """The sealed file is gone, and so is what stood on it."""
    HeldCopy.objects.filter(blob=number).delete()
