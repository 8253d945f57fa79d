"""Reading what is kept: verified part by part, from the second store where the first has rotted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from himaya.core.errors import HimayaError
from himaya.core.vault.stores.mirrored import unsealed
from himaya.evidence.keys import is_gone, key_of, store
from himaya.evidence.models import Blob
from himaya.evidence.states import DESTROYED, ROTTEN, WHOLE

if TYPE_CHECKING:
    from himaya.evidence.models import Exhibit

log = logging.getLogger("himaya.evidence")


class ExhibitEnded(HimayaError):
    """{exhibit} was destroyed on {at}: nothing opens it any more."""

    status = 410


def unsafe_content(
    exhibit: Exhibit, *, start: int = 0, stop: int | None = None, key: bytes | None = None
) -> Iterator[bytes]:
    """What was sealed, in parts of at most 1 MiB, each verified before it is given.

    It is the material itself: whoever calls this has put on record for whom and why, or gives it to nobody.

    Args:
        exhibit: which.
        start: the first byte.
        stop: the byte behind the last; None: to the end.
        key: of what is guarded, its key, which two custodians have opened.

    Raises:
        ExhibitEnded: it was destroyed.
        CustodiansNeeded: it is guarded, and ``key`` is None.
        SealBroken, NotSealed, NotStored, StoreFailed, WrongKey: it is not what was sealed, and no second store has it.
        EpochLost, EpochReturned, BadEpochKey: the outer key is not as it must be.
    """
    if exhibit.state == DESTROYED or is_gone(exhibit):
        raise ExhibitEnded(exhibit=exhibit.reference, at=f"{exhibit.ended_at or exhibit.until:%Y-%m-%d}")
    blob = exhibit.blob

    def broken(place: str, error: HimayaError) -> None:
        log.warning("the sealed file %s in %s does not open: %s", blob.pk, place, error)
        Blob.objects.filter(pk=blob.pk, state=WHOLE).update(state=ROTTEN)  # the next scrub sees to it first

    yield from unsealed(
        store(),
        blob.pk,
        key=key or key_of(exhibit),
        exhibit=blob.pk,
        start=start,
        stop=stop,
        on_broken=broken,
    )
