"""How the database goes about its questions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext


def plans(ask: Callable[[], Any]) -> str:
    """How the database goes about every SELECT of ``ask``; PostgreSQL reads whole tables only where it has to."""
    with CaptureQueriesContext(connection) as asked:
        ask()
    explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
    found = []
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            cursor.execute("SET LOCAL enable_seqscan = off")
        for query in asked.captured_queries:
            sql = re.sub(r"^DECLARE .* CURSOR FOR ", "", query["sql"]).strip()  # of an iterator, on PostgreSQL
            if sql.startswith("SELECT"):
                cursor.execute(f"{explain} {sql.replace('%', '%%')}")
                found += [str(row[-1]) for row in cursor.fetchall()]
    return "\n".join(found)
