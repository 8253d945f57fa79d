"""Files of statements: what one organisation says about one list, compact, the same bytes for the same statements.

gzip (RFC 1952, no name, no time) of UTF-8 lines. The first is a header, a JSON object: format and version, the list's
terms, the organisation, the sequence (and ``since`` of a delta), the number of lines, their SHA-256, and ``kinds``:
what many lines share (act, jurisdiction, signal, scheme, code, basis). Every other line is a short JSON array::

    [kind, value, seconds since the line before, seconds until it ends or null, reference, reason, parts]

with what is empty left out at its end; ``parts`` are what the value of a composite signal is the digest of, in Base64.
A line names no organisation: nobody can speak for another one in his own file.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO

from himaya.core import files
from himaya.core.errors import HimayaError, in_words
from himaya.core.repository.pieces import Piece, Terms
from himaya.core.statements import BASES, LONGEST, Statement
from himaya.core.words import N_, Said

FORMAT, VERSION = "himaya-statements", 1
MAX_HEADER, MAX_LINE = 4 * 1024**2, 1024**2
"""Bytes of the header, of a line."""
MAX_LINES, MAX_KINDS = 100_000_000, 20_000
MAX_RATIO, FREE = 100, 4 * 1024**2
"""How many times its size a file may unpack to, beyond the first bytes, which are free."""
_CHUNK = 64 * 1024
_LAST = 253_402_300_799
"""The last second of the year 9999."""
_TEXT = 200
MOST_PARTS = 1_000_000
"""Characters of the parts of one value: room for a video of five and a half hours."""
_TEXTS = {"value": _TEXT, "reference": _TEXT, "reason": LONGEST, "parts": MOST_PARTS}


class BadStatementFile(HimayaError):
    """The file of statements cannot be taken: {why}."""

    remedy = "Nothing of it counts. Fetch it again; if it stays so, tell whoever publishes it."
    status = 422


class UnfitStatement(HimayaError):
    """Statement {n} does not fit into the file of {organisation}: {why}."""

    remedy = "Correct it, and write the file again; nothing was written."
    status = 422


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. ``digest`` is the SHA-256 of all that follows it, ``kinds`` what lines refer to by number."""

    terms: Terms
    piece: Piece
    lines: int
    digest: str
    kinds: tuple[tuple[str, ...], ...] = field(repr=False)

    @property
    def bases(self) -> frozenset[str]:
        """The legal bases that its statements give."""
        return frozenset(kind[5] for kind in self.kinds)


def write_full(
    path: Path,
    statements: Iterable[Statement],
    *,
    terms: Terms,
    organisation: str,
    sequence: int,
    bases: Collection[str] = BASES,
) -> Header:
    """Write everything that ``organisation`` says about a list, in the order given, in constant memory.

    Args:
        path: the file, which is there whole or not at all.
        statements: each of ``organisation``; only whole seconds of their times are kept.
        terms: of the list.
        organisation: whose file it is.
        sequence: which state of the list it is.
        bases: the legal bases that may be given, as the root of the repository has them.

    Raises:
        UnfitStatement: one is of somebody else, or outside its vocabulary.
        ValueError: list, organisation or sequence cannot be so.
    """
    return _write(path, statements, terms, Piece(terms.name, organisation, sequence), bases)


def write_delta(
    path: Path,
    statements: Iterable[Statement],
    *,
    terms: Terms,
    organisation: str,
    since: int,
    sequence: int,
    bases: Collection[str] = BASES,
) -> Header:
    """Write what ``organisation`` said after the state ``since``; else as :func:`write_full`."""
    return _write(path, statements, terms, Piece(terms.name, organisation, sequence, since), bases)


def read_header(stream: BinaryIO) -> Header:
    """The header alone; what follows it is not looked at.

    Raises:
        BadStatementFile: there is none that can be taken.
    """
    return _header(next(_lines(stream), b""))


def read(
    stream: BinaryIO, *, piece: Piece | None = None, bases: Collection[str] = BASES
) -> tuple[Header, Iterator[Statement]]:
    """Read a file, of a stranger too, in constant memory.

    The statements come before the end of the file is known to be what it should be. So whoever takes them keeps them
    aside and applies them only once the iterator has ended: it raises instead where a line is cut, changed or too many.

    Args:
        stream: opened binary.
        piece: what the file must be, by the name it was signed under: an old delta under a new name is refused.
        bases: the legal bases that may be given, as the root of the repository has them.

    Raises:
        BadStatementFile: now or from the iterator; says why and in which line.
    """
    lines = _lines(stream)
    header = _header(next(lines, b""), bases)
    if piece is not None and header.piece != piece:
        raise BadStatementFile(
            why=Said("it is signed as {signed}, but it says it is {said}", signed=piece.path, said=header.piece.path)
        )
    return header, _statements(header, lines)


