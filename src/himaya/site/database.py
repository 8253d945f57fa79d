"""From one setting to Django's database dictionary."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from himaya.core.config import BadConfig, config

SQLITE_START = "; ".join(
    (
        "PRAGMA journal_mode=WAL",  # readers do not wait for the writer
        "PRAGMA synchronous=FULL",  # what was acknowledged survives a power cut
        "PRAGMA secure_delete=ON",  # deleted rows are overwritten
        "PRAGMA foreign_keys=ON",
        "PRAGMA cache_size=-16384",  # KiB, where they are used; an import touches its index all over
        "PRAGMA wal_autocheckpoint=4000",  # pages, 16 MB: a page that several batches touch is copied back once
    )
)
EXPECTED = "database_url: expected postgresql://user:password@host:port/name"


def database(url: str, data: Path) -> dict[str, Any]:
    """The settings of the default database: SQLite in ``data``, or the PostgreSQL that ``url`` names.

    SQLite transactions begin IMMEDIATE: a deferred one that reads before it writes fails at once with "database is
    locked" when another writer was faster, whatever the timeout.

    Raises:
        BadConfig: the address names another kind of database, or is none.
    """
    if not url:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(data / "himaya.sqlite3"),
            "CONN_MAX_AGE": 60,  # opening one for each request takes as long as answering it
            "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 30, "init_command": SQLITE_START},
            "TEST": {"NAME": str(data / "test.sqlite3")},  # a file: threads and processes of tests share it
        }
    try:
        parts = urlsplit(url)
        port = str(parts.port or "")
    except ValueError as error:
        raise BadConfig(why=EXPECTED, path=config().file) from error
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise BadConfig(why=EXPECTED, path=config().file)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": port,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, **dict(parse_qsl(parts.query))},
    }
