"""Equal content is kept once, where the file that is there is whole and its key opens; else what came fresh takes its
place, for all who need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from himaya.core.errors import HimayaError
from himaya.core.vault.stores.mirrored import judged
from himaya.evidence.keys import can_open, close, epoch_keys, is_gone, opened, store
from himaya.evidence.models import Blob, Epoch, Exhibit
from himaya.evidence.states import ENDING, GOING, KEPT, ROTTEN, STANDARD, WHOLE
from himaya.ledger.services import SYSTEM, record

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from uuid import UUID

    from django.db.models import QuerySet

    from himaya.evidence.services import Sealed


def same(digests: Iterable[str]) -> QuerySet[Blob]:
    """Sealed files that stand of contents with these SHA-256, of the class whose keys the node has alone."""
    return Blob.objects.filter(sha256__in=list(digests), kept_class=STANDARD, state__in=(WHOLE, ROTTEN))


def epochs_of(digests: Iterable[str]) -> set[tuple[str, str]]:
    """Month and class of the epochs of all exhibits that need such a file: whoever takes its place locks them."""
    found = Epoch.objects.filter(pk__in=needing(digests).order_by().values("epoch"))
    return set(found.values_list("month", "kept_class"))


def needing(digests: Iterable[str]) -> QuerySet[Exhibit]:
    """All exhibits that need such a file, in the order in which their rows are locked."""
    return Exhibit.objects.filter(blob__in=same(digests).values("pk"), state__in=(KEPT, ENDING)).order_by("pk")


def whole_twin(sha256: str) -> UUID | None:
    """The sealed file that stands of a content, if any copy of it is whole, as read now, and a key opens it; outside
    any transaction. Of another one the exhibits are to get what comes fresh, and whoever does that locks them.
    """
    there = same([sha256]).first()
    copies = store().copies() if there and any(map(can_open, _needing(there))) else ()
    good = there and any(judged(copy, there.pk, sha256=there.stored_sha256) == "whole" for copy in copies)
    return there.pk if there and good else None


def twin_of(sealed: Sealed) -> tuple[Blob, bytes] | None:
    """A sealed file of the same content that will do, and its key; None: ours is needed.

    One that came while ours was sealed was whole a moment ago. One whose file is not, or whose key no exhibit opens,
    will not do.
    """
    there = same([sealed.seal.digests["sha256"]]).first() if sealed.kept_class == STANDARD else None
    if there is None or (there.pk != sealed.whole and there.read_at <= sealed.at):
        return None
    for one in _needing(there):
        try:
            return there, opened(one)
        except HimayaError:  # destroyed, lost or damaged: another may open
            continue
    return None


def new_blob(sealed: Sealed, epoch: Epoch, *, at: datetime) -> Blob:
    """The row of what was sealed. Where a file of the same content stands that will not do, whoever needs that needs
    this from now on, under keys of their epochs; where one of those is lost, under that of ``epoch``.
    """
    assert connection.in_atomic_block
    was = same([sealed.seal.digests["sha256"]]).first() if sealed.kept_class == STANDARD else None
    if was:
        Blob.objects.filter(pk=was.pk).update(state=GOING)
    blob = Blob.objects.create(
        id=sealed.number, kept_class=sealed.kept_class, sha256=sealed.seal.digests["sha256"], size=sealed.seal.size,
        stored=sealed.seal.stored, stored_sha256=sealed.seal.stored_sha256, read_at=at,
    )  # fmt: skip
    moved = 0
    for one in _needing(was) if was else ():
        if is_gone(one):
            continue  # it ended, and the database is about to say so
        one.blob = blob
        here = Epoch.objects.get(pk=one.epoch_id)
        close(one, sealed.key, epoch=here if here.name in epoch_keys().names() else epoch)
        one.save(update_fields=["blob", "epoch", "generation", "wrapped"])
        moved += 1
    if was and moved:
        record("evidence.replaced", by=SYSTEM, about=f"blob:{was.pk}", new=str(blob.pk), exhibits=moved)
    return blob


def _needing(blob: Blob) -> QuerySet[Exhibit]:
    found = Exhibit.objects.filter(blob=blob, state__in=(KEPT, ENDING))
    return found.select_related("blob", "epoch").order_by("pk")
