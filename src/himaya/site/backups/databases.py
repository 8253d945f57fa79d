"""The database as one file and back: SQLite by its online backup, PostgreSQL by ``pg_dump`` and ``pg_restore``.

Both copy one moment while the node goes on: SQLite's copy reads in a transaction that is kept open, PostgreSQL's in a
snapshot that it shares with ours.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from django.db import ProgrammingError, connection, transaction
from psycopg.conninfo import make_conninfo

from himaya.core.errors import HimayaError
from himaya.core.files import sync_directory
from himaya.site.backups.places import BEFORE

PAGES = 2048
"""Of SQLite, copied between two looks at whether somebody wants to stop: 8 MiB."""
GONE_AFTER = 10.0
"""Seconds after which a PostgreSQL has noticed that a process which was killed is connected no more."""
LOOK = 0.2
"""Seconds between two looks at how far ``pg_dump`` is."""
NUMBERS_AHEAD = 1000
Progress = Callable[[int, int], object]
"""Told of bytes done and of all."""


class ToolMissing(HimayaError):
    """{tool} is not on the PATH."""

    remedy = "Install the client programs of PostgreSQL, of the server's version ({server}) or later."
    exit_code = 3


class ToolOld(HimayaError):
    """{tool} is of version {version}, and the server of version {server}."""

    remedy = "Install the client programs of PostgreSQL {server} or later, and put them first on the PATH."
    exit_code = 3


class ToolFailed(HimayaError):
    """{tool} failed: {why}."""

    remedy = "Put right what it names, and run the command again."
    exit_code = 3


class NoRoomForDrill(HimayaError):
    """A database to restore into cannot be made: {why}."""

    remedy = "Let the node's role make databases for the time of the drill: ALTER ROLE … CREATEDB"
    exit_code = 3


@contextmanager
def snapshot() -> Iterator[str]:
    """Within the block, all that is read is of one moment. On PostgreSQL: the name under which ``pg_dump`` joins it."""
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            yield cursor.fetchone()[0]
        return
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        try:
            cursor.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now it is this moment
            yield ""
        finally:
            cursor.execute("ROLLBACK")


def write_out(to: Path, *, shared: str, progress: Progress) -> None:
    """Write the database into the file ``to``, within :func:`snapshot`, which gave ``shared``.

    Raises:
        ToolMissing, ToolOld, ToolFailed: of ``pg_dump``.
        OSError: it cannot be written.
    """
    if connection.vendor == "postgresql":
        _dump(to, shared, progress)
    else:
        _copy(to, progress)


def bring_in(source: Path) -> None:
    """Fill the database that ``connection`` names, which is empty, from the file ``source``: all of it or nothing.

    Raises:
        ToolMissing, ToolOld, ToolFailed: of ``pg_restore``.
        OSError: it cannot be written.
    """
    if connection.vendor == "postgresql":
        tool = _tool("pg_restore")
        options = ["--no-owner", "--no-acl", "--single-transaction", "--exit-on-error"]
        connection.close()
        _run([tool, *options, f"--dbname={_address()}", str(source)])
        return
    target = Path(connection.settings_dict["NAME"])
    connection.close()
    try:
        shutil.copyfile(source, target)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


@contextmanager
def at(name: str) -> Iterator[None]:
    """Within the block, ``connection`` is one to the database ``name``: a path, or a database of the same server."""
    settings, before = connection.settings_dict, connection.settings_dict["NAME"]
    connection.close()
    settings["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        settings["NAME"] = before


@contextmanager
def temporary(beside: Path) -> Iterator[str]:
    """The name of an empty database that is removed at the end: a file in ``beside``, or one on the same server.

    Raises:
        NoRoomForDrill: the node's role may not make one.
    """
    if connection.vendor == "sqlite":
        yield str(beside / "drill.sqlite3")
        return
    name = f"{_drill()}{secrets.token_hex(4)}"
    quoted = connection.ops.quote_name(name)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {quoted} TEMPLATE template0")
    except ProgrammingError as error:
        raise NoRoomForDrill(why=" ".join(str(error).split())) from error
    try:
        yield name
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")


def _drill() -> str:
    """What names of databases for drills of this node begin with: others may share the server."""
    return f"himaya_drill_{hashlib.sha256(str(connection.settings_dict['NAME']).encode()).hexdigest()[:8]}_"


def drop_left_over() -> None:
    """Remove databases of drills that were killed."""
    if connection.vendor == "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba "
            "WHERE datname LIKE %s AND rolname = current_user",
            [f"{_drill()}%"],
        )
        for (name,) in cursor.fetchall():
            cursor.execute(f"DROP DATABASE IF EXISTS {connection.ops.quote_name(name)} WITH (FORCE)")


def is_empty() -> bool:
    """Whether the database has no tables."""
    if connection.vendor == "sqlite":
        path = Path(connection.settings_dict["NAME"])
        return not path.exists() or path.stat().st_size == 0
    with connection.cursor() as cursor:
        return not connection.introspection.table_names(cursor)


def others() -> int:
    """How many others are connected to the database, and stay so; 0 on SQLite, where a lock says so."""
    if connection.vendor == "sqlite":
        return 0
    until = time.monotonic() + GONE_AFTER
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            found = int(cursor.fetchone()[0])
            if not found or time.monotonic() > until:
                return found
            time.sleep(0.2)


def set_schema_aside() -> None:
    """Let what is in a PostgreSQL database stand beside an empty one, until it is known which of both stays.

    Where something stands there already, what is in the database came with an attempt that was cut off, and goes.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        schema = _schema(cursor)
        if _is_schema_aside(cursor):
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")
        else:
            cursor.execute(f"ALTER SCHEMA {schema} RENAME TO {BEFORE}")
        cursor.execute(f"CREATE SCHEMA {schema}")
    connection.close()


