"""Comma-separated values with a header (RFC 4180), as spreadsheets write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, ClassVar

from himaya.core import records
from himaya.core.ports import BadListFile, Format, ItemRow, Refusal
from himaya.core.records import Record
from himaya.core.words import N_, Said

REQUIRED = ("signal", "value")
COLUMNS = ("signal", "value", "scheme", "code", "source", "reference", "note", "negative")
_YES, _NO = frozenset({"yes", "true", "1"}), frozenset({"", "no", "false", "0"})
_BOTH = _YES | _NO


class CSV(Format):
    """A header line names the columns, in any order: signal, value; any of scheme, code, source, reference, note,
    negative (yes: known to be benign).
    """

    name: ClassVar[str] = "csv"
    label: ClassVar[str] = N_("CSV with a header")
    accepts: ClassVar[tuple[str, ...]] = (".csv",)
    media_type: ClassVar[str] = "text/csv"

    def recognises(self, head: bytes) -> bool:
        """By its columns, of which two are always there."""
        return records.recognised(head) >= set(REQUIRED)

    def read(self, stream: BinaryIO) -> Iterator[ItemRow | Refusal]:
        """One row a record; a quoted field may hold line breaks. The header tells the delimiter, comma or semicolon."""
        columns, found = records.read(stream, format=self.name)
        self._check(columns)
        for record in found:
            yield record if isinstance(record, Refusal) else _row(record)

    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """All columns, comma, CRLF."""
        yield from records.write(_table(rows))

    def _check(self, names: list[str]) -> None:
        if missing := [name for name in REQUIRED if name not in names]:
            both = Said("{one} and no column {other}", one=missing[0], other=missing[-1])
            lacks = both if len(missing) > 1 else missing[0]
            shown = records.shown(names) or N_("none")
            raise self._bad(Said("the header has no column {missing}; it has {shown}", missing=lacks, shown=shown))
        if unknown := [name for name in names if name not in COLUMNS]:
            shown, known = records.shown(unknown), ", ".join(COLUMNS)
            raise self._bad(
                Said("the header has columns that are not known: {shown}; known are {known}", shown=shown, known=known)
            )

    def _bad(self, why: str) -> BadListFile:
        return BadListFile(format=self.name, why=why)


def _row(record: Record) -> ItemRow | Refusal:
    fields = record.fields
    if not fields["value"].strip():
        return record.refused(N_("the value is empty"))
    scheme, code, source, reference, note, told = [
        records.unguarded(fields[name]) if fields.get(name) else "" for name in COLUMNS[2:]
    ]
    negative = told.strip().lower()
    if negative not in _BOTH:
        return record.refused(N_("the column negative says neither yes nor no"))
    return ItemRow(
        record.first.number, fields["signal"], fields["value"], scheme, code, source, reference, note, negative in _YES,
        tells_class="code" in fields,
    )  # fmt: skip


def _table(rows: Iterable[ItemRow]) -> Iterator[Iterable[str]]:
    yield COLUMNS
    for row in rows:
        yield [_written(name, getattr(row, name)) for name in COLUMNS]


def _written(name: str, value: str | bool) -> str:
    if isinstance(value, str):
        return value if name in REQUIRED else records.guarded(value)
    return "yes" if value else ""


PLUGIN = CSV()
