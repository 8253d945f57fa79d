"""Making a backup of the data, while the node works: a directory that is written beside and renamed at the end."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection, transaction

import himaya
from himaya.core import clock, faults
from himaya.core.config import config
from himaya.core.files import rename
from himaya.core.vault.epochs import EpochKeys
from himaya.federation.native.keys import alone
from himaya.ledger import queries as ledger
from himaya.ledger.services import record
from himaya.log import queries as log
from himaya.log.keys import identity
from himaya.site.backups import databases, manifest, places, storing
from himaya.site.backups.copying import Piece, Steps, copy, link, piece_of, walk
from himaya.site.backups.manifest import DATABASES, FILES, MANIFEST, Backup, Database, Ledger, Listed, Log, Manifest

MADE = "backup.made"
NODE = "node"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made, how long that took, and what was new of the sealed files. ``removed``: older ones."""

    backup: Backup
    seconds: float
    linked: int
    removed: int


@dataclass(slots=True)
class _Counted:
    count: int = 0
    size: int = 0
    linked: int = 0


def make(to: Path, *, by: str, keep: int = 0, sealed: bool = True, steps: Steps | None = None) -> Made:
    """Write a backup of database and files into a new directory below ``to``.

    Args:
        to: where backups of this node are kept.
        by: the actor.
        keep: how many complete backups of this node stay there, this one among them; 0: all.
        sealed: whether sealed files are copied, out of whatever store.
        steps: told how far it is.

    Raises:
        NoPlace, BackupRuns, ToolMissing, ToolOld, ToolFailed, StoreFailed: as their names say.
        OSError: it cannot be written. What was there before is whole, and nothing of this one is left.
    """
    places.check_for_data(to)
    began, steps = time.monotonic(), steps or Steps()
    with places.held(to):
        made_at = clock.now()
        name = f"himaya-{made_at:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"
        beside = to / f".{name}{places.PARTIAL}"
        beside.mkdir(mode=0o700)
        try:
            told, counted = _write(beside, name, before=_before(to), sealed=sealed, steps=steps)
            os.sync()  # one for all the files: hundreds of thousands, each by itself, would take the night
            faults.point("backup.before_rename")
            rename(beside, to / name)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        faults.point("backup.renamed")
        made = Backup(to / name)
        seconds = databases.seconds_since(began)
        with transaction.atomic():
            size = told.database.size + told.files.size
            record(MADE, by=by, about=NODE, name=name, bytes=size, seconds=seconds, manifest=_digest(to / name))
        removed = _remove_older(to, keep=keep, like=made) if keep else 0
    return Made(made, seconds, counted.linked, removed)


def manifest_digest(backup: Backup) -> str:
    """SHA-256 of its manifest, as the ledger of the node that made it has it."""
    return _digest(backup.place)


def _digest(place: Path) -> str:
    return hashlib.sha256((place / MANIFEST).read_bytes()).hexdigest()


def _write(beside: Path, name: str, *, before: Backup | None, sealed: bool, steps: Steps) -> tuple[Manifest, _Counted]:
    kind = "postgresql" if connection.vendor == "postgresql" else "sqlite"
    counted, digest = _Counted(), hashlib.sha256()
    with (beside / FILES).open("xb") as listed:

        def take(copied: Iterator[tuple[str, Piece]]) -> None:
            for path, piece in copied:
                line = manifest.line(path, piece)
                digest.update(line)
                listed.write(line)

        how: Any = {"counted": counted, "steps": steps}
        with ExitStack() as quiet:
            quiet.enter_context(alone())  # nobody publishes: database and repository say the same
            with databases.snapshot() as shared:
                made_at, facts = clock.now(), _facts()
                take(_copied(beside, places.STATE, before=None, **how))
                quiet.close()  # the moment is kept, and publishing goes on
                steps.task("database", 0)
                databases.write_out(beside / DATABASES[kind], shared=shared, progress=steps.at)
        faults.point("backup.database")
        if sealed:
            found = _from_store if places.sealed_elsewhere() else _from_folder
            take(found(beside, before=before, **how))
        listed.flush()
        os.fsync(listed.fileno())
    faults.point("backup.files")
    file = piece_of(beside / DATABASES[kind])
    made = Manifest(
        name=name,
        made_at=made_at,
        program=himaya.__version__,
        node=config().node_name,
        database=Database(kind=kind, size=file.size, sha256=file.sha256),
        files=Listed(count=counted.count, size=counted.size, sha256=digest.hexdigest()),
        ledger=facts[0],
        log=facts[1],
        destroyed=_destroyed(),
        sealed=sealed,
    )
    manifest.write(beside, made)
    return made, counted