def bring_schema_back() -> None:
    """Let that which was set aside be the database again; where nothing was, it is empty as before."""
    connection.close()
    with transaction.atomic(), connection.cursor() as cursor:
        schema = _schema(cursor)
        cursor.execute(f"DROP SCHEMA {schema} CASCADE")
        renamed = f"ALTER SCHEMA {BEFORE} RENAME TO {schema}"
        cursor.execute(renamed if _is_schema_aside(cursor) else f"CREATE SCHEMA {schema}")
    connection.close()


def drop_schema_aside() -> None:
    """What was put back stays, and what was set aside goes."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {BEFORE} CASCADE")


def _schema(cursor: Any) -> str:
    cursor.execute("SELECT current_schema()")
    return connection.ops.quote_name(cursor.fetchone()[0])


def _is_schema_aside(cursor: Any) -> bool:
    cursor.execute("SELECT to_regnamespace(%s) IS NOT NULL", [BEFORE])
    return bool(cursor.fetchone()[0])


def skip_numbers() -> None:
    """Have every table go on with numbers far above its last one, in the caller's transaction.

    What came after the backup had numbers, and others know them: a report of case 43 must not be followed by one of
    another case 43. Twice the last number and a thousand more is beyond them, unless more came since than ever before.
    A table that was empty begins beyond a thousand: its first numbers may have been given since, too.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "INSERT INTO sqlite_sequence (name, seq) SELECT name, 0 FROM sqlite_master "
                "WHERE type = 'table' AND sql LIKE '%AUTOINCREMENT%' "
                "AND name NOT IN (SELECT name FROM sqlite_sequence)"
            )
            cursor.execute("UPDATE sqlite_sequence SET seq = seq * 2 + %s", [NUMBERS_AHEAD])
            return
        cursor.execute(
            "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename), coalesce(last_value, 0), max_value "
            "FROM pg_sequences WHERE schemaname = current_schema()"
        )
        for name, last, most in cursor.fetchall():
            cursor.execute("SELECT setval(%s::regclass, %s)", [name, min(last * 2 + NUMBERS_AHEAD, most)])


def settle_down(path: Path) -> None:
    """Make a SQLite file whole by itself, without its journal, and lasting.

    Raises:
        OSError: it cannot be written.
    """
    connection.close()
    with closing(sqlite3.connect(path, isolation_level=None)) as one:
        one.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for ending in ("-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)
    _sync(path)


# --- SQLite ----------------------------------------------------------------------------------------------------------


def _copy(to: Path, progress: Progress) -> None:
    connection.ensure_connection()
    size = _page_size()

    def heard(_status: int, left: int, pages: int) -> None:
        progress((pages - left) * size, pages * size)

    to.touch(mode=0o600)
    with closing(sqlite3.connect(to, isolation_level=None)) as target, _in_words(to):
        target.execute("PRAGMA journal_mode=OFF")
        target.execute("PRAGMA synchronous=OFF")
        connection.connection.backup(target, pages=PAGES, progress=heard, sleep=0)
    _sync(to)


def _page_size() -> int:
    with connection.cursor() as cursor:
        return int(cursor.execute("PRAGMA page_size").fetchone()[0])


@contextmanager
def _in_words(to: Path) -> Iterator[None]:
    """SQLite does not say which of the two files it could not write."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(to)) from error
        raise


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
    sync_directory(path.parent)


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


def _dump(to: Path, shared: str, progress: Progress) -> None:
    tool = _tool("pg_dump")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        whole = int(cursor.fetchone()[0])

    def heard() -> None:
        with suppress(FileNotFoundError):
            progress(min(to.stat().st_size, whole), whole)

    options = ["--format=custom", "--compress=1", f"--snapshot={shared}", f"--file={to}"]
    try:
        _run([tool, *options, f"--dbname={_address()}"], heard=heard)
    except ToolFailed as error:
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(to)) from error
        raise
    _sync(to)


def _tool(name: str) -> str:
    server = connection.pg_version // 10000  # type: ignore[attr-defined]
    found = shutil.which(name)
    if found is None:
        raise ToolMissing(tool=name, server=server)
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found above
    number = re.search(r"\d+", answer.stdout)
    version = int(number[0]) if number else 0
    if version < server:
        raise ToolOld(tool=found, version=version or "?", server=server)
    return found


def _parameters() -> dict[str, Any]:
    known = connection.get_connection_params()
    return {
        name: value for name, value in known.items() if isinstance(value, str | int) and not isinstance(value, bool)
    }


def _address() -> str:
    """Where the database is, without the password: everybody may see the arguments of a program."""
    params = {name: value for name, value in _parameters().items() if name not in ("password", "prepare_threshold")}
    return make_conninfo(**params)


def _run(command: list[str], *, heard: Callable[[], object] = lambda: None) -> None:
    password = _parameters().get("password")
    more = {"PGPASSWORD": str(password)} if password else {}
    running = subprocess.Popen(  # noqa: S603 - a program of PostgreSQL's own
        command, env={**os.environ, **more}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    said = b""
    try:
        while True:
            try:
                _, said = running.communicate(timeout=LOOK)
                break
            except subprocess.TimeoutExpired:
                heard()
    finally:
        if running.poll() is None:
            running.terminate()
            running.wait()
    if running.returncode:
        why = " ".join(said.decode("utf-8", "replace").split())[-400:] or f"status {running.returncode}"
        raise ToolFailed(tool=Path(command[0]).name, why=why)


def seconds_since(began: float) -> float:
    """How long something took, to a hundredth."""
    return round(time.monotonic() - began, 2)
