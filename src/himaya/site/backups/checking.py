"""Verifying a backup as it lies there: every digest, or of the sealed files a sample. Without Django."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

from himaya.core.words import N_, Said
from himaya.site.backups import manifest
from himaya.site.backups.copying import Heard, Piece, piece_of
from himaya.site.backups.manifest import Backup, BackupDamaged
from himaya.site.backups.places import FOLDERS, SEALED

if TYPE_CHECKING:
    from pathlib import Path


def verify(backup: Backup, *, sample: int | None = None, heard: Heard = lambda _: None) -> int:
    """Read the backup and compare every digest; how many sealed files were read. Constant memory.

    Args:
        backup: the backup.
        sample: so many of its sealed files, drawn at random; None: all of them.
        heard: told of bytes.

    Raises:
        BackupDamaged: something is missing, or is not what it was.
    """
    told = backup.manifest
    _compare(backup, backup.database, Piece(told.database.size, told.database.sha256), heard)
    digest, count, sealed, drawn = hashlib.sha256(), 0, 0, list[tuple[str, Piece]]()
    for path, piece in backup.files():
        digest.update(manifest.line(path, piece))
        count += 1
        folder = path.partition("/")[0]
        if folder not in FOLDERS:
            raise BackupDamaged(path=backup.place, why=Said("it holds {file}, which belongs into none", file=path))
        if folder != SEALED or sample is None:
            sealed += folder == SEALED
            _compare(backup, backup.place / path, piece, heard)
            continue
        sealed += 1
        if len(drawn) < sample:
            drawn.append((path, piece))
        elif (at := random.randrange(sealed)) < sample:  # noqa: S311 - a sample, no secret
            drawn[at] = (path, piece)
    if (count, digest.hexdigest()) != (told.files.count, told.files.sha256):
        raise BackupDamaged(path=backup.place, why=N_("its list of files is not the one that its manifest names"))
    for path, piece in drawn:
        _compare(backup, backup.place / path, piece, heard)
    return sealed if sample is None else len(drawn)


def _compare(backup: Backup, file: Path, wanted: Piece, heard: Heard) -> None:
    name = file.relative_to(backup.place)
    try:
        if piece_of(file, heard=heard) != wanted:
            raise BackupDamaged(path=backup.place, why=Said("{file} is not what it was", file=str(name)))
    except OSError as error:
        why = Said("{file}: {why}", file=str(name), why=error.strerror)
        raise BackupDamaged(path=backup.place, why=why) from error
