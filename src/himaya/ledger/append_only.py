"""Triggers that make the database refuse to change or delete an entry, whoever asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

MESSAGE = "the ledger is append-only"

SQLITE = {
    act: f"CREATE TRIGGER IF NOT EXISTS ledger_entry_no_{act} BEFORE {act.upper()} ON ledger_entry "
    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    for act in ("update", "delete")
} | {
    # REPLACE deletes the row in its way without asking the trigger above
    "replace": f"CREATE TRIGGER IF NOT EXISTS ledger_entry_no_replace BEFORE INSERT ON ledger_entry "  # noqa: S608 - constants
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


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place; harmless where they are."""
    statements = SQLITE.values() if connection.vendor == "sqlite" else (POSTGRESQL,)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def unsafe_remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away. Only for tests that must empty the table."""
    names = [f"no_{act}" for act in SQLITE] if connection.vendor == "sqlite" else ["no_change", "no_truncate"]
    suffix = "" if connection.vendor == "sqlite" else " ON ledger_entry"
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP TRIGGER IF EXISTS ledger_entry_{name}{suffix}")


def is_installed(connection: BaseDatabaseWrapper) -> bool:
    """Whether the database holds the triggers."""
    query = (
        "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'ledger_entry_no_%%'"
        if connection.vendor == "sqlite"
        else "SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'ledger_entry_no_%%' AND tgenabled <> 'D'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query.replace("%%", "%"))
        row = cursor.fetchone()
    return bool(row and row[0] == (len(SQLITE) if connection.vendor == "sqlite" else 2))