def _facts() -> tuple[Ledger, Log]:
    """Where ledger and log end, within the snapshot."""
    entries, head = ledger.head()
    first, mine, newest = ledger.entry(1), identity(), log.checkpoints().first()
    told = Log(origin=mine.origin, size=log.size(), checkpoint=newest.note if newest else "") if mine else Log()
    return Ledger(entries=entries, head=head, first=first.digest if first else ""), told


def _destroyed() -> tuple[str, ...]:
    directory = config().epoch_directory
    return tuple(EpochKeys(directory).destroyed()) if directory.is_dir() else ()


def _copied(
    beside: Path, folders: tuple[str, ...], *, before: Backup | None, counted: _Counted, steps: Steps
) -> Iterator[tuple[str, Piece]]:
    """Copy the files of folders; those that the backup before has, and that never change, are only linked."""
    known = _Known(before)
    for folder in folders:
        steps.task(folder, 0)
        for path in walk(config().data, folder):
            piece = known.linked(path, beside / path, now=config().data / path)
            if piece is None:
                with suppress(FileNotFoundError):  # it was removed meanwhile, by whoever is done with it
                    piece = copy(config().data / path, beside / path, heard=steps.done)
            else:
                counted.linked += 1
            if piece is not None:
                counted.count += 1
                counted.size += piece.size
                yield path, piece


def _from_folder(
    beside: Path, *, before: Backup | None, counted: _Counted, steps: Steps
) -> Iterator[tuple[str, Piece]]:
    yield from _copied(beside, (places.SEALED,), before=before, counted=counted, steps=steps)


def _from_store(beside: Path, *, before: Backup | None, counted: _Counted, steps: Steps) -> Iterator[tuple[str, Piece]]:
    """The same of a store elsewhere. What the backup before has is not asked for: it never changes."""
    known = _Known(before)
    steps.task(places.SEALED, 0)
    for path, name in storing.paths():
        piece = known.linked(path, beside / path)
        counted.linked += piece is not None
        piece = piece or storing.copy_out(name, beside / path, heard=steps.done)
        if piece is not None:
            counted.count += 1
            counted.size += piece.size
            yield path, piece


class _Known:
    """The list of the backup before, walked beside the folder: both are in the same order, and neither is held."""

    def __init__(self, before: Backup | None) -> None:
        self._place = before.place if before else None
        self._lines = before.files() if before else iter(())
        self._next = next(self._lines, None)

    def linked(self, path: str, to: Path, *, now: Path | None = None) -> Piece | None:
        """What the file is, where it was there, with the size that ``now`` has, and could be linked; else None."""
        wanted = manifest.order(path)
        while self._next is not None and manifest.order(self._next[0]) < wanted:
            self._next = next(self._lines, None)
        if self._next is None or self._next[0] != path or self._place is None:
            return None
        piece = self._next[1]
        with suppress(OSError):
            if (now is None or now.stat().st_size == piece.size) and link(self._place / path, to):
                return piece
        return None


def _before(to: Path) -> Backup | None:
    """The newest backup of this node there."""
    first = ledger.entry(1)
    mine = first.digest if first else ""
    return next((one for one in manifest.found(to) if one.manifest.ledger.first == mine), None)


def _remove_older(to: Path, *, keep: int, like: Backup) -> int:
    """Remove backups of the same node beyond the newest ``keep``; each is out of sight before it is gone."""
    mine = [one for one in manifest.found(to) if one.manifest.ledger.first == like.manifest.ledger.first]
    for one in mine[keep:]:
        hidden = to / f".{one.name}{places.REMOVED}"
        rename(one.place, hidden)
        faults.point("backup.removed")
        shutil.rmtree(hidden)
    return len(mine[keep:])
