"""Triggers that make the database refuse to change or delete rows, whoever asks; here those of the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

MESSAGE = "the ledger is append-only"


@dataclass(frozen=True, slots=True)
class Triggers:
    """Triggers of a table.

    Attributes:
        table: the table.
        sqlite: name of a trigger, without the table's → the statement that makes it.
        postgresql: the names there, and the statements that make them.
    """

    table: str
    sqlite: Mapping[str, str]
    postgresql: tuple[tuple[str, ...], str]

    def install(self, connection: BaseDatabaseWrapper) -> None:
        """Put the triggers in place; harmless where they are."""
        statements = self.sqlite.values() if connection.vendor == "sqlite" else (self.postgresql[1],)
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def unsafe_remove(self, connection: BaseDatabaseWrapper) -> None:
        """Take the triggers away. Only for tests that must empty the table."""
        suffix = "" if connection.vendor == "sqlite" else f" ON {self.table}"
        with connection.cursor() as cursor:
            for name in self._names(connection):
                cursor.execute(f"DROP TRIGGER IF EXISTS {self.table}_{name}{suffix}")

    def is_installed(self, connection: BaseDatabaseWrapper) -> bool:
        """Whether the database holds the triggers."""
        query = (
            "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s"
            if connection.vendor == "sqlite"
            else "SELECT count(*) FROM pg_trigger WHERE tgname LIKE %s AND tgenabled <> 'D'"
        )
        with connection.cursor() as cursor:
            cursor.execute(query, [f"{self.table}_no_%"])
            row = cursor.fetchone()
        return bool(row and row[0] == len(self._names(connection)))

    def _names(self, connection: BaseDatabaseWrapper) -> tuple[str, ...]:
        return tuple(self.sqlite) if connection.vendor == "sqlite" else self.postgresql[0]


SQLITE = {
    f"no_{act}": f"CREATE TRIGGER IF NOT EXISTS ledger_entry_no_{act} BEFORE {act.upper()} ON ledger_entry "
    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    for act in ("update", "delete")
} | {
    # REPLACE deletes the row in its way without asking the trigger above
    "no_replace": f"CREATE TRIGGER IF NOT EXISTS ledger_entry_no_replace BEFORE INSERT ON ledger_entry "  # noqa: S608 - constants
    f"WHEN EXISTS (SELECT 1 FROM ledger_entry WHERE seq = NEW.seq) BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
}
POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION ledger_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{MESSAGE}'; END $$;
CREATE OR REPLACE TRIGGER ledger_entry_no_change BEFORE UPDATE OR DELETE ON ledger_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_entry_refuse();
CREATE OR REPLACE TRIGGER ledger_entry_no_truncate BEFORE TRUNCATE ON ledger_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_entry_refuse();
"""
ENTRIES = Triggers("ledger_entry", SQLITE, (("no_change", "no_truncate"), POSTGRESQL))


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the ledger's triggers in place; harmless where they are."""
    ENTRIES.install(connection)


def unsafe_remove(connection: BaseDatabaseWrapper) -> None:
    """Take the ledger's triggers away. Only for tests that must empty the table."""
    ENTRIES.unsafe_remove(connection)


def is_installed(connection: BaseDatabaseWrapper) -> bool:
    """Whether the database holds the ledger's triggers."""
    return ENTRIES.is_installed(connection)
