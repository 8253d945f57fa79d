"""What a test with real transactions leaves behind, the next one does not find."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection
from tests import emptying

from himaya.ledger import append_only
from himaya.ledger.models import Entry
from himaya.lists import lasting
from himaya.lists import services as lists
from himaya.lists.models import HashList


def _first_list() -> HashList:
    return lists.create_list("a", by="system")


@pytest.mark.django_db(transaction=True)
def test_the_database_is_as_the_migrations_left_it() -> None:
    before = list(Permission.objects.order_by("pk").values()), list(ContentType.objects.order_by("pk").values())
    made = _first_list()
    Permission.objects.all().delete()
    ContentType.objects.filter(model="permission").update(model="another")
    append_only.unsafe_remove(connection)
    lasting.unsafe_remove(connection)
    emptying.restore("default")
    assert not HashList.objects.exists()
    assert not Entry.objects.exists()
    assert before == (
        list(Permission.objects.order_by("pk").values()),
        list(ContentType.objects.order_by("pk").values()),
    )
    assert before[0]
    assert append_only.is_installed(connection)
    assert lasting.is_installed(connection)
    assert _first_list().pk == made.pk


@pytest.mark.django_db(transaction=True)
def test_the_ledger_refuses_again() -> None:
    _first_list()
    emptying.restore("default")
    _first_list()
    with pytest.raises(DatabaseError, match="append-only"):
        Entry.objects.update(act="nothing")
