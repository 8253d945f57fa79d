"""After a test with real transactions the database is as the migrations left it, triggers included."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction

from himaya.ledger import append_only
from himaya.ledger.models import Entry
from himaya.ledger.services import SYSTEM, record


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_begins_with_an_empty_ledger_that_nobody_can_change(turn: int) -> None:
    assert not Entry.objects.exists()
    with transaction.atomic():
        record("test.begun", by=SYSTEM, about=f"turn:{turn}")
    assert append_only.is_installed(connection)
    with pytest.raises(DatabaseError, match="append-only"):
        Entry.objects.all().delete()