# --- writing ---------------------------------------------------------------------------------------------------------


def _write(path: Path, statements: Iterable[Statement], terms: Terms, piece: Piece, bases: Collection[str]) -> Header:
    terms.check()
    piece.check()
    kinds: dict[tuple[str, ...], int] = {}
    digest, count = hashlib.sha256(), 0
    with tempfile.TemporaryFile(dir=path.parent, prefix=".lines.") as lines:
        before = 0  # the header comes first in the file, and is known last
        for count, said in enumerate(statements, start=1):
            line, before = _line(count, said, piece.organisation, kinds, before, bases)
            digest.update(line)
            lines.write(line)
        header = Header(terms, piece, count, digest.hexdigest(), tuple(kinds))
        lines.seek(0)
        files.replace(path, _packed(header, lines))
    return header


def _line(
    n: int, said: Statement, organisation: str, kinds: dict[tuple[str, ...], int], before: int, bases: Collection[str]
) -> tuple[bytes, int]:
    kind = (said.act, said.jurisdiction, said.signal, said.scheme, said.code, said.basis)
    number = kinds.get(kind)
    try:
        if said.organisation != organisation:
            raise ValueError(Said("{who} says it", who=repr(said.organisation[:60])))
        if number is None:
            said.check(bases)
            _check_kind(kind)
            number = kinds[kind] = len(kinds)
        if len(kinds) > MAX_KINDS:
            raise ValueError(Said("there are more than {n} kinds of statement", n=MAX_KINDS))
        at = int(said.at.timestamp())
        until = None if said.until is None else int(said.until.timestamp()) - at
        parts = b64encode(said.parts).decode() if said.parts else ""
        _check(said.value, at, until, said.reference, said.reason, parts)
    except ValueError as error:
        raise UnfitStatement(n=n, organisation=organisation, why=in_words(error)) from None
    row: list[Any] = [number, said.value, at - before, until, said.reference, said.reason, parts]
    while len(row) > 3 and row[-1] in (None, ""):  # an end in the same second is 0, and stands
        row.pop()
    return _json(row), at


def _packed(header: Header, lines: IO[bytes]) -> Iterator[bytes]:
    pack = zlib.compressobj(6, zlib.DEFLATED, 31)
    told = {
        "format": FORMAT,
        "version": VERSION,
        "list": header.terms.plain(),
        "organisation": header.piece.organisation,
        "sequence": header.piece.sequence,
        "since": header.piece.since,
        "lines": header.lines,
        "sha256": header.digest,
        "kinds": header.kinds,
    }
    yield pack.compress(_json(told))
    while chunk := lines.read(_CHUNK):
        yield pack.compress(chunk)
    yield pack.flush()


def _json(data: object) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


# --- reading ---------------------------------------------------------------------------------------------------------


def _statements(header: Header, lines: Iterator[bytes]) -> Iterator[Statement]:
    digest, before, number = hashlib.sha256(), 0, 0
    for number, line in enumerate(lines, start=1):
        if number > header.lines:
            raise BadStatementFile(why=Said("it has more lines than the {n} it announces", n=header.lines))
        digest.update(line)
        digest.update(b"\n")
        try:
            said, before = _statement(header, line, before)
        except (ValueError, RecursionError) as error:
            raise BadStatementFile(why=Said("line {n}: {why}", n=number + 1, why=in_words(error))) from None
        yield said
    if number < header.lines:
        raise BadStatementFile(why=Said("it has {m} lines, but announces {n}", m=number, n=header.lines))
    if digest.hexdigest() != header.digest:
        raise BadStatementFile(why=N_("its lines are not those that it was written with"))


