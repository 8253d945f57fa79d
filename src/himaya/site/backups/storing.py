"""Sealed files of a store that is not the directory as shipped (a bucket, another disk): into a backup, and back.

In a backup they lie as in a directory of sealed files, so that it can be put back into whatever store there is then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.vault.stores.local import ENDING
from himaya.core.vault.stores.port import NotStored, StoreFailed
from himaya.core.vault.stores.setting import open_store
from himaya.core.words import Said
from himaya.evidence.keys import store
from himaya.evidence.mounted import was_used
from himaya.site.backups.copying import CHUNK, Heard, Piece, pour, read_from
from himaya.site.backups.manifest import Backup, BackupDamaged
from himaya.site.backups.places import SEALED


class StoreAway(HimayaError):
    """There is no store in {directory}, where the data that are put back had one."""

    remedy = "Mount its disk. Where that was replaced by an empty one: mkdir -p {directory}/.new"
    status = 503
    exit_code = 3


def make_places(*, afresh: bool) -> None:
    """Make the stores that are set, where they are not there and are not those of the data that ``connection`` names:
    what they held is about to be put back.

    Args:
        afresh: the machine is new, and its disks are: they are made whatever the data say.

    Raises:
        StoreAway: one was in use; its disk is not mounted, or another one. Nothing was made of it.
        StoreFailed: it cannot be done.
    """
    try:
        open_store(
            config().evidence_store,
            base=config().data,
            second=config().evidence_second_store,
            new=lambda place: afresh or not was_used(place) or _is_no_mount(place),
        )
    except StoreFailed as error:
        if error.facts["code"] == "Away":
            raise StoreAway(directory=str(error.facts["place"]).removeprefix("file:")) from error
        raise


def _is_no_mount(place: str) -> bool:
    """Whether it would be a folder of the data directory itself, and is not there: nothing can be mounted on it."""
    directory = Path(place.removeprefix("file:"))
    return directory.parent == config().data.resolve() and not directory.exists()


def paths() -> Iterator[tuple[str, UUID]]:
    """Where the files of the store lie in a backup, in order, and how they are called in the store.

    Raises:
        StoreFailed: it does not answer.
    """
    for name in store().names():
        yield path_of(name), name


def path_of(name: UUID) -> str:
    """Where a sealed file lies in a backup."""
    digits = str(name)
    return f"{SEALED}/{digits[:2]}/{digits[2:4]}/{digits}{ENDING}"


def name_of(path: str) -> UUID | None:
    """How the sealed file of a path is called in a store; None: it is none."""
    with suppress(ValueError):  # what was being written is no file of anything
        return UUID(Path(path).name.removesuffix(ENDING))
    return None


def copy_out(name: UUID, target: Path, *, heard: Heard) -> Piece | None:
    """Copy a sealed file out of the store; what it is. None: it ended meanwhile.

    Raises:
        StoreFailed, OSError: it cannot be read, or ``target`` not written; it may be there in part.
    """
    try:
        with store().open(name) as read:
            return pour(read, target, heard=heard)
    except NotStored:
        return None


def bring_in(backup: Backup, path: str, piece: Piece, *, heard: Heard) -> bool:
    """Put a sealed file of a backup into the store, where that does not have it; whether it is one.

    Raises:
        BackupDamaged: it is not what it was; nothing of it was put there.
        StoreFull, StoreFailed: as their names say.
    """
    name = name_of(path)
    if name is None:
        return False
    there = store().size(name)
    if there == piece.size and is_stored(name, piece.sha256):
        heard(piece.size)
        return True
    with store().writing(name, size=piece.size, over=there is not None) as to:
        if read_from(backup.place / path, to.write, heard=heard) != piece:
            raise BackupDamaged(path=backup.place, why=Said("{file} is not what it was", file=path))
    return True


def is_stored(name: UUID, sha256: str) -> bool:
    """Whether the store has a sealed file, and as it must be: all of it is read."""
    digest = hashlib.sha256()
    try:
        with store().open(name) as read:
            while part := read.read(CHUNK):
                digest.update(part)
    except NotStored:
        return False
    return digest.hexdigest() == sha256
