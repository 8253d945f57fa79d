"""Putting a backup back: verified before, verified after, and then known to be old.

Whatever left the node after the backup was made is not known to it. So nothing that was queued is sent again: a person
is asked. Nothing is signed in the log until its witnesses say that they have seen no more. No number is given again.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.db import connection, transaction

from himaya.accounts.housekeeping import end_sessions
from himaya.core import faults
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.files import rename
from himaya.core.vault.epochs import NAME as EPOCH
from himaya.core.words import N_, Said
from himaya.evidence import mounted
from himaya.evidence.keys import epoch_keys
from himaya.evidence.locking import see_all_locks
from himaya.evidence.moved import lead_on, lost_exhibits, outer_here
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
from himaya.reporting.watching import doubt_drafts
from himaya.site.backups import databases, keys, manifest, places, preparing, sealed, storing
from himaya.site.backups.copying import LinkInside, Piece, Steps, copy, piece_of, walk
from himaya.site.backups.keys import Archive
from himaya.site.backups.making import NODE
from himaya.site.backups.manifest import Backup, BackupDamaged, Ledger

STAGE, DATABASE = ".restoring", "himaya.sqlite3"
WHY = N_("it was queued when the backup was made that was put back since, and may have left after that")
Ready = Callable[[], object]
"""Brings the database to this version of the program."""


class SomebodyConnected(HimayaError):
    """The database is in use: connections of others: {n}."""

    remedy = "Stop the node on every machine (himaya serve, himaya worker), and whoever else is connected."
    status = 409


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back: entries of the ledger, leaves of the log, jobs that wait for a person."""

    entries: int
    leaves: int
    jobs: int


@dataclass(frozen=True, slots=True)
class PutBack:
    """A backup that was put back. ``aside``: where what was there is; ``strangers``: sealed files among it, which the
    backup does not know; ``misfits``: sealed files that the database knows and that were not in the backup as they were
    stored, nor are here; ``lost``: exhibits that it says are to be kept, and whose keys were destroyed since.
    """

    found: Restored
    files: int
    aside: Path | None
    strangers: int
    misfits: int
    keys: keys.PutBack
    lost: int


def put_back(
    backup: Backup, *, archive: Archive | None, replace: bool, become: bool, by: str, ready: Ready, steps: Steps
) -> PutBack:
    """Bring database, files and keys to where the node has them; nobody runs the node.

    All is filled and proved beside what is there; only then that is set aside and the new takes its place. Where it
    fails before its end, what was there stands again. Repeated after it was killed, it does what is left.

    Args:
        backup: the backup, whose digests were verified.
        archive: the keys that come with it.
        replace: something is there, and is set aside.
        become: this machine becomes another node: all its keys are set aside.
        by: the actor.
        ready: brings a database to this version.
        steps: told how far it is.

    Raises:
        SomebodyConnected, BackupDamaged, StoreAway, ToolMissing, ToolOld, ToolFailed: as their names say.
        OSError: the disk is full, or cannot be written.
    """
    stage = _stage()
    with ExitStack() as undo:
        half = preparing.half_done()
        if half is None:
            undo.callback(preparing.unmark)
        undo.callback(shutil.rmtree, stage)
        if not replace:
            preparing.mark(backup, ours=True, aside=Path(half.aside) if half and half.aside else None)
        with _filled(backup, stage, undo, steps, replace=replace):
            found = fill(backup, by=by, ready=ready, steps=steps)
            destroyed, strangers, owner = _destroyed(), _strangers(backup), mounted.owner()
            afresh = archive is not None and not replace and not (half and half.aside)
            files, misfits = _bring_files(backup, stage, steps, afresh=afresh)
        aside = preparing.set_aside(
            backup, archive, strangers=strangers, become=become, again=half is not None, undo=undo
        )
        _settle(stage, archive, undo)
        undo.pop_all()
    name = (aside or preparing.new_name()).name
    put = keys.put_back(archive, destroyed=destroyed, aside=name, owner=owner)
    lead_on(outer_here())
    lost = lost_exhibits(set(epoch_keys().destroyed()))
    faults.point("restore.before_unmark")
    shutil.rmtree(stage)
    preparing.unmark()
    return PutBack(found, files, aside, len(strangers), misfits, put, lost)


def _stage() -> Path:
    stage = config().data / STAGE
    with suppress(FileNotFoundError):
        shutil.rmtree(stage)
    stage.mkdir(mode=0o700)
    return stage


@contextmanager
def _filled(backup: Backup, stage: Path, undo: ExitStack, steps: Steps, *, replace: bool) -> Iterator[None]:
    """Within the block ``connection`` names an empty database, beside what is there; at its end it is on the disk."""
    if connection.vendor == "postgresql":
        _empty_the_server(backup, undo, steps, replace=replace)
        yield
        return
    with databases.at(str(stage / DATABASE)):
        yield
        databases.settle_down(stage / DATABASE)


def _settle(stage: Path, archive: Archive | None, undo: ExitStack) -> None:
    """Let what was proved take its place, the database last."""
    for folder in preparing.FOLDERS:
        if (stage / folder).is_dir():
            target = config().data / folder
            with suppress(FileNotFoundError):
                target.rmdir()  # empty: what was in it is set aside
            rename(stage / folder, target)
            undo.callback(shutil.rmtree, target)
    if archive is not None:
        keys.put_back_secrets(archive, over=True)
    faults.point("restore.before_rename")
    if connection.vendor == "postgresql":
        databases.drop_schema_aside()
    else:
        rename(stage / DATABASE, preparing.database_file())


