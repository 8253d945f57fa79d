"""The database refuses to delete what counts, and to change what was said; what never counted can be swept up."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from tests.program import sha256

from himaya.core.ports import ItemRow
from himaya.lists import arrivals, lasting, services
from himaya.lists.models import HashList, Item, Revision, Statement
from himaya.site import health

ONE = ItemRow(1, "sha256", sha256("1"))


@pytest.mark.parametrize(
    "attempt",
    [
        "DELETE FROM lists_statement",
        "UPDATE lists_statement SET act = 'confirm'",
        "UPDATE lists_statement SET revision = revision + 1",
        "DELETE FROM lists_item",
    ],
)
def test_what_counts_is_neither_deleted_nor_said_anew(hotline: HashList, attempt: str) -> None:
    services.add_items(hotline, rows=[ONE], by="system")
    services.mark_item(Item.objects.get().pk, state="withdrawn", by="system", reason="Wrong.")
    before = list(Statement.objects.values()), list(Item.objects.values())
    with pytest.raises(DatabaseError, match="last"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attempt)
    assert (list(Statement.objects.values()), list(Item.objects.values())) == before


def test_tables_are_not_emptied_at_once(hotline: HashList) -> None:
    services.add_items(hotline, rows=[ONE], by="system")
    emptied = "DELETE FROM lists_statement"
    if connection.vendor == "postgresql":
        emptied = "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE lists_statement"
    with pytest.raises(DatabaseError, match="last"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(emptied)
    assert Statement.objects.count() == 1


def test_what_a_killed_import_left_is_swept_up_all_the_same(hotline: HashList) -> None:
    services.add_items(hotline, rows=[ONE], by="system")
    come = arrivals.Arrival(hotline, by="system").__enter__()
    come.take([ItemRow(n, "sha256", sha256(str(n)), note="anew") for n in range(5)])
    Revision.objects.filter(number=None).update(alive_until=-1)
    assert Statement.everything.count() == 6
    while arrivals.sweep():
        pass
    assert (Statement.everything.count(), Item.everything.count()) == (1, 1)
    assert not Revision.objects.filter(number=None).exists()


def test_whether_the_triggers_are_there_is_told_with_the_remedy(hotline: HashList) -> None:
    assert lasting.is_installed(connection)
    assert health.database_health().state == "ok"
    lasting.TABLES[1].unsafe_remove(connection)
    found = health.database_health()
    assert (found.state, found.remedy) == ("danger", "Run: himaya init")
    lasting.install(connection)
    assert lasting.is_installed(connection)
