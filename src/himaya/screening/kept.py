"""What is kept of a screening, where the operator chose so: off by default, for as long as was set, never the bytes.

With ``keep_fingerprints_days`` it is what a person needs to find the content again, once a list knows it: its
fingerprints, when and by which way it was met, the place as it was given, and in which lists it was to be looked for.
Of what was asked without wanting a case, nothing is kept: it would open one later.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.config import config
from himaya.core.ports import Fingerprint
from himaya.core.words import printable
from himaya.ledger import turns
from himaya.screening.fingerprinting import Fingerprinted, Skipped
from himaya.screening.models import Kept, KeptValue

if TYPE_CHECKING:
    from himaya.screening import services

STEP = 500
SWEEP_EVERY, SWEPT = 300.0, 2000


@dataclass(frozen=True, slots=True)
class Trace:
    """What is kept of one thing that was screened. ``lists`` are those in which alone it was looked for; all if empty.

    ``size`` is None where a fingerprint was sent, and no content.
    """

    subject: str
    prints: tuple[Fingerprint, ...]
    origin: str
    place: str
    media_type: str
    size: int | None
    at: datetime
    lists: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same content at the same place, looked for in the same lists, is kept once."""
        told = json.dumps([self.subject, self.place, *self.lists])
        return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def traces(read: Iterable[services.Read], *, origin: str, at: datetime, lists: Iterable[str] = ()) -> list[Trace]:
    """What is to be kept of a screening that may open cases; nothing where the operator did not ask for it."""
    if not config().keep_fingerprints_days:
        return []
    return [trace(place, one, origin, at, lists) for place, one in read if not isinstance(one, Skipped)]


def trace(
    place: str, one: Fingerprinted | services.Value, origin: str, at: datetime, lists: Iterable[str] = ()
) -> Trace:
    """What there is to keep of one thing."""
    shown, narrowed = printable(place)[:4000], tuple(sorted(set(lists)))
    if isinstance(one, Fingerprinted):
        return Trace(f"sha256:{one.sha256}", one.fingerprints, origin, shown, one.media_type, one.size, at, narrowed)
    prints = (Fingerprint(one.signal, one.value, body=one.body),)
    return Trace(f"{one.signal}:{one.value}", prints, origin, shown, "", None, at, narrowed)


def write(found: Iterable[Trace]) -> None:
    """Keep traces, with the caller's transaction; what is kept already is as new again."""
    once = sorted({one.key: one for one in found}.items())
    for start in range(0, len(once), STEP):
        part = once[start : start + STEP]
        rows = [
            Kept(
                key=key, subject=t.subject, origin=t.origin, place=t.place, media_type=t.media_type, size=t.size,
                at=t.at, lists=list(t.lists),
            )
            for key, t in part
        ]  # fmt: skip
        Kept.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=["at"])
        ids = dict(Kept.objects.filter(key__in=[key for key, _ in part]).values_list("key", "pk"))
        KeptValue.objects.bulk_create(
            [
                KeptValue(
                    kept_id=ids[key], signal=f.signal, value=f.value, variant=f.variant, quality=f.quality, body=f.body
                )
                for key, t in part
                for f in t.prints
            ],
            batch_size=STEP,
            ignore_conflicts=True,
        )


def by_id(ids: Iterable[int]) -> list[Trace]:
    """What is kept, in the order in which it came; what is gone by now is not among it."""
    wanted = list(ids)
    values: dict[int, list[Fingerprint]] = defaultdict(list)
    for one in KeptValue.objects.filter(kept__in=wanted).order_by("pk"):
        values[one.kept_id].append(Fingerprint(one.signal, one.value, one.quality, one.variant, bytes(one.body)))
    return [
        Trace(one.subject, tuple(values[one.pk]), one.origin, one.place, one.media_type, one.size, one.at,
              tuple(one.lists))
        for one in Kept.objects.filter(pk__in=wanted).order_by("pk")
    ]  # fmt: skip


# --- the removal -----------------------------------------------------------------------------------------------------


def sweep() -> bool:
    """Remove what was kept long enough; all of it where nothing is to be kept. True where there may be more."""
    if not turns.is_due("screening.kept", every=SWEEP_EVERY):
        return False
    old = Kept.objects.filter(at__lte=clock.now() - timedelta(days=config().keep_fingerprints_days))
    with transaction.atomic():
        some = list(old.order_by("pk").values_list("pk", flat=True)[:SWEPT])
        KeptValue.objects.filter(kept__in=some).delete()
        Kept.objects.filter(pk__in=some).delete()
    if len(some) < SWEPT:
        turns.note("screening.kept")
    return len(some) == SWEPT
