"""What every process asks after each change of the lists is answered by what changed, however long the lists are."""

from __future__ import annotations

import pytest
from django.db import connection
from tests.plans import plans
from tests.program import sha256

from himaya.core.ports import ItemRow
from himaya.lists import changes, queries
from himaya.lists.services import add_items, create_list
from himaya.log.queries import last_of

pytestmark = pytest.mark.django_db


def test_what_changed_of_a_signal_is_found_without_looking_at_the_rest_of_it() -> None:
    listed = create_list("hotline", by="system")
    for turn in range(10):
        rows = [ItemRow(0, "pdq", sha256(f"{turn} {n}")) for n in range(300)]
        assert add_items(listed, rows=rows, by="system").added == 300
    if connection.vendor == "postgresql":  # which would do it by itself, in a minute
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE lists_item, lists_revision")
    last = queries.revision()
    for asks in (queries.matching_since, queries.withdrawn_since):
        plan = plans(lambda asks=asks: list(asks(last - 1, signal="pdq")))
        assert "lists_item_changes" in plan
        assert "lists_item_once_a_list" not in plan
        assert "sqlite_autoindex_lists_item" not in plan


def test_a_change_of_many_items_is_read_on_from_a_place_and_not_from_its_beginning() -> None:
    listed = create_list("hotline", by="system")
    rows = [ItemRow(0, "pdq", sha256(str(n))) for n in range(3000)]
    assert add_items(listed, rows=rows, by="system").added == 3000
    half = changes.changes([listed.pk], upto=queries.revision(), limit=1500)[-1].place
    plan = plans(lambda: changes.changes([listed.pk], behind=half, upto=queries.revision(), limit=10))
    if connection.vendor == "sqlite":
        assert "lists_item_changes (revision=? AND signal=? AND id>?)" in plan
    else:  # although it knows nothing of the table yet, as right after an import
        assert "(id > " in plan
        assert "Sort" not in plan


def test_the_last_leaf_of_a_kind_is_found_without_reading_the_others() -> None:
    plan = plans(lambda: last_of("statement"))
    if connection.vendor == "sqlite":
        assert "log_leaf_kind" in plan
        assert "TEMP B-TREE" not in plan
