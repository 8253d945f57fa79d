"""What waited for an item in quarantine opens its case once a lead has let the item go.

Step by step, in rounds of the worker: cases are opened in the transaction that removes what waited, so that whatever
is killed goes on there, and no case is opened twice. It is matched as it would be now: what is known to be benign by
now opens none. What waited for an item that was withdrawn is removed and looked at no more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction

from himaya.cases.queries import already_seen
from himaya.core import faults
from himaya.lists import quarantine
from himaya.screening import again, services, waiting
from himaya.screening.models import Waiting

OPENED, REMOVED = 100, 2000
"""Rows in one step: of an item that was let go, and of one that was withdrawn."""


def look() -> bool:
    """One step; True where there may be another. Called in every round of the worker."""
    ended = quarantine.ended_with_kept()
    if ended is None:
        return False
    with transaction.atomic():
        row = quarantine.lock(ended)
        if row is None or not row.kept:
            return False
        most = OPENED if row.limit else REMOVED
        some = list(Waiting.objects.filter(quarantine=row).order_by("pk")[:most])
        if row.limit:
            _open(row.item_id, some)
        waiting.remove(row, some)
        if len(some) < most:  # whatever the numbers say, that was all
            quarantine.note_waiting(row, kept=-row.kept, size=-row.kept_bytes)
        faults.point("screening.released_step")
    return True


def _open(item: int, rows: Sequence[Waiting]) -> None:
    """Open what was decided about, even where the item is held again by now."""
    traces = {row.pk: waiting.trace(row) for row in rows}
    found = again.matched([traces[row.pk] for row in rows])
    new = [
        (_let_go(one, item), source, services.Shown(row.origin, row.occasion, row.by, row.at))
        for row, (one, source) in zip(rows, found, strict=True)
        if any(match.item.id == item for match in one.matches)
        and not already_seen(row.subject, one.place, {match.item.id for match in one.matches})
    ]
    if new:
        answers, sources, shown = map(list, zip(*new, strict=True))
        services.settle_before(services.Looked(answers, sources), shown=shown, outcome="released", guarded=False)


def _let_go(one: services.Answer, item: int) -> services.Answer:
    free = [replace(m, item=replace(m.item, quarantined=False)) if m.item.id == item else m for m in one.matches]
    return replace(one, matches=tuple(free))
