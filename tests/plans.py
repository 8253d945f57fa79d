"""How the database goes about its questions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext


def plans(ask: Callable[[], Any], *, ordered: bool = False) -> str:
    """How the database goes about every SELECT of ``ask``; PostgreSQL reads whole tables only where it has to. With
    ``ordered`` it sorts only where it has to, either: with few rows that is quicker than an index.
    """
    with CaptureQueriesContext(connection) as asked:
        ask()
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    found = []
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            for way in ("seqscan", *(("bitmapscan", "sort", "incremental_sort") if ordered else ())):
                cursor.execute(f"SET LOCAL enable_{way} = off")
        for query in asked.captured_queries:
            sql = re.sub(r"^DECLARE .* CURSOR FOR ", "", query["sql"]).strip()  # of an iterator, on PostgreSQL
            if sql.startswith("SELECT"):
                cursor.execute(f"{explain} {sql.replace('%', '%%')}")
                found += [str(row[-1]) for row in cursor.fetchall()]
    return "\n".join(found)
