"""A drill: the newest backup is put back beside the node that runs; how long that takes, and what would be lost."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.db import transaction

from himaya.core import clock, faults
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.evidence.keys import epoch_keys
from himaya.evidence.lost import confirmed_losses
from himaya.evidence.moved import lead_on, lost_exhibits, outer_here
from himaya.evidence.queries import sealed_files
from himaya.ledger import queries as ledger
from himaya.ledger.services import record
from himaya.site.backups import checking, databases, manifest, sealed
from himaya.site.backups.copying import Steps
from himaya.site.backups.keys import Archive
from himaya.site.backups.making import MADE, NODE, is_of_this_node, manifest_digest
from himaya.site.backups.manifest import Backup, BackupDamaged
from himaya.site.backups.opening import Opened, archive_outer, open_some
from himaya.site.backups.restoring import Ready, Restored, fill

DRILLED = "backup.drilled"
SAMPLE = 100
"""Sealed files that are read."""
PREFIX = ".drill-"


class DrillRuns(HimayaError):
    """Another drill is going on."""

    remedy = "Wait until it is done."
    status = 409


class ForeignBackup(HimayaError):
    """{path} is a backup of another node."""

    remedy = "Name the directory into which this node's backups go."


@dataclass(frozen=True, slots=True)
class Drilled:
    """What a drill found. ``age``: of the backup; ``missing``: entries of the ledger since, which would be lost."""

    backup: Backup
    seconds: float
    restored: Restored
    sealed: int
    age: timedelta
    missing: int
    opened: Opened | None = None
    """Of exhibits; None: it was not tried, for want of keys or of sealed files."""
    lost: int = 0
    """Exhibits that the backup says are to be kept, and whose keys were destroyed since."""


def drill(
    place: Path,
    *,
    by: str,
    ready: Ready,
    sample: int = SAMPLE,
    archive: Archive | None = None,
    most: int = SAMPLE,
    steps: Steps | None = None,
) -> Drilled:
    """Put the newest backup back into a temporary place, verify it, and remove it again.

    Args:
        place: where the backups are.
        by: the actor.
        ready: brings a database to this version.
        sample: so many sealed files are read.
        archive: the keys; with them exhibits are opened.
        most: so many at most; 0: all.
        steps: told how far it is.

    Raises:
        NoBackup, BackupDamaged, NewerBackup, ForeignBackup, DrillRuns, NoRoomForDrill: as their names say.
        OSError: there is no room.
    """
    steps, began = steps or Steps(), time.monotonic()
    backup = manifest.newest(place, fits=is_of_this_node)
    _check_origin(backup)
    entries, _ = ledger.head()
    called_lost = set(confirmed_losses().values_list("about", flat=True))  # as this node knows it now
    steps.task("digests", backup.manifest.database.size + backup.manifest.files.size)
    read = checking.verify(backup, sample=sample, heard=steps.done)
    gone = epoch_keys().destroyed()
    with _alone() as folder, databases.temporary(folder) as name, databases.at(name):
        restored = fill(backup, by=by, ready=ready, steps=steps, drill=True)
        faults.point("drill.restored")
        misfits = {name: there for name, _, there in sealed.misfits(backup)} if backup.manifest.sealed else {}
        outer = archive_outer(archive, gone=gone) if archive else outer_here()
        lead_on(outer, secret=archive.secret if archive else "")
        lost, opened = lost_exhibits({*gone, *(archive.destroyed if archive else ())}), None
        if archive is not None and backup.manifest.sealed:
            steps.task("exhibits", 0)
            opened = open_some(backup, archive, most=most, gone=gone, lost=called_lost, heard=steps.done)
    _check_sealed(backup, misfits)
    seconds, age = databases.seconds_since(began), clock.now() - backup.made_at
    missing = entries - backup.manifest.ledger.entries
    with transaction.atomic():
        facts = {"seconds": seconds, "age": int(age.total_seconds()), "entries": restored.entries, "missing": missing}
        facts |= {"lost": lost} if lost else {}
        facts |= {"opened": opened.opened, "unopened": opened.of - opened.opened} if opened else {}
        facts |= {"called_lost": opened.lost} if opened and opened.lost else {}
        record(DRILLED, by=by, about=NODE, name=backup.name, sealed=read, **facts)
    return Drilled(backup, seconds, restored, read, age, missing, opened, lost)


def _check_sealed(backup: Backup, misfits: dict[UUID, bool]) -> None:
    """See that each sealed file is there as its database knows it, but for those that have ended since."""
    needed = [misfits[name] for name, _ in sealed_files() if name in misfits] if misfits else []
    if lacking := needed.count(False):
        why = Said("it lacks {n} sealed files that its database knows", n=lacking)
        raise BackupDamaged(path=backup.place, why=why)
    if needed:
        why = Said("{n} sealed files in it are not what its database knows: they were damaged before", n=len(needed))
        raise BackupDamaged(path=backup.place, why=why)


def _check_origin(backup: Backup) -> None:
    """See that it is of this node, and as the ledger has it where that knows it."""
    first = ledger.entry(1)
    if first is not None and backup.manifest.ledger.first not in ("", first.digest):
        raise ForeignBackup(path=backup.place)
    for entry in ledger.entries(act=MADE, about=NODE)[:1000]:
        if entry.data["name"] == backup.name and entry.data["manifest"] != manifest_digest(backup):
            raise BackupDamaged(path=backup.place, why=N_("its manifest is not the one that the ledger knows"))


@contextmanager
def _alone() -> Iterator[Path]:
    """A folder in the data directory, on whose disk there is room for the database; those of killed drills go first."""
    data = config().data
    with (data / ".drill.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DrillRuns from None
        for old in data.glob(f"{PREFIX}*"):
            shutil.rmtree(old)
        databases.drop_left_over()
        with tempfile.TemporaryDirectory(dir=data, prefix=PREFIX) as folder:
            yield Path(folder)
