"""The edition that the program ships: files of the package, read once a process."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

SHIPPED = files("himaya.core.reference") / "shipped"
"""The folder of ``<table>.csv``: UTF-8, a header, one row a line; its column ``key`` names a row for good. A row that
is out of date is corrected there, and not taken out: others may have built upon it."""


@cache
def shipped(table: str) -> Mapping[str, Mapping[str, str]]:
    """Key → fields of every row of a table, in the order of its file."""
    text = (SHIPPED / f"{table}.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return MappingProxyType({row.pop("key"): MappingProxyType(row) for row in rows})
