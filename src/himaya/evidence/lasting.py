"""Steps of custody are never changed nor deleted: the database itself refuses."""

from __future__ import annotations

from himaya.ledger.append_only import Triggers

MESSAGE = "chains of custody last"
TABLE = "evidence_step"
_SQLITE = {
    f"no_{act}": f"CREATE TRIGGER IF NOT EXISTS {TABLE}_no_{act} BEFORE {act.upper()} ON {TABLE} "
    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
    for act in ("update", "delete")
}
_POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{MESSAGE}'; END $$;
CREATE OR REPLACE TRIGGER {TABLE}_no_change BEFORE UPDATE OR DELETE ON {TABLE}
    FOR EACH ROW EXECUTE FUNCTION {TABLE}_refuse();
CREATE OR REPLACE TRIGGER {TABLE}_no_truncate BEFORE TRUNCATE ON {TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION {TABLE}_refuse();
"""
STEPS = Triggers(TABLE, _SQLITE, (("no_change", "no_truncate"), _POSTGRESQL))
