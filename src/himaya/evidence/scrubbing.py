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
from himaya.core.vault.stores.scrub import Outcome, scrub
from himaya.evidence.keys import store
from himaya.evidence.models import Blob, Stray
from himaya.evidence.states import GONE, ROTTEN, WHOLE
from himaya.ledger import turns
from himaya.ledger.services import SYSTEM, record

if TYPE_CHECKING:
    from uuid import UUID

EVERY, AT_ONCE = 60.0, 50
"""Seconds between two looks whether anything is due; files that are read in one."""
SWEEP, OLD = 3600.0, timedelta(days=1)
"""Seconds between two sweeps of the store; how old a file is that nobody acknowledged before it is removed."""
MOST = 10_000
"""Files that one sweep looks after."""
log = logging.getLogger("himaya.evidence")
TURN, SWEEP_TURN = "evidence.scrubbed", "evidence.swept"


def scrub_due() -> bool:
    """Read some of what was not read for ``scrub_days``; what is known to be rotten first. Whether there may be more.

    Called beside the worker. Once an hour, what a killed writer left in the store is removed.
    """
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
    scrub_blobs(found)
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

    Such a file has no key: it was in the memory of a process that is no more. It is left alone for a day, in which
    whoever has just written it comes to say so.
    """
    kept = store()
    kept.sweep()
    known = Blob.objects.exclude(state=GONE).order_by("pk").values_list("pk", flat=True).iterator()
    unknown: list[UUID] = []
    at = next(known, None)
    for name in kept.names():  # both come in the same order
        while at is not None and at < name:
            at = next(known, None)
        if at != name:
            unknown.append(name)
    _remove_unknown(unknown[:MOST])


def _remove_unknown(names: list[UUID]) -> None:
    now = clock.now()
    Stray.objects.exclude(pk__in=names).delete()
    Stray.objects.bulk_create([Stray(id=name, seen_at=now) for name in names], ignore_conflicts=True)
    for stray in Stray.objects.filter(seen_at__lt=now - OLD):
        if not Blob.objects.filter(pk=stray.pk).exclude(state=GONE).exists():
            store().delete(stray.pk)
        stray.delete()
