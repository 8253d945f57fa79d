"""Whether what lies on disks of its own is there: where a disk is not mounted, nothing is written beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from himaya.core.errors import HimayaError
from himaya.core.words import N_
from himaya.evidence.models import Blob, Exhibit
from himaya.evidence.states import ROTTEN, WHOLE
from himaya.evidence.whereabouts import Place

if TYPE_CHECKING:
    from typing import Final

    from himaya.core.vault.epochs import EpochKeys
    from himaya.core.vault.stores.port import Store

KEYS: Final = "epoch keys"


class KeysAway(HimayaError):
    """The directory of epoch keys is not there: {directory} is not the one that this node has used."""

    remedy = (
        "Mount its volume, or set epoch_keys in the configuration file. Where it is lost for good, and no archive of "
        "keys has it: write {owner} into the file owner in it; what was closed with its keys stays lost."
    )
    status = 503
    exit_code = 3


def see_keys(keys: EpochKeys) -> None:
    """See that a directory is that of the epoch keys of this node; the first one is, and is marked so.

    Raises:
        KeysAway: it is not. Nothing was written.
    """
    if keys_away(keys):
        raise KeysAway(directory=keys.directory, owner=owner() or N_("a name"))
    if not owner():
        found = keys.own(str(uuid4()))  # it is there where whoever wrote it was cut off, or the data are older than it
        Place.objects.get_or_create(name=KEYS, defaults={"owner": found})


def keys_away(keys: EpochKeys) -> bool:
    """Whether a directory is not that of the epoch keys of this node. Where none was marked yet: there are exhibits,
    and nothing is in it.
    """
    known = owner()
    if known:
        return keys.owner != known
    return not (keys.owner or keys.names() or keys.destroyed()) and Exhibit.objects.exists()


def owner() -> str:
    """What stands in the directory of epoch keys of this node; empty: none was used yet."""
    return Place.objects.filter(name=KEYS).values_list("owner", flat=True).first() or ""


def is_new(place: str) -> bool:
    """Whether a store was not used yet, so that it is made where it is not there."""
    stores = Place.objects.exclude(name=KEYS)
    if stores.exists():
        return not stores.filter(name=place).exists()
    return not Blob.objects.filter(state__in=(WHOLE, ROTTEN)).exists()


def was_used(place: str) -> bool:
    """Whether a store is noted as used."""
    return Place.objects.filter(name=place).exists()


def note_used(store: Store) -> None:
    """Note that a store is used from now on, each copy of it."""
    for copy in store.copies():
        Place.objects.get_or_create(name=copy.place)
