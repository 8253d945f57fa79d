"""The settings without which SQLite loses writes, or keeps what was deleted. Each is asked of a real connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError
from django.db.utils import ConnectionHandler

from himaya.core.config import BadConfig
from himaya.site.database import database

PRAGMAS = {
    "journal_mode": "wal",  # readers do not wait for the writer, nor the writer for them
    "synchronous": 2,  # FULL: what was acknowledged survives a power cut
    "secure_delete": 1,  # what was deleted is overwritten
    "foreign_keys": 1,
}


@pytest.fixture
def sqlite(tmp_path: Path, django_db_blocker: Any) -> Iterator[dict[str, Any]]:
    """The settings of a node with SQLite in a directory of its own."""
    with django_db_blocker.unblock():
        yield database("", tmp_path)


def connection(options: dict[str, Any]) -> Any:
    """A new connection with these settings, as Django makes it."""
    return ConnectionHandler({"default": options})["default"]


@pytest.mark.parametrize("pragma", PRAGMAS)
def test_sqlite_is_set_up_for_writers_and_for_a_power_cut(sqlite: dict[str, Any], pragma: str) -> None:
    ours = connection(sqlite)
    with ours.cursor() as cursor:
        value = cursor.execute(f"PRAGMA {pragma}").fetchone()[0]
    ours.close()
    assert value == PRAGMAS[pragma]


def test_two_writers_at_once_both_succeed(sqlite: dict[str, Any]) -> None:
    assert add_one_twice(sqlite) == 2


def test_with_deferred_transactions_one_of_two_writers_would_fail(sqlite: dict[str, Any]) -> None:
    sqlite["OPTIONS"]["transaction_mode"] = "DEFERRED"
    with pytest.raises(OperationalError, match="locked"):
        add_one_twice(sqlite)


def add_one_twice(options: dict[str, Any]) -> int:
    """Read a number and write one more, in two transactions that overlap; the number at the end."""
    one = connection(options)
    with one.cursor() as cursor:
        cursor.execute("CREATE TABLE counter (n integer)")
        cursor.execute("INSERT INTO counter VALUES (0)")
    begun, read = threading.Event(), threading.Event()

    def other_writer() -> None:
        other = connection(options)
        read.wait(10)
        begun.set()
        add_one(other)
        other.close()

    def pause() -> None:
        read.set()
        begun.wait(10)
        thread.join(0.3)  # a deferred transaction lets the other writer through here; an immediate one holds it back

    thread = threading.Thread(target=other_writer)
    thread.start()
    try:
        add_one(one, between=pause)
        thread.join(20)
        return int(one.cursor().execute("SELECT n FROM counter").fetchone()[0])
    finally:
        one.close()
        thread.join(20)


def add_one(ours: Any, between: Callable[[], None] = lambda: None) -> None:
    """Read, then write, in one transaction, begun as ``atomic`` begins it."""
    ours.ensure_connection()
    ours.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    with ours.cursor() as cursor:
        number = cursor.execute("SELECT n FROM counter").fetchone()[0]
        between()
        cursor.execute("UPDATE counter SET n = %s", [number + 1])
    ours.commit()
    ours.set_autocommit(True)


def test_times_are_kept_in_utc() -> None:
    assert settings.USE_TZ
    assert settings.TIME_ZONE == "UTC"


def test_one_setting_chooses_postgresql() -> None:
    chosen = database("postgresql://ann:s%40crit@db.example:5433/himaya?sslmode=require", Path("unused"))
    assert chosen["ENGINE"] == "django.db.backends.postgresql"
    assert (chosen["USER"], chosen["PASSWORD"], chosen["HOST"], chosen["PORT"]) == (
        "ann",
        "s@crit",
        "db.example",
        "5433",
    )
    assert chosen["NAME"] == "himaya"
    assert chosen["OPTIONS"]["sslmode"] == "require"


@pytest.mark.parametrize("address", ["mysql://x/y", "postgresql://host", "himaya.sqlite3"])
def test_another_kind_of_database_is_refused_in_words(address: str) -> None:
    with pytest.raises(BadConfig, match="database_url"):
        database(address, Path("unused"))
