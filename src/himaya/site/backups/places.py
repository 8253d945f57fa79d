"""Where data and keys of the node lie, and where their backups may."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.site.backups.manifest import NAME

FOLDERS = ("outbox", "proposals", "repository", "evidence")
"""Folders of the data directory that a backup holds, in the order of its list. What is left out is made anew (index,
previews) or read anew (subscriptions)."""
STATE, SEALED = FOLDERS[:3], FOLDERS[3]
"""Those that hold the state of one moment; and the one whose files never change under their names, the sealed ones: a
backup has them there wherever they lie."""
SETTINGS = "himaya.toml"
LOCK = ".himaya-backup.lock"
PARTIAL, REMOVED = ".partial", ".removed"
KEYS_NAME, KEYS_ENDING = "himaya-keys-", ".age"
HALF = "restoring.json"
"""File in the data directory that says: a backup is being put back, and nobody runs the node meanwhile."""
BEFORE = "himaya_set_aside"
"""Schema of PostgreSQL in which what was there before stands until what is put back is proved."""


class NoPlace(HimayaError):
    """A backup of the {what} cannot be kept in {path}: {why}."""

    remedy = "Choose another place; best on another disk, or on another machine."


class BackupRuns(HimayaError):
    """Another backup is being written to {path}."""

    remedy = "Wait until it is done."
    status = 409


def sealed_elsewhere() -> str:
    """Where sealed files lie, without secrets, where that is not their folder of the data directory; else empty."""
    store = config().evidence_store
    return "" if store == f"file:{SEALED}" else store.partition("?")[0]


def check_for_data(to: Path) -> None:
    """See that data can be kept there.

    Raises:
        NoPlace: it lies in the data directory or with the keys, or holds an archive of keys.
    """
    _not_within(to, N_("data"))
    if any(archives(one) for one in (to, *to.resolve().parents)):
        raise NoPlace(what=N_("data"), path=to, why=N_("there are archives of keys, and keys are kept apart from data"))


def check_for_keys(to: Path) -> None:
    """See that keys can be kept there.

    Raises:
        NoPlace: it lies in the data directory or with the keys, or within a place of backups of the data.
    """
    _not_within(to, N_("keys"))
    for one in (to.resolve(), *to.resolve().parents):
        if (one / LOCK).exists() or NAME.fullmatch(one.name) or any(map(NAME.fullmatch, _names(one))):
            why = Said("{other} holds backups of the data, and keys are kept apart from them", other=str(one))
            raise NoPlace(what=N_("keys"), path=to, why=why)


def _names(place: Path) -> list[str]:
    with suppress(OSError):  # it is not there yet, or not for us to look into
        return os.listdir(place)
    return []


def archives(place: Path) -> list[Path]:
    """The archives of keys in a directory, the newest first: their names begin with the time."""
    found = (name for name in _names(place) if name.startswith(KEYS_NAME) and name.endswith(KEYS_ENDING))
    return [place / name for name in sorted(found, reverse=True)]


def _not_within(to: Path, what: str) -> None:
    for own in (config().data, config().epoch_directory):
        if to.resolve().is_relative_to(own.resolve()):
            raise NoPlace(what=what, path=to, why=Said("it lies in {own}, and would be lost with it", own=str(own)))


def on_same_disk(to: Path) -> bool:
    """Whether it lies on the disk of the data directory, and would be lost with it."""
    return to.stat().st_dev == config().data.stat().st_dev


@contextmanager
def held(to: Path) -> Iterator[None]:
    """Nobody else writes backups into the directory, which is made where it is missing; what was cut off is removed.

    Raises:
        BackupRuns: somebody else does.
        OSError: the directory cannot be made.
    """
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (to / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupRuns(path=to) from None
        for one in to.iterdir():
            if one.name.startswith(".himaya-") and one.name.endswith((PARTIAL, REMOVED)):
                shutil.rmtree(one)
        yield
