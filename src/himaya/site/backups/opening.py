"""Opening some exhibits of a backup with its own archive of keys: whether the two belong together shows only there.

The keys are in memory alone, and what is opened is digested part by part: it is written nowhere and given to nobody.
Exhibits of the guarded class open with the parts of custodians, and are left out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from himaya.core.errors import HimayaError
from himaya.core.vault.epochs import key_in, moved_in
from himaya.core.vault.sealed import unseal
from himaya.core.words import N_, Said
from himaya.evidence.keys import epoch_name, opened_with
from himaya.evidence.moved import Outer
from himaya.evidence.queries import standard_in_any_order
from himaya.site.backups.storing import path_of
from himaya.site.secrets import NAME as SECRETS

if TYPE_CHECKING:
    from himaya.evidence.models import Exhibit
    from himaya.site.backups.copying import Heard
    from himaya.site.backups.keys import Archive
    from himaya.site.backups.manifest import Backup

SHOWN = 20


@dataclass(slots=True)
class Opened:
    """How many exhibits opened, of how many that should; the first that did not, and why. ``lost``: beside them, as
    two leads say that the keys are lost, and the archive does not have them.
    """

    opened: int = 0
    of: int = 0
    lost: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)


def archive_outer(archive: Archive, *, gone: Collection[str]) -> Outer:
    """The keys of epochs in an archive, but for those that were destroyed since."""
    held, moved = archive.epochs, archive.moved
    return Outer(
        [name for name in held if name not in {*gone, *archive.destroyed}],
        lambda name: key_in(held[name], path=archive.path),
        lambda name: moved_in(BytesIO(moved.get(name, b""))),
    )


def open_some(
    backup: Backup, archive: Archive, *, most: int, gone: Collection[str], lost: Collection[str], heard: Heard
) -> Opened:
    """Open exhibits of the standard class, drawn at random, out of a backup whose database ``connection`` names.

    Args:
        backup: where the sealed files are.
        archive: the keys.
        most: so many at most; 0: all.
        gone: epochs whose keys were destroyed since: what they closed is not opened again.
        lost: epochs whose keys are called lost now: what the archive does not open of them is no failure.
        heard: told of bytes.
    """
    found, ended = Opened(), {*gone, *archive.destroyed, *backup.manifest.destroyed}
    secret = str(json.loads(archive.files[SECRETS])["secret_key"])
    for one in standard_in_any_order():
        if (name := epoch_name(one)) in ended:
            continue
        if name in lost and name not in archive.epochs:
            found.lost += 1
            continue
        if most and found.of >= most:
            break
        found.of += 1
        why = _open(backup, archive, one, secret, heard)
        if not why:
            found.opened += 1
        elif len(found.failed) < SHOWN:
            found.failed.append((one.reference, why))
    return found


def _open(backup: Backup, archive: Archive, one: Exhibit, secret: str, heard: Heard) -> str:
    """Read it to its end; why that is not what was kept, empty where it is."""
    epoch = epoch_name(one)
    content = archive.epochs.get(epoch)
    if content is None:
        return Said("the archive of keys does not have that of {epoch}: it is older", epoch=epoch)
    digest, size = hashlib.sha256(), 0
    try:
        key = opened_with(one, outer=key_in(content, path=archive.path), secret=secret)
        with (backup.place / path_of(one.blob_id)).open("rb") as file:
            for part in unseal(file, key=key, exhibit=one.blob_id):
                digest.update(part)
                size += len(part)
                heard(len(part))
    except HimayaError as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)
    same = (digest.hexdigest(), size) == (one.digests["sha256"], one.blob.size)
    return "" if same else N_("it opens, and is not what was kept")
