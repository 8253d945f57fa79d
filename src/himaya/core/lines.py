"""Reads text files of strangers line by line, in constant memory, and never fails on one line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from himaya.core.ports import BadListFile, EmptyListFile, Refusal
from himaya.core.words import N_, Said, printable

MAX_LINE = 2 * 1024**2
"""Longest line that is taken, in bytes: room for the frames of a long video."""

EMPTY = N_("it is empty")
UTF16 = N_("it is UTF-16 text; save it as UTF-8")
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF8_MARK = b"\xef\xbb\xbf"

_PIECE = 64 * 1024


class Line(NamedTuple):
    """A line as it stands in the file, its line break included. ``number`` counts from 1."""

    number: int
    text: str


def read(stream: BinaryIO, *, format: str) -> Iterator[Line | Refusal]:  # noqa: A002 - the name of the error's fact
    """Lines of UTF-8 text; a mark at the start (BOM) is dropped.

    Raises:
        BadListFile: the stream is empty, or UTF-16, or its first line is no text.
    """
    number = 0
    while raw := stream.readline(MAX_LINE + 1):
        number += 1
        if number == 1:
            if raw.startswith(UTF16_MARKS):
                raise BadListFile(format=format, why=UTF16)
            raw = raw.removeprefix(UTF8_MARK)
            if b"\0" in raw or (len(raw) <= MAX_LINE and isinstance(_decoded(number, raw), Refusal)):
                raise BadListFile(format=format, why=N_("it is not UTF-8 text"))
        if len(raw) > MAX_LINE:
            _skip_rest(stream, raw)
            yield refusal(number, Said("it is longer than {n} KiB", n=MAX_LINE // 1024), raw)
        elif b"\0" in raw:
            yield refusal(number, N_("it contains a NUL character"), raw)
        else:
            yield _decoded(number, raw)
    if not number:
        raise EmptyListFile(format=format, why=EMPTY)


def refusal(number: int, why: str, line: bytes | str) -> Refusal:
    """Refuse a line, with an excerpt that is safe to show: what cannot be printed is written as an escape."""
    text = line[:320].decode("utf-8", "replace") if isinstance(line, bytes) else line
    return Refusal(number, why, printable(text[:80].rstrip("\r\n"))[:80])


def _decoded(number: int, raw: bytes) -> Line | Refusal:
    try:
        return Line(number, raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        why = Said(
            "it is not UTF-8 text: byte {byte} at position {place}",
            byte=f"0x{raw[error.start]:02x}",
            place=error.start + 1,
        )
        return refusal(number, why, raw)


def _skip_rest(stream: BinaryIO, raw: bytes) -> None:
    while raw and not raw.endswith(b"\n"):
        raw = stream.readline(_PIECE)
