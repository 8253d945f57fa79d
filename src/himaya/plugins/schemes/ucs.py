"""The Universal Classification Schema of INHOPE: labels are not public, so they come from the operator's own copy.

``ucs_file`` names a CSV file in UTF-8 with a header and one class a line; docs/terms.md describes it. Nothing is made
up here: without a file there is no such scheme.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.ports import Code, Facets, Scheme
from himaya.core.terms.grid import LEGALITY, BadFacets, checked
from himaya.core.words import N_, Said

COLUMNS = ("code", "label", "definition", "age", "act", "origin", "legality")
"""All but the first three may be empty; several values of a facet stand apart by spaces."""
LARGEST, MOST = 2**20, 2000
"""Bytes of a file, and classes in it."""
LONGEST = {"code": 40, "label": 200, "definition": 2000}
CONFIRMING = ("baseline", "national")


class BadUCSFile(HimayaError):
    """The classes of UCS cannot be read from {where}: {why}."""

    remedy = "Correct the file, or empty the setting ucs_file; docs/terms.md shows what the file looks like."
    status = 500

    def __init__(self, *, path: Path, why: str, line: int = 0) -> None:
        super().__init__(where=Said("{path}, line {line}", path=path, line=line) if line else path, why=why)


class UCS(Scheme):
    """As the operator's own copy has it."""

    name = "ucs"
    label = N_("Universal Classification Schema")
    authority = "INHOPE"
    source = "https://www.universalclassificationschema.org/"
    reviewed: ClassVar[bool] = True

    def __init__(self, codes: tuple[Code, ...], version: str) -> None:
        self.codes, self.version = codes, version


def read(path: Path) -> UCS:
    """The scheme of that file.

    Raises:
        BadUCSFile: with the line and what is wrong there.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise BadUCSFile(path=path, why=Said(error.strerror or str(error))) from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BadUCSFile(path=path, line=line, why=N_("it is not UTF-8")) from error
    if len(content) > LARGEST:
        raise BadUCSFile(path=path, why=Said("it is larger than {n} bytes", n=f"{LARGEST:,}"))
    codes: dict[str, Code] = {}
    for line, row in _rows(path, text):
        try:
            code = _code(row)
        except _Wrong as error:
            raise BadUCSFile(path=path, line=line, why=error.args[0]) from error
        if code.code in codes:
            raise BadUCSFile(path=path, line=line, why=Said("the code {code!r} is there already", code=code.code))
        codes[code.code] = code
        if len(codes) > MOST:
            raise BadUCSFile(path=path, line=line, why=Said("it has more than {n} classes", n=f"{MOST:,}"))
    if not codes:
        raise BadUCSFile(path=path, line=1, why=N_("it has no classes"))
    return UCS(tuple(codes.values()), f"the operator's copy, SHA-256 {hashlib.sha256(content).hexdigest()[:16]}")


class _Wrong(Exception):
    """A line cannot stand; the argument says why."""


def _rows(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Line and fields of each class; blank lines are passed over."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for row in lines:
            if begins == 1 and tuple(cell.strip() for cell in row) != COLUMNS:
                raise BadUCSFile(path=path, line=1, why=Said("the first line is not {line}", line=",".join(COLUMNS)))
            if begins > 1 and any(cell.strip() for cell in row):
                if len(row) != len(COLUMNS):
                    why = Said("it has {n} fields, and {m} are needed", n=len(row), m=len(COLUMNS))
                    raise BadUCSFile(path=path, line=begins, why=why)
                yield begins, dict(zip(COLUMNS, (cell.strip() for cell in row), strict=True))
            begins = lines.line_num + 1
    except csv.Error as error:
        raise BadUCSFile(path=path, line=lines.line_num, why=Said(str(error))) from error


def _code(row: Mapping[str, str]) -> Code:
    for name, longest in LONGEST.items():
        if not row[name]:
            raise _Wrong(Said("{field} is empty", field=name))
        if len(row[name]) > longest:
            raise _Wrong(Said("{field} has more than {n} characters", field=name, n=longest))
        if not row[name].isprintable():
            raise _Wrong(Said("{field} has a character that cannot be shown", field=name))
    legality = row["legality"] or "undecided"
    if legality not in LEGALITY:
        raise _Wrong(
            Said("legality is {given!r}, and has to be one of {known}", given=legality, known=", ".join(LEGALITY))
        )
    try:
        facets = checked(row["age"].split(), row["act"].split(), row["origin"].split())
    except BadFacets as error:
        raise _Wrong(error.facts["why"]) from error
    facets = Facets(facets.age, facets.act, facets.origin, legality)
    return Code(row["code"], row["label"], row["definition"], legality in CONFIRMING, facets, sure="low")


def _plugin() -> UCS | None:
    named = config().ucs_file
    return read(config().data / Path(named).expanduser()) if named else None


PLUGIN = _plugin()
