"""Putting a backup back: verified before, verified after, and then known to be old.

Whatever left the node after the backup was made is not known to it. So nothing that was queued is sent again: a person
is asked. Nothing is signed in the log until its witnesses say that they have seen no more. No number is given again.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from himaya.core import faults
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.files import rename
from himaya.core.words import N_, Said
from himaya.evidence.stopping import note_restored
from himaya.federation.native import ahead
from himaya.flow.reactor import react
from himaya.ledger import outbox, worker
from himaya.ledger import queries as ledger
from himaya.ledger.services import lock_head, record
from himaya.lists.arrivals import revisions
from himaya.log import checking as log_checking
from himaya.log import queries as log
from himaya.log.keys import identity
from himaya.log.restored import ACT
from himaya.log.services import raise_alarm
from himaya.site.backups import databases, places, preparing
from himaya.site.backups.copying import Steps, copy, piece_of
from himaya.site.backups.making import NODE
from himaya.site.backups.manifest import Backup, BackupDamaged

STAGE = ".restoring.sqlite3"
WHY = N_("it was queued when the backup was made that was put back since, and may have left after that")
Ready = Callable[[], object]
"""Brings the database to this version of the program."""


class SomebodyConnected(HimayaError):
    """The database is in use: connections of others: {n}."""

    remedy = "Stop the node on every machine (himaya serve, himaya worker), and whoever else is connected."
    status = 409


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: entries of the ledger, leaves of the log, jobs that wait for a person, files."""

    entries: int
    leaves: int
    jobs: int
    files: int = 0


def put_back(backup: Backup, *, by: str, ready: Ready, steps: Steps | None = None) -> Restored:
    """Bring database and files to where the node has them; it was prepared, and nobody runs the node.

    Repeated after it was cut off, it does what is left.

    Raises:
        SomebodyConnected, BackupDamaged, ToolMissing, ToolOld, ToolFailed: as their names say.
        OSError: the disk is full, or cannot be written.
    """
    steps = steps or Steps()
    if connection.vendor == "postgresql":
        _empty_the_server(backup, steps)
        try:
            found = fill(backup, by=by, ready=ready, steps=steps)
        except BaseException:
            databases.clear()
            raise
        files = _bring_files(backup, steps)
    else:
        stage = config().data / STAGE
        _remove(stage)
        with databases.at(str(stage)):
            try:
                found = fill(backup, by=by, ready=ready, steps=steps)
                databases.settle_down(stage)
            except BaseException:
                connection.close()
                _remove(stage)
                raise
        files = _bring_files(backup, steps)
        faults.point("restore.before_rename")
        rename(stage, preparing.database_file())
    faults.point("restore.before_unmark")
    preparing.unmark()
    return Restored(found.entries, found.leaves, found.jobs, files)


def fill(backup: Backup, *, by: str, ready: Ready, steps: Steps) -> Restored:
    """Fill the empty database that ``connection`` names, verify it, and have it know that it is old.

    Raises:
        BackupDamaged: the ledger or the log in it is not whole, or not the one that the manifest names.
    """
    steps.task("database", 0)
    databases.bring_in(backup.database)
    faults.point("restore.database")
    ready()
    steps.task("ledger", 0)
    proof, told = ledger.proof(), backup.manifest
    if not proof.whole:
        why = Said("entry {n} of its ledger: {why}", n=proof.broken_at, why=proof.why)
        raise BackupDamaged(path=backup.place, why=why)
    if (proof.entries, proof.head) != (told.ledger.entries, told.ledger.head):
        raise BackupDamaged(path=backup.place, why=N_("its ledger is not the one that its manifest names"))
    steps.task("log", 0)
    found = log_checking.check()
    if not found.whole:
        raise BackupDamaged(path=backup.place, why=Said("its log: {why}", why=found.why))
    while react():  # what follows from acts that are in it was done then; it is queued now, to be doubted below
        pass
    jobs = _know_that_old(backup, by=by)
    faults.point("restore.known")
    return Restored(proof.entries, found.leaves, jobs)


@transaction.atomic
def _know_that_old(backup: Backup, *, by: str) -> int:
    """In one transaction: nothing queued is sent, no number used again, nothing signed; and the ledger says so."""
    lock_head()
    databases.skip_numbers()
    jobs = outbox.doubt_all(but=worker.repeated(), why=WHY)
    made_at = backup.made_at.isoformat(timespec="seconds")
    told = backup.manifest.ledger
    facts = {"entries": told.entries, "head": told.head, "jobs": jobs}
    revision = revisions.skip_numbers(ahead.distance(backup.made_at))
    record(ACT, by=by, about=NODE, name=backup.name, made_at=made_at, revision=revision, **facts)
    note_restored(backup.made_at)
    mine, newest = identity(), log.checkpoints().first()
    if mine is not None:
        evidence = f"{backup.name}, {made_at}\n{newest.note if newest else ''}"
        raise_alarm(log.RESTORED, origin=mine.origin, size=newest.size if newest else 0, evidence=evidence)
    return jobs


def _empty_the_server(backup: Backup, steps: Steps) -> None:
    """See that the PostgreSQL database is empty; what somebody had in it is written beside what was set aside."""
    if others := databases.others():
        raise SomebodyConnected(n=others)
    half = preparing.half_done()
    if not databases.is_empty():
        if half is None or not half.ours:
            assert half is not None, "who may replace something has marked it"
            steps.task("what is there", 0)
            with databases.snapshot() as shared:
                databases.write_out(Path(half.aside) / "database.dump", shared=shared, progress=steps.at)
        databases.clear()
    preparing.mark(backup, ours=True, aside=Path(half.aside) if half and half.aside else None)
    faults.point("restore.cleared")


def _bring_files(backup: Backup, steps: Steps) -> int:
    """Copy the files to their places, those aside that are there; each digest is compared once more on the way."""
    steps.task("files", backup.manifest.files.size)
    count = 0
    for path, piece in backup.files():
        target, count = config().data / path, count + 1
        if target.is_file() and target.stat().st_size == piece.size and _same(path, target, piece):
            steps.done(piece.size)
            continue
        beside = target.with_name(f".{target.name}.restoring")
        if copy(backup.place / path, beside, heard=steps.done) != piece:
            beside.unlink()
            raise BackupDamaged(path=backup.place, why=Said("{file} is not what it was", file=path))
        beside.replace(target)
    os.sync()
    return count


def _same(path: str, target: Path, piece: object) -> bool:
    return path.startswith(f"{places.SEALED}/") or piece_of(target) == piece


def _remove(stage: Path) -> None:
    for ending in ("", "-wal", "-shm", "-journal"):
        Path(f"{stage}{ending}").unlink(missing_ok=True)
