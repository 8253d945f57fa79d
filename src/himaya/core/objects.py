"""Reads JSON documents of strangers (RFC 8259) object by object, in constant memory, and writes them in pieces.

A document may be larger than memory, and so may one string in it: what is longer than any value we take is cut out of
the bytes before the parser, which keeps whole strings, sees it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Final

import ijson

from himaya.core.lines import EMPTY, MAX_LINE, UTF8_MARK, UTF16, UTF16_MARKS
from himaya.core.ports import BadListFile, EmptyListFile, Refusal
from himaya.core.words import N_, Said

MAX_TEXT = MAX_LINE
"""Longest string that is taken, in bytes as it is written: room for the frames of a long video."""
MAX_WEIGHT = 2 * MAX_TEXT
"""Values and characters that are kept of one object."""
MAX_DEPTH = 64
CHUNK = 64 * 1024
EACH = "[]"
"""In a path: every element of an array."""
EVERY = "{}"
"""In a path, as its last part: every name of an object that no other path names."""
Path = tuple[str, ...]

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_LONG_NUMBER = re.compile(rb"[0-9+\-.eE]{4096}")
_ESCAPE_BEGUN = re.compile(rb"\\(u[0-9a-fA-F]{0,3})?")
_CHARACTER_BEGUN = re.compile(rb"[\xc0-\xff][\x80-\xbf]{0,2}\Z")


class _Unread:
    def __repr__(self) -> str:
        return "UNREAD"


UNREAD: Final = _Unread()
"""Stands where a string was that is too long, holds a NUL character, or was not to be read."""


@dataclass(frozen=True, slots=True)
class Found:
    """A part of the document that was wanted: where it begins, in which place, and what it is."""

    line: int
    path: Path
    value: Any


Wanted = Mapping[Path, frozenset[str] | None]
"""Places in the document → the names that are kept of the object there (None: all). ``()`` is the whole document."""


def read(
    stream: BinaryIO,
    wanted: Wanted,
    *,
    format: str,  # noqa: A002 - the name of the error's fact
    unread: frozenset[str] = frozenset(),
) -> Iterator[Found | Refusal]:
    """What stands in the wanted places, in the order in which it ends. An object in another is told of by itself.

    Args:
        stream: the document, UTF-8; a mark at the start (BOM) is dropped.
        wanted: places, and what is kept there. ``Found.path`` has the name that stands in the place of :data:`EVERY`.
        format: of which the document ought to be, for errors.
        unread: names whose strings are not kept: :data:`UNREAD` stands there.

    Raises:
        BadListFile: the document is empty, not UTF-8, or not JSON; what came before it was found nevertheless.
    """
    events = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events)
    building = _Building(wanted, unread, format)
    try:
        number = 1
        for number, piece in _pieces(stream, format):
            parser.send(piece)
            yield from building.taken(number, events)
        parser.close()
        yield from building.taken(number, events)
    except (ijson.JSONError, ValueError, OverflowError, SystemError) as error:
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BadListFile(format=format, why=Said("it is not JSON: {why}", why=why)) from None


def write(before: bytes, objects: Iterable[object], after: bytes) -> Iterator[bytes]:
    """``before``, the objects with commas between them, ``after``; in pieces."""
    waiting, size, comma = [before], len(before), b"\n"
    for one in objects:
        told = comma + json.dumps(one, ensure_ascii=False).encode()
        comma = b",\n"
        waiting.append(told)
        size += len(told)
        if size > CHUNK:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join([*waiting, after])


# --- bytes -----------------------------------------------------------------------------------------------------------


def _pieces(stream: BinaryIO, format: str) -> Iterator[tuple[int, bytes]]:  # noqa: A002
    """Bytes of a line at most, with the number of the line, and without the inside of overlong strings."""
    number, held, strings = 1, b"", _Strings(format)
    first = True
    while raw := stream.readline(CHUNK):
        if first:
            if raw.startswith(UTF16_MARKS):
                raise BadListFile(format=format, why=UTF16)
            raw, first = raw.removeprefix(UTF8_MARK), False
        piece, held = held + raw, b""
        if not piece.endswith(b"\n") and (over := _unfinished(piece)):
            piece, held = piece[:-over], piece[-over:]
        if kept := strings.passed(piece):
            yield number, kept
        number += raw.endswith(b"\n")
    if first:
        raise EmptyListFile(format=format, why=EMPTY)
    if held:
        yield number, held


def _unfinished(piece: bytes) -> int:
    """Bytes at the end of an escape or a character that goes on in the next piece."""
    if cut := _CHARACTER_BEGUN.search(piece[-3:]):
        return len(cut[0])
    at = piece.rfind(b"\\", max(0, len(piece) - 5))
    if at < 0 or not _ESCAPE_BEGUN.fullmatch(piece, at):
        return 0
    run = at + 1 - len(piece[: at + 1].rstrip(b"\\"))
    return len(piece) - at if run % 2 else 0


class _Strings:
    """Follows where strings begin and end, and takes out what is too long of them, leaving a NUL in its place."""

    def __init__(self, format: str) -> None:  # noqa: A002
        self._format = format
        self._inside = False
        self._length = 0
        self._cut = False

    def passed(self, piece: bytes) -> bytes:
        """What of a piece the parser is to see. No escape and no character goes over its ends."""
        bare = _ESCAPED.sub(b"", piece) if b"\\" in piece else piece
        quotes = bare.count(b'"')
        if quotes:
            self._inside ^= bool(quotes & 1)
            self._length, self._cut = (len(bare) - bare.rindex(b'"') if self._inside else 0), False
            return piece
        if not self._inside:
            if _LONG_NUMBER.search(piece):
                raise BadListFile(format=self._format, why=N_("it has a number of thousands of digits"))
            return piece
        self._length += len(piece)
        if self._length <= MAX_TEXT:
            return piece
        already, self._cut = self._cut, True
        return b"" if already else rb"\u0000"


# --- objects ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Object:
    """A wanted object on its way."""

    line: int
    path: Path
    keep: frozenset[str] | None
    root: Any
    weight: int = 0


@dataclass(slots=True)
class _Frame:
    """A container that is open. ``into`` is where its values go; None where it is only passed through."""

    into: Any = None
    of: _Object | None = None
    begins: bool = field(default=False)


class _Building:
    """Builds the wanted parts from the parser's events and skips all others."""

    def __init__(self, wanted: Wanted, unread: frozenset[str], format: str) -> None:  # noqa: A002
        self._wanted, self._unread, self._format = wanted, unread, format
        self._on_the_way = {path[:n] for path in wanted for n in range(len(path))}
        self._deepest = max(map(len, wanted))
        self._every = frozenset(path[:-1] for path in wanted if path[-1:] == (EVERY,))
        self._frames: list[_Frame] = []
        self._path: list[str] = []
        self._skipped = 0
        self._found: list[Found | Refusal] = []

    def taken(self, line: int, events: list[tuple[str, Any]]) -> list[Found | Refusal]:
        """What ends with these events of the parser, which are taken out."""
        for event, value in events:
            self._take(line, event, value)
        del events[:]
        found, self._found = self._found, []
        return found

    def _take(self, line: int, event: str, value: Any) -> None:
        if event == "map_key":
            if not self._skipped:
                self._path[-1] = value
        elif event in ("start_map", "start_array"):
            self._start(line, {} if event == "start_map" else [])
        elif event in ("end_map", "end_array"):
            self._end()
        elif not self._skipped:
            if isinstance(value, str) and ("\0" in value or (value and self._path and self._path[-1] in self._unread)):
                value = UNREAD
            place = self._place()
            if place is not None and self._is_wanted(place):
                self._found.append(Found(line, place, value))
            elif (top := self._keeping()) is not None:
                self._attach(top, value)

    def _place(self) -> Path | None:
        return tuple(self._path) if len(self._path) <= self._deepest else None

    def _is_wanted(self, place: Path) -> bool:
        return place in self._wanted or (place[:-1] in self._every and place[-1:] not in ((), (EACH,)))

    def _keeping(self) -> _Frame | None:
        """The open container, where the value that comes is kept in it."""
        top = self._frames[-1] if self._frames else None
        if top is None or top.of is None:
            return None
        kept = not top.begins or top.of.keep is None or self._path[-1] in top.of.keep
        return top if kept else None

    def _start(self, line: int, made: dict[str, Any] | list[Any]) -> None:
        if len(self._frames) + self._skipped >= MAX_DEPTH:
            raise BadListFile(format=self._format, why=Said("it is nested deeper than {n} levels", n=MAX_DEPTH))
        if self._skipped:
            self._skipped += 1
            return
        place = self._place()
        if place is not None and self._is_wanted(place):
            keep = self._wanted[place if place in self._wanted else (*place[:-1], EVERY)]
            self._frames.append(_Frame(made, _Object(line, place, keep, made), begins=True))
        elif (top := self._keeping()) is not None:
            self._attach(top, made)
            self._frames.append(_Frame(made, top.of))
        elif place in self._on_the_way:
            self._frames.append(_Frame())
        else:
            self._skipped = 1
            return
        self._path.append(EACH if isinstance(made, list) else "")

    def _end(self) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        frame = self._frames.pop()
        self._path.pop()
        if not frame.begins or frame.of is None:
            return
        if frame.of.weight > MAX_WEIGHT:
            self._found.append(Refusal(frame.of.line, N_("the entry is too large to be one")))
        else:
            self._found.append(Found(frame.of.line, frame.of.path, frame.of.root))

    def _attach(self, to: _Frame, value: Any) -> None:
        whole = to.of
        if whole is None:
            return
        whole.weight += 16 + (len(value) if isinstance(value, str) else 0)
        if whole.weight > MAX_WEIGHT:
            whole.root.clear()
        elif isinstance(to.into, list):
            to.into.append(value)
        else:
            to.into[self._path[-1]] = value
