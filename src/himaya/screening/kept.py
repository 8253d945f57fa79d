"""What is kept of a screening, where the operator chose so: off by default, for as long as was set, never the bytes.

With ``keep_fingerprints_days`` it is what a person needs to find the content again, once a list knows it: its
fingerprints, when and by which way it was met, and the place as it was given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.config import config
from himaya.core.words import printable
from himaya.ledger import turns
from himaya.screening.fingerprinting import Fingerprinted, Skipped
from himaya.screening.models import Kept, KeptValue

if TYPE_CHECKING:
    from himaya.screening import services

STEP = 500
SWEEP_EVERY, SWEPT = 300.0, 2000

Value = tuple[str, str, str, int | None]
"""Signal, value, variant, quality. A composite fingerprint is kept without its parts."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What is kept of one thing that was screened."""

    subject: str
    values: tuple[Value, ...]
    origin: str
    place: str
    media_type: str
    size: int | None
    at: datetime

    @property
    def key(self) -> str:
        """The same content at the same place is kept once."""
        return hashlib.blake2b(f"{self.subject}\n{self.place}".encode(), digest_size=16).hexdigest()


def traces(read: Iterable[services.Read], *, origin: str) -> list[Trace]:
    """What is to be kept of a screening; nothing where the operator did not ask for it."""
    if not config().keep_fingerprints_days:
        return []
    now = clock.now()
    return [_trace(place, one, origin, now) for place, one in read if not isinstance(one, Skipped)]


def _trace(place: str, one: Fingerprinted | services.Value, origin: str, at: datetime) -> Trace:
    shown = printable(place)[:4000]
    if isinstance(one, Fingerprinted):
        values = tuple((f.signal, f.value, f.variant, f.quality) for f in one.fingerprints)
        return Trace(f"sha256:{one.sha256}", values, origin, shown, one.media_type, one.size, at)
    return Trace(f"{one.signal}:{one.value}", ((one.signal, one.value, "", None),), origin, shown, "", None, at)


def write(found: Iterable[Trace]) -> None:
    """Keep traces, with the caller's transaction; what is kept already is as new again."""
    once = sorted({one.key: one for one in found}.items())
    for start in range(0, len(once), STEP):
        part = once[start : start + STEP]
        rows = [
            Kept(
                key=key, subject=t.subject, origin=t.origin, place=t.place, media_type=t.media_type, size=t.size,
                at=t.at,
            )
            for key, t in part
        ]  # fmt: skip
        Kept.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=["at"])
        ids = dict(Kept.objects.filter(key__in=[key for key, _ in part]).values_list("key", "pk"))
        KeptValue.objects.bulk_create(
            [
                KeptValue(kept_id=ids[key], signal=signal, value=value, variant=variant, quality=quality)
                for key, t in part
                for signal, value, variant, quality in t.values
            ],
            batch_size=STEP,
            ignore_conflicts=True,
        )


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
