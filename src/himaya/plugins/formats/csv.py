"""Comma-separated values with a header (RFC 4180), as spreadsheets write them."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, ClassVar

from himaya.core import lines
from himaya.core.lines import Line
from himaya.core.ports import BadListFile, Format, ItemRow, Refusal
from himaya.core.words import N_, Said, printable

REQUIRED = ("signal", "value")
COLUMNS = ("signal", "value", "scheme", "code", "source", "reference", "note", "negative")
CHUNK = 64 * 1024
MAX_RECORD = 64 * 1024
"""Longest record of several lines, in characters: as much is read again after a quote that never closes."""
csv.field_size_limit(lines.MAX_LINE)
_YES, _NO = frozenset({"yes", "true", "1"}), frozenset({"", "no", "false", "0"})

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins a formula, which would run on the desk of whoever opens an export (OWASP)."""

_DEFECTS = {
    "unexpected end of data": N_("a quote is opened and never closed"),
    "new-line character": N_("a carriage return stands outside quotes"),
    "expected after": N_("a closing quote is followed by more text"),
}
"""What the words of :class:`csv.Error` mean."""


class CSV(Format):
    """A header line names the columns, in any order: signal, value; any of scheme, code, source, reference, note,
    negative (yes: known to be benign).
    """

    name: ClassVar[str] = "csv"
    label: ClassVar[str] = N_("CSV with a header")
    accepts: ClassVar[tuple[str, ...]] = (".csv",)
    media_type: ClassVar[str] = "text/csv"

    def read(self, stream: BinaryIO) -> Iterator[ItemRow | Refusal]:
        """One row a record; a quoted field may hold line breaks. The header tells the delimiter, comma or semicolon."""
        source = lines.read(stream, format=self.name)
        first = next(source)
        if isinstance(first, Refusal):
            raise self._bad(Said("the header cannot be read: {why}", why=first.why))
        delimiter = ";" if ";" in first.text and "," not in first.text else ","
        columns = self._columns(first.text, delimiter)
        for record in _Records(source, delimiter):
            if isinstance(record, Refusal):
                yield record
            elif record.cells:
                yield _row(columns, record)

    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """All columns, comma, CRLF."""
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for row in rows:
            writer.writerow([_written(name, getattr(row, name)) for name in COLUMNS])
            if out.tell() > CHUNK:
                yield _drain(out)
        yield _drain(out)

    def _columns(self, header: str, delimiter: str) -> list[str]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            raise self._bad(Said("the header cannot be read: {why}", why=_words(error))) from error
        names = [cell.strip().lower() for cell in cells]
        shown = ", ".join(printable(repr(name[:40])) for name in names[:20])
        if missing := [name for name in REQUIRED if name not in names]:
            both = Said("{one} and no column {other}", one=missing[0], other=missing[-1])
            lacks = both if len(missing) > 1 else missing[0]
            raise self._bad(
                Said("the header has no column {missing}; it has {shown}", missing=lacks, shown=shown or N_("none"))
            )
        if unknown := [name for name in names if name not in COLUMNS]:
            shown = ", ".join(printable(repr(name[:40])) for name in unknown[:20])
            known = ", ".join(COLUMNS)
            raise self._bad(
                Said("the header has columns that are not known: {shown}; known are {known}", shown=shown, known=known)
            )
        if len(set(names)) < len(names):
            raise self._bad(Said("the header names a column twice: {shown}", shown=shown))
        return names

    def _bad(self, why: str) -> BadListFile:
        return BadListFile(format=self.name, why=why)


@dataclass(frozen=True, slots=True)
class _Record:
    first: Line
    cells: list[str]


class _Cut(Exception):
    """The record in hand cannot be completed."""


class _Records:
    """Feeds lines to the reader of :mod:`csv` and keeps in hand what belongs to the record it is reading.

    Where a record breaks (a quote that never closes would swallow the rest of the file), only its first line is
    refused, and reading begins again at its second.
    """

    def __init__(self, source: Iterator[Line | Refusal], delimiter: str) -> None:
        self.source = source
        self.delimiter = delimiter
        self.again: deque[Line | Refusal] = deque()
        self.taken: list[Line] = []
        self.size = 0

    def __iter__(self) -> Iterator[_Record | Refusal]:
        reader = csv.reader(iter(self._feed, None), delimiter=self.delimiter, strict=True)
        while True:
            self.taken, self.size = [], 0
            ahead = self._next()
            if ahead is None:
                return
            if isinstance(ahead, Refusal):
                yield ahead
                continue
            self.again.appendleft(ahead)
            try:
                cells = next(reader)
            except (csv.Error, _Cut) as error:
                yield self._refuse_first(_words(error))
            else:
                yield _Record(self.taken[0], cells)

    def _next(self) -> Line | Refusal | None:
        return self.again.popleft() if self.again else next(self.source, None)

    def _feed(self) -> str:
        item = self._next()
        if not isinstance(item, Line):
            if item:
                self.again.appendleft(item)
            raise _Cut("unexpected end of data")
        self.taken.append(item)
        self.size += len(item.text)
        if len(self.taken) > 1 and self.size > MAX_RECORD:
            raise _Cut("unexpected end of data")
        return item.text

    def _refuse_first(self, why: str) -> Refusal:
        first, *rest = self.taken
        self.again.extendleft(reversed(rest))
        return lines.refusal(first.number, why, first.text)


def _row(columns: list[str], record: _Record) -> ItemRow | Refusal:
    number, cells = record.first.number, record.cells
    if len(cells) != len(columns):
        why = Said("it has {n} fields, the header has {wanted}", n=len(cells), wanted=len(columns))
        return lines.refusal(number, why, record.first.text)
    values = {name: _unguarded(name, cell) for name, cell in zip(columns, cells, strict=True)}
    if not values["value"].strip():
        return lines.refusal(number, N_("the value is empty"), record.first.text)
    negative = values.pop("negative", "").strip().lower()
    if negative not in _YES | _NO:
        return lines.refusal(number, N_("the column negative says neither yes nor no"), record.first.text)
    signal, value, scheme, code, source, reference, note = (values.get(name, "") for name in COLUMNS[:-1])
    return ItemRow(number, signal, value, scheme, code, source, reference, note, negative=negative in _YES)


def _words(error: Exception) -> str:
    return next((words for part, words in _DEFECTS.items() if part in str(error)), str(error))


def _drain(out: io.StringIO) -> bytes:
    chunk = out.getvalue().encode()
    out.seek(0)
    out.truncate()
    return chunk


def _written(name: str, value: str | bool) -> str:
    return _guarded(name, value) if isinstance(value, str) else "yes" if value else ""


def _guarded(name: str, text: str) -> str:
    return f"'{text}" if name not in REQUIRED and _is_formula(text) else text


def _unguarded(name: str, text: str) -> str:
    return text[1:] if name not in REQUIRED and text.startswith("'") and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    return text.lstrip("'").startswith(_FORMULA)


PLUGIN = CSV()
