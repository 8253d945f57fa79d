"""After a test with real transactions, the database is as the migrations left it.

Django would empty every table, which on PostgreSQL makes each of its files anew, and would leave it empty. Here the
tables that hold anything are emptied, and what migrations put into some is put back where a test has changed it. The
triggers of the ledger and of lists would refuse; they stand aside for this alone.
"""

from __future__ import annotations

from typing import Any

from django.db import connections, transaction
from django.test import TransactionTestCase

from himaya.evidence.lasting import STEPS
from himaya.ledger import append_only
from himaya.lists import lasting

_USED = """
SELECT setval(seqrelid, 1, false) FROM pg_sequence
JOIN pg_depend ON pg_depend.objid = seqrelid AND pg_depend.deptype IN ('a', 'i')
JOIN pg_class owner ON owner.oid = pg_depend.refobjid
WHERE pg_sequence_last_value(seqrelid) IS NOT NULL AND NOT owner.relname = ANY(%s)
"""
"""Sets back the sequences that gave out a number, but those of some tables."""
_left: dict[str, dict[str, list[tuple[Any, ...]]]] = {}
"""Database → each of its tables → the rows that the migrations left there."""


def remember(name: str) -> None:
    """Note what the migrations left in a database."""
    connection = connections[name]
    tables = connection.introspection.django_table_names(only_existing=True, include_views=False)
    with connection.cursor() as cursor:
        _left[name] = {table: _rows(connection, cursor, table) for table in sorted(tables)}


def instead_of_flush() -> None:
    """Have every test with real transactions end as said above."""

    def _fixture_teardown(self: Any) -> None:
        for name in self._databases_names(include_mirrors=False):
            restore(name)

    TransactionTestCase._fixture_teardown = _fixture_teardown


def restore(name: str) -> None:
    """Bring a database back to what :func:`remember` saw."""
    connection, left = connections[name], _left[name]
    with transaction.atomic(using=name), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"LOCK TABLE {', '.join(map(connection.ops.quote_name, left))} IN EXCLUSIVE MODE")
            cursor.execute("SET LOCAL session_replication_role = replica")  # neither triggers nor foreign keys
        else:
            append_only.unsafe_remove(connection)
            lasting.unsafe_remove(connection)
            STEPS.unsafe_remove(connection)
        kept = [table for table in left if left[table]]
        for table in {*_filled(connection, cursor), *kept}:
            if table not in kept or _rows(connection, cursor, table) != left[table]:
                _put_back(connection, cursor, table)
        if connection.vendor == "postgresql":
            cursor.execute(_USED, [kept])
    for one in (append_only, lasting, STEPS):
        if not one.is_installed(connection):
            one.install(connection)


def _filled(connection: Any, cursor: Any) -> list[str]:
    asked = [
        f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})"
        for table in _left[connection.alias]
    ]
    cursor.execute(" UNION ALL ".join(asked))
    return [table for (table,) in cursor.fetchall()]


def _rows(connection: Any, cursor: Any, table: str) -> list[tuple[Any, ...]]:
    cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
    return list(cursor.fetchall())


def _put_back(connection: Any, cursor: Any, table: str) -> None:
    named = connection.ops.quote_name(table)
    cursor.execute(f"DELETE FROM {named}")
    if connection.vendor == "sqlite":
        cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
    if rows := _left[connection.alias][table]:
        cursor.executemany(f"INSERT INTO {named} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)
