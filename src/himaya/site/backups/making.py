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
from himaya.evidence.queries import sealed_files
from himaya.federation.native.keys import alone
from himaya.ledger import queries as ledger
from himaya.ledger.services import record
from himaya.log import queries as log
from himaya.log.keys import identity
from himaya.site.backups import databases, manifest, places, sealed, storing
from himaya.site.backups.copying import Piece, Steps, copy, link, piece_of, walk
from himaya.site.backups.manifest import DATABASES, FILES, MANIFEST, Backup, Database, Ledger, Listed, Log, Manifest

MADE = "backup.made"
NODE = "node"


@dataclass(frozen=True, slots=True)
class Made:
    """A backup that was made, how long that took, and what was new of the sealed files. ``removed``: older ones.

    ``lacking``, ``rotten``: sealed files that something needs and that are not in it, or not as they were stored;
    ``strange``: other backups of this node that a person should look at, by name.
    """

    backup: Backup
    seconds: float
    linked: int
    removed: int
    lacking: int
    rotten: int
    strange: tuple[str, ...]


@dataclass(slots=True)
class _Counted:
    count: int = 0
    size: int = 0
    linked: int = 0
    lacking: int = 0
    rotten: int = 0

    def take(self, piece: Piece) -> Piece:
        self.count += 1
        self.size += piece.size
        return piece


