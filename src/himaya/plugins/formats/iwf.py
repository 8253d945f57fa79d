"""CSV in the manner of the IWF's hash list: a column for each kind of fingerprint, and a category A, B or C.

The list is given to members, and its exact header is not public. What is public is what it holds: MD5, SHA-1 and
PhotoDNA, graded A to C by the law of England and Wales. So columns are found by name, in the spellings in which other
lists write them, and columns that are not known are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, ClassVar

from himaya.core import kinds, records
from himaya.core.ports import BadListFile, Format, ItemRow, Refusal
from himaya.core.records import Record
from himaya.core.words import N_, Said, printable

HEADER: Mapping[str, str] = MappingProxyType(
    {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "photodna": "PhotoDNA", "pdq": "PDQ"}
)
"""Signal → column as it is written."""
REFERENCES = ("id", "iwfid", "imageid", "hashid", "reference")
CATEGORIES = ("category", "iwfcategory", "sapcategory", "grade", "severity")
_MARKS = re.compile(r"[\s_-]+")
_CATEGORY = re.compile(r"(?:cat(?:egory)?\.?\s*)?([abc])", re.IGNORECASE)


class IWF(Format):
    """IWF-style CSV. Columns by name, in any order and case: MD5, SHA-1, SHA-256, PhotoDNA, PDQ (also with “hash”
    behind it), Category (A, B, C: scheme uk-sap), ID (the reference).
    """

    name: ClassVar[str] = "iwf"
    label: ClassVar[str] = N_("IWF-style CSV: hashes and category A, B, C")
    accepts: ClassVar[tuple[str, ...]] = (".csv",)
    media_type: ClassVar[str] = "text/x-iwf"
    carries: ClassVar[tuple[str, ...]] = tuple(HEADER)

    def recognises(self, head: bytes) -> bool:
        """By a column for a fingerprint and one for the category."""
        columns = _columns(records.recognised(head))
        return bool(columns.keys() & HEADER.keys()) and "category" in columns

    def read(self, stream: BinaryIO) -> Iterator[ItemRow | Refusal]:
        """The rows of each record, one a fingerprint."""
        names, found = records.read(stream, format=self.name)
        columns = _columns(names)
        if not columns.keys() & HEADER.keys():
            known, shown = ", ".join(HEADER.values()), records.shown(names) or N_("none")
            why = Said("the header has none of the columns {known}; it has {shown}", known=known, shown=shown)
            raise BadListFile(format=self.name, why=why)
        for record in found:
            if isinstance(record, Refusal):
                yield record
            else:
                yield from _rows(record, columns)

    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """All columns; a row has one fingerprint, and signals without a column are left out."""
        yield from records.write(_table(rows))


def _columns(names: Iterable[str]) -> dict[str, str]:
    """What is in a column (a signal, reference, category) → its name in the file; the first of several."""
    found: dict[str, str] = {}
    for name in names:
        bare = _MARKS.sub("", name)
        what = (
            "reference" if bare in REFERENCES
            else "category" if bare in CATEGORIES
            else kinds.named(bare.removesuffix("hash"))
        )  # fmt: skip
        if what in HEADER or what in ("reference", "category"):
            found.setdefault(what, name)
    return found


def _rows(record: Record, columns: dict[str, str]) -> Iterator[ItemRow | Refusal]:
    told = {what: record.fields[name].strip() for what, name in columns.items()}
    hashes = kinds.readable((signal, told.get(signal, "")) for signal in HEADER)
    category = told.get("category", "")
    graded = _CATEGORY.fullmatch(category)
    if category and not graded:
        yield record.refused(Said("its category {category} is none of A, B, C", category=printable(category[:40])))
    elif not hashes:
        yield record.refused(N_("it has no hash"))
    else:
        scheme, code = ("uk-sap", graded[1].upper()) if graded else ("", "")
        reference = records.unguarded(told.get("reference", ""))
        for signal, value in hashes:
            yield ItemRow(record.first.number, signal, value, scheme, code, reference=reference)


def _table(rows: Iterable[ItemRow]) -> Iterator[Iterable[str]]:
    yield ("ID", *HEADER.values(), "Category")
    for row in rows:
        if not row.negative and row.signal in HEADER:
            hashes = (row.value if row.signal == signal else "" for signal in HEADER)
            yield (records.guarded(row.reference), *hashes, row.code if row.scheme == "uk-sap" else "")


PLUGIN = IWF()
