"""How the database goes about its questions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

ORDERED = ("seqscan", "bitmapscan", "sort", "incremental_sort")
"""Whether rows come in order out of an index: with few rows PostgreSQL would rather sort them."""
SOUGHT = ("seqscan", "indexscan")
"""Whether an index finds them: with few rows it would rather walk along that of the numbers."""


def plans(ask: Callable[[], Any], *, without: Collection[str] = ("seqscan",)) -> str:
    """How the database goes about every SELECT of ``ask``; what PostgreSQL does only where it has to, ``without`` says:
    to read whole tables, where nothing else is said.
    """
    with CaptureQueriesContext(connection) as asked:
        ask()
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    found = []
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            for way in without:
                cursor.execute(f"SET LOCAL enable_{way} = off")
        for query in asked.captured_queries:
            sql = re.sub(r"^DECLARE .* CURSOR FOR ", "", query["sql"]).strip()  # of an iterator, on PostgreSQL
            if sql.startswith("SELECT"):
                cursor.execute(f"{explain} {sql.replace('%', '%%')}")
                found += [str(row[-1]) for row in cursor.fetchall()]
    return "\n".join(found)