def make(to: Path, *, by: str, keep: int = 0, with_sealed: bool = True, steps: Steps | None = None) -> Made:
    """Write a backup of database and files into a new directory below ``to``.

    Args:
        to: where backups of this node are kept.
        by: the actor.
        keep: how many complete backups of this node stay there, this one among them; 0: all.
        with_sealed: whether sealed files are copied, out of whatever store.
        steps: told how far it is.

    Raises:
        NoPlace, BackupRuns, ToolMissing, ToolOld, ToolFailed, StoreFailed, LinkInside: as their names say.
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
            told, counted = _write(beside, name, before=_before(to), with_sealed=with_sealed, steps=steps)
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
            facts = {"manifest": _digest(to / name), "lacking": counted.lacking, "rotten": counted.rotten}
            record(MADE, by=by, about=NODE, name=name, bytes=size, seconds=seconds, **facts)
        removed = _remove_older(to, keep=keep, made=made) if keep else 0
        strange = _strange(to, made)
    return Made(made, seconds, counted.linked, removed, counted.lacking, counted.rotten, strange)


def manifest_digest(backup: Backup) -> str:
    """SHA-256 of its manifest, as the ledger of the node that made it has it."""
    return _digest(backup.place)


def _digest(place: Path) -> str:
    return hashlib.sha256((place / MANIFEST).read_bytes()).hexdigest()


def _write(
    beside: Path, name: str, *, before: Backup | None, with_sealed: bool, steps: Steps
) -> tuple[Manifest, _Counted]:
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
                take(_copied(beside, **how))
                quiet.close()  # the moment is kept, and publishing goes on
                steps.task("database", 0)
                databases.write_out(beside / DATABASES[kind], shared=shared, progress=steps.at)
        faults.point("backup.database")
        if with_sealed:
            take(_sealed(beside, before=before, **how))
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
        sealed=with_sealed,
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


def _copied(beside: Path, *, counted: _Counted, steps: Steps) -> Iterator[tuple[str, Piece]]:
    """Copy the files of the folders that hold the state of this moment."""
    for folder in places.STATE:
        steps.task(folder, 0)
        for path in walk(config().data, folder):
            with suppress(FileNotFoundError):  # it was removed meanwhile, by whoever is done with it
                yield path, counted.take(copy(config().data / path, beside / path, heard=steps.done))


def _sealed(beside: Path, *, before: Backup | None, counted: _Counted, steps: Steps) -> Iterator[tuple[str, Piece]]:
    """Sealed files out of whatever store, and as the database says that they were stored.

    Those that the backup before has like that are not copied but linked: they never change, and have not rotted there
    when they were copied. So a file that is lost or rotten here by now stays in the backups in which it is good.
    """
    known, lacking = _Known(before), set[str]()
    steps.task(places.SEALED, 0)
    elsewhere = bool(places.sealed_elsewhere())
    there = (path for path, _ in storing.paths()) if elsewhere else walk(config().data, places.SEALED)
    for path, digest in sealed.beside(there):
        piece = known.linked(path, beside / path, digest=digest or ("" if elsewhere else _digest_now(path)))
        counted.linked += piece is not None
        piece = piece or _taken(path, beside / path, elsewhere=elsewhere, steps=steps)
        if piece is not None:
            counted.rotten += bool(digest) and piece.sha256 != digest
            yield path, counted.take(piece)
        elif digest:
            lacking.add(path)
    if lacking:  # but for those that have ended meanwhile
        counted.lacking = sum(storing.path_of(name) in lacking for name, _ in sealed_files())


def _digest_now(path: str) -> str:
    """Of a file that the database does not know, which may be another one by now."""
    with suppress(FileNotFoundError):
        return piece_of(config().data / path).sha256
    return ""


def _taken(path: str, to: Path, *, elsewhere: bool, steps: Steps) -> Piece | None:
    """Copy a sealed file; None: there is none, or it ended meanwhile."""
    if elsewhere:
        name = storing.name_of(path)
        return storing.copy_out(name, to, heard=steps.done) if name else None
    with suppress(FileNotFoundError):
        return copy(config().data / path, to, heard=steps.done)
    return None


class _Known:
    """The list of the backup before, walked beside the folder: both are in the same order, and neither is held."""

    def __init__(self, before: Backup | None) -> None:
        self._place = before.place if before else None
        self._lines = before.files() if before else iter(())
        self._next = next(self._lines, None)

    def linked(self, path: str, to: Path, *, digest: str) -> Piece | None:
        """What the file is, where it was there with this digest and could be linked; else None.

        No digest: nobody knows it, and the file is linked whatever it is.
        """
        wanted = manifest.order(path)
        while self._next is not None and manifest.order(self._next[0]) < wanted:
            self._next = next(self._lines, None)
        if self._next is None or self._next[0] != path or self._place is None:
            return None
        piece = self._next[1]
        return piece if digest in ("", piece.sha256) and link(self._place / path, to) else None


def is_of_this_node(told: Ledger) -> bool:
    """Whether a backup is one of this node, and of what its ledger is now: not of a state that it has left behind,
    since another backup was put back.
    """
    last = ledger.entry(told.entries)
    return told.entries == 0 or (last is not None and last.digest == told.head)


def _before(to: Path) -> Backup | None:
    """The newest backup of this node there."""
    return next((one for one in manifest.found(to) if is_of_this_node(one.manifest.ledger)), None)


def _remove_older(to: Path, *, keep: int, made: Backup) -> int:
    """Remove backups of this node beyond the newest ``keep``; each is out of sight before it is gone.

    The one that was just made stays, and so does what this node has left behind: that can be had nowhere else.
    """
    mine = [one for one in manifest.found(to) if one.name != made.name and is_of_this_node(one.manifest.ledger)]
    for one in mine[keep - 1 :]:
        hidden = to / f".{one.name}{places.REMOVED}"
        rename(one.place, hidden)
        faults.point("backup.removed")
        shutil.rmtree(hidden)
    return len(mine[keep - 1 :])


def _strange(to: Path, made: Backup) -> tuple[str, ...]:
    """Backups that begin as this node's ledger does and that a person should look at: they say that they were made
    later than now, or are of a state that the node has left behind.
    """
    first = made.manifest.ledger.first
    return tuple(
        one.name
        for one in manifest.found(to)
        if one.manifest.ledger.first == first
        and (one.made_at > made.made_at or not is_of_this_node(one.manifest.ledger))
    )
