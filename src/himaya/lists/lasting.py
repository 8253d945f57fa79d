"""What was said about items is never changed nor deleted, and no item is: the database itself refuses.

It lets go what arrives and does not count as yet (its revision has no number): a killed import is swept up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from himaya.ledger.append_only import Triggers

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

MESSAGE = "items and what was said about them last"
_ARRIVES = "SELECT 1 FROM lists_revision WHERE id = OLD.revision AND number IS NULL"
_FUNCTION = f"""
CREATE OR REPLACE FUNCTION lists_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS ({_ARRIVES}) THEN RETURN OLD; END IF;
    END IF;
    RAISE EXCEPTION '{MESSAGE}';
END $$;
"""


def _triggers(table: str, *acts: str) -> Triggers:
    """That ``table`` lets nobody do what ``acts`` say with rows that count."""
    sqlite = {
        f"no_{act}": f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act} BEFORE {act.upper()} ON {table} "
        f"WHEN NOT EXISTS ({_ARRIVES}) BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
        for act in acts
    }
    postgresql = f"""{_FUNCTION}
CREATE OR REPLACE TRIGGER {table}_no_change BEFORE {" OR ".join(act.upper() for act in acts)} ON {table}
    FOR EACH ROW EXECUTE FUNCTION lists_refuse();
CREATE OR REPLACE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION lists_refuse();
"""
    return Triggers(table, sqlite, (("no_change", "no_truncate"), postgresql))


TABLES = (_triggers("lists_statement", "update", "delete"), _triggers("lists_item", "delete"))


def install(connection: BaseDatabaseWrapper) -> None:
    """Put the triggers in place; harmless where they are."""
    for one in TABLES:
        one.install(connection)


def unsafe_remove(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers away. Only for tests that must empty the tables."""
    for one in TABLES:
        one.unsafe_remove(connection)


def is_installed(connection: BaseDatabaseWrapper) -> bool:
    """Whether the database holds the triggers."""
    return all(one.is_installed(connection) for one in TABLES)
