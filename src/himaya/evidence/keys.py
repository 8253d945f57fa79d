"""Ways to the keys of exhibits: sealed files lie in a store, outer keys in a directory, and neither in the database."""

from __future__ import annotations

from base64 import b64decode, b64encode
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import connection

from himaya.accounts import sealing
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.vault.epochs import EpochKeys, Moved
from himaya.core.vault.sealed import new_key
from himaya.core.vault.stores.port import Store
from himaya.core.vault.stores.setting import open_store
from himaya.core.vault.wrapping import WrongKey, open_with, unwrap, wrap
from himaya.evidence.guarded.models import Deal
from himaya.evidence.guarded.parts import move_brought
from himaya.evidence.models import Epoch, Exhibit, InnerKey
from himaya.evidence.mounted import is_new, note_used, owner, see_keys
from himaya.evidence.states import DESTROYED, GUARDED

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from django.db.models import QuerySet

PURPOSE = b"himaya inner keys of evidence 1"


class CustodiansNeeded(HimayaError):
    """{exhibit} is guarded: this node alone does not open it."""

    remedy = "Ask for access; two custodians bring their parts of its key once that is granted."
    status = 409


def store() -> Store:
    """Where sealed files lie, as the configuration says."""
    return _store(config().evidence_store, config().evidence_second_store, config().data)


@cache
def _store(first: str, second: str, base: Path) -> Store:
    found = open_store(first, base=base, second=second, new=is_new)
    note_used(found)
    return found


def epoch_keys() -> EpochKeys:
    """The outer keys, in their directory; where that is away, none is made or destroyed (``KeysAway``)."""
    return EpochKeys(config().epoch_directory, check=see_keys)


def lock_epoch(until: datetime, kept_class: str) -> Epoch:
    """The epoch in which something ends, locked until the transaction ends; its key is there.

    Where the key of a generation is missing, what comes is closed with that of the next one: the missing one stays
    missing (:func:`lost_epochs`), and nothing waits until it is found.

    Raises:
        EpochLost, EpochReturned, BadEpochKey: as their names say.
    """
    month = f"{until:%Y-%m}"
    Epoch.objects.get_or_create(month=month, kept_class=kept_class)
    epoch = Epoch.objects.select_for_update().get(month=month, kept_class=kept_class)
    while epoch_keys().is_destroyed(epoch.name) or _is_missing(epoch):
        epoch.generation += 1  # others of this month have ended already, or their key is not there
    epoch.save(update_fields=["generation"])
    see_key(epoch)
    return epoch


def _is_missing(epoch: Epoch) -> bool:
    """Whether something is closed with a key that is not in the directory, which is marked as ours."""
    keys = epoch_keys()
    if not keys.is_missing(epoch.name) or not (ours := owner()) or keys.owner != ours:
        return False
    return Exhibit.objects.filter(epoch=epoch, generation=epoch.generation).exists()


def see_key(epoch: Epoch) -> None:
    """See that the key of an epoch is there; made where nothing is closed with it yet.

    Raises:
        EpochLost, EpochReturned, EpochDestroyed, BadEpochKey: as their names say.
    """
    if Exhibit.objects.filter(epoch=epoch, generation=epoch.generation).exists():
        epoch_keys().key(epoch.name)  # a new one in place of one that was lost would hide that it was
    else:
        epoch_keys().key_for(epoch.name)


def lock_epochs(found: QuerySet[Epoch]) -> None:
    """Lock several, in the order in which everybody does."""
    for one in sorted(found, key=lambda each: (each.month, each.kept_class)):
        Epoch.objects.select_for_update().get(pk=one.pk)


def lock_ends(found: QuerySet[Exhibit], *, to: Collection[tuple[datetime, str]]) -> None:
    """Lock the epochs of some exhibits and those into which they are to move, in the order in which everybody does.

    Args:
        found: the exhibits.
        to: when they are to end, and their class.
    """
    old = Epoch.objects.filter(pk__in=found.order_by().values("epoch")).values_list("month", "kept_class")
    for month, kept_class in sorted({*old, *((f"{until:%Y-%m}", kept_class) for until, kept_class in to)}):
        Epoch.objects.get_or_create(month=month, kept_class=kept_class)
        Epoch.objects.select_for_update().get(month=month, kept_class=kept_class)


def close(exhibit: Exhibit, key: bytes, *, epoch: Epoch) -> None:
    """Wrap the key of an exhibit for an epoch that the caller has locked; the caller saves the exhibit.

    What custodians have brought for it moves with it. Its fields ``uuid``, ``case`` and ``digests`` must stand by now:
    the key is bound to them.
    """
    assert connection.in_atomic_block
    outer = epoch_keys().key(epoch.name)
    if exhibit.pk and exhibit.kept_class == GUARDED:
        move_brought(exhibit, old=epoch_keys().key(epoch_name(exhibit)), new=outer)
    exhibit.epoch, exhibit.generation = epoch, epoch.generation
    exhibit.wrapped = wrap(key, inner=_inner(exhibit), outer=outer, about=_about(exhibit, epoch.name))


def note_moved(exhibits: Collection[Exhibit]) -> None:
    """Write down beside the outer keys of some exhibits that they were moved under these, by a caller who has locked
    their epochs. A backup of the data from before that has no other way to them once the old key is destroyed.
    """
    deals = {one.exhibit_id: one.set for one in Deal.objects.filter(exhibit__in=exhibits)}
    by_name: dict[str, list[Moved]] = {}
    for one in exhibits:
        line = Moved(UUID(str(one.uuid)), deals.get(one.pk, one.blob_id), bytes(one.wrapped or b""))
        by_name.setdefault(epoch_name(one), []).append(line)
    for name, some in by_name.items():
        epoch_keys().add_moved(name, some)


