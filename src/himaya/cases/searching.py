"""Cases by words: what people wrote of them (notes, reasons), and where they were met.

Each text is kept once more as its words (:mod:`himaya.core.tokens`), in the transaction that writes it, and an index of
the database finds them: FTS5 in SQLite, a GIN index in PostgreSQL. A part of what is looked for that a blank separates
has to stand as it was typed, its last word may go on: ``uploads/2026`` finds ``/srv/uploads/2026-01/7.jpg``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Q
from django.db.models.expressions import RawSQL

from himaya.cases.models import Case, Words
from himaya.core.tokens import phrases, tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.backends.base.base import BaseDatabaseWrapper

_SQLITE = (
    """CREATE VIRTUAL TABLE IF NOT EXISTS cases_found USING fts5(
        words, content='cases_words', content_rowid='id', tokenize='unicode61 remove_diacritics 0', prefix='2 3 4')""",
    """CREATE TRIGGER IF NOT EXISTS cases_words_found AFTER INSERT ON cases_words BEGIN
        INSERT INTO cases_found(rowid, words) VALUES (NEW.id, NEW.words); END""",
    """CREATE TRIGGER IF NOT EXISTS cases_words_lost AFTER DELETE ON cases_words BEGIN
        INSERT INTO cases_found(cases_found, rowid, words) VALUES ('delete', OLD.id, OLD.words); END""",
)
_POSTGRESQL = ("CREATE INDEX IF NOT EXISTS cases_words_found ON cases_words USING gin (to_tsvector('simple', words))",)


def install(to: BaseDatabaseWrapper) -> None:
    """Make the index; harmless where it is."""
    with to.cursor() as cursor:
        for statement in _SQLITE if to.vendor == "sqlite" else _POSTGRESQL:
            cursor.execute(statement)


def keep_words(texts: Iterable[tuple[Case, str]]) -> None:
    """Let cases be found by the words of texts, in the caller's transaction."""
    rows = [Words(case=case, words=" ".join(found)) for case, text in texts if (found := tokens(text))]
    Words.objects.bulk_create(rows, batch_size=500)


def with_words(asked: str) -> Q | None:
    """Cases that have everything that is asked for, each part in one of their texts; None where no word is."""
    found: Q | None = None
    for part in phrases(asked):
        here = _having(part)
        found = here if found is None else found & here
    return found


def _having(part: list[str]) -> Q:
    if connection.vendor == "sqlite":
        query = '"' + " ".join(part) + '" *'
        found = "SELECT rowid FROM cases_found WHERE cases_found MATCH %s"
        sql = f"SELECT case_id FROM cases_words WHERE id IN ({found})"  # noqa: S608
    else:
        query = " <-> ".join(f"'{word}'" for word in part) + ":*"
        sql = "SELECT case_id FROM cases_words WHERE to_tsvector('simple', words) @@ %s::tsquery"
    return Q(pk__in=RawSQL(sql, (query,)))  # noqa: S611  the words hold letters and digits alone
