"""Values that a file names more than once, told while it is read, in constant memory: they are kept on the disk."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.core.ports import ItemRow


@dataclass(frozen=True, slots=True)
class Repeat:
    """Line ``line`` names what line ``of`` names; ``otherwise`` where it gives another class, which then counts."""

    line: int
    of: int
    otherwise: bool


class Repeats:
    """What a file has named so far."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)  # a file without a name, gone with the process
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-4000;"
            "CREATE TABLE seen (what TEXT PRIMARY KEY, line INTEGER, class TEXT) WITHOUT ROWID;"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def note(self, rows: Iterable[ItemRow]) -> dict[int, Repeat]:
        """Remember some rows; position among them → which row before it names the same value."""
        found: dict[int, Repeat] = {}
        self._db.execute("BEGIN")
        for at, row in enumerate(rows):
            what, class_ = f"{row.signal} {row.negative:d} {row.value}", f"{row.scheme} {row.code}"
            new = (what, row.line, class_)
            if self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", new).rowcount:
                continue
            line, before = self._db.execute("SELECT line, class FROM seen WHERE what = ?", (what,)).fetchone()
            found[at] = Repeat(row.line, line, before != class_)
            self._db.execute("UPDATE seen SET line = ?, class = ? WHERE what = ?", (row.line, class_, what))
        self._db.execute("COMMIT")
        return found
