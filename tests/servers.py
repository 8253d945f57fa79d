"""Real servers for tests, each on a free port of this machine and gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from tools import with_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[with_postgres.Postgres]:
    """A PostgreSQL of our own: ``.url``, ``.crash_and_restart()``. Mark tests that use it ``postgres``."""
    with with_postgres.running() as server:
        yield server


def create_database(url: str, name: str, *, like: str = "template1") -> str:
    """Make a database on the server of ``url``, empty or ``like`` one that nobody is connected to; its address."""
    with psycopg.connect(url, autocommit=True) as connection:
        wanted = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(like))
        connection.execute(wanted)
    return f"{url.rpartition('/')[0]}/{name}"


def drop_database(url: str, name: str) -> None:
    """Remove a database, whoever is connected to it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
