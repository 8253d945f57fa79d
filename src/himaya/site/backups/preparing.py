"""Before a backup is put back: what is in the way, what is set aside, and the mark that nobody may run the node.

Without Django, which wants the secret that may only come with the archive of keys.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from himaya.core import clock, faults
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.files import replace, sync_directory
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
    (config().data / places.HALF).unlink()
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
    held = {path: piece for path, piece in backup.files() if path.partition("/")[0] in FOLDERS}
    for folder in FOLDERS:
        for path in walk(config().data, folder):
            if held.get(path) != piece_of(config().data / path):
                found.append(path)
                break
    if archive is not None:
        found += [str(path) for path in keys.others_here(archive)][:SHOWN]
    return found


def _has_database() -> bool:
    if not config().database_url:
        with suppress(FileNotFoundError):
            return database_file().stat().st_size > 0
        return False
    with psycopg.connect(config().database_url, connect_timeout=5) as line:
        query = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()"
        row = line.execute(query).fetchone()
    return bool(row and row[0])


def set_aside(backup: Backup, archive: Archive | None) -> Path:
    """Move what is there out of the way, to where it can be put back from by hand; the folder in the data directory.

    A PostgreSQL database is not moved here: it is written into the folder later.
    """
    half = half_done()
    data = config().data
    aside = Path(half.aside) if half and half.aside else data / f"set-aside-{clock.now():%Y%m%dT%H%M%SZ}"
    aside.mkdir(mode=0o700, exist_ok=True)
    mark(backup, ours=bool(half and half.ours), aside=aside)
    if not config().database_url and not (half and half.ours):
        for ending in ("-wal", "-shm", ""):  # the database last: without it, the journals are those of none
            _move(Path(f"{database_file()}{ending}"), aside)
        mark(backup, ours=True, aside=aside)
    faults.point("restore.set_aside")
    for folder in FOLDERS:
        _move(data / folder, aside)
    for path in keys.others_here(archive) if archive else ():
        apart = aside if path.parent == data else path.parent / aside.name
        apart.mkdir(mode=0o700, exist_ok=True)
        _move(path, apart)
    return aside


def _move(path: Path, to: Path) -> None:
    target = to / path.name
    if not path.exists():
        return
    if target.exists():  # of an earlier attempt: what is here now was brought by it
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        return
    path.rename(target)
    sync_directory(to)
