"""Before a backup is put back: what is in the way, what is set aside, and the mark that nobody may run the node.

Without Django, which wants the secret that may only come with the archive of keys.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from himaya.core import clock, faults
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.files import replace, sync_directory
from himaya.core.vault.epochs import MOVED, OWNER
from himaya.site.backups import keys, places
from himaya.site.backups.copying import piece_of, walk
from himaya.site.backups.keys import Archive
from himaya.site.backups.manifest import Backup
from himaya.site.database import database
from himaya.site.secrets import NAME as SECRETS

SHOWN = 5
FOLDERS = places.STATE
"""They are set aside. Sealed files never change, and are added to."""


class NotEmpty(HimayaError):
    """There is something already: {what}."""

    remedy = (
        "A backup is put back into an empty data directory and database. To replace what is there, after it was set "
        "aside: himaya restore … --over"
    )
    status = 409


class WrongDatabase(HimayaError):
    """The backup is one of {held}, and this node is set to {wanted}."""

    remedy = "Set database_url (HIMAYA_DATABASE_URL) to a database of that kind, or remove it for SQLite."


class NoSecrets(HimayaError):
    """The secrets of the node ({path}) are not here."""

    remedy = (
        "Give the archive of keys: --keys FILE --identity FILE. Where it is lost for good, himaya doctor makes new "
        "secrets; then second factors, and the keys of log and lists, cannot be read."
    )
    exit_code = 3


class ForeignNode(HimayaError):
    """The backup {path} is one of another node than this one."""

    remedy = (
        "Nothing was changed. Name a backup of this node; or have this machine become the other one: himaya restore … "
        "--over --become --keys FILE --identity FILE. What is here, with all keys, is set aside then."
    )
    status = 409


@dataclass(frozen=True, slots=True)
class Mark:
    """What is noted while a backup is put back. ``ours``: what is in the database by now came with it."""

    backup: str
    ours: bool
    aside: str = ""


def half_done() -> Mark | None:
    """The note of a backup that was not put back to its end; None where there is none."""
    try:
        told = json.loads((config().data / places.HALF).read_bytes())
        return Mark(str(told["backup"]), bool(told["ours"]), str(told["aside"]))
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return Mark("", ours=False)


def mark(backup: Backup, *, ours: bool, aside: Path | None) -> None:
    """Note it: from now on no command touches the node but the one that puts a backup back."""
    told = {"backup": backup.name, "ours": ours, "aside": str(aside or "")}
    replace(config().data / places.HALF, (json.dumps(told).encode(),))


def unmark() -> None:
    """It is done."""
    (config().data / places.HALF).unlink(missing_ok=True)
    sync_directory(config().data)


def check_secrets(archive: Archive | None) -> None:
    """See that the secrets are here, or come.

    Raises:
        NoSecrets: neither.
    """
    if archive is None and not (config().data / SECRETS).exists():
        raise NoSecrets(path=config().data / SECRETS)


def check_database(backup: Backup) -> None:
    """See that the node is set to a database of the kind that the backup holds.

    Raises:
        WrongDatabase: it is not.
    """
    names = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
    wanted = "postgresql" if config().database_url else "sqlite"
    if backup.manifest.database.kind != wanted:
        raise WrongDatabase(held=names[backup.manifest.database.kind], wanted=names[wanted])


def database_file() -> Path:
    """Where the SQLite database lies."""
    return Path(database("", config().data)["NAME"])


def in_the_way(backup: Backup, archive: Archive | None) -> list[str]:
    """What would be replaced, the first few of each kind; empty: nothing.

    What a restore that was cut off has brought is not in the way of the same backup.
    """
    half = half_done()
    found = [str(database_file())] if _has_database() and not (half and half.ours) else []
    for folder in FOLDERS:
        found += _others_in(backup, folder)
    if archive is not None:
        found += [str(path) for path in keys.others_here(archive)][:SHOWN]
    return found


def _others_in(backup: Backup, folder: str) -> list[str]:
    """The first file of a folder that is not as the backup has it; empty: there is none."""
    held = {path: piece for path, piece in backup.files() if path.partition("/")[0] == folder}
    for path in walk(config().data, folder):
        if (config().data / path).is_symlink() or held.get(path) != piece_of(config().data / path):
            return [path]
    return []


def _has_database() -> bool:
    if not config().database_url:
        with suppress(FileNotFoundError):
            return database_file().stat().st_size > 0
        return False
    with psycopg.connect(config().database_url, connect_timeout=5) as line:
        query = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
        row = line.execute(query).fetchone()
    return bool(row and row[0])


def check_origin(backup: Backup) -> None:
    """See that it is of the node whose database is here, or was here when it was set aside; nothing where none can be
    read.

    Raises:
        ForeignNode: its ledger begins with another entry.
    """
    first = backup.manifest.ledger.first
    if first and first_entry() not in ("", first):
        raise ForeignNode(path=backup.place)


def first_entry() -> str:
    """The digest of the first entry of the ledger that is here; empty: none can be read."""
    query, half = "SELECT digest FROM {} WHERE seq = 1", half_done()
    if config().database_url:
        with suppress(psycopg.Error), psycopg.connect(config().database_url, connect_timeout=5) as line:
            found = line.execute(
                "SELECT to_regclass(%s), to_regclass('ledger_entry')", [f"{places.BEFORE}.ledger_entry"]
            )
            before, now = found.fetchone() or (None, None)
            row = line.execute(query.format(before or now).encode()).fetchone() if before or now else None
            return str(row[0]) if row else ""
        return ""
    path = Path(half.aside) / database_file().name if half and half.ours and half.aside else database_file()
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as one:
        row = one.execute(query.format("ledger_entry")).fetchone()
        return str(row[0]) if row else ""
    return ""


def new_name() -> Path:
    """What the folder in the data directory would be called into which something is set aside now."""
    return config().data / f"set-aside-{clock.now():%Y%m%dT%H%M%SZ}"


def new_aside(half: Mark | None) -> Path:
    """The folder in the data directory for what is set aside: that of an earlier attempt, or one that is made now."""
    aside = Path(half.aside) if half and half.aside else new_name()
    aside.mkdir(mode=0o700, exist_ok=True)
    return aside


def set_aside(
    backup: Backup, archive: Archive | None, *, strangers: Iterable[str], become: bool, again: bool, undo: ExitStack
) -> Path | None:
    """Move what is there out of the way, to where it can be put back from by hand; the folder in the data directory.

    Args:
        backup: what is put back.
        archive: the keys that come; others that are here are set aside.
        strangers: sealed files that the backup does not know, as paths within the data directory.
        become: all keys of epochs are set aside: they are those of another node.
        again: an earlier attempt was cut off, which may have brought some of what is here.
        undo: told how each move is taken back.
    """
    half, data = half_done(), config().data
    ours = bool(config().database_url or (half and half.ours))
    moves = [] if ours else [path for path in _database_files() if path.exists()]
    folders = [data / name for name in FOLDERS if (data / name).is_dir() and any((data / name).iterdir())]
    apart = _keys_to_move(archive, become=become)
    strange = list(strangers)
    if not (moves or folders or apart or strange):
        return Path(half.aside) if half and half.aside else None
    aside = new_aside(half)
    undo.callback(remove_empty, aside)
    mark(backup, ours=ours, aside=aside)
    for path in moves:
        _move(path, aside, undo)
    mark(backup, ours=True, aside=aside)
    faults.point("restore.set_aside")
    for path in folders:
        if again and not _others_in(backup, path.name):
            shutil.rmtree(path)  # the earlier attempt has brought it
        else:
            _move(path, aside, undo)
    for name in strange:
        _move(data / name, (aside / name).parent, undo)
    for path in apart:
        _move(path, aside if path.parent == data else path.parent / aside.name, undo)
    return aside


def _database_files() -> list[Path]:
    """The database last: without it, the journals are those of none."""
    return [Path(f"{database_file()}{ending}") for ending in ("-wal", "-shm", "")]


def _keys_to_move(archive: Archive | None, *, become: bool) -> list[Path]:
    others = keys.others_here(archive) if archive else []
    directory = config().epoch_directory
    if become and directory.is_dir():
        every = (path for path in directory.iterdir() if path.suffix in (".key", ".gone", MOVED) or path.name == OWNER)
        others = [*(path for path in others if path.parent != directory), *every]
    return others


def _move(path: Path, to: Path, undo: ExitStack) -> None:
    target = to / path.name
    if not path.exists():
        return
    if target.exists():  # of an earlier attempt: what is here now was brought by it
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.rename(target)
    undo.callback(target.rename, path)
    sync_directory(to)


def remove_empty(folder: Path) -> None:
    """Remove folders below it that hold nothing any more, and itself."""
    for one in sorted(folder.rglob("*"), reverse=True):
        with suppress(OSError):
            one.rmdir()
    with suppress(OSError):
        folder.rmdir()
