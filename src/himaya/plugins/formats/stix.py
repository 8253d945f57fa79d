"""STIX 2.1 bundles of indicators (OASIS)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO, ClassVar

from himaya.core import kinds, labels, objects, registry, stix
from himaya.core.exchange import Gone
from himaya.core.objects import EACH
from himaya.core.ports import BadListFile, Format, ItemRow, Refusal
from himaya.core.words import N_

_WANTED: objects.Wanted = {
    ("type",): None,
    ("objects", EACH): stix.READ | {"object_marking_refs"},
}


class STIX(Format):
    """Indicators whose pattern says that one of several digests of a file equals, with list, scheme, code and distance
    in an extension.

    Other objects are passed over; a pattern that says anything else is refused. So is an indicator that is revoked: a
    file adds to a list, and does not take away.
    """

    name: ClassVar[str] = "stix"
    label: ClassVar[str] = N_("STIX 2.1 bundle of indicators")
    accepts: ClassVar[tuple[str, ...]] = (".json", ".stix")
    media_type: ClassVar[str] = "application/stix+json"

    def recognises(self, head: bytes) -> bool:
        """By the id that every bundle has."""
        return b'"bundle--' in head and b'"bundle"' in head

    def read(self, stream: BinaryIO) -> Generator[ItemRow | Refusal, None, str]:
        """The rows of each indicator, one a fingerprint; ``line`` is the one on which the object begins. What marks an
        indicator with a label of the Traffic Light Protocol marks the file.
        """
        kind, some, label = None, False, ""
        for found in objects.read(stream, _WANTED, format=self.name):
            if isinstance(found, Refusal):
                yield found
            elif found.path == ("type",):
                kind = found.value
            else:
                some = True
                for row in _rows(found.line, found.value):
                    if isinstance(row, ItemRow):
                        label = labels.narrowest((label, labels.of_markings(found.value.get("object_marking_refs"))))
                    yield row
        if kind != "bundle" and (kind is not None or not some):
            raise BadListFile(format=self.name, why=N_("it is no bundle"))
        return label

    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """A bundle with an indicator a row. Ids are made from the values, times are fixed: the same rows give the same
        bytes.
        """
        before = f'{{"type": "bundle", "id": "{stix.identifier("bundle", "")}", "objects": ['.encode()
        yield from objects.write(before, _objects(rows), b"\n]}\n")


def _rows(line: int, thing: Any) -> Iterator[ItemRow | Refusal]:
    told = stix.read(thing)
    if isinstance(told, Refusal):
        yield replace(told, line=line)
    elif isinstance(told, Gone):
        why = told.reason if stix.is_benign(thing) else N_("it is revoked; withdraw it from the list instead")
        yield Refusal(line, why, told.key)
    elif told is not None:
        terms = stix.terms(thing)
        for signal, value in kinds.readable(told.signals):
            yield ItemRow(
                line,
                signal,
                value,
                told.scheme,
                told.code,
                terms.source,
                terms.reference,
                told.note or (N_("disputed at the source") if told.votes else ""),
                organisation=told.organisation,
                jurisdiction=told.jurisdiction,
                basis=told.basis,
                at=None if told.at == stix.BEGINNING else told.at,
                until=told.until,
            )


def _objects(rows: Iterable[ItemRow]) -> Iterator[dict[str, Any]]:
    yield stix.identity()
    yield stix.extension()
    known = registry.signals()
    for row in rows:
        if row.negative:
            continue
        signal = known.get(row.signal)
        terms = stix.Terms(
            source=row.source,
            scheme=row.scheme,
            code=row.code,
            organisation=row.organisation,
            jurisdiction=row.jurisdiction,
            basis=row.basis,
            reference=row.reference,
            note=row.note,
            distance=signal.radius if signal and not signal.exact else None,
        )
        at = row.at or stix.BEGINNING
        yield stix.indicator(
            [(row.signal, row.value)],
            terms,
            key=f"{row.signal}:{row.value}",
            created=at,
            modified=at,
            until=row.until if row.until and row.until > at else None,
        )


PLUGIN = STIX()
