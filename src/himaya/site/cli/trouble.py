"""Troubles of the machine, in words: what happened, and the remedy."""

from __future__ import annotations

import errno
import os
import sqlite3

from django.core.exceptions import ImproperlyConfigured
from django.db import Error, InterfaceError, OperationalError

from himaya.core.errors import HimayaError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SAYS_FULL = ("disk is full", "no space left", "disk i/o error", "could not extend", "could not write", "disk quota")


class DiskFull(HimayaError):
    """The disk is full: {where}."""

    remedy = "Make room and run the command again. What was acknowledged is kept; the last act was undone."
    exit_code = 3


class DatabaseAway(HimayaError):
    """The database does not answer: {why}."""

    remedy = "Check HIMAYA_DATABASE_URL and that the server runs; `himaya doctor` looks closer."
    exit_code = 3


class DatabaseBusy(HimayaError):
    """Another process has been writing to the database for longer than we wait: {why}."""

    remedy = "Try again when it is done. Nothing was changed by this command's last step."
    exit_code = 3


class DatabaseDamaged(HimayaError):
    """{where} is not a database that can be read: {why}."""

    remedy = "Keep it as it is, and restore a backup beside it; HIMAYA_DATA chooses the directory."
    exit_code = 3


class NotWritable(HimayaError):
    """No permission: {where}."""

    remedy = "Run as the user who owns it, or choose another place; HIMAYA_DATA sets the data directory."
    exit_code = 3


class Unusable(HimayaError):
    """{where} cannot be used: {why}."""

    remedy = "Choose another place, or put this one right; HIMAYA_DATA sets the data directory."
    exit_code = 3


class NotReady(HimayaError):
    """The database has not been prepared for this version."""

    remedy = "Run: himaya init"
    exit_code = 3


class HalfRestored(HimayaError):
    """The backup {backup} was not put back to its end; what was there before is in {aside}."""

    remedy = "Run himaya restore again, with this backup or another one. Until then the node does not run."
    exit_code = 3


class NodeReplaced(HimayaError):
    """Another command puts a backup back into {data}, or removes the node there."""

    remedy = "Wait until it is done; then run the command again."
    status = 409
    exit_code = 3


class TooNew(HimayaError):
    """The database was prepared by a newer version of this program."""

    remedy = "Install that version again: an older one must not write to it."
    exit_code = 3


def explained(error: BaseException) -> HimayaError | None:
    """The same trouble as an error with a remedy; None where it is a defect of the program."""
    if isinstance(error, OSError):
        return _of_os(error)
    if isinstance(error, Error | ImproperlyConfigured | sqlite3.Error):
        return _of_database(error)
    return None


def _of_os(error: OSError) -> HimayaError | None:
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if error.errno in FULL:
        return DiskFull(where=where or _data())
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotWritable(where=where or str(error))
    return Unusable(where=where, why=error.strerror) if where else None


def _data() -> str:
    """What a trouble without a name is about: the data directory."""
    from himaya.core.config import config

    return str(config().data)


def _of_database(error: BaseException) -> HimayaError | None:
    why = " ".join(str(error).split())
    low = why.lower()
    if any(words in low for words in SAYS_FULL):
        return DiskFull(where=f"{_data()} ({why})")
    if "database is locked" in low or "deadlock detected" in low:
        return DatabaseBusy(why=why)
    if "readonly database" in low or "unable to open database file" in low:
        return NotWritable(where=f"{_data()} ({why})")
    if "not a database" in low or "malformed" in low:
        return DatabaseDamaged(where=_data(), why=why)
    if "no such table" in low or ("relation" in low and "does not exist" in low):
        return NotReady()
    return DatabaseAway(why=why) if isinstance(error, OperationalError | InterfaceError) else None