def fill(backup: Backup, *, by: str, ready: Ready, steps: Steps, drill: bool = False) -> Restored:
    """Fill the empty database that ``connection`` names, verify it, and have it know that it is old; ``drill``: it is
    thrown away afterwards.

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
    first = ledger.entry(1)
    found_here = Ledger(entries=proof.entries, head=proof.head, first=first.digest if first else "")
    if found_here != told.ledger:
        raise BackupDamaged(path=backup.place, why=N_("its ledger is not the one that its manifest names"))
    steps.task("log", 0)
    found = log_checking.check()
    if not found.whole:
        raise BackupDamaged(path=backup.place, why=Said("its log: {why}", why=found.why))
    while not drill and react():  # what follows from acts that are in it was done then; it is queued now, to be doubted
        pass  # a drill has the epoch keys of the node that works, and makes none
    jobs = _know_that_old(backup, by=by)
    faults.point("restore.known")
    return Restored(proof.entries, found.leaves, jobs)


@transaction.atomic
def _know_that_old(backup: Backup, *, by: str) -> int:
    """In one transaction: nothing queued is sent, no number used again, nothing signed, no session goes on; and the
    ledger says so.
    """
    lock_head()
    databases.skip_numbers()
    jobs = outbox.doubt_all(but=worker.repeated(), why=WHY)
    doubt_drafts()
    end_sessions()
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


def _empty_the_server(backup: Backup, undo: ExitStack, steps: Steps, *, replace: bool) -> None:
    """See that the PostgreSQL database is empty; what was in it stands beside, and is written into a file."""
    if others := databases.others():
        raise SomebodyConnected(n=others)
    half = preparing.half_done()
    aside = Path(half.aside) if half and half.aside else None
    if replace and not databases.is_empty() and not (half and half.ours):
        aside = preparing.new_aside(half)
        preparing.mark(backup, ours=False, aside=aside)
        dump = aside / "database.dump"
        undo.callback(preparing.remove_empty, aside)
        undo.callback(dump.unlink, missing_ok=True)
        steps.task("what is there", 0)
        with databases.snapshot() as shared:
            databases.write_out(dump, shared=shared, progress=steps.at)
    databases.set_schema_aside()
    undo.callback(databases.bring_schema_back)
    if replace:
        preparing.mark(backup, ours=True, aside=aside)
    faults.point("restore.cleared")


def _destroyed() -> set[str]:
    """The epochs whose keys were destroyed, as the ledger has it."""
    told = (entry.data.get("epoch") for entry in ledger.entries(act="evidence.destroyed").iterator())
    return {epoch for epoch in told if isinstance(epoch, str) and EPOCH.fullmatch(epoch)}


def _strangers(backup: Backup) -> list[str]:
    """Sealed files that are here and that neither the backup has nor its database knows: they came after it."""
    if places.sealed_elsewhere() or not backup.manifest.sealed:
        return []
    listed = (path for path, _ in backup.files() if path.startswith(f"{places.SEALED}/"))
    found, at = [], next(listed, None)
    for path in walk(config().data, places.SEALED):
        while at is not None and manifest.order(at) < manifest.order(path):
            at = next(listed, None)
        if at != path and not (config().data / path).is_symlink() and not sealed.stored_as(path):
            found.append(path)
    return found


def _bring_files(backup: Backup, stage: Path, steps: Steps, *, afresh: bool) -> tuple[int, int]:
    """Copy files to the stage, sealed ones to their place, where they are not what they must be. How many; and how many
    sealed ones the database knows that are now not what was stored.

    Each digest is compared once more on the way. ``afresh``: nothing was here before, and even the secrets came along.
    """
    steps.task("files", backup.manifest.files.size)
    count = 0
    elsewhere = bool(places.sealed_elsewhere())
    if backup.manifest.sealed:
        storing.make_places(afresh=afresh)
    for path, piece in backup.files():
        kept = path.startswith(f"{places.SEALED}/")
        if elsewhere and kept:
            count += storing.bring_in(backup, path, piece, heard=steps.done)
            continue
        target, count = (config().data if kept else stage) / path, count + 1
        if kept and _is_good(path, target, piece):
            steps.done(piece.size)
            continue
        beside = target.with_name(f".{target.name}.restoring")
        if copy(backup.place / path, beside, heard=steps.done) != piece:
            beside.unlink()
            raise BackupDamaged(path=backup.place, why=Said("{file} is not what it was", file=path))
        beside.replace(target)
    os.sync()
    if elsewhere and backup.manifest.sealed:
        see_all_locks()
    lacking = sealed.misfits(backup) if backup.manifest.sealed else ()
    return count, sum(not storing.is_stored(name, digest) for name, digest, _ in lacking)


def _is_good(path: str, target: Path, piece: Piece) -> bool:
    """Whether what is here is what the backup has, or what its database says was stored, when the backup has other."""
    try:
        here = piece_of(target)
    except (OSError, LinkInside):
        return False
    return here == piece or here.sha256 == sealed.stored_as(path)
