"""The hash export of INTERPOL's ICSE database: CSV with semicolons.

Two headers are known, the longer one with ZZ40, Lace, Investigation name and Agency besides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, ClassVar

from himaya.core import kinds, records
from himaya.core.intake.offered import marks
from himaya.core.ports import BadListFile, Format, ItemRow, Refusal
from himaya.core.records import Record
from himaya.core.words import N_, Said

HEADER = (
    "MD5", "SHA1", "PhotoDNA", "Image ID", "Is distributed", "Victim identified", "Offender identified",
    "Series name", "Number of submissions", "File Available", "Media Type", "Baseline",
)  # fmt: skip
HASHES = ("md5", "sha1", "photodna", "zz40", "lace")
MARKS = ("image id", "baseline")
SAID = {
    "series name": "series", "victim identified": "victim-identified", "offender identified": "offender-identified",
    "is distributed": "distributed",
}  # fmt: skip
"""Columns of what investigators say besides → kinds of marks."""
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"", "false", "no", "0"})


class ICSE(Format):
    """ICSE hash export: MD5, SHA1, PhotoDNA of each image; Image ID is the reference; Baseline is the class.

    An image that is not of the Baseline has no class. Series name and the flags about persons are marks, which are kept
    only where ``investigators_marks`` lets them be; Investigation name and Agency stay behind in every case: they may
    name a person, or tell of an investigation that is not over.
    """

    name: ClassVar[str] = "icse"
    label: ClassVar[str] = N_("ICSE hash export (INTERPOL)")
    accepts: ClassVar[tuple[str, ...]] = (".csv",)
    media_type: ClassVar[str] = "text/x-icse"
    carries: ClassVar[tuple[str, ...]] = ("md5", "sha1", "photodna")

    def recognises(self, head: bytes) -> bool:
        """By its columns."""
        return records.recognised(head) >= {"md5", *MARKS}

    def read(self, stream: BinaryIO) -> Iterator[ItemRow | Refusal]:
        """The rows of each image, one a fingerprint; a column that is not known is passed over."""
        columns, found = records.read(stream, format=self.name)
        missing = [name for name in MARKS if name not in columns]
        if missing or not set(HASHES) & set(columns):
            why = Said(
                "the header has no column {missing}; it has {shown}",
                missing=missing[0] if missing else "md5",
                shown=records.shown(columns) or N_("none"),
            )
            raise BadListFile(format=self.name, why=why)
        for record in found:
            if isinstance(record, Refusal):
                yield record
            else:
                yield from _rows(record)

    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """The shorter header; a row has one fingerprint, and signals without a column are left out."""
        yield from records.write(_table(rows), delimiter=";")


def _rows(record: Record) -> Iterator[ItemRow | Refusal]:
    fields = record.fields
    baseline = fields["baseline"].strip().lower()
    hashes = kinds.readable((name, fields.get(name, "").strip()) for name in HASHES)
    if baseline not in _YES | _NO:
        yield record.refused(N_("the column Baseline says neither true nor false"))
    elif not hashes:
        yield record.refused(N_("it has no hash"))
    else:
        scheme, code = ("interpol", "baseline") if baseline in _YES else ("", "")
        reference = records.unguarded(fields["image id"].strip())
        said = marks((kind, fields.get(column, "")) for column, kind in SAID.items())
        for signal, value in hashes:
            yield ItemRow(record.first.number, signal, value, scheme, code, reference=reference, marks=said)


def _table(rows: Iterable[ItemRow]) -> Iterator[Iterable[str]]:
    yield HEADER
    for row in rows:
        if row.negative or row.signal not in ICSE.carries:
            continue
        told = dict.fromkeys(HEADER, "")
        told[{"md5": "MD5", "sha1": "SHA1"}.get(row.signal, "PhotoDNA")] = row.value
        told["Image ID"] = records.guarded(row.reference)
        told["Baseline"] = "true" if (row.scheme, row.code) == ("interpol", "baseline") else "false"
        yield told.values()


PLUGIN = ICSE()
