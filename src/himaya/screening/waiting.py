"""What matched nothing but items in quarantine waits for the decision about them, so that nothing is lost by it.

Were it not so, whoever shows a hundred altered copies of a known picture would silence its item until a lead looks. It
is kept with the transaction that tells that it is known, and no more than a case needs: the digests and the plain
fingerprints of the content, those turned ones that matched, the frames of a video where these did, the place, by whom
and when it was shown. It is gone once its case is open (:mod:`himaya.screening.released`) or the item withdrawn, and
after ``flood_kept_days``. Of an item ``flood_kept`` wait, and :data:`BYTES`; how many did not is shown with the figures
(docs/decisions/0018).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock, registry
from himaya.core.config import config
from himaya.core.ports import Fingerprint
from himaya.ledger import turns
from himaya.lists import quarantine
from himaya.screening import kept
from himaya.screening.models import Waiting

if TYPE_CHECKING:
    from himaya.lists.models import Quarantine
    from himaya.screening.kept import Trace
    from himaya.screening.matching import Found

BYTES = 256 * 1024**2
"""Of an item, at most: the frames of long videos take some hundred thousand each."""
STEP = 500
SWEEP_EVERY, SWEPT = 300.0, 2000


@dataclass(frozen=True, slots=True)
class Held:
    """A content that opens no case yet, and why: ``matches`` are of items in quarantine alone."""

    trace: Trace
    matches: tuple[Found, ...]
    occasion: str
    by: str

    @property
    def items(self) -> set[int]:
        """The items that it waits for."""
        return {match.item.id for match in self.matches}


def lock(held: Sequence[Held]) -> None:
    """Lock what tells how much waits, before anything of a case is locked."""
    if held:
        quarantine.lock_latest({item for one in held for item in one.items})


def keep(held: Sequence[Held]) -> None:
    """Let contents wait, with the caller's transaction; the items are held by now."""
    if not held:
        return
    latest = quarantine.lock_latest({item for one in held for item in one.items})
    for item, row in sorted(latest.items()):
        _keep(row, {one.trace.key: one for one in held if item in one.items})


def _keep(row: Quarantine, held: dict[str, Held]) -> None:
    keys, there = list(held), set[str]()
    for start in range(0, len(keys), STEP):
        some = Waiting.objects.filter(quarantine=row, key__in=keys[start : start + STEP])
        there.update(some.values_list("key", flat=True))
    rows: list[Waiting] = []
    size = lost = 0
    for key, one in held.items():
        if key in there:
            continue
        made = _row(row, key, one)
        takes = len(json.dumps(made.prints)) + len(made.place)
        if row.kept + len(rows) < config().flood_kept and row.kept_bytes + size + takes <= BYTES:
            rows.append(made)
            size += takes
        else:
            lost += 1
    Waiting.objects.bulk_create(rows, batch_size=STEP)
    if rows or lost:
        quarantine.note_waiting(row, kept=len(rows), size=size, lost=lost)


def _row(of: Quarantine, key: str, one: Held) -> Waiting:
    trace = one.trace
    return Waiting(
        quarantine=of, key=key, subject=trace.subject, prints=[list(_told(f)) for f in _needed(one)],
        origin=trace.origin, occasion=one.occasion[:80], by=one.by, place=trace.place, media_type=trace.media_type,
        size=trace.size, lists=list(trace.lists), at=trace.at, since=clock.now(),
    )  # fmt: skip


def _needed(one: Held) -> Iterator[Fingerprint]:
    """What a case shows, and what is compared once more when the item is let go."""
    matched = {(match.item.signal, match.variant) for match in one.matches}
    for found in one.trace.prints:
        if registry.signal(found.signal).composite and (found.signal, found.variant) not in matched:
            yield replace(found, body=b"")
        elif not found.variant or (found.signal, found.variant) in matched:
            yield found


def _told(one: Fingerprint) -> tuple[str, str, int | None, str, str]:
    return one.signal, one.value, one.quality, one.variant, base64.b64encode(one.body).decode()


def trace(row: Waiting) -> Trace:
    """What was kept."""
    prints = tuple(Fingerprint(s, v, quality, variant, base64.b64decode(b)) for s, v, quality, variant, b in row.prints)
    lists = tuple(row.lists)
    return kept.Trace(row.subject, prints, row.origin, row.place, row.media_type, row.size, row.at, lists)


def remove(of: Quarantine, rows: Sequence[Waiting], *, lost: int = 0) -> None:
    """Let what waits for a quarantine, whose row is locked, wait no more. ``lost``: how many of them open no case."""
    size = sum(len(json.dumps(one.prints)) + len(one.place) for one in rows)
    Waiting.objects.filter(pk__in=[one.pk for one in rows]).delete()
    quarantine.note_waiting(of, kept=-len(rows), size=-size, lost=lost)


def sweep() -> bool:
    """Remove what has waited too long; True where there may be more. Called in rounds of the worker."""
    if not turns.is_due("screening.waiting", every=SWEEP_EVERY):
        return False
    old = Waiting.objects.filter(since__lte=clock.now() - timedelta(days=config().flood_kept_days))
    of = old.values_list("quarantine", flat=True).first()
    if of is None:
        turns.note("screening.waiting")
        return False
    with transaction.atomic():
        row = quarantine.lock(of)
        if row is not None:
            some = list(old.filter(quarantine=row).order_by("pk")[:SWEPT])
            remove(row, some, lost=len(some))
    return row is not None
