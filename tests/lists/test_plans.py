"""What every process asks after each change of the lists is answered by what changed, however long the lists are."""

from __future__ import annotations

import pytest
from django.db import connection
from tests.plans import plans

from himaya.core.ports import ItemRow
from himaya.lists import queries
from himaya.lists.services import add_items, create_list

pytestmark = pytest.mark.django_db


def test_what_changed_of_a_signal_is_found_without_looking_at_the_rest_of_it() -> None:
    listed = create_list("hotline", by="system")
    for turn in range(10):
        rows = [ItemRow(0, "pdq", f"{1000 * turn + n + 1:064x}") for n in range(300)]
        add_items(listed, rows=rows, by="system")
    if connection.vendor == "postgresql":  # which would do it by itself, in a minute
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE lists_item, lists_revision")
    last = queries.revision()
    for changes in (queries.matching_since, queries.withdrawn_since):
        plan = plans(lambda changes=changes: list(changes(last - 1, signal="pdq")))
        assert "lists_item_changes" in plan
        assert "lists_item_once_a_list" not in plan
        assert "sqlite_autoindex_lists_item" not in plan
