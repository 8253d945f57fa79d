"""Reading all that is kept, again and again, to find what rots while it can still be repaired."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.vault.stores.scrub import Outcome, scrub
from himaya.core.words import N_, Said
from himaya.evidence.keys import store
from himaya.evidence.locking import lock_due, lock_file
from himaya.evidence.marking import MARK, see_marks
from himaya.evidence.models import Blob, Stray
from himaya.evidence.standstill import is_restored
from himaya.evidence.states import GONE, ROTTEN, WHOLE
from himaya.evidence.stopping import note_swept
from himaya.ledger import turns
from himaya.ledger.services import SYSTEM, record
from himaya.ledger.worker import stop_asked

if TYPE_CHECKING:
    from uuid import UUID

    from himaya.core.vault.stores.port import Store

EVERY, AT_ONCE = 60.0, 50
"""Seconds between two looks whether anything is due; files that are read in one."""
SWEEP, OLD = 3600.0, timedelta(days=30)
"""Seconds between two sweeps of the store; for how long a file that nothing knows is told of before it is removed."""
FEW, SHARE = 100, 100
"""More unknown files than these, and than one in so many that are known: then it is the database that does not know."""
MOST = 10_000
"""Files that one sweep looks after."""
log = logging.getLogger("himaya.evidence")
TURN, SWEEP_TURN = "evidence.scrubbed", "evidence.swept"


def scrub_due() -> bool:
    """Read some of what was not read for ``scrub_days``; what is known to be rotten first. Whether there may be more.

    Called beside the worker. Once an hour, what a killed writer left in the store is removed.
    """
    lock_due()
    if turns.is_due(SWEEP_TURN, every=SWEEP):
        turns.note(SWEEP_TURN)
        _sweep()
    if not turns.is_due(TURN, every=EVERY):
        return False
    before = clock.now() - timedelta(days=config().evidence_scrub_days)
    rotten = Blob.objects.filter(state=ROTTEN, read_at__lt=clock.now() - timedelta(hours=1)).order_by("read_at")
    due = Blob.objects.filter(state=WHOLE, read_at__lt=before).order_by("read_at")
    found = [*rotten[:AT_ONCE], *due[:AT_ONCE]][:AT_ONCE]
    if not found:
        turns.note(TURN)
        return False
    if all(one.found == "unread" for one in scrub_blobs(found, stop=stop_asked())):
        turns.note(TURN)  # the store does not answer: it is asked again in a minute
        return False
    return True


def scrub_all() -> Iterator[Outcome]:
    """Read every sealed file now, in the order of their numbers, in constant memory."""
    reached = None
    while True:
        kept = Blob.objects.filter(state__in=(WHOLE, ROTTEN)).order_by("pk")
        some = list((kept.filter(pk__gt=reached) if reached else kept)[:AT_ONCE])
        if not some:
            return
        yield from scrub_blobs(some)
        reached = some[-1].pk


def scrub_blobs(blobs: Iterable[Blob], *, stop: threading.Event | None = None) -> list[Outcome]:
    """Read sealed files, every copy, repair what a second store has, and note what was found; no key is needed."""
    chosen = sorted(blobs, key=lambda blob: blob.pk)
    rate = config().evidence_scrub_mib * 2**20
    wait = (stop or threading.Event()).wait
    found = []
    for outcome in scrub(store(), [(b.pk, b.stored_sha256) for b in chosen], bytes_per_second=rate or None, wait=wait):
        _note(outcome)
        if outcome.found in ("whole", "repaired"):
            lock_file(outcome.name)  # also a copy that was just made
        found.append(outcome)
        if stop is not None and stop.is_set():
            break
    return found


@transaction.atomic
def _note(outcome: Outcome) -> None:
    row = Blob.objects.select_for_update().get(pk=outcome.name)
    if row.state not in (WHOLE, ROTTEN):  # it ended meanwhile
        return
    if outcome.found == "unread":  # the store does not answer, which says nothing of the file
        log.warning("the sealed file %s cannot be read: %s", row.pk, outcome.why or dict(outcome.copies))
        return
    good = outcome.found in ("whole", "repaired")
    was, row.state, row.read_at = row.state, WHOLE if good else ROTTEN, clock.now()
    row.save(update_fields=["state", "read_at"])
    copies = dict(outcome.copies)
    if outcome.found == "repaired":
        record("evidence.repaired", by=SYSTEM, about=f"blob:{row.pk}", copies=copies)
    elif not good and was == WHOLE:
        record("evidence.rotted", by=SYSTEM, about=f"blob:{row.pk}", copies=copies, found=outcome.found)


def _sweep() -> None:
    """Remove what was being written when its writer was killed, and sealed files that nobody acknowledged.

    Such a file has no key: it was in the memory of a process that is no more. But a database that was put back, or a
    new one, does not know what an other one keeps. So nothing goes while nobody has looked after a restore, nothing out
    of a store that is marked as another node's, and not many; and each file is told of for a month before it goes.
    """
    kept = store()
    kept.sweep()
    if is_restored():
        return
    unknown, known = _unknown(kept)
    if len(unknown) > max(FEW, known // SHARE):
        note_swept(N_("so many files are in the store that nothing here knows, that it is thought to be another's"))
    elif foreign := see_marks(kept):
        note_swept(Said("the store {place} is marked as another node's", place=foreign))
    else:
        note_swept("")
        _remove_unknown(unknown[:MOST])


def _unknown(kept: Store) -> tuple[list[UUID], int]:
    """Files that nothing here knows, and how many are known."""
    known = Blob.objects.exclude(state=GONE).order_by("pk").values_list("pk", flat=True).iterator()
    unknown: list[UUID] = []
    at, count = next(known, None), 0
    for name in kept.names():  # both come in the same order
        while at is not None and at < name:
            at = next(known, None)
        if at == name:
            count += 1
        elif name != MARK and len(unknown) <= MOST:
            unknown.append(name)
    return unknown, count


def _remove_unknown(names: list[UUID]) -> None:
    now = clock.now()
    Stray.objects.exclude(pk__in=names).delete()
    Stray.objects.bulk_create([Stray(id=name, seen_at=now) for name in names], ignore_conflicts=True)
    gone = 0
    for stray in Stray.objects.filter(seen_at__lt=now - OLD):
        if not Blob.objects.filter(pk=stray.pk).exclude(state=GONE).exists():
            try:
                gone += store().delete(stray.pk)
            except HimayaError as error:  # it is tried again; the others go
                log.warning("%s", error)
                continue
        stray.delete()
    if gone:
        with transaction.atomic():
            record("evidence.strays-removed", by=SYSTEM, about="evidence", files=gone)
