"""Reads and writes tables of strangers (RFC 4180, as spreadsheets write them), record by record, in constant memory."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

from himaya.core import lines
from himaya.core.lines import Line
from himaya.core.ports import BadListFile, Refusal
from himaya.core.words import N_, Said, printable

CHUNK = 64 * 1024
MAX_RECORD = 64 * 1024
"""Longest record of several lines, in characters: as much is read again after a quote that never closes."""
MAX_AGAIN = 16 * 1024**2
"""Characters that are read again, beyond as many as the file has: a file of nothing but open quotes costs no more."""
_A_LINE = 32
"""Characters that reading a line again costs beside its own."""
csv.field_size_limit(lines.MAX_LINE)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""With these a spreadsheet begins a formula, which would run on the desk of whoever opens an export (OWASP)."""

_DEFECTS = {
    "unexpected end of data": N_("a quote is opened and never closed"),
    "new-line character": N_("a carriage return stands outside quotes"),
    "expected after": N_("a closing quote is followed by more text"),
}
"""What the words of :class:`csv.Error` mean."""


class Record(NamedTuple):
    """A record: the line on which it begins, and its fields by the names of the columns, as they stand."""

    first: Line
    fields: dict[str, str]

    def refused(self, why: str) -> Refusal:
        """Refuse it, with an excerpt."""
        return lines.refusal(self.first.number, why, self.first.text)


def read(stream: BinaryIO, *, format: str) -> tuple[list[str], Iterator[Record | Refusal]]:  # noqa: A002
    """The names of the columns (lower case, without spaces around them) and the records below them.

    The header tells the delimiter, comma or semicolon. A quoted field may hold line breaks; blank lines are passed
    over; a record that has not as many fields as the header is refused.

    Raises:
        BadListFile: the stream is empty or no text, or its header cannot be read or names a column twice.
    """
    source = lines.read(stream, format=format)
    first = next(source)
    if isinstance(first, Refusal):
        raise BadListFile(format=format, why=Said("the header cannot be read: {why}", why=first.why))
    delimiter = ";" if ";" in first.text and "," not in first.text else ","
    try:
        cells = next(csv.reader([first.text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise BadListFile(format=format, why=Said("the header cannot be read: {why}", why=_words(error))) from error
    names = [cell.strip().lower() for cell in cells]
    named = [name for name in names if name]
    if len(set(named)) < len(named):
        raise BadListFile(format=format, why=Said("the header names a column twice: {shown}", shown=shown(names)))
    return names, _fields(names, _Records(source, delimiter, format))


def recognised(head: bytes) -> frozenset[str]:
    """The names of the columns of a file that begins with ``head``; empty where it does not begin with a header."""
    first = head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0].decode("utf-8", "replace")
    delimiter = ";" if ";" in first and "," not in first else ","
    try:
        cells = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:
        return frozenset()
    return frozenset(cell.strip().lower() for cell in cells)


def shown(names: Iterable[str]) -> str:
    """Names of columns as an error shows them: twenty at most, cut, and safe to print."""
    return ", ".join(printable(repr(name[:40])) for name in list(names)[:20])


def write(rows: Iterable[Iterable[str]], *, delimiter: str = ",") -> Iterator[bytes]:
    """Records as bytes, in pieces, each line ended with CRLF."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    for row in rows:
        writer.writerow(row)
        if out.tell() > CHUNK:
            yield _drained(out)
    yield _drained(out)


def guarded(text: str) -> str:
    """``text`` so that no spreadsheet takes it for a formula."""
    return f"'{text}" if _is_formula(text) else text


def unguarded(text: str) -> str:
    """What :func:`guarded` was given."""
    return text[1:] if text.startswith("'") and _is_formula(text) else text


class _Cut(Exception):
    """The record in hand cannot be completed."""


class _Records:
    """Feeds lines to the reader of :mod:`csv` and keeps in hand what belongs to the record it is reading.

    Where a record breaks (a quote that never closes would swallow the rest of the file), only its first line is
    refused, and reading begins again at its second. A file where that happens too often is none.
    """

    def __init__(self, source: Iterator[Line | Refusal], delimiter: str, format: str) -> None:  # noqa: A002
        self.source = source
        self.delimiter = delimiter
        self.format = format
        self.left = MAX_AGAIN
        self.again: deque[Line | Refusal] = deque()
        self.taken: list[Line] = []
        self.size = 0

    def __iter__(self) -> Iterator[tuple[Line, list[str]] | Refusal]:
        reader = csv.reader(iter(self._feed, None), delimiter=self.delimiter, strict=True)
        while True:
            self.taken, self.size = [], 0
            ahead = self._next()
            if ahead is None:
                return
            if isinstance(ahead, Refusal):
                yield ahead
                continue
            plain = ahead.text.removesuffix("\n").removesuffix("\r")
            if '"' not in plain and "\r" not in plain:  # nearly all are: the reader would only split them, too
                self.left += len(plain)
                yield ahead, plain.split(self.delimiter) if plain else []
                continue
            self.again.appendleft(ahead)
            try:
                cells = next(reader)
            except (csv.Error, _Cut) as error:
                yield self._refuse_first(_words(error))
            else:
                self.left += self.size
                yield self.taken[0], cells

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
        self.left -= sum(len(line.text) + _A_LINE for line in rest)
        if self.left < 0:
            raise BadListFile(
                format=self.format,
                why=Said("too many quotes are opened and never closed, up to line {n}", n=first.number),
            )
        self.again.extendleft(reversed(rest))
        return lines.refusal(first.number, why, first.text)


def _fields(names: list[str], records: Iterable[tuple[Line, list[str]] | Refusal]) -> Iterator[Record | Refusal]:
    for record in records:
        if isinstance(record, Refusal):
            yield record
            continue
        first, cells = record
        if len(cells) == len(names):
            yield Record(first, dict(zip(names, cells, strict=True)))
        elif cells:
            why = Said("it has {n} fields, the header has {wanted}", n=len(cells), wanted=len(names))
            yield lines.refusal(first.number, why, first.text)


def _words(error: Exception) -> str:
    return next((words for part, words in _DEFECTS.items() if part in str(error)), str(error))


def _drained(out: io.StringIO) -> bytes:
    chunk = out.getvalue().encode()
    out.seek(0)
    out.truncate()
    return chunk


def _is_formula(text: str) -> bool:
    return text.lstrip("'").startswith(_FORMULA)