def wrap_again(exhibit: Exhibit, key: bytes) -> None:
    """Wrap another key in place of an exhibit's, under the outer key that it has; the caller has locked its epoch."""
    assert connection.in_atomic_block
    name = epoch_name(exhibit)
    outer = epoch_keys().key(name)
    exhibit.wrapped = wrap(key, inner=_inner(exhibit), outer=outer, about=_about(exhibit, name))
    exhibit.save(update_fields=["wrapped"])


def key_of(exhibit: Exhibit, *, custody: bytes | None = None) -> bytes:
    """What opens the sealed file of an exhibit.

    Args:
        exhibit: which.
        custody: of what is guarded, the key that two custodians have brought.

    Raises:
        CustodiansNeeded: it is guarded, and there is none.
        EpochDestroyed, EpochLost, EpochReturned, BadEpochKey, WrongKey: as :func:`opened`.
    """
    if exhibit.kept_class != GUARDED:
        return opened(exhibit)
    if custody is None:
        raise CustodiansNeeded(exhibit=exhibit.reference)
    return open_with(custody, opened(exhibit), exhibit=exhibit.reference)


def opened(exhibit: Exhibit) -> bytes:
    """The key of an exhibit that is kept; of what is guarded, that key closed, as custodians alone open it.

    Raises:
        EpochDestroyed, EpochLost, EpochReturned, BadEpochKey, WrongKey: as their names say.
    """
    name = epoch_name(exhibit)
    outer = epoch_keys().key(name)
    return unwrap(bytes(exhibit.wrapped or b""), inner=_inner(exhibit), outer=outer, about=_about(exhibit, name))


def opened_with(exhibit: Exhibit, *, outer: bytes, secret: str) -> bytes:
    """The key of an exhibit with the keys of an archive: that of its epoch, and the secret of the node.

    Raises:
        WrongKey, SealedElsewhere: they are those of something else.
    """
    about = _about(exhibit, epoch_name(exhibit))
    row = InnerKey.objects.filter(about=_inner_about(exhibit)).first()
    if row is None:
        raise WrongKey(exhibit=exhibit.uuid)
    inner = b64decode(sealing.unseal(row.sealed, purpose=PURPOSE, secret=secret))
    return unwrap(bytes(exhibit.wrapped or b""), inner=inner, outer=outer, about=about)


def epoch_name(exhibit: Exhibit) -> str:
    """The epoch under whose key the exhibit's is wrapped: of its month and class, of the generation then."""
    month = exhibit.epoch.month
    return Epoch(month=month, kept_class=exhibit.kept_class, generation=exhibit.generation).name


def lost_epochs() -> list[str]:
    """Epochs without whose keys exhibits do not open, and whose keys are neither here nor destroyed."""
    there = {*epoch_keys().names(), *epoch_keys().destroyed()}
    every = ((epoch, n) for epoch in Epoch.objects.all() for n in range(1, epoch.generation + 1))
    names = {Epoch(month=one.month, kept_class=one.kept_class, generation=n).name: (one, n) for one, n in every}
    needed = Exhibit.objects.exclude(state=DESTROYED)  # asked only of those that are not there: they are few
    return sorted(
        name for name, (one, n) in names.items()
        if name not in there and needed.filter(epoch=one, generation=n).exists()
    )  # fmt: skip


def unarchived_epochs(archived: Collection[str], *, before: datetime) -> list[str]:
    """Epochs without whose keys exhibits of before then do not open, whose keys are here and not ``archived``."""
    found = Exhibit.objects.filter(acquired_at__lt=before).exclude(state=DESTROYED)
    rows = found.values_list("epoch__month", "kept_class", "generation").distinct()
    kept = {Epoch(month=month, kept_class=of, generation=n).name for month, of, n in rows}
    return sorted((kept & set(epoch_keys().names())) - set(archived))


def is_gone(exhibit: Exhibit) -> bool:
    """Whether nothing opens it any more, although the database may not say so yet."""
    return exhibit.state == DESTROYED or epoch_keys().is_destroyed(epoch_name(exhibit))


def can_open(exhibit: Exhibit) -> bool:
    """Whether its outer key is here and opens it; of what is guarded, as far as the node does. Tried, not guessed."""
    if exhibit.state == DESTROYED:
        return False
    try:
        opened(exhibit)
    except (HimayaError, OSError):
        return False
    return True


def _inner(exhibit: Exhibit) -> bytes:
    """The inner key of the exhibit's case, or its own where it has none; made where there is none yet."""
    about = _inner_about(exhibit)
    fresh = sealing.seal(b64encode(new_key()).decode(), purpose=PURPOSE)
    row, _ = InnerKey.objects.get_or_create(about=about, defaults={"sealed": fresh})
    return b64decode(sealing.unseal(row.sealed, purpose=PURPOSE))


def _inner_about(exhibit: Exhibit) -> str:
    return exhibit.case or f"exhibit:{exhibit.uuid}"


def _about(exhibit: Exhibit, epoch: str) -> dict[str, str]:
    return {"exhibit": str(UUID(str(exhibit.uuid))), "epoch": epoch, "sha256": exhibit.digests["sha256"]}