def _statement(header: Header, line: bytes, before: int) -> tuple[Statement, int]:
    row = json.loads(line.decode())
    if not isinstance(row, list) or not 3 <= len(row) <= 7:
        raise ValueError(N_("it is no array of 3 to 7 values"))
    number, value, step, until, reference, reason, parts = row + [None, "", "", ""][len(row) - 3 :]
    if type(number) is not int or not 0 <= number < len(header.kinds):
        raise ValueError(N_("its kind is none of the header's"))
    if type(step) is not int or not (until is None or type(until) is int):
        raise ValueError(N_("its time is no whole number of seconds"))
    at = before + step
    _check(value, at, until, reference, reason, parts)
    act, jurisdiction, signal, scheme, code, basis = header.kinds[number]
    said = Statement(
        organisation=header.piece.organisation,
        jurisdiction=jurisdiction,
        act=act,
        signal=signal,
        value=value,
        scheme=scheme,
        code=code,
        basis=basis,
        at=_moment(at),
        until=None if until is None else _moment(at + until),
        reference=reference,
        reason=reason,
        parts=b64decode(parts, validate=True) if parts else b"",
    )
    return said, at


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _check(value: object, at: int, until: int | None, reference: object, reason: object, parts: object) -> None:
    texts = (value, reference, reason, parts)
    for name, text, most in zip(_TEXTS, texts, _TEXTS.values(), strict=True):
        if not isinstance(text, str) or len(text) > most or "\0" in text:
            raise ValueError(Said("its {name} is no text of at most {n} characters", name=name, n=most))
        if not text.isascii():
            text.encode()  # half of a surrogate pair is no text: a ValueError
    if not value:
        raise ValueError(N_("its value is missing"))
    if not 0 <= at <= _LAST or not 0 <= at + (until or 0) <= _LAST:
        raise ValueError(N_("its time is not between the years 1970 and 9999"))


def _header(line: bytes, bases: Collection[str] | None = None) -> Header:
    try:
        data = json.loads(line.decode())
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            raise ValueError(Said("its first line is no header of {format}", format=FORMAT))
        if data.get("version") != VERSION:
            raise ValueError(
                Said("it has version {n}, and only {m} can be read here", n=str(data.get("version"))[:20], m=VERSION)
            )
        return _checked(data, bases)
    except (ValueError, RecursionError, TypeError) as error:
        raise BadStatementFile(why=Said("its header: {why}", why=in_words(error))) from None


def _checked(data: dict[str, Any], bases: Collection[str] | None) -> Header:
    terms = Terms.from_plain(data.get("list"))
    organisation, sequence, since = data.get("organisation"), data.get("sequence"), data.get("since")
    lines, digest, kinds = data.get("lines"), data.get("sha256"), data.get("kinds")
    if not isinstance(organisation, str) or type(sequence) is not int or not (since is None or type(since) is int):
        raise ValueError(N_("organisation or sequence is missing"))
    if type(lines) is not int or not 0 <= lines <= MAX_LINES or not isinstance(digest, str):
        raise ValueError(Said("the number of lines is missing or above {n}", n=MAX_LINES))
    if not isinstance(kinds, list) or len(kinds) > MAX_KINDS:
        raise ValueError(Said("kinds are missing, or more than {n}", n=MAX_KINDS))
    piece = Piece(terms.name, organisation, sequence, since)
    piece.check()
    for kind in kinds:
        _check_kind(kind)
        act, jurisdiction, signal, scheme, code, basis = kind
        said = Statement(organisation, jurisdiction, act, signal, "-", scheme, code, basis)
        said.check({basis} if bases is None else bases)
    return Header(terms, piece, lines, digest, tuple(map(tuple, kinds)))


def _check_kind(kind: object) -> None:
    if not isinstance(kind, (list, tuple)) or len(kind) != 6:
        raise ValueError(N_("a kind is no array of 6 texts"))
    for text in kind:
        if not isinstance(text, str) or len(text) > _TEXT or not text.isprintable():
            raise ValueError(Said("a kind has what is no text of at most {n} characters", n=_TEXT))
    if not kind[2]:
        raise ValueError(N_("a kind names no signal"))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    rest, most = b"", MAX_HEADER
    for piece in _unpacked(stream):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            _measure(line, most)
            yield line
            most = MAX_LINE
        _measure(rest, most)
    if rest:
        raise BadStatementFile(why=N_("it is cut off in the middle of a line"))


def _measure(line: bytes, most: int) -> None:
    if len(line) > most:
        raise BadStatementFile(why=Said("a line is longer than {n} bytes", n=most))


def _unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """In steps of which none is large, in all not much more than was packed: a small file may pretend to be large."""
    unpack, packed, size = zlib.decompressobj(31), 0, 0
    while not unpack.eof:
        raw = unpack.unconsumed_tail or stream.read(_CHUNK)
        if not raw:
            raise BadStatementFile(why=N_("it is cut off"))
        packed += 0 if unpack.unconsumed_tail else len(raw)
        try:
            piece = unpack.decompress(raw, _CHUNK)
        except zlib.error:
            raise BadStatementFile(why=N_("it is not gzip, or damaged")) from None
        size += len(piece)
        if size > FREE + MAX_RATIO * packed:
            raise BadStatementFile(why=N_("it unpacks to far more than it can hold"))
        yield piece
    if unpack.unused_data or stream.read(1):
        raise BadStatementFile(why=N_("something follows behind its end"))
